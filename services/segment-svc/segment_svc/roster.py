"""A shop's audiences, compiled: which rules there are, what touches them, and whose members are still being found.

Who changes customers holds the shop's lock together with others; who changes the roster holds it alone, and so knows
that everybody after them sees the new roster. The order is: shops, then customers, each sorted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo

from huitou_chassis import Tx
from segment_svc import cycles, memory, recommended, rules
from segment_svc.nodes import Repurchase, Rule
from segment_svc.references import REPURCHASE, is_coming

LOCK = 0x726F7374


@dataclass(frozen=True)
class Selection:
    """Rules to evaluate together, by audience; equal for shops with equal rules, so that these share one pass.

    `birthdays` are the audiences that go by these: how they go is known for a year ahead.
    """

    timezone: ZoneInfo
    rules: Mapping[str, Rule] = field(hash=False)
    birthdays: frozenset[str] = field(hash=False)
    key: frozenset[tuple[str, Rule]] = frozenset()


@dataclass(frozen=True)
class Roster:
    """The audiences of a shop as of a version; nested ones are expanded.

    `timezone` is the shop's; what still goes by the days of another says so in its rule (`nodes.InZone`).
    """

    shop: str
    version: int
    timezone: ZoneInfo
    rules: Mapping[str, Rule]
    signals: Mapping[str, frozenset[str]]
    building: frozenset[str]
    selections: dict[frozenset[str] | None, Selection] = field(default_factory=dict, compare=False)

    def touched(self, signals: frozenset[str]) -> frozenset[str]:
        """The audiences that read one of these signals: types of events, `=attribute`, `#tag`."""
        return frozenset(audience for audience, read in self.signals.items() if read & signals)

    def select(self, audiences: frozenset[str] | None = None) -> Selection:
        """These audiences, or all."""
        made = self.selections.get(audiences)
        if made is None:
            wanted = self.rules if audiences is None else audiences
            chosen = frozenset((audience, self.rules[audience]) for audience in wanted)
            made = self.selections[audiences] = _selection(self.timezone, chosen)
        return made


async def hold(tx: Tx, shops: Iterable[str]) -> dict[str, Roster]:
    """Each shop's roster, which stays as it is until the transaction ends."""
    wanted = sorted(set(shops))
    await _share(tx, wanted)
    return await read(tx, wanted)


async def alter(tx: Tx, shop: str) -> Roster:
    """The shop's roster, held alone; who changes an audience calls `changed` before the end."""
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", LOCK, shop)
    return (await read(tx, [shop]))[shop]


async def changed(tx: Tx, shop: str) -> None:
    """Makes every process read the shop's audiences anew."""
    await tx.execute("UPDATE roster SET version = nextval('stamp') WHERE shop_id = $1", shop)


async def read(tx: Tx, shops: list[str]) -> dict[str, Roster]:
    """Each shop's roster without holding it; a shop that is new gets the recommended audiences."""
    rows = await _versions(tx, shops)
    if new := [shop for shop in shops if shop not in rows]:
        # Held, so that a change of a shop's settings comes wholly before its roster or wholly after it.
        await _share(tx, new)
        await recommended.found(tx, new)
        rows |= await _versions(tx, new)
    remembered = memory.of(tx).rosters
    stale = [shop for shop in shops if shop not in remembered or remembered[shop].version != rows[shop][0]]
    if stale:
        remembered |= await _compiled(tx, {shop: rows[shop] for shop in stale})
    return {shop: remembered[shop] for shop in shops}


async def _share(tx: Tx, shops: list[str]) -> None:
    await tx.execute(
        "SELECT pg_advisory_xact_lock_shared($1, hashtext(shop)) FROM unnest($2::text[]) AS shop", LOCK, shops
    )


async def _versions(tx: Tx, shops: list[str]) -> dict[str, tuple[int, str]]:
    rows = await tx.fetch("SELECT shop_id, version, timezone FROM roster WHERE shop_id = ANY($1::text[])", shops)
    return {row[0]: (row[1], row[2]) for row in rows}


async def _compiled(tx: Tx, shops: Mapping[str, tuple[int, str]]) -> dict[str, Roster]:
    rows = await tx.fetch(
        """
        SELECT shop_id, audience_id, rule, state, timezone FROM audience
        WHERE shop_id = ANY($1::text[]) AND state <> 'ending'
        """,
        list(shops),
    )
    parsed: dict[str, dict[str, Rule]] = {shop: {} for shop in shops}
    building: dict[str, set[str]] = {shop: set() for shop in shops}
    for row in rows:
        shop, audience, rule, state, zone = row
        parsed[shop][audience] = rules.parse(rule)
        if zone not in (None, shops[shop][1]):
            parsed[shop][audience] = rules.in_zone(parsed[shop][audience], ZoneInfo(zone))
        if state == "building":
            building[shop].add(audience)
    table = await cycles.high(tx, list(shops))
    for shop in shops:
        parsed[shop][REPURCHASE] = Repurchase(table[shop])
    made = {}
    for shop, (version, timezone) in shops.items():
        expanded = _expanded(parsed[shop])
        signals = {audience: _signals(rule) for audience, rule in expanded.items()}
        made[shop] = Roster(shop, version, ZoneInfo(timezone), expanded, signals, frozenset(building[shop]))
    return made


def _expanded(parsed: Mapping[str, Rule]) -> dict[str, Rule]:
    """What is to take the place of an audience sees others that are to do so."""
    expected = {**parsed, **{audience[1:]: rule for audience, rule in parsed.items() if is_coming(audience)}}
    return {
        audience: rules.expand(rule, expected if is_coming(audience) else parsed) for audience, rule in parsed.items()
    }


def _signals(rule: Rule) -> frozenset[str]:
    read = rules.reads(rule)
    named = {f"={name}" for name in read.attributes} | {f"#{tag}" for tag in read.tags}
    return read.events | named


@lru_cache(maxsize=4096)
def _selection(timezone: ZoneInfo, chosen: frozenset[tuple[str, Rule]]) -> Selection:
    birthdays = frozenset(audience for audience, rule in chosen if rules.reads(rule).birthdays)
    return Selection(timezone, dict(chosen), birthdays, chosen)
