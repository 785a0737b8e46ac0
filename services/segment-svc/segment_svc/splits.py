"""A period's customers by who they are: gender, age, fans, regions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from huitou_chassis import Tx
from segment_svc.deals import DEALS, make_room
from segment_svc.insights import BANDS, GENDERS, PLACES
from segment_svc.overviews import share
from segment_svc.periods import Period

NAMES = (*BANDS, "unknown")
YOUNGEST = ", ".join(map(str, BANDS.values()))


@dataclass
class Group:
    """Distinct customers of the period; amounts in the minor unit."""

    visitors: int = 0
    buyers: int = 0
    paid_amount: int = 0
    trading_customers: int = 0
    trades: int = 0
    amount: int = 0

    @property
    def conversion(self) -> float | None:
        return share(self.buyers, self.visitors)

    @property
    def average_order_value(self) -> int | None:
        return self.amount // self.trades if self.trades else None

    def add(self, numbers: Sequence[Any]) -> None:
        for name, number in zip(COUNTED, numbers, strict=True):
            setattr(self, name, getattr(self, name) + int(number or 0))


COUNTED = tuple(Group.__dataclass_fields__)


class Place(NamedTuple):
    """A region by its name, None where it is not known."""

    name: str | None
    group: Group


@dataclass
class Splits:
    """Groups by gender, age, fan or not (with the genders of visitors), and regions, the most visited first."""

    genders: Mapping[str, Group] = field(default_factory=lambda: {name: Group() for name in GENDERS})
    ages: Mapping[str, Group] = field(default_factory=lambda: {name: Group() for name in NAMES})
    fans: Mapping[bool, Group] = field(default_factory=lambda: {True: Group(), False: Group()})
    fans_genders: Mapping[bool, dict[str, int]] = field(
        default_factory=lambda: {fan: dict.fromkeys(GENDERS, 0) for fan in (True, False)}
    )
    regions: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))


async def splits(tx: Tx, shop: str, period: Period) -> Splits:
    """Who visited or bought in the period, as they are known now."""
    await make_room(tx)
    rows = await tx.fetch(PERSONS, shop, date.fromordinal(period.today), period.bounds[0], period.until, tx.us)
    found = Splits()
    for by, gender, fan, band, *rest in rows:
        places, numbers = rest[: len(PLACES)], rest[len(PLACES) :]
        if by < len(PLACES):
            place = Place(places[by], Group())
            place.group.add(numbers)
            found.regions[PLACES[by]].append(place)
            continue
        sex = gender if gender in GENDERS else "unknown"
        found.genders[sex].add(numbers)
        found.ages[NAMES[band - 1]].add(numbers)
        found.fans[fan].add(numbers)
        found.fans_genders[fan][sex] += int(numbers[0])
    for regions in found.regions.values():
        regions.sort(key=lambda one: (-one.group.visitors, -one.group.buyers, one.name or ""))
    return found


PERSONS = f"""
    {DEALS}, bought AS MATERIALIZED (
        SELECT who, count(*) FILTER (WHERE paid) AS payments, sum(paid_amount - refunded) FILTER (WHERE paid) AS paid,
            count(*) FILTER (WHERE traded AND stands) AS trades,
            sum(completed_amount - refunded) FILTER (WHERE traded) AS amount
        FROM deal CROSS JOIN LATERAL (SELECT
            paid_at >= $3 AND paid_at < $4 AND NOT (refunds > 0 AND refunded >= paid_amount) AS paid,
            completed_at >= $3 AND completed_at < $4 AS traded,
            NOT (refunds > 0 AND refunded >= completed_amount) AS stands
        ) AS how
        GROUP BY who
    ), seen AS MATERIALIZED (
        SELECT who FROM act WHERE shop_id = $1 AND slot_us >= $3 AND slot_us < $4 AND views > 0 GROUP BY who
    ), person AS MATERIALIZED (
        SELECT s.who IS NOT NULL AS visited, b.payments, b.paid, b.trades, b.amount, t.gender,
            coalesce(t.fan, false) AS fan, t.country, t.province, t.city,
            CASE WHEN t.birthday <= $2::date
                THEN width_bucket(extract(year FROM age($2::date, t.birthday))::int, ARRAY[{YOUNGEST}])
                ELSE {len(NAMES)} END AS band
        FROM seen AS s FULL JOIN bought AS b USING (who)
        LEFT JOIN trait AS t ON t.shop_id = $1 AND t.who = coalesce(s.who, b.who)
    )
    SELECT CASE WHEN grouping(fan) = 0 THEN 3 WHEN grouping(country) = 0 THEN 0 WHEN grouping(province) = 0 THEN 1
            ELSE 2 END, gender, fan, band, country, province, city,
        count(*) FILTER (WHERE visited), count(*) FILTER (WHERE payments > 0), sum(paid),
        count(*) FILTER (WHERE trades > 0), sum(trades), sum(amount)
    FROM person
    GROUP BY GROUPING SETS ((gender, fan, band), (country), (province), (city))
"""
