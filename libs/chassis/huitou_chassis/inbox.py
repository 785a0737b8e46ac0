"""Which events were already taken: (shop, source, id) names an event for good, its digest tells its content.

The same event again is dropped; the same name with another content is a conflict. Events of one batch are held
against each other too, since two copies in one batch would both pass a look at the table.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from huitou_events import Event

if TYPE_CHECKING:
    from huitou_chassis.db import Tx

Name = tuple[str, bytes]
NAME_BYTES = 16


def name_of(event: Event[Any]) -> Name:
    """The shop, and 16 bytes that stand for source and id."""
    return event.shop, fingerprint(event.source, event.id)


def fingerprint(*parts: str) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=NAME_BYTES).digest()


async def admit(tx: "Tx", events: Sequence[Event[Any]]) -> tuple[list[Event[Any]], list[Event[Any]]]:
    """The events never seen before, in their order, and those whose name stands for another content."""
    first: dict[Name, tuple[Event[Any], bytes]] = {}
    repeated: list[tuple[Name, Event[Any], bytes]] = []
    for event in events:
        name, digest = name_of(event), event.digest()
        if name in first:
            repeated.append((name, event, digest))
        else:
            first[name] = (event, digest)
    new = await remember(tx, {name: digest for name, (_, digest) in first.items()})
    stood = await _digests(tx, [name for name in first if name not in new])
    conflicts = [event for name, (event, digest) in first.items() if name in stood and stood[name] != digest]
    # A name new in this batch stands for the content that came first in it.
    conflicts += [event for name, event, digest in repeated if stood.get(name, first[name][1]) != digest]
    return [event for name, (event, _) in first.items() if name in new], conflicts


async def remember(tx: "Tx", digests: dict[Name, bytes]) -> set[Name]:
    """Those of the names that were not there yet; a name that another transaction is just adding is waited for.

    Digests are of one length. They are packed, since arrays are element by element, and come back only if some of the
    names are there: nearly always all are new.
    """
    names = sorted(digests)
    (row,) = await tx.fetch(
        """
        WITH added AS (
            INSERT INTO inbox (shop_id, event, digest)
            SELECT shop_id, substring($2::bytea, place * $4 + 1, $4), substring($3::bytea, place * $5 + 1, $5)
            FROM (
                SELECT shop_id, place::int - 2 AS place
                FROM unnest(string_to_array($1, E'\n')) WITH ORDINALITY AS s (shop_id, place)
            ) AS s
            WHERE place >= 0
            ON CONFLICT DO NOTHING
            RETURNING shop_id, event
        )
        SELECT count(*), CASE WHEN count(*) < $6 THEN array_agg(shop_id) END,
            CASE WHEN count(*) < $6 THEN array_agg(event) END
        FROM added
        """,
        # Each behind a line feed, since no text at all is no array of one shop that is "".
        "".join([f"\n{shop}" for shop, _ in names]),
        b"".join([event for _, event in names]),
        b"".join([digests[name] for name in names]),
        NAME_BYTES,
        len(digests[names[0]]) if names else 0,
        len(names),
    )
    return set(names) if row[0] == len(names) else set(zip(row[1] or (), row[2] or (), strict=True))


async def forget(tx: "Tx", names: Sequence[Name]) -> None:
    """A refused event is not taken: it may come again from the dead letters."""
    await tx.execute(
        "DELETE FROM inbox WHERE (shop_id, event) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))",
        [shop for shop, _ in names],
        [event for _, event in names],
    )


async def _digests(tx: "Tx", names: Sequence[Name]) -> dict[Name, bytes]:
    if not names:
        return {}
    rows = await tx.fetch(
        """
        SELECT shop_id, event, digest FROM inbox
        WHERE (shop_id, event) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))
        """,
        [shop for shop, _ in names],
        [event for _, event in names],
    )
    return {(row[0], row[1]): row[2] for row in rows}
