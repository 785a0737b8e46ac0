"""A customer's row, locked from the first look to the end of the transaction: who changes a customer begins here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from huitou_chassis import Tx
from segment_svc import memory
from segment_svc.columns import unpacked
from segment_svc.memory import Known
from segment_svc.people import NEVER, History, Ints, Person, changes

Key = tuple[str, str]
SHOPS = "string_to_array($1, E'\\n')"
KEYS = f"{SHOPS}, string_to_array($2, E'\\n')"
"""What `columns` gives, as two arrays."""
NOBODY = Person(History.of(()), changes(()))


@dataclass(slots=True)
class Customer:
    """A customer as locked; moments in microseconds.

    `born` is the moment of their earliest fact: before it they are in no audience, None is before any fact.
    `evaluated` is the latest moment that was taken into account, `due` the next at which something may change.
    Facts up to `erased` are ignored. The number `who` stands for them in figures.
    """

    shop: str
    id: str
    version: int
    born: int | None = None
    evaluated: int | None = None
    due: int | None = None
    erased: int | None = None
    who: int = 0
    person: Person = NOBODY
    members: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.shop, self.id)

    def exists(self, at: int) -> bool:
        """Whether they are someone at the moment; nobody is in an audience before."""
        return self.born is not None and self.born <= at


class Rows(NamedTuple):
    """Customers of a shop as columns, in the order of their ids; moments are NEVER where there is none."""

    ids: list[str]
    who: Ints
    version: Ints
    born: Ints
    evaluated: Ints
    due: Ints


async def lock(tx: Tx, keys: Iterable[Key], *, add: bool = True) -> dict[Key, Customer]:
    """The customers, locked in sorted order; who is not there yet is added, or left out."""
    wanted = sorted(set(keys))
    found = await _lock(tx, wanted)
    missing = [key for key in wanted if key not in found]
    if missing and add:
        await tx.execute(
            f"""
            INSERT INTO customer (shop_id, customer_id)
            SELECT shop_id, customer_id FROM unnest({KEYS}) AS k (shop_id, customer_id)
            ON CONFLICT DO NOTHING
            """,
            *columns(missing),
        )
        found |= await _lock(tx, missing)
    return found


async def read(tx: Tx, keys: Sequence[Key]) -> list[Customer]:
    """The customers as they are, not locked, in the order of their keys."""
    rows = await tx.fetch(
        f"""
        SELECT c.shop_id, c.customer_id, c.version, c.born_us, c.evaluated_us, c.due_us, c.erased_us, c.who
        FROM unnest({KEYS}) AS k (shop_id, customer_id)
        JOIN customer AS c USING (shop_id, customer_id)
        ORDER BY c.shop_id, c.customer_id
        """,
        *columns(keys),
    )
    return [Customer(*row) for row in rows]


async def _lock(tx: Tx, keys: Sequence[Key]) -> dict[Key, Customer]:
    rows = await tx.fetch(
        f"""
        SELECT c.shop_id, c.customer_id, c.version, c.born_us, c.evaluated_us, c.due_us, c.erased_us, c.who
        FROM unnest({KEYS}) AS k (shop_id, customer_id)
        JOIN customer AS c USING (shop_id, customer_id)
        ORDER BY c.shop_id, c.customer_id
        FOR UPDATE OF c
        """,
        *columns(keys),
    )
    return {(row[0], row[1]): Customer(*row) for row in rows}


async def claim(tx: Tx, shops: Sequence[str], now: int, limit: int) -> list[Customer]:
    """The first of the shops' customers that are due by now and that nobody else has locked, in the order of keys."""
    rows = await tx.fetch(
        """
        SELECT shop_id, customer_id, version, born_us, evaluated_us, due_us, erased_us, who FROM customer
        WHERE due_us <= $2 AND shop_id = ANY($1::text[])
        ORDER BY due_us
        LIMIT $3
        FOR UPDATE SKIP LOCKED
        """,
        shops,
        now,
        limit,
    )
    return sorted((Customer(*row) for row in rows), key=lambda customer: customer.key)


async def after(tx: Tx, shop: str, reached: str, limit: int) -> Rows:
    """The rows of the shop's next customers in the order of their ids, not locked."""
    (row,) = await tx.fetch(
        """
        SELECT coalesce(string_agg(customer_id, E'\n' ORDER BY customer_id), '') AS ids,
            string_agg(int8send(who), '' ORDER BY customer_id) AS who,
            string_agg(int8send(version), '' ORDER BY customer_id) AS version,
            string_agg(int8send(coalesce(born_us, $4)), '' ORDER BY customer_id) AS born,
            string_agg(int8send(coalesce(evaluated_us, $4)), '' ORDER BY customer_id) AS evaluated,
            string_agg(int8send(coalesce(due_us, $4)), '' ORDER BY customer_id) AS due
        FROM (
            SELECT * FROM customer WHERE shop_id = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3
        ) AS c
        """,
        shop,
        reached,
        limit,
        NEVER,
    )
    # No id has a line feed in it, or is empty.
    ids = row["ids"].split("\n") if row["ids"] else []
    return Rows(ids, *(unpacked(row[name]) for name in Rows._fields[1:]))


async def hasten(tx: Tx, customers: Sequence[Customer]) -> None:
    """Lets the customers, who are locked, be looked at as soon as their `due`; nothing else of them has changed."""
    await tx.execute(
        f"""
        UPDATE customer AS c SET due_us = n.due
        FROM unnest({KEYS}, $3::bigint[]) AS n (shop_id, customer_id, due)
        WHERE c.shop_id = n.shop_id AND c.customer_id = n.customer_id
        """,
        *columns([customer.key for customer in customers]),
        [customer.due for customer in customers],
    )


async def save(tx: Tx, customers: Sequence[Customer], *, keep: Collection[Key] | None = None) -> None:
    """Writes the rows, each as a new version, and remembers what is known of the customers, or of those to `keep`."""
    rows = await tx.fetch(
        f"""
        UPDATE customer AS c
        SET version = nextval('stamp'), born_us = n.born, evaluated_us = n.evaluated, due_us = n.due,
            erased_us = n.erased
        FROM unnest({KEYS}, $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS n (shop_id, customer_id, born, evaluated, due, erased)
        WHERE c.shop_id = n.shop_id AND c.customer_id = n.customer_id
        {"" if keep is not None and not keep else "RETURNING c.shop_id, c.customer_id, c.version"}
        """,
        *columns([customer.key for customer in customers]),
        [customer.born for customer in customers],
        [customer.evaluated for customer in customers],
        [customer.due for customer in customers],
        [customer.erased for customer in customers],
    )
    by_key = {customer.key: customer for customer in customers} if rows else {}
    remembered = memory.of(tx)
    for shop, id, version in rows:
        if keep is None or (shop, id) in keep:
            customer = by_key[shop, id]
            remembered.keep(customer.key, Known(version, customer.person, customer.members))


def columns(keys: Sequence[Key]) -> tuple[str, str]:
    """Keys as two texts for a statement with `KEYS`: arrays are packed element by element, ten times as slowly.

    No id has a line feed in it, or is empty.
    """
    return "\n".join([shop for shop, _ in keys]), "\n".join([id for _, id in keys])
