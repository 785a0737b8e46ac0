"""How many came into an audience and left it by the quarter of an hour, and how many are in it: totals name nobody.

They are written once at a transaction's end, each writer in a lane of its own, so that workers do not wait for each
other where many customers of one audience move at once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from huitou_chassis import Invalid, Tx
from segment_svc.calendar import SLOT, local_day, midnight
from segment_svc.people import NEVER

HOUR = 3_600_000_000
LANES = 4
By: TypeAlias = Literal["hour", "day"]


class Step(NamedTuple):
    """An hour or a day from `start` until just before `until`: how many came and left, and how many are in it then."""

    start: int
    until: int
    entered: int
    left: int
    size: int


def note(tx: Tx, shop: str, audience: str, at: int, *, entered: bool) -> None:
    """Counts a move when this commits."""
    tx.do_last(_count, (shop, audience, at - at % SLOT, entered))


async def _count(tx: Tx, noted: Sequence[tuple[str, str, int, bool]]) -> None:
    numbers = Counter(noted)
    slots = sorted({one[:3] for one in noted})
    entries = [numbers[(*slot, True)] for slot in slots]
    exits = [numbers[(*slot, False)] for slot in slots]
    await tx.execute(
        """
        INSERT INTO flow (shop_id, audience_id, slot_us, lane, entries, exits)
        SELECT shop, audience, slot, pg_backend_pid() % $6, entries, exits
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS n (shop, audience, slot, entries, exits)
        ON CONFLICT (shop_id, audience_id, slot_us, lane) DO UPDATE
            SET entries = flow.entries + EXCLUDED.entries, exits = flow.exits + EXCLUDED.exits
        """,
        [shop for shop, _, _ in slots],
        [audience for _, audience, _ in slots],
        [slot for _, _, slot in slots],
        entries,
        exits,
        LANES,
    )
    members, moves = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for (shop, audience, _), came, went in zip(slots, entries, exits, strict=True):
        members[shop, audience] += came - went
        moves[shop, audience] += came + went
    keys = sorted(moves)
    await tx.execute(
        """
        INSERT INTO headcount (shop_id, audience_id, lane, members, moves)
        SELECT shop, audience, pg_backend_pid() % $5, members, moves
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS n (shop, audience, members, moves)
        ON CONFLICT (shop_id, audience_id, lane) DO UPDATE
            SET members = headcount.members + EXCLUDED.members, moves = headcount.moves + EXCLUDED.moves
        """,
        [shop for shop, _ in keys],
        [audience for _, audience in keys],
        [members[key] for key in keys],
        [moves[key] for key in keys],
        LANES,
    )


async def end(tx: Tx, shop: str, audience: str) -> None:
    """Nothing is left of an audience that is no more."""
    for table in ("flow", "headcount"):
        await tx.execute(f"DELETE FROM {table} WHERE shop_id = $1 AND audience_id = $2", shop, audience)


async def begin(tx: Tx, shop: str, audience: str) -> int:
    """From when on every coming and going of the audience is known, in microseconds."""
    found: int = await tx.fetchval(
        "SELECT coalesce(logged_us, created_us) FROM audience WHERE shop_id = $1 AND audience_id = $2", shop, audience
    )
    return found


async def steps(
    tx: Tx, shop: str, audience: str, zone: ZoneInfo, *, by: By, start: int, until: int, limit: int
) -> list[Step]:
    """The first hours or days of the shop's calendar that have to do with the time from `start` until before `until`.

    There are none before the log begins, and none after now. Invalid if `until` is not after `start`.
    """
    if until <= start:
        raise Invalid(field="until", detail="after `from`, which it ends")
    first = await tx.fetchval("SELECT min(slot_us) FROM flow WHERE shop_id = $1 AND audience_id = $2", shop, audience)
    start = max(start, await begin(tx, shop, audience), first or start)
    bounds = _bounds(by, start, min(until, tx.us + 1), zone, limit)
    if not bounds:
        return []
    rows = await tx.fetch(
        """
        SELECT width_bucket(slot_us, $3::bigint[]), sum(entries)::bigint, sum(exits)::bigint
        FROM flow WHERE shop_id = $1 AND audience_id = $2 AND slot_us >= $4
        GROUP BY 1
        UNION ALL
        SELECT 0, coalesce(sum(members), 0)::bigint, 0 FROM headcount WHERE shop_id = $1 AND audience_id = $2
        """,
        shop,
        audience,
        bounds,
        bounds[0],
    )
    return _stepped(bounds, {row[0]: (row[1], row[2]) for row in rows})


async def latest(tx: Tx, shop: str, audience: str, zone: ZoneInfo, *, by: By, length: int) -> list[Step]:
    """The steps of the last so many microseconds, up to now."""
    most = length // HOUR + 2
    return await steps(tx, shop, audience, zone, by=by, start=tx.us - length, until=tx.us + 1, limit=most)


def _bounds(by: By, start: int, until: int, zone: ZoneInfo, limit: int) -> list[int]:
    """Where the steps begin, and the end of the last; the first is that which `start` lies in."""
    near = (step for step in _all(by, start, zone) if step[1] > start)
    found = list(islice(takewhile(lambda step: step[0] < until, near), limit))
    return [found[0][0], *(end for _, end in found)] if found else []


def _all(by: By, start: int, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    day = local_day(start, zone)
    while (tomorrow := midnight(day + 1, zone)) != NEVER:
        today = midnight(day, zone)
        length = HOUR if by == "hour" else tomorrow - today
        # Hours are counted from midnight, so that a day whose clocks change by half an hour begins with a whole one.
        for begin in range(today, tomorrow, length):
            yield begin, min(begin + length, tomorrow)
        day += 1


def _stepped(bounds: Sequence[int], counts: dict[int, tuple[int, int]]) -> list[Step]:
    """Steps from the present size, less what came after each."""
    size = counts[0][0]
    found = []
    for place in range(len(bounds), 0, -1):
        entered, left = counts.get(place, (0, 0))
        if place < len(bounds):
            found.append(Step(bounds[place - 1], bounds[place], entered, left, size))
        size -= entered - left
    return found[::-1]
