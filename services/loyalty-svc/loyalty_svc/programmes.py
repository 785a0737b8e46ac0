"""A shop's programme: what an operator may make of it, and its versions with the moment each came into force."""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer

from huitou_chassis import Invalid, Model, Text, Tx
from huitou_events import Id
from loyalty_svc.tiers import START_US, Joining, Tier, Version

MOST_TIERS = 4


def _with_one_decimal(per_cent: float) -> float:
    if round(per_cent, 1) != per_cent:
        raise ValueError("at most one decimal, as in 92.5")
    return per_cent


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


Plain = PlainSerializer(_plain, return_type=float)
PerCent = Annotated[float, Field(strict=True, gt=0, le=100), AfterValidator(_with_one_decimal), Plain]
Threshold = Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]


class TierRule(Model):
    """A tier: reached by a cumulative amount (minor unit) or by a number of trades, whichever is reached first.

    `discount` is the per cent that is paid: 95 is 9.5折.
    """

    key: Id
    name: Text
    amount: Threshold | None = None
    trades: Threshold | None = None
    discount: PerCent
    points_rate: Annotated[float, Field(strict=True, ge=0, le=1_000_000), Plain] | None = None


class Mode(Model, extra="allow"):
    """How long a tier lasts; `official`: it only goes up and never expires."""

    kind: Literal["official", "term", "rolling"] = "official"


class Programme(Model):
    """The tiers from low to high, the first being the ordinary one, and how a customer becomes a member."""

    tiers: Annotated[list[TierRule], Field(min_length=1, max_length=MOST_TIERS)]
    joining: Literal["on_payment", "on_registration", "by_request", "paid"] = "on_payment"
    mode: Mode = Mode()

    def check(self, prefix: str = "") -> Joining:
        """The way of joining, if all of it makes sense and can be had; Invalid naming the field if not."""
        for extra in sorted(self.mode.model_extra or {}):
            if self.mode.kind == "official":
                raise Invalid(field=f"{prefix}mode.{extra}", detail="not a field of the official mode")
        if self.mode.kind != "official":
            raise Invalid(field=f"{prefix}mode.kind", detail=f"{self.mode.kind!r} is not available yet")
        if self.joining == "paid":
            raise Invalid(field=f"{prefix}joining", detail="'paid' is not available yet")
        _check_tiers(self.tiers, f"{prefix}tiers")
        return self.joining


async def hold(tx: Tx, shops: Iterable[str]) -> dict[str, list[Version]]:
    """The versions of each shop, low to high, which nobody can add to until this transaction ends.

    Taken before any customer's row. A new version waits for the transactions that judge by the old ones, so its
    moment is later than all they have judged.
    """
    ids = sorted(set(shops))
    await tx.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(id, 0)) FROM unnest($1::text[]) AS id", ids)
    return await read(tx, ids)


async def read(tx: Tx, shops: Sequence[str]) -> dict[str, list[Version]]:
    """The versions of each of these shops, low to high; none where there is no programme."""
    rows = await tx.fetch(
        "SELECT shop_id, version, since_us, content::text FROM programme WHERE shop_id = ANY($1::text[])"
        " ORDER BY shop_id, version",
        shops,
    )
    versions: dict[str, list[Version]] = {shop: [] for shop in shops}
    for shop, number, since_us, content in (row.values() for row in rows):
        versions[shop].append(_version(number, since_us, content))
    return versions


async def current(tx: Tx, shop: str) -> tuple[Programme, Version] | None:
    """The programme that is in force, as it was given."""
    row = await tx.fetchrow(
        "SELECT version, since_us, content::text FROM programme WHERE shop_id = $1 ORDER BY version DESC LIMIT 1", shop
    )
    if row is None:
        return None
    return Programme.model_validate_json(row["content"]), _version(*row.values())


async def change(tx: Tx, shop: str, programme: Programme) -> Version:
    """Puts a checked programme in force: the first from 2010 on, a later one from now; the same again changes nothing.

    After the first one every customer of the shop has to be judged, which the job `due` does.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", shop)
    present = await current(tx, shop)
    if present is not None and present[0] == programme:
        return present[1]
    number, since_us = 1, START_US
    if present is not None:
        # Not the moment at which the transaction began: it may have waited for some that judged later facts.
        number, since_us = present[1].number + 1, max(tx.clock.us(), present[1].since_us + 1)
    content = programme.model_dump(mode="json", exclude_none=True)
    await tx.execute("INSERT INTO programme VALUES ($1, $2, $3, $4::jsonb)", shop, number, since_us, content)
    if present is None:
        await tx.execute("UPDATE customer SET due_us = 0 WHERE shop_id = $1", shop)
    return _version(number, since_us, json.dumps(content))


def _check_tiers(tiers: Sequence[TierRule], field: str) -> None:
    highest: dict[str, int] = {}
    keys: set[str] = set()
    for place, tier in enumerate(tiers):
        if tier.key in keys:
            raise Invalid(field=f"{field}[{place}].key", detail=f"{tier.key!r} names another tier already")
        keys.add(tier.key)
        if tier.amount is None and tier.trades is None:
            raise Invalid(field=f"{field}[{place}]", detail="needs an amount, a number of trades, or both")
        for name, threshold in (("amount", tier.amount), ("trades", tier.trades)):
            if threshold is not None:
                if threshold <= highest.get(name, 0):
                    detail = f"must be above {highest[name]}, that of the tier below"
                    raise Invalid(field=f"{field}[{place}].{name}", detail=detail)
                highest[name] = threshold


@lru_cache(maxsize=10_000)
def _version(number: int, since_us: int, content: str) -> Version:
    programme = Programme.model_validate_json(content)
    tiers = tuple(
        Tier(rule.key, rule.name, rule.discount, rule.amount, rule.trades, rule.points_rate) for rule in programme.tiers
    )
    return Version(number, since_us, programme.check(), tiers)
