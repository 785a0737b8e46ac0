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


def name_of(event: Event[Any]) -> Name:
    """The shop, and 16 bytes that stand for source and id."""
    return event.shop, fingerprint(event.source, event.id)


def fingerprint(*parts: str) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()


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
    """Those of the names that were not there yet; a name that another transaction is just adding is waited for."""
    names = sorted(digests)
    rows = await tx.fetch(
        """
        INSERT INTO inbox (shop_id, event, digest)
        SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])
        ON CONFLICT DO NOTHING
        RETURNING shop_id, event
        """,
        [shop for shop, _ in names],
        [event for _, event in names],
        [digests[name] for name in names],
    )
    return {(row[0], row[1]) for row in rows}


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
