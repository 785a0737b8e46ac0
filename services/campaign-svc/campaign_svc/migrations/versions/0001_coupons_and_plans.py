"""Coupons with their claims, orders that use them, plans with their members and messages."""

from alembic import op

revision = "0001"
down_revision = None

COUPONS = """
CREATE TABLE coupon (
    shop_id text COLLATE "C" NOT NULL,
    coupon_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    kind jsonb NOT NULL,
    stock bigint CHECK (stock >= 0),
    -- Counts only where there is a stock: a coupon without one has no row that every claim writes.
    claimed bigint NOT NULL DEFAULT 0 CHECK (claimed >= 0),
    per_customer integer CHECK (per_customer > 0),
    valid_from_us bigint,
    valid_until_us bigint,
    valid_days integer CHECK (valid_days > 0),
    created_us bigint NOT NULL,
    PRIMARY KEY (shop_id, coupon_id),
    CONSTRAINT never_over_issued CHECK (claimed <= stock),
    CONSTRAINT one_validity CHECK ((valid_days IS NULL) = (valid_from_us IS NOT NULL AND valid_until_us IS NOT NULL))
) WITH (fillfactor = 70);

CREATE TABLE claim (
    shop_id text COLLATE "C" NOT NULL,
    claim_id text COLLATE "C" NOT NULL,
    coupon_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    nth integer NOT NULL CHECK (nth > 0),
    code text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C",
    status text NOT NULL CHECK (status IN ('claimed', 'locked', 'redeemed', 'expired', 'revoked')),
    valid_from_us bigint NOT NULL,
    valid_until_us bigint NOT NULL,
    claimed_us bigint NOT NULL,
    trade_id text COLLATE "C",
    locked_us bigint,
    locked_until_us bigint,
    released_trade_id text COLLATE "C",
    redeemed_us bigint,
    amount bigint,
    discount bigint CHECK (discount BETWEEN 0 AND amount),
    due_us bigint,
    PRIMARY KEY (shop_id, claim_id),
    CONSTRAINT one_claim_each_time UNIQUE (shop_id, coupon_id, customer_id, nth),
    CONSTRAINT one_claim_a_code UNIQUE (shop_id, code)
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX one_claim_a_plan ON claim (shop_id, plan_id, customer_id) WHERE plan_id IS NOT NULL;
CREATE INDEX claim_of_customer ON claim (shop_id, customer_id, claimed_us, claim_id);
CREATE INDEX claim_due ON claim (due_us) WHERE due_us IS NOT NULL;

CREATE TABLE coupon_order (
    shop_id text COLLATE "C" NOT NULL,
    trade_id text COLLATE "C" NOT NULL,
    created_us bigint,
    paid_us bigint,
    completed_us bigint,
    closed_us bigint,
    PRIMARY KEY (shop_id, trade_id)
);
"""

PLANS = """
CREATE TABLE plan (
    shop_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    audience_id text COLLATE "C" NOT NULL,
    audience_size bigint NOT NULL,
    channels text[] NOT NULL,
    coupon_id text COLLATE "C",
    template_id text COLLATE "C",
    variables jsonb NOT NULL,
    timing jsonb NOT NULL,
    poster jsonb,
    holdout double precision NOT NULL CHECK (holdout >= 0 AND holdout < 1),
    ends_us bigint,
    state text NOT NULL CHECK (state IN ('draft', 'starting', 'running', 'ended', 'terminated')),
    created_us bigint NOT NULL,
    started_us bigint,
    ended_us bigint,
    -- Members are those of this moment, null while the audience is still being built.
    taken_us bigint,
    member_cursor text,
    collected boolean NOT NULL DEFAULT false,
    cancelled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (shop_id, plan_id)
);

CREATE INDEX plan_by_age ON plan (shop_id, created_us, plan_id);
CREATE INDEX plan_starting ON plan (shop_id, plan_id) WHERE state = 'starting';
CREATE INDEX plan_cancelling ON plan (ended_us) WHERE state = 'terminated' AND NOT cancelled;
CREATE INDEX plan_ending ON plan (ends_us) WHERE state IN ('starting', 'running') AND ends_us IS NOT NULL;

CREATE TABLE plan_member (
    shop_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    outcome text NOT NULL CHECK (
        outcome IN ('waiting', 'held-out', 'requested', 'sold-out', 'limit-reached', 'not-valid')
    ),
    PRIMARY KEY (shop_id, plan_id, customer_id)
) WITH (fillfactor = 80);

CREATE INDEX plan_member_waiting ON plan_member (shop_id, plan_id, customer_id) WHERE outcome = 'waiting';

CREATE TABLE message (
    shop_id text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    channel text NOT NULL,
    requested_us bigint NOT NULL,
    cancelled_us bigint,
    suppressed_us bigint,
    suppressed_reason text,
    sent_us bigint,
    delivered_us bigint,
    failed_us bigint,
    clicked_us bigint,
    PRIMARY KEY (shop_id, job_id)
) WITH (fillfactor = 80);

CREATE INDEX message_of_plan ON message (shop_id, plan_id, customer_id);
CREATE INDEX message_unsent ON message (shop_id, plan_id, job_id)
    WHERE coalesce(cancelled_us, suppressed_us, sent_us, delivered_us, failed_us) IS NULL;
"""


def upgrade() -> None:
    # The driver takes one statement at a time.
    for statement in filter(str.strip, f"{COUPONS}{PLANS}".split(";")):
        op.execute(statement)
