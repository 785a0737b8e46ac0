"""What the provider calls back: receipts and answers of recipients, signed, in any order, any number of times."""

import hmac
import time
from hashlib import sha256
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Depends, Header, Request
from pydantic import Field, SecretStr, StringConstraints

from huitou_chassis import Ctx, Model, ShopId, Tx
from huitou_chassis.errors import Unauthenticated
from huitou_events import Id
from notify_svc import deliveries, opt_outs, phones
from notify_svc.channels.operator import NAME
from notify_svc.messages import Change, State
from notify_svc.settings import settings_of

WINDOW_S = 300
BEFORE: dict[str, tuple[State, ...]] = {
    "delivered": ("sending", "unknown", "retrying", "sent", "failed"),
    "failed": ("sending", "unknown", "retrying", "sent"),
}
"""States that a receipt may end. A message that arrived has arrived, whatever a later receipt says."""

router = APIRouter(tags=["receipts"])


class Receipt(Model):
    """What became of a message; `id` is the provider's, `job_id` ours."""

    kind: Literal["receipt"]
    id: Id
    job_id: Id
    status: Literal["delivered", "failed"]
    reason: Annotated[str, StringConstraints(max_length=100)] | None = None


class Reply(Model):
    """What a recipient answered; `job_id` is the latest message to that phone, if there was one."""

    kind: Literal["reply"]
    id: Id
    from_: Annotated[str, StringConstraints(min_length=5, max_length=20)] = Field(alias="from")
    text: Annotated[str, StringConstraints(max_length=1000)]
    job_id: Id | None = None


class Taken(Model):
    """Whether it changed anything; said twice, the second time changes nothing."""

    changed: bool


Callback: TypeAlias = Annotated[Receipt | Reply, Field(discriminator="kind")]


async def signed(
    request: Request, ctx: Ctx, signature: Annotated[str, Header(alias="Huitou-Signature", max_length=200)] = ""
) -> None:
    """Lets the provider's own calls pass."""
    verify(signature, request.url.path, await request.body(), settings_of(ctx).sms_token, time.time())


@router.post("/receipts/{provider}", dependencies=[Depends(signed)])
async def receive(shop: ShopId, provider: Literal["operator"], body: Callback, ctx: Ctx) -> Taken:
    """For the provider alone. It signs with `Huitou-Signature: t=SECONDS,v1=HEX`.

    HEX is the HMAC-SHA256 of `SECONDS.PATH.BODY` under its token; SECONDS since 1970 must not be five minutes off.
    """
    async with ctx.db.transaction(shop=shop) as tx:
        return Taken(changed=await take(tx, shop, body))


def verify(signature: str, path: str, body: bytes, token: SecretStr, now: float) -> None:
    """Unauthenticated for a signature that is not the provider's, or too old to be anything but a replay."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    stamp, given = parts.get("t", ""), parts.get("v1", "")
    secret = token.get_secret_value().encode()
    expected = hmac.new(secret, f"{stamp}.{path}.".encode() + body, sha256).hexdigest()
    if not secret or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Unauthenticated("Huitou-Signature is not the provider's")
    if not (stamp.isascii() and stamp.isdecimal()) or abs(now - int(stamp)) > WINDOW_S:
        raise Unauthenticated("Huitou-Signature is too old or too new")


async def take(tx: Tx, shop: str, said: Receipt | Reply) -> bool:
    if isinstance(said, Reply):
        return await answer(tx, shop, said)
    return await close(tx, shop, said)


async def close(tx: Tx, shop: str, receipt: Receipt) -> bool:
    """message.delivered or message.failed; before it message.sent, if the receipt overtook the provider's answer."""
    row = await tx.fetchrow(
        "SELECT state, sent_us FROM delivery WHERE shop_id = $1 AND job_id = $2 FOR UPDATE", shop, receipt.job_id
    )
    if row is None or row["state"] not in BEFORE[receipt.status]:
        return False
    if row["state"] in ("sending", "unknown", "retrying"):
        sent = Change(
            shop, receipt.job_id, "sent", provider=NAME, provider_id=receipt.id, sent_us=row["sent_us"] or tx.us
        )
        await deliveries.change(tx, [sent], seen=(row["state"],))
    reason = receipt.reason or "undelivered" if receipt.status == "failed" else None
    final = Change(shop, receipt.job_id, receipt.status, reason, provider_id=receipt.id)
    return bool(await deliveries.change(tx, [final], seen=("sent", "failed")))


async def answer(tx: Tx, shop: str, reply: Reply) -> bool:
    """An answer that asks for no more messages is an opt-out; any other changes nothing."""
    if not opt_outs.asks(reply.text):
        return False
    phone = phones.read(reply.from_)
    new = not await opt_outs.is_out(tx, shop, phone)
    await opt_outs.by_phone(tx, shop, phone, how="reply", job_id=reply.job_id)
    return new
