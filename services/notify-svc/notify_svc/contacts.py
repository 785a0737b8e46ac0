"""How a customer can be reached: the phone masked for everybody, in full for administrators, who leave an entry."""

from dataclasses import dataclass

from huitou_chassis import NotFound, Tx
from notify_svc import opt_outs, phones, preferences
from notify_svc.preferences import Preferences


@dataclass(frozen=True)
class Contact:
    """What is known now; `phone` as it is shown, None where there is none."""

    phone: str | None
    timezone: str | None
    language: str | None
    consent: bool
    opted_out: bool


async def get(tx: Tx, shop: str, customer: str) -> Contact:
    """NotFound for a customer of whom nothing is known here."""
    known = await _known(tx, shop, customer)
    out = await opt_outs.among(tx, {(shop, customer): known.fingerprint})
    masked = phones.mask(known.phone) if known.phone else None
    return Contact(masked, known.timezone, known.language, known.consent, bool(out))


async def reveal(tx: Tx, shop: str, customer: str) -> str:
    """The phone in full; NotFound where there is none."""
    phone = (await _known(tx, shop, customer)).phone
    if phone is None:
        raise NotFound(f"no phone of customer {customer!r}")
    return phone


async def _known(tx: Tx, shop: str, customer: str) -> Preferences:
    found = await preferences.load(tx, [(shop, customer)])
    if not found:
        raise NotFound(f"nothing is known of customer {customer!r} here")
    return found[shop, customer]
