"""The audit log: every change that an operator made, in a chain that shows if anything was altered or taken out.

An entry is written in the transaction of the change. Its hash covers the entry before it, so the log of a shop can be
recomputed from its beginning; the last hash, kept elsewhere, proves the whole. Phone numbers in bodies are masked.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from asyncpg import Record

if TYPE_CHECKING:
    from huitou_chassis.db import Tx

LOCK = 0x61756469
BEGINNING = bytes(32)
LONGEST_BODY = 20_000
COLUMNS = "number, at_us, key_id, role, method, path, status, body, hash"
_PHONE = re.compile(r"\+?[0-9]{3}([0-9]{2,})[0-9]{4}")


@dataclass(frozen=True)
class Entry:
    """A change: when (microseconds), by whom, by which call, and with what answer."""

    at_us: int
    key_id: str
    role: str
    method: str
    path: str
    status: int
    body: str

    def digest(self, shop: str, number: int, before: bytes) -> bytes:
        """The hash of this entry as the shop's `number`-th, after the one with the hash `before`."""
        values = [shop, number, self.at_us, self.key_id, self.role, self.method, self.path, self.status, self.body]
        return hashlib.sha256(before + orjson.dumps(values)).digest()


async def note(tx: "Tx", shop: str, entry: Entry) -> None:
    """Adds the entry; the last thing that a transaction does, since changes of one shop wait for each other here."""
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", LOCK, shop)
    last = await tx.fetchrow("SELECT number, hash FROM audit WHERE shop_id = $1 ORDER BY number DESC LIMIT 1", shop)
    number, before = (last["number"] + 1, last["hash"]) if last else (1, BEGINNING)
    await tx.execute(
        f"INSERT INTO audit (shop_id, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        shop,
        number,
        entry.at_us,
        entry.key_id,
        entry.role,
        entry.method,
        entry.path,
        entry.status,
        entry.body,
        entry.digest(shop, number, before),
    )


async def page(tx: "Tx", shop: str, *, after: int, limit: int) -> list[Record]:
    """Entries in the order in which they were made, from the one after `after`."""
    return await tx.fetch(
        f"SELECT {COLUMNS} FROM audit WHERE shop_id = $1 AND number > $2 ORDER BY number LIMIT $3", shop, after, limit
    )


async def verify(tx: "Tx", shop: str) -> list[str]:
    """Where the shop's chain is broken, if it is."""
    before, expected = BEGINNING, 1
    while rows := await page(tx, shop, after=expected - 1, limit=1000):
        for row in rows:
            entry = Entry(*list(row.values())[1:-1])
            if row["number"] != expected:
                return [f"audit: entry {expected} is missing"]
            if row["hash"] != entry.digest(shop, expected, before):
                return [f"audit: entry {expected} was altered, or what came before it"]
            before, expected = row["hash"], expected + 1
    return []


def written(body: bytes) -> str:
    """A request's body as the log keeps it: phone numbers masked, cut where it is long."""
    try:
        text = orjson.dumps(_masked(orjson.loads(body)), option=orjson.OPT_SORT_KEYS).decode() if body else ""
    except orjson.JSONDecodeError:
        text = "not JSON"
    return text if len(text) <= LONGEST_BODY else f"{text[:LONGEST_BODY]}… ({len(text)} characters)"


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _masked(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, name) for part in value]
    if isinstance(value, str) and name in ("phone", "phones", "to"):
        return _PHONE.sub(lambda found: found[0][: -len(found[1]) - 4] + "*" * len(found[1]) + found[0][-4:], value)
    return value
