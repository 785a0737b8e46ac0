"""Customers with their histories, audiences with their members, and the moments that are due."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE SEQUENCE stamp;

CREATE TABLE roster (
    shop_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    timezone text NOT NULL
);

CREATE TABLE audience (
    shop_id text COLLATE "C" NOT NULL,
    audience_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    rule json NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'live', 'ending')),
    recommended boolean NOT NULL DEFAULT false,
    reached text COLLATE "C",
    created_us bigint NOT NULL,
    PRIMARY KEY (shop_id, audience_id)
);
CREATE INDEX audience_unfinished ON audience (shop_id, audience_id) WHERE state <> 'live';

CREATE TABLE customer (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    born_us bigint,
    evaluated_us bigint,
    due_us bigint,
    erased_us bigint,
    PRIMARY KEY (shop_id, customer_id)
) WITH (fillfactor = 80);
CREATE INDEX customer_due ON customer (due_us) WHERE due_us IS NOT NULL;

-- Lines and changes are JSON, kept as text since rows are copied in binary.
CREATE TABLE history (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    trade_id text COLLATE "C",
    refund_id text COLLATE "C",
    amount bigint NOT NULL,
    lines text,
    changes text,
    PRIMARY KEY (shop_id, customer_id, at, source, event_id)
);

CREATE TABLE tag (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    tag text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (shop_id, customer_id, tag)
);

CREATE TABLE member (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    audience_id text COLLATE "C" NOT NULL,
    since_us bigint NOT NULL,
    PRIMARY KEY (shop_id, customer_id, audience_id)
);
CREATE UNIQUE INDEX member_of ON member (shop_id, audience_id, customer_id) INCLUDE (since_us);
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
