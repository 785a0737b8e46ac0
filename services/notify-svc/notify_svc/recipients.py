"""A message's recipient as the scheduler sees them: what they want, what they did, and what already goes to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from huitou_chassis import Shop, Tx
from notify_svc import opt_outs, policy, preferences, signals
from notify_svc.phones import Phone
from notify_svc.phones import read as read_phone
from notify_svc.policy import LONGEST_PERIOD
from notify_svc.preferences import NOTHING_KNOWN, Preferences
from notify_svc.schedule import Policy

Who = tuple[str, str]
"""A shop and one of its customers."""


@dataclass
class Recipient:
    """`planned` and `gone` are the marketing messages by SMS that count towards cap and gap, with their moments."""

    shop: Shop
    customer_id: str
    zone: ZoneInfo
    policy: Policy
    signature: str
    phone: Phone | None = None
    name: str | None = None
    consent: bool = False
    opted_out: bool = False
    bought: bool = False
    erased_us: int | None = None
    planned: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)

    def taken(self, job_id: str) -> list[int]:
        """The moments of all messages but this one."""
        return [at for job, at in {**self.planned, **self.gone}.items() if job != job_id]


async def load(tx: Tx, who: Iterable[Who]) -> dict[Who, Recipient]:
    """The recipients, locked: whoever decides about one of them next waits, and sees what was decided here."""
    keys = sorted(set(who))
    if not keys:
        return {}
    erased = await lock(tx, keys)
    shops = await tx.shops(shop for shop, _ in keys)
    policies = await policy.read(tx, shops)
    wishes = await preferences.load(tx, keys)
    bought = await signals.buyers(tx, keys)
    refused = await opt_outs.among(tx, {key: wishes.get(key, NOTHING_KNOWN).fingerprint for key in keys})
    found = {}
    for key in keys:
        shop, wish = shops[key[0]], wishes.get(key, NOTHING_KNOWN)
        _, rules, signature = policies.get(shop.id, (0, Policy(), None))
        found[key] = Recipient(
            shop=shop,
            customer_id=key[1],
            zone=zone_of(wish, shop),
            policy=rules,
            signature=signature or shop.id,
            phone=read_phone(wish.phone) if wish.phone else None,
            name=wish.name,
            consent=wish.consent,
            opted_out=key in refused,
            bought=key in bought,
            erased_us=erased[key],
        )
    await add_messages(tx, found)
    return found


def zone_of(wishes: Preferences, shop: Shop) -> ZoneInfo:
    """The customer's own zone, else the shop's."""
    return ZoneInfo(wishes.timezone) if wishes.timezone else shop.timezone


async def lock(tx: Tx, keys: list[Who]) -> dict[Who, int | None]:
    """Locks the customers in the order of their keys; answers when each was erased."""
    columns = ([shop for shop, _ in keys], [customer for _, customer in keys])
    await tx.execute(
        """
        INSERT INTO customer (shop_id, customer_id) SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT DO NOTHING
        """,
        *columns,
    )
    rows = await tx.fetch(
        """
        SELECT shop_id, customer_id, erased_us FROM customer
        WHERE (shop_id, customer_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        ORDER BY shop_id, customer_id FOR UPDATE
        """,
        *columns,
    )
    return {(row["shop_id"], row["customer_id"]): row["erased_us"] for row in rows}


async def add_messages(tx: Tx, found: dict[Who, Recipient]) -> None:
    keys = list(found)
    rows = await tx.fetch(
        """
        SELECT shop_id, customer_id, job_id, state, coalesce(sent_us, at_us) AS at_us FROM delivery
        WHERE (shop_id, customer_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND channel = 'sms' AND purpose = 'marketing' AND state <> 'suppressed'
            AND (sent_us IS NOT NULL OR state IN ('scheduled', 'retrying'))
            AND coalesce(sent_us, at_us) > $3
        """,
        [shop for shop, _ in keys],
        [customer for _, customer in keys],
        tx.us - 2 * LONGEST_PERIOD,
    )
    for row in rows:
        recipient = found[row["shop_id"], row["customer_id"]]
        moments = recipient.planned if row["state"] in ("scheduled", "retrying") else recipient.gone
        moments[row["job_id"]] = row["at_us"]
