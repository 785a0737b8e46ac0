"""Who reads which partition: each time a worker is given one it counts up the partition's epoch in the database.

A batch commits only while the epochs of its partitions are still those that its worker counted. So a worker that was
paused while its partitions moved, and then goes on, writes nothing; it stops, and joins again when it is restarted.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from huitou_chassis.db import Database, Tx


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


Epochs = Mapping[Place, int]


class Fenced(Exception):
    """Another worker reads these partitions now."""


async def take(db: "Database", places: Collection[Place], owner: str) -> Epochs:
    """Counts up the epochs of these partitions; batches of earlier owners that are under way are waited for."""
    async with db.transaction() as tx:
        # Sorted, because another worker may be taking some of the same partitions.
        rows = await tx.fetch(
            """
            INSERT INTO assignment (topic, partition, epoch, owner)
            SELECT topic, partition, 1, $3
            FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS taken (topic, partition, place) ORDER BY place
            ON CONFLICT (topic, partition) DO UPDATE SET epoch = assignment.epoch + 1, owner = EXCLUDED.owner
            RETURNING topic, partition, epoch
            """,
            *_columns(sorted(places)),
            owner,
        )
    return {Place(row[0], row[1]): row[2] for row in rows}


async def check(tx: "Tx", epochs: Epochs) -> None:
    """Fenced if one of the epochs has passed; else they stay as they are until the transaction ends."""
    places = sorted(epochs)
    held = await tx.fetch(
        """
        SELECT assignment.topic, assignment.partition, assignment.owner, assignment.epoch = counted.epoch
        FROM unnest($1::text[], $2::int[], $3::bigint[]) AS counted (topic, partition, epoch)
        JOIN assignment ON (assignment.topic, assignment.partition) = (counted.topic, counted.partition)
        ORDER BY assignment.topic, assignment.partition FOR SHARE OF assignment
        """,
        *_columns(places),
        [epochs[place] for place in places],
    )
    lost = [f"{topic}/{partition} (read by {owner} now)" for topic, partition, owner, mine in held if not mine]
    if lost or len(held) < len(places):
        raise Fenced(f"no longer assigned: {', '.join(lost)}")


def _columns(places: Collection[Place]) -> tuple[list[str], list[int]]:
    return [place.topic for place in places], [place.partition for place in places]
