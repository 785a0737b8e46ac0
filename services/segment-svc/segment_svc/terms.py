"""How durations, moments, money and names are written in a sentence, in every language alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from huitou_events import moment
from huitou_events.moments import UNITS

MONEY = ("amount", "average_order_value")
"""The attributes that are amounts."""
WITHOUT_MINOR_UNIT = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
DWELL = {"hour": 3600, "minute": 60}
OF_A_THOUSAND = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


@dataclass(frozen=True)
class Terms:
    """What a sentence takes from the shop: its zone, its currency, and the names of audiences by their ids."""

    zone: ZoneInfo
    currency: str
    names: Mapping[str, str]

    def money(self, amount: int) -> str:
        """An amount in the minor unit as a number of the currency's unit; a whole one without decimals."""
        digits = 0 if self.currency in WITHOUT_MINOR_UNIT else 3 if self.currency in OF_A_THOUSAND else 2
        whole, rest = divmod(abs(amount), 10**digits)
        sign = "-" if amount < 0 else ""
        return f"{sign}{whole}.{rest:0{digits}}" if rest else f"{sign}{whole}"

    def moment(self, us: int) -> str:
        """A moment on the shop's clock with its distance from UTC, which tells apart an hour that comes twice."""
        utc = moment(us)
        try:
            local = utc.astimezone(self.zone)
        except OverflowError:
            local = utc
        fraction = "microseconds" if local.microsecond else "seconds" if local.second else "minutes"
        written = local.isoformat(" ", fraction)
        cut = len(local.replace(tzinfo=None).isoformat(" ", fraction))
        return f"{written[:cut]} UTC{written[cut:]}"

    def audience(self, audience: str) -> str:
        """The audience's name in quotes; its id if it has none."""
        return quoted(self.names.get(audience, audience))


def quoted(text: str) -> str:
    """A text in quotes; a quote inside is doubled, so that the end cannot be mistaken."""
    return f"“{text.replace('”', '””')}”"


def dwell(seconds: int) -> tuple[int, str]:
    """Seconds as a number of the largest unit (hour, minute, second) that leaves no rest."""
    whole = (unit for unit, size in DWELL.items() if seconds and seconds % size == 0)
    unit = next(whole, "second")
    return seconds // DWELL.get(unit, 1), unit


def length(span: int) -> tuple[int, str]:
    """Microseconds as a number of the largest unit (d, h, m) that leaves no rest."""
    return next((span // size, unit) for unit, size in reversed(UNITS.items()) if span % size == 0)
