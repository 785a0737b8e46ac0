"""Programmes with their versions, what happened to each customer, and where it leaves them."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE programme (
        shop_id text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        since_us bigint NOT NULL,
        content jsonb NOT NULL,
        PRIMARY KEY (shop_id, version)
    )
    """,
    # Everything that was said of a customer, each event once; what stands of it is decided when it is read, so that
    # an erasure that comes late can still bring a later event of the same trade to the front.
    """
    CREATE TABLE fact (
        shop_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        trade_id text COLLATE "C" NOT NULL,
        source text COLLATE "C" NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        kind smallint NOT NULL,
        us bigint NOT NULL,
        amount bigint NOT NULL,
        refund_id text COLLATE "C" NOT NULL,
        tier text COLLATE "C",
        who text,
        reason text,
        PRIMARY KEY (shop_id, customer_id, trade_id, source, event_id)
    )
    """,
    # Sums of money are numeric: a thousand trades of the largest amount would be too much for a bigint.
    """
    CREATE TABLE customer (
        shop_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        erased_us bigint,
        walked_us bigint,
        due_us bigint,
        said_us bigint,
        joined_us bigint,
        tier text COLLATE "C",
        amount numeric(38) NOT NULL DEFAULT 0,
        trades integer NOT NULL DEFAULT 0,
        paid_amount numeric(38) NOT NULL DEFAULT 0,
        paid_trades integer NOT NULL DEFAULT 0,
        history jsonb NOT NULL DEFAULT '[]',
        PRIMARY KEY (shop_id, customer_id)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX customer_due ON customer (due_us) WHERE due_us IS NOT NULL",
    "CREATE INDEX customer_members ON customer (shop_id, customer_id) WHERE tier IS NOT NULL",
    "CREATE INDEX customer_tiers ON customer (shop_id, tier, customer_id) WHERE tier IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
