"""Who customers are, as far as figures are split by it: kept with every change, so that figures look up one row."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from huitou_chassis import Context, Tx
from segment_svc import customers, histories
from segment_svc.calendar import SLOT
from segment_svc.customers import Customer
from segment_svc.facts import Entry
from segment_svc.people import CHANGING, CODES, UNKNOWN, Ints, Person
from segment_svc.sheets import of_people

MOST = 1000
TEXTS = ("gender", "country", "province", "city")
NAMES = frozenset({*TEXTS, "birthday", "fan", "member"})
MARK = f"INSERT INTO stale_people (shop_id, first_who) SELECT DISTINCT shop_id, {of_people('who')} FROM written"


class Traits(NamedTuple):
    """What is known at a moment; a membership's bounds are quarters of an hour, `next` is when more is known."""

    gender: str | None = None
    birthday: date | None = None
    country: str | None = None
    province: str | None = None
    city: str | None = None
    fan: bool = False
    joined: int | None = None
    left: int | None = None
    next: int | None = None


def traits(changes: Ints, now: int) -> Traits:
    """The traits of a person with these changes, in order."""
    latest: dict[str, int] = {}
    joined, left, following = None, None, None
    for at, code, value in changes.tolist():
        name = CHANGING[code]
        if name not in NAMES:
            continue
        if at > now:
            following = at
            break
        if name == "member" and value == 1 and latest.get("member") != 1:
            joined, left = at - at % SLOT, None
        elif name == "member" and value != 1 and latest.get("member") == 1:
            left = at + -at % SLOT
        latest[name] = value
    texts = {name: CODES.texts.get(latest.get(name, UNKNOWN)) for name in TEXTS}
    return Traits(
        **texts,
        birthday=_birthday(latest.get("birthday", UNKNOWN)),
        fan=latest.get("fan") == 1,
        joined=joined,
        left=left,
        next=following,
    )


def _birthday(value: int) -> date | None:
    """A birthday without its year tells no age."""
    return date.fromordinal(value) if value > 0 else None


def are_named(entries: Iterable[Entry]) -> bool:
    """Whether one of the entries changes a trait."""
    return any(not NAMES.isdisjoint(entry.changes) for entry in entries if entry.changes)


async def write(tx: Tx, changed: Iterable[Customer]) -> None:
    """Writes what is known now of the customers, whose people are loaded."""
    rows = [(one.shop, one.who, one.id, *traits(one.person.changes, tx.us)) for one in changed]
    if not rows:
        return
    await tx.execute(
        f"""
        WITH written AS (
        INSERT INTO trait (
            shop_id, who, customer_id, gender, birthday, country, province, city, fan, joined_us, left_us, next_us
        )
        SELECT * FROM unnest(
            $1::text[], $2::bigint[], $3::text[], $4::text[], $5::date[], $6::text[], $7::text[], $8::text[],
            $9::bool[], $10::bigint[], $11::bigint[], $12::bigint[]
        )
        ON CONFLICT (shop_id, who) DO UPDATE
            SET gender = EXCLUDED.gender, birthday = EXCLUDED.birthday, country = EXCLUDED.country,
                province = EXCLUDED.province, city = EXCLUDED.city, fan = EXCLUDED.fan,
                joined_us = EXCLUDED.joined_us, left_us = EXCLUDED.left_us, next_us = EXCLUDED.next_us
            RETURNING shop_id, who
        ) {MARK}
        """,
        *map(list, zip(*rows, strict=True)),
    )


async def follow(ctx: Context) -> bool:
    """Writes up to `MOST` customers of whom something begins to hold that was announced; True if there were as many."""
    async with ctx.db.transaction() as tx:
        rows = await tx.fetch(
            "SELECT shop_id, customer_id FROM trait WHERE next_us <= $1 ORDER BY next_us LIMIT $2", tx.us, MOST
        )
        if not rows:
            return False
        locked = await customers.lock(tx, [(row[0], row[1]) for row in rows], add=False)
        await histories.fill(tx, locked.values())
        await write(tx, locked.values())
    return len(rows) == MOST


async def part(tx: Tx, numbers: Sequence[int], erased: Sequence[Customer], before: Sequence[Person]) -> None:
    """Of erased customers, by their former numbers, gender, fan and membership stay, as they were at their erasure.

    `before` are the people that they were before it was known, with what came after it.
    """
    rows = []
    for number, customer, person in zip(numbers, erased, before, strict=True):
        at = min(customer.erased or 0, tx.us)
        was = traits(person.changes, at)
        left = at - at % SLOT + SLOT if was.joined is not None and was.left is None else was.left
        rows.append((customer.shop, number, was.gender, was.fan, was.joined, left))
    await tx.execute(
        f"""
        WITH written AS (
        UPDATE trait AS t
        SET customer_id = NULL, gender = k.gender, birthday = NULL, country = NULL, province = NULL, city = NULL,
            fan = k.fan, joined_us = k.joined, left_us = k.until, next_us = NULL
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bool[], $5::bigint[], $6::bigint[])
            AS k (shop_id, who, gender, fan, joined, until)
        WHERE t.shop_id = k.shop_id AND t.who = k.who
            RETURNING t.shop_id, t.who
        ) {MARK}
        """,
        *map(list, zip(*rows, strict=True)),
    )
    await write(tx, [customer for customer in erased if len(customer.person.changes)])
