"""Inbox, outbox, idempotency keys and the shops' settings."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE inbox (
        shop_id text COLLATE "C" NOT NULL,
        event bytea NOT NULL,
        digest bytea NOT NULL,
        PRIMARY KEY (shop_id, event)
    )
    """,
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL,
        key bytea,
        value bytea,
        headers bytea
    ) WITH (
        autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0
    )
    """,
    """
    CREATE TABLE idempotency (
        shop_id text COLLATE "C" NOT NULL,
        holder text COLLATE "C" NOT NULL,
        path text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        request bytea NOT NULL,
        status smallint,
        answer bytea,
        PRIMARY KEY (shop_id, holder, path, key)
    )
    """,
    """
    CREATE TABLE shop (
        shop_id text COLLATE "C" PRIMARY KEY,
        timezone text NOT NULL,
        currency text NOT NULL,
        language text NOT NULL,
        at_us bigint NOT NULL,
        source text COLLATE "C" NOT NULL,
        event_id text COLLATE "C" NOT NULL
    )
    """,
)


def upgrade() -> None:
    for table in TABLES:
        op.execute(table)
