"""What a customer told about themselves: phone, name, zone, language and consent, each with its proof and moment.

Every statement is kept; the one that counts is the latest by (time, source, id). Phones and names are sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Tx
from huitou_events import Consent, CustomerErased, CustomerUpdated, Event
from notify_svc import phones

SEALED = ("phone", "name")
PLAIN = ("timezone", "language")


@dataclass(frozen=True)
class Preferences:
    """A customer's preferences at one moment; None is unknown."""

    phone: str | None = None
    fingerprint: bytes | None = None
    name: str | None = None
    timezone: str | None = None
    language: str | None = None
    consent: bool = False


NOTHING_KNOWN = Preferences()


async def record(events: Sequence[Event[CustomerUpdated]], tx: Tx) -> None:
    """Keeps what the events say, unless the customer was erased since."""
    rows = [row for event in events for row in statements(event, tx)]
    if not rows:
        return
    await tx.execute(
        """
        INSERT INTO preference (shop_id, customer_id, at_us, source, event_id, field, value, sealed, fingerprint, proof)
        SELECT said.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                                  $7::text[], $8::bytea[], $9::bytea[], $10::jsonb[])
            AS said (shop_id, customer_id, at_us, source, event_id, field, value, sealed, fingerprint, proof)
        LEFT JOIN customer USING (shop_id, customer_id)
        WHERE customer.erased_us IS NULL OR said.at_us > customer.erased_us
        ON CONFLICT DO NOTHING
        """,
        *map(list, zip(*rows, strict=True)),
    )


def statements(event: Event[CustomerUpdated], tx: Tx) -> list[tuple[Any, ...]]:
    """One row for every field that the event names."""
    said, shop = event.data, event.shop
    place = (shop, said.customer_id, event.us, event.source, event.id)
    rows: list[tuple[Any, ...]] = []
    for field in (*SEALED, *PLAIN, "consent"):
        if field not in said.model_fields_set:
            continue
        value = getattr(said, field)
        if value is None:
            rows.append((*place, field, None, None, None, None))
        elif field == "phone":
            phone = phones.read(value)
            sealed = tx.ctx.cipher.seal(shop, phone.number)
            rows.append((*place, field, None, sealed, tx.ctx.cipher.fingerprint(shop, phone.number), None))
        elif field in SEALED:
            rows.append((*place, field, None, tx.ctx.cipher.seal(shop, value), None, None))
        elif isinstance(value, Consent):
            rows.append((*place, field, "yes" if value.sms else "no", None, None, value.model_dump()))
        else:
            rows.append((*place, field, value, None, None, None))
    return rows


async def erase(events: Sequence[Event[CustomerErased]], tx: Tx) -> list[tuple[str, str]]:
    """Forgets what was said up to each erasure, for good; answers the customers, locked."""
    latest: dict[tuple[str, str], int] = {}
    for event in events:
        who = (event.shop, event.data.customer_id)
        latest[who] = max(latest.get(who, 0), event.us)
    keys = sorted(latest)
    columns = ([shop for shop, _ in keys], [customer for _, customer in keys], [latest[key] for key in keys])
    await tx.execute(
        """
        INSERT INTO customer (shop_id, customer_id, erased_us)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        ON CONFLICT (shop_id, customer_id) DO UPDATE
            SET erased_us = greatest(customer.erased_us, EXCLUDED.erased_us)
        """,
        *columns,
    )
    for table in ("preference", "signal"):
        await tx.execute(
            f"""
            DELETE FROM {table} USING unnest($1::text[], $2::text[], $3::bigint[]) AS gone (shop_id, customer_id, us)
            WHERE {table}.shop_id = gone.shop_id AND {table}.customer_id = gone.customer_id AND {table}.at_us <= gone.us
            """,
            *columns,
        )
    await tx.execute(
        """
        DELETE FROM opt_out USING unnest($1::text[], $2::text[], $3::bigint[]) AS gone (shop_id, name, us)
        WHERE opt_out.shop_id = gone.shop_id AND kind = 'customer' AND opt_out.name = gone.name AND at_us <= gone.us
        """,
        *columns,
    )
    return keys


async def load(tx: Tx, customers: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Preferences]:
    """The customers' preferences as of now; those of whom nothing is known are left out."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT ON (shop_id, customer_id, field)
            shop_id, customer_id, field, value, sealed, fingerprint
        FROM preference JOIN unnest($1::text[], $2::text[]) AS asked (shop_id, customer_id) USING (shop_id, customer_id)
        LEFT JOIN customer USING (shop_id, customer_id)
        WHERE at_us <= $3 AND (erased_us IS NULL OR at_us > erased_us)
        ORDER BY shop_id, customer_id, field, at_us DESC, source DESC, event_id DESC
        """,
        [shop for shop, _ in customers],
        [customer for _, customer in customers],
        tx.us,
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        known = found.setdefault((row["shop_id"], row["customer_id"]), {})
        field, sealed = row["field"], row["sealed"]
        if field == "consent":
            known[field] = row["value"] == "yes"
        else:
            known[field] = tx.ctx.cipher.open(row["shop_id"], sealed) if sealed is not None else row["value"]
        if field == "phone":
            known["fingerprint"] = row["fingerprint"]
    return {who: Preferences(**known) for who, known in found.items()}


async def owners(tx: Tx, shop: str, fingerprint: bytes) -> list[str]:
    """The customers whose present phone this is."""
    rows = await tx.fetch(
        "SELECT DISTINCT customer_id FROM preference WHERE shop_id = $1 AND fingerprint = $2", shop, fingerprint
    )
    ever = [(shop, row["customer_id"]) for row in rows]
    known = await load(tx, ever) if ever else {}
    return sorted(customer for (_, customer), now in known.items() if now.fingerprint == fingerprint)
