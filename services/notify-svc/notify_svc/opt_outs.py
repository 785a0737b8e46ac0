"""Who wants no more messages: at once, for good, by customer and by phone; what waits for them is held back."""

import unicodedata
from collections.abc import Mapping

from huitou_chassis import Tx
from huitou_events import RecipientOptedOut
from notify_svc import deliveries, preferences
from notify_svc.deliveries import WAITING
from notify_svc.messages import Change
from notify_svc.phones import Phone

WORDS = frozenset({"t", "td", "n", "r", "退订", "回t", "回t退订", "t退订", "stop", "unsubscribe"})


def asks(text: str) -> bool:
    """Whether an answer asks for no more messages, in any width and case, whatever blanks or marks surround it."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in plain if char.isalnum()) in WORDS


async def by_customer(tx: Tx, shop: str, customer_id: str, *, how: str, job_id: str | None = None) -> None:
    """The customer wants no more, on the phone that they have now or on any later one."""
    await lock(tx, shop, [customer_id])
    known = (await preferences.load(tx, [(shop, customer_id)])).get((shop, customer_id))
    if known is not None and known.fingerprint is not None:
        await remember(tx, shop, "phone", known.fingerprint.hex(), how)
    await close(tx, shop, [customer_id], how=how, job_id=job_id)


async def by_phone(tx: Tx, shop: str, phone: Phone, *, how: str, job_id: str | None = None) -> list[str]:
    """Nobody writes to this phone again, whoever has it; answers the customers who have it now."""
    fingerprint = tx.ctx.cipher.fingerprint(shop, phone.number)
    customers = await preferences.owners(tx, shop, fingerprint)
    await lock(tx, shop, customers)
    await remember(tx, shop, "phone", fingerprint.hex(), how)
    await close(tx, shop, customers, how=how, job_id=job_id)
    return customers


async def among(tx: Tx, fingerprints: Mapping[tuple[str, str], bytes | None]) -> set[tuple[str, str]]:
    """Those of the customers who opted out, themselves or with the phone whose fingerprint is given."""
    names = {(shop, "customer", customer): (shop, customer) for shop, customer in fingerprints}
    phones: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for who, fingerprint in fingerprints.items():
        if fingerprint is not None:
            phones.setdefault((who[0], "phone", fingerprint.hex()), []).append(who)
    asked = sorted({*names, *phones})
    rows = await tx.fetch(
        """
        SELECT shop_id, kind, name FROM opt_out
        WHERE (shop_id, kind, name) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
        """,
        *([key[place] for key in asked] for place in range(3)),
    )
    found = {(row["shop_id"], row["kind"], row["name"]) for row in rows}
    return {names[key] for key in found & names.keys()} | {who for key in found & phones.keys() for who in phones[key]}


async def is_out(tx: Tx, shop: str, phone: Phone) -> bool:
    """Whether nobody may write to this phone."""
    fingerprint = tx.ctx.cipher.fingerprint(shop, phone.number)
    return bool(await among(tx, {(shop, ""): fingerprint}))


async def lock(tx: Tx, shop: str, customers: list[str]) -> None:
    await tx.execute(
        """
        INSERT INTO customer (shop_id, customer_id) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING
        """,
        shop,
        customers,
    )
    await tx.fetch(
        "SELECT FROM customer WHERE shop_id = $1 AND customer_id = ANY($2::text[]) ORDER BY customer_id FOR UPDATE",
        shop,
        customers,
    )


async def remember(tx: Tx, shop: str, kind: str, name: str, how: str) -> bool:
    """Whether this is new."""
    row = await tx.fetchrow(
        """
        INSERT INTO opt_out (shop_id, kind, name, at_us, how) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING RETURNING name
        """,
        shop,
        kind,
        name,
        tx.us,
        how,
    )
    return row is not None


async def close(tx: Tx, shop: str, customers: list[str], *, how: str, job_id: str | None) -> None:
    """Remembers the customers, holds back what waits for them, and says so: recipient.opted_out."""
    for customer in customers:
        if await remember(tx, shop, "customer", customer, how):
            fact = RecipientOptedOut(customer_id=customer, job_id=job_id, reason=how)
            tx.emit(fact, shop=shop, because=f"opt-out of {customer} at {tx.us}", time=tx.now)
    waiting = await deliveries.waiting_for(tx, [(shop, customer) for customer in customers])
    held = [Change(job.shop, job.job_id, "suppressed", "opted-out") for job in waiting if job.channel == "sms"]
    await deliveries.change(tx, held, seen=WAITING)
