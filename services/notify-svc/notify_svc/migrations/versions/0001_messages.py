"""Recipients and their signals, policies, templates, and the ledger of deliveries."""

from alembic import op

revision = "0001"
down_revision = None

RECIPIENTS = (
    """
    CREATE TABLE customer (
        shop_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        erased_us bigint,
        PRIMARY KEY (shop_id, customer_id)
    )
    """,
    """
    CREATE TABLE preference (
        shop_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        field text COLLATE "C" NOT NULL,
        at_us bigint NOT NULL,
        source text COLLATE "C" NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        value text,
        sealed bytea,
        fingerprint bytea,
        proof jsonb,
        PRIMARY KEY (shop_id, customer_id, field, at_us, source, event_id)
    )
    """,
    "CREATE INDEX preference_by_phone ON preference (shop_id, fingerprint) WHERE fingerprint IS NOT NULL",
    """
    CREATE TABLE opt_out (
        shop_id text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL CHECK (kind IN ('customer', 'phone')),
        name text COLLATE "C" NOT NULL,
        at_us bigint NOT NULL,
        how text NOT NULL,
        PRIMARY KEY (shop_id, kind, name)
    )
    """,
    """
    CREATE TABLE signal (
        shop_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        at_us bigint NOT NULL,
        number integer NOT NULL,
        bought boolean NOT NULL,
        PRIMARY KEY (shop_id, customer_id, at_us)
    )
    """,
    "CREATE INDEX signal_of_buyers ON signal (shop_id, customer_id, at_us) WHERE bought",
    """
    CREATE TABLE shop_hour (
        shop_id text COLLATE "C" NOT NULL,
        hour integer NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (shop_id, hour)
    ) WITH (fillfactor = 70)
    """,
)

RULES = (
    """
    CREATE TABLE policy (
        shop_id text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        at_us bigint NOT NULL,
        opens smallint NOT NULL,
        closes smallint NOT NULL,
        most smallint NOT NULL,
        period_us bigint NOT NULL,
        gap_us bigint NOT NULL,
        signature text,
        PRIMARY KEY (shop_id, version)
    )
    """,
    """
    CREATE TABLE template (
        shop_id text COLLATE "C" NOT NULL,
        template_id text COLLATE "C" NOT NULL,
        name text NOT NULL,
        text text NOT NULL,
        state text NOT NULL CHECK (state IN ('draft', 'submitted', 'approved', 'rejected')),
        reason text,
        created_us bigint NOT NULL,
        PRIMARY KEY (shop_id, template_id)
    )
    """,
    """
    CREATE TABLE ended_plan (
        shop_id text COLLATE "C" NOT NULL,
        plan_id text COLLATE "C" NOT NULL,
        at_us bigint NOT NULL,
        PRIMARY KEY (shop_id, plan_id)
    )
    """,
    """
    CREATE TABLE cancellation (
        shop_id text COLLATE "C" NOT NULL,
        job_id text COLLATE "C" NOT NULL,
        at_us bigint NOT NULL,
        PRIMARY KEY (shop_id, job_id)
    )
    """,
)

LEDGER = (
    """
    CREATE TABLE delivery (
        shop_id text COLLATE "C" NOT NULL,
        job_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        plan_id text COLLATE "C" NOT NULL,
        channel text NOT NULL,
        purpose text NOT NULL CHECK (purpose IN ('marketing', 'care', 'test')),
        template_id text COLLATE "C",
        variables jsonb NOT NULL,
        coupon_code text,
        poster jsonb,
        kind text NOT NULL,
        requested_us bigint NOT NULL,
        until_us bigint,
        expires_us bigint,
        priority integer NOT NULL,
        state text NOT NULL CHECK (state IN
            ('scheduled', 'retrying', 'sending', 'unknown', 'sent', 'delivered', 'failed', 'suppressed')),
        reason text,
        at_us bigint,
        sent_us bigint,
        delivered_us bigint,
        clicked_us bigint,
        phone bytea,
        masked text,
        parts smallint,
        provider text,
        provider_id text,
        attempts integer NOT NULL DEFAULT 0,
        wake timestamptz,
        history jsonb NOT NULL,
        PRIMARY KEY (shop_id, job_id)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX delivery_by_time ON delivery (shop_id, requested_us, job_id)",
    "CREATE INDEX delivery_by_plan ON delivery (shop_id, plan_id, requested_us, job_id)",
    "CREATE INDEX delivery_by_customer ON delivery (shop_id, customer_id, requested_us, job_id)",
    "CREATE INDEX delivery_due ON delivery (at_us) WHERE channel = 'sms' AND state = 'scheduled'",
    "CREATE INDEX delivery_waiting ON delivery (wake) WHERE state IN ('retrying', 'sending', 'unknown')",
    """
    CREATE INDEX delivery_counted ON delivery (shop_id, customer_id)
        WHERE channel = 'sms' AND purpose = 'marketing' AND state <> 'suppressed'
    """,
    """
    CREATE INDEX delivery_on_show ON delivery (shop_id, customer_id)
        WHERE channel = 'poster' AND state IN ('scheduled', 'delivered')
    """,
)


def upgrade() -> None:
    for statement in (*RECIPIENTS, *RULES, *LEDGER):
        op.execute(statement)
