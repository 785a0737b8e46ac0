"""Test messages: a template to one phone at once, a few a day, in the same ledger as all others."""

import secrets
from collections.abc import Mapping

from huitou_chassis import Conflict, Invalid, Problem, Tx
from notify_svc import deliveries, opt_outs, phones, policy, texts
from notify_svc.messages import Change, Message
from notify_svc.phones import Phone
from notify_svc.schedule import DAY, Policy
from notify_svc.templates import Template
from notify_svc.texts import BadText, Written

A_DAY = 10
"""Test messages to one phone in a day; a phone must not be flooded through this call."""


async def send(tx: Tx, shop: str, template: Template, number: str, variables: Mapping[str, str]) -> tuple[str, Written]:
    """Asks for a test message; answers its job and what it will say."""
    if template.state != "approved":
        raise Conflict(
            "template-not-approved", f"template {template.id!r} is {template.state}; only approved ones go out"
        )
    phone = phones.read(number)
    if phone.kind != "mobile":
        raise Invalid(field="phone", detail=f"cannot be written to: {phone.kind} number")
    if await opt_outs.is_out(tx, shop, phone):
        raise Conflict("opted-out", "this phone wants no more messages")
    await within_limit(tx, shop, phone)
    written = await preview(tx, shop, template, phone, variables)
    message = Message(
        shop=shop,
        job_id=f"test_{secrets.token_hex(8)}",
        customer_id="",
        plan_id="",
        channel="sms",
        purpose="test",
        template_id=template.id,
        kind="now",
        requested_us=tx.us,
        variables=dict(variables),
    )
    planned = Change(shop, message.job_id, "scheduled", "test", tx.us, masked=phone.masked, parts=written.length.parts)
    await deliveries.add(tx, [(message, planned)])
    await tx.execute(
        "UPDATE delivery SET phone = $3 WHERE shop_id = $1 AND job_id = $2",
        shop,
        message.job_id,
        tx.ctx.cipher.seal(shop, phone.number),
    )
    return message.job_id, written


async def within_limit(tx: Tx, shop: str, phone: Phone) -> None:
    """Problem 429 when the phone, told by its masked number, has had its test messages of the day."""
    number = await tx.fetchval(
        """
        SELECT count(*) FROM delivery
        WHERE shop_id = $1 AND customer_id = '' AND requested_us > $2 AND masked = $3
        """,
        shop,
        tx.us - DAY,
        phone.masked,
    )
    if number >= A_DAY:
        raise Problem(429, "too-many-tests", f"at most {A_DAY} test messages to one phone in 24 hours")


async def preview(tx: Tx, shop_id: str, template: Template, phone: Phone, variables: Mapping[str, str]) -> Written:
    shop = (await tx.shops([shop_id]))[shop_id]
    _, _, signature = (await policy.read(tx, [shop_id])).get(shop_id, (0, Policy(), None))
    try:
        return texts.write(
            template.in_language(shop.language),
            variables,
            signature=signature or shop_id,
            language=shop.language,
            china=phone.china,
            opt_out=True,
        )
    except BadText as error:
        raise Invalid(field="variables", detail=str(error)) from error
