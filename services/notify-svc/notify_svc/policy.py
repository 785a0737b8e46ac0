"""A shop's policy: between which hours it writes, how often, and whose name stands before its messages."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from huitou_chassis import Invalid, Model, Tx
from huitou_events import duration
from notify_svc.schedule import DAY, Policy

EARLIEST, LATEST = 8 * 60, 21 * 60
LONGEST_PERIOD = 31 * DAY
HOUR = DAY // 24

TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Duration = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,5}[mhd]$")]


class SendingHours(Model):
    """From `from`, included, until `until`, excluded; of the customer's day."""

    from_: TimeOfDay = Field("08:00", alias="from")
    until: TimeOfDay = "21:00"


class Cap(Model):
    """At most `most` marketing messages to a customer in any period of the length `within`."""

    most: Annotated[int, Field(ge=1, le=100)] = 3
    within: Duration = "7d"


class PolicyBody(Model):
    """What is left out has its default. Hours may be narrower than 08:00-21:00, not wider."""

    sending_hours: SendingHours = SendingHours()
    cap: Cap = Cap()
    gap: Duration = "24h"
    signature: (
        Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=r"^[^【】\[\]\x00-\x1f]+$")] | None
    ) = None


class PolicyOut(PolicyBody):
    """The policy in force; version 0 is the default."""

    version: int
    applies_to: Literal["marketing"] = "marketing"


async def read(tx: Tx, shops: Iterable[str]) -> dict[str, tuple[int, Policy, str | None]]:
    """Each shop's version, policy and signature; shops that never set one are left out."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (shop_id) * FROM policy WHERE shop_id = ANY($1::text[]) ORDER BY shop_id, version DESC",
        sorted(set(shops)),
    )
    return {
        row["shop_id"]: (
            row["version"],
            Policy(row["opens"], row["closes"], row["most"], row["period_us"], row["gap_us"]),
            row["signature"],
        )
        for row in rows
    }


async def show(tx: Tx, shop: str) -> PolicyOut:
    version, policy, signature = (await read(tx, [shop])).get(shop, (0, Policy(), None))
    hours = SendingHours(from_=clock(policy.opens), until=clock(policy.closes))
    cap = Cap(most=policy.most, within=written(policy.period))
    return PolicyOut(version=version, sending_hours=hours, cap=cap, gap=written(policy.gap), signature=signature)


async def change(tx: Tx, shop: str, body: PolicyBody) -> PolicyOut:
    """Puts a new version in force; what is already scheduled is held against it when it is about to go out."""
    opens, closes = minutes(body.sending_hours.from_), minutes(body.sending_hours.until)
    if opens < EARLIEST or closes > LATEST:
        raise Invalid(
            field="sending_hours", detail="messages go out between 08:00 and 21:00; a shop may only narrow this"
        )
    if opens >= closes:
        raise Invalid(field="sending_hours.until", detail="later than sending_hours.from")
    period, gap = duration(body.cap.within), duration(body.gap)
    if not HOUR <= period <= LONGEST_PERIOD:
        raise Invalid(field="cap.within", detail="from 1h to 31d")
    if gap > LONGEST_PERIOD:
        raise Invalid(field="gap", detail="at most 31d")
    await tx.execute(
        """
        INSERT INTO policy (shop_id, version, at_us, opens, closes, most, period_us, gap_us, signature)
        SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM policy WHERE shop_id = $1
        """,
        shop,
        tx.us,
        opens,
        closes,
        body.cap.most,
        period,
        gap,
        body.signature,
    )
    return await show(tx, shop)


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def written(length: int) -> str:
    for unit, size in (("d", DAY), ("h", HOUR)):
        if length % size == 0 and length > size:
            return f"{length // size}{unit}"
    return f"{length // 60_000_000}m"
