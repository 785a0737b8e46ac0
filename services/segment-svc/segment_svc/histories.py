"""What happened to customers: entries are added once and never changed, only erased; loading makes people of them."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from sys import intern
from typing import Any

import numpy as np
import orjson

from huitou_chassis import Tx
from segment_svc import customers, memory, stored_people, tag_definitions
from segment_svc.columns import unpacked
from segment_svc.customers import KEYS, Customer, Key, columns
from segment_svc.facts import Entry
from segment_svc.memory import Known
from segment_svc.people import Change, History, Person, changes

SNAPSHOT = "snapshot.published"
"""The type of the entries that hold scores of a snapshot."""
CHUNK = 2_000
COLUMNS = (
    "shop_id",
    "customer_id",
    "at",
    "source",
    "event_id",
    "type",
    "trade_id",
    "refund_id",
    "amount",
    "lines",
    "changes",
    "dwell_seconds",
    "visit_id",
)


async def append(tx: Tx, entries: Sequence[Entry]) -> None:
    """Adds the entries, in one statement; the inbox let each in only once."""
    if entries:
        await tx.add("history", COLUMNS, [_row(entry) for entry in entries])


def _row(entry: Entry) -> tuple[Any, ...]:
    lines = orjson.dumps([tuple(line) for line in entry.lines]).decode() if entry.lines else None
    changes = orjson.dumps(entry.changes).decode() if entry.changes else None
    return (*entry[:9], lines, changes, entry.dwell or None, entry.visit)


async def fill(tx: Tx, customers: Iterable[Customer], news: Mapping[Key, Sequence[Entry]] | None = None) -> None:
    """Gives each customer their person and memberships; `news` are entries already in the table.

    Who is remembered as of this version only takes the news up; the others are loaded, all in three statements.
    """
    remembered = memory.of(tx)
    to_load = []
    for customer in customers:
        news_of = news.get(customer.key, ()) if news else ()
        known = remembered.recall(customer.key, customer.version)
        person = extended(known.person, news_of) if known else None
        if known is not None and person is not None:
            customer.person, customer.members = person, dict(known.members)
        elif customer.version == 0:
            customer.person = _person(news_of, frozenset())
        else:
            to_load.append(customer)
    if to_load:
        await load(tx, to_load)


async def view(tx: Tx, keys: Sequence[Key], *, keep: bool = True) -> list[Customer]:
    """The customers as they are, not locked, with their people and memberships, in the order of their keys.

    Who looks at a great many of them once does not `keep` them in mind, where others would have to make room.
    """
    remembered = memory.of(tx)
    found = await customers.read(tx, keys)
    to_load = []
    for customer in found:
        known = remembered.recall(customer.key, customer.version)
        if known is None:
            to_load.append(customer)
        else:
            customer.person, customer.members = known.person, known.members
    if to_load:
        await load(tx, to_load)
    if to_load and keep:
        # What was loaded belongs to the version only if nobody wrote in between.
        after = {customer.key: customer.version for customer in await customers.read(tx, keys)}
        for customer in to_load:
            if after[customer.key] == customer.version:
                remembered.keep(customer.key, Known(customer.version, customer.person, customer.members))
    return found


async def viewed(tx: Tx, shop: str, ids: Sequence[str]) -> AsyncIterator[list[Customer]]:
    """The same for as many of a shop as there are, some at a time."""
    for start in range(0, len(ids), CHUNK):
        yield await view(tx, [(shop, id) for id in ids[start : start + CHUNK]])


def extended(person: Person, news: Sequence[Entry]) -> Person | None:
    """The person with later entries, or None if one of them comes before what is known."""
    history = person.history
    if fresh := [occurrence for entry in news if (occurrence := entry.occurrence)]:
        longer = history.append(fresh)
        if longer is None:
            return None
        history = longer
    found = _changed(news)
    if not found:
        return Person(history, person.changes, person.tags) if fresh else person
    # Of changes at the very same moment the table knows which comes first.
    if len(person.changes) and found[0].at <= person.changes[-1, 0]:
        return None
    return Person(history, np.concatenate([person.changes, changes(found)]), person.tags)


def _changed(entries: Sequence[Entry]) -> list[Change]:
    changing = sorted((entry for entry in entries if entry.changes), key=lambda entry: entry.order)
    return [change for entry in changing for change in entry.changed]


async def load(tx: Tx, customers: Sequence[Customer]) -> None:
    """Reads the customers' entries, tags and memberships from the tables."""
    for customer, person in zip(customers, await people(tx, [c.key for c in customers]), strict=True):
        customer.person = person
    (row,) = await tx.fetch(
        f"""
        SELECT string_agg(int8send(k.place - 1), '') AS whose, string_agg(int8send(m.since_us), '') AS since,
            coalesce(array_agg(m.audience_id), '{{}}') AS audiences
        FROM unnest({KEYS}) WITH ORDINALITY AS k (shop_id, customer_id, place)
        JOIN member AS m USING (shop_id, customer_id)
        """,
        *columns([customer.key for customer in customers]),
    )
    for customer in customers:
        customer.members = {}
    whose, since = unpacked(row["whose"]).tolist(), unpacked(row["since"]).tolist()
    for place, audience, moment in zip(whose, map(intern, row["audiences"]), since, strict=True):
        customers[place].members[audience] = moment


async def people(tx: Tx, keys: Sequence[Key]) -> list[Person]:
    """The people with these keys, in their order, from the tables."""
    return await stored_people.people(tx, keys)


def _person(entries: Sequence[Entry], tags: frozenset[str]) -> Person:
    occurrences = [occurrence for entry in entries if (occurrence := entry.occurrence)]
    return Person(History.of(occurrences), changes(_changed(entries)), tags)


async def erase(tx: Tx, customers: Sequence[Customer]) -> None:
    """Takes away what the customers did and were up to their erasure, for good."""
    forgotten = (*columns([customer.key for customer in customers]), [customer.erased for customer in customers])
    await tx.execute(
        f"""
        DELETE FROM history AS h
        USING unnest({KEYS}, $3::bigint[]) AS k (shop_id, customer_id, until)
        WHERE h.shop_id = k.shop_id AND h.customer_id = k.customer_id AND (h.at <= k.until OR h.type = $4)
        """,
        *forgotten,
        SNAPSHOT,
    )
    for table in ("score", "score_change"):
        await tx.execute(
            f"""
            DELETE FROM {table} AS s USING unnest({KEYS}) AS k (shop_id, customer_id)
            WHERE s.shop_id = k.shop_id AND s.customer_id = k.customer_id
            """,
            *forgotten[:2],
        )
    rows = await tx.fetch(
        f"""
        DELETE FROM tag AS t
        USING unnest({KEYS}, $3::bigint[]) AS k (shop_id, customer_id, until)
        WHERE t.shop_id = k.shop_id AND t.customer_id = k.customer_id AND t.at <= k.until
        RETURNING t.shop_id, t.tag
        """,
        *forgotten,
    )
    for shop, tag in rows:
        tag_definitions.count(tx, shop, tag, -1)


async def earliest(tx: Tx, keys: Sequence[Key]) -> dict[Key, int]:
    """The moment of each customer's first entry or tag, of those that have any."""
    rows = await tx.fetch(
        f"""
        SELECT shop_id, customer_id, min(at)
        FROM unnest({KEYS}) AS k (shop_id, customer_id)
        JOIN (
            SELECT shop_id, customer_id, at FROM history UNION ALL SELECT shop_id, customer_id, at FROM tag
        ) AS f USING (shop_id, customer_id)
        GROUP BY shop_id, customer_id
        """,
        *columns(keys),
    )
    return {(row[0], row[1]): row[2] for row in rows}
