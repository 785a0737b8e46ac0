"""Claims: the one way by which a coupon gets into a customer's hands, however it was asked for.

A coupon with a stock is locked for the transaction, so that claims from other processes wait for this batch; one
without is not even written. The database holds the limits once more: `claimed <= stock`, one row for a customer's
n-th claim, one for a plan's.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaign_svc.codes import new_code, read_code
from campaign_svc.life import Refused
from campaign_svc.models import Claim, Coupon
from huitou_chassis import NotFound, Tx
from huitou_events import CouponClaimed
from huitou_events.event import new_id

Key = tuple[str, str]
Hands = tuple[str, str, str]


@dataclass(frozen=True)
class Wish:
    """A customer is to have a coupon; with a plan, at most once for that plan."""

    shop: str
    coupon_id: str
    customer_id: str
    plan_id: str | None = None

    @property
    def coupon(self) -> Key:
        return self.shop, self.coupon_id

    @property
    def hands(self) -> Hands:
        return self.shop, self.coupon_id, self.customer_id


async def issue(tx: Tx, wishes: Sequence[Wish]) -> list[Claim | Refused]:
    """For each wish its claim, or `not-found`, `not-valid`, `limit-reached`, `sold-out`; coupon.claimed."""
    outcomes: dict[int, Claim | Refused] = {}
    coupons = await _hold(tx, {wish.coupon for wish in wishes})
    issued: Counter[Key] = Counter()
    # Another process may be first with a customer's n-th claim of a coupon without stock: then it is tried anew.
    while open_ := {place: wish for place, wish in enumerate(wishes) if place not in outcomes}:
        outcomes.update(await _made_before(tx, open_))
        open_ = {place: wish for place, wish in open_.items() if place not in outcomes}
        had = await _claims_had(tx, {wish.hands for wish in open_.values()})
        drafts: dict[int, Claim] = {}
        for place, wish in open_.items():
            coupon = coupons.get(wish.coupon)
            allotted = allot(wish, coupon, had=had[wish.hands], issued=issued[wish.coupon], us=tx.us)
            if isinstance(allotted, Refused):
                outcomes[place] = allotted
            else:
                drafts[place] = allotted
                had[wish.hands] += 1
                issued[wish.coupon] += 1
        kept = await _insert(tx, list(drafts.values()))
        issued.subtract(wishes[place].coupon for place, draft in drafts.items() if draft.id not in kept)
        outcomes.update({place: draft for place, draft in drafts.items() if draft.id in kept})
    await _take_from_stock(tx, {key: n for key, n in issued.items() if n and coupons[key].stock is not None})
    return [outcomes[place] for place in range(len(wishes))]


def allot(wish: Wish, coupon: Coupon | None, *, had: int, issued: int, us: int) -> Claim | Refused:
    """The claim at `us` of a customer who has `had` so many, when `issued` more have left the stock since."""
    if coupon is None:
        return Refused("not-found", f"no coupon {wish.coupon_id!r}; GET /coupons lists them")
    valid_from, valid_until = coupon.validity(us)
    if us >= valid_until:
        return Refused("not-valid", "the time of this coupon is over")
    if coupon.per_customer is not None and had >= coupon.per_customer:
        return Refused("limit-reached", f"a customer may claim this coupon {coupon.per_customer} times")
    if coupon.stock is not None and coupon.claimed + issued >= coupon.stock:
        return Refused("sold-out", f"all {coupon.stock} pieces of this coupon are claimed")
    return Claim(
        shop=wish.shop,
        id=f"cl_{new_id()}",
        coupon_id=wish.coupon_id,
        customer_id=wish.customer_id,
        nth=had + 1,
        code=new_code(),
        plan_id=wish.plan_id,
        status="claimed",
        valid_from_us=valid_from,
        valid_until_us=valid_until,
        claimed_us=us,
    )


async def get(tx: Tx, shop: str, claim_id: str) -> Claim:
    """NotFound if the shop has no such claim."""
    row = await tx.fetchrow("SELECT * FROM claim WHERE (shop_id, claim_id) = ($1, $2)", shop, claim_id)
    if row is None:
        raise NotFound(f"no claim {claim_id!r}; GET /customers/{{id}}/coupons lists a customer's")
    return Claim.of(row)


async def by_code(tx: Tx, shop: str, typed: str) -> Claim:
    """NotFound, with the same words for a code that is mistyped, unknown or another shop's."""
    code = read_code(typed)
    row = code and await tx.fetchrow("SELECT * FROM claim WHERE (shop_id, code) = ($1, $2)", shop, code)
    if not row:
        raise NotFound("no such code")
    return Claim.of(row)


async def page(tx: Tx, shop: str, customer_id: str, *, after: tuple[int, str], limit: int) -> list[Claim]:
    """A customer's claims, oldest first, after a place (claimed_us, claim_id)."""
    rows = await tx.fetch(
        """
        SELECT * FROM claim
        WHERE shop_id = $1 AND customer_id = $2 AND (claimed_us, claim_id) > ($3, $4)
        ORDER BY claimed_us, claim_id LIMIT $5
        """,
        shop,
        customer_id,
        *after,
        limit,
    )
    return [Claim.of(row) for row in rows]


async def _hold(tx: Tx, keys: set[Key]) -> dict[Key, Coupon]:
    wanted = sorted(keys)
    rows = await tx.fetch(
        """
        WITH wanted AS (
            SELECT coupon.* FROM unnest($1::text[], $2::text[]) AS wanted (shop_id, coupon_id)
            JOIN coupon USING (shop_id, coupon_id)
        ), limited AS (
            SELECT coupon.* FROM coupon
            WHERE stock IS NOT NULL AND (shop_id, coupon_id) IN (SELECT shop_id, coupon_id FROM wanted)
            ORDER BY shop_id, coupon_id FOR UPDATE
        )
        SELECT * FROM limited UNION ALL SELECT * FROM wanted WHERE stock IS NULL
        """,
        [shop for shop, _ in wanted],
        [coupon_id for _, coupon_id in wanted],
    )
    return {(row["shop_id"], row["coupon_id"]): Coupon.of(row) for row in rows}


async def _made_before(tx: Tx, wishes: Mapping[int, Wish]) -> dict[int, Claim]:
    planned = {place: (w.shop, w.plan_id, w.customer_id) for place, w in wishes.items() if w.plan_id is not None}
    if not planned:
        return {}
    wanted = sorted(set(planned.values()))
    rows = await tx.fetch(
        """
        SELECT claim.* FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (shop_id, plan_id, customer_id)
        JOIN claim USING (shop_id, plan_id, customer_id)
        """,
        [shop for shop, _, _ in wanted],
        [plan_id for _, plan_id, _ in wanted],
        [customer_id for _, _, customer_id in wanted],
    )
    known = {(row["shop_id"], row["plan_id"], row["customer_id"]): Claim.of(row) for row in rows}
    return {place: known[key] for place, key in planned.items() if key in known}


async def _claims_had(tx: Tx, hands: set[Hands]) -> Counter[Hands]:
    wanted = sorted(hands)
    rows = await tx.fetch(
        """
        SELECT shop_id, coupon_id, customer_id, latest.nth
        FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (shop_id, coupon_id, customer_id)
        CROSS JOIN LATERAL (
            SELECT nth FROM claim
            WHERE (claim.shop_id, claim.coupon_id, claim.customer_id)
                = (wanted.shop_id, wanted.coupon_id, wanted.customer_id)
            ORDER BY nth DESC LIMIT 1
        ) AS latest
        """,
        [shop for shop, _, _ in wanted],
        [coupon_id for _, coupon_id, _ in wanted],
        [customer_id for _, _, customer_id in wanted],
    )
    return Counter({(row[0], row[1], row[2]): row[3] for row in rows})


async def _insert(tx: Tx, drafts: Sequence[Claim]) -> set[str]:
    """The ids of the claims that are new; what another process was first with is left out."""
    # Sorted, because two processes may be adding claims of the same customers.
    rows = sorted(drafts, key=lambda claim: (claim.shop, claim.coupon_id, claim.customer_id, claim.nth))
    kept = await tx.fetch(
        """
        INSERT INTO claim (shop_id, claim_id, coupon_id, customer_id, nth, code, plan_id, status,
                           valid_from_us, valid_until_us, claimed_us, due_us)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[],
                             $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
        ON CONFLICT DO NOTHING RETURNING claim_id
        """,
        [claim.shop for claim in rows],
        [claim.id for claim in rows],
        [claim.coupon_id for claim in rows],
        [claim.customer_id for claim in rows],
        [claim.nth for claim in rows],
        [claim.code for claim in rows],
        [claim.plan_id for claim in rows],
        [claim.status for claim in rows],
        [claim.valid_from_us for claim in rows],
        [claim.valid_until_us for claim in rows],
        [claim.claimed_us for claim in rows],
        [claim.due_us for claim in rows],
    )
    ids = {row["claim_id"] for row in kept}
    for claim in rows:
        if claim.id in ids:
            _tell(tx, claim)
    return ids


def _tell(tx: Tx, claim: Claim) -> None:
    claimed = CouponClaimed(
        customer_id=claim.customer_id, coupon_id=claim.coupon_id, claim_id=claim.id, plan_id=claim.plan_id
    )
    tx.emit(claimed, shop=claim.shop, because=f"claim {claim.id} made")


async def _take_from_stock(tx: Tx, taken: Mapping[Key, int]) -> None:
    if not taken:
        return
    done = await tx.execute(
        """
        UPDATE coupon SET claimed = claimed + taken.number
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS taken (shop_id, coupon_id, number)
        WHERE (coupon.shop_id, coupon.coupon_id) = (taken.shop_id, taken.coupon_id)
        """,
        [shop for shop, _ in taken],
        [coupon_id for _, coupon_id in taken],
        list(taken.values()),
    )
    assert done == f"UPDATE {len(taken)}", "the coupons are locked by this transaction"
