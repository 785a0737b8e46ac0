"""Snapshots of what customers are in the whole shop: scores, published at a moment, and the next moment to make one."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
-- While `publishing`, the changes of the latest snapshot are on their way to the customers.
CREATE TABLE snapshot_plan (
    shop_id text COLLATE "C" PRIMARY KEY,
    next_us bigint NOT NULL,
    publishing boolean NOT NULL DEFAULT false,
    loyalty_levels json
);
CREATE INDEX snapshot_next ON snapshot_plan (next_us) WHERE NOT publishing;
CREATE INDEX snapshot_publishing ON snapshot_plan (shop_id) WHERE publishing;
INSERT INTO snapshot_plan (shop_id, next_us) SELECT shop_id, 0 FROM roster;

CREATE TABLE snapshot (
    shop_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    published_us bigint NOT NULL,
    cells json NOT NULL,
    PRIMARY KEY (shop_id, version)
);

-- Recency, frequency, monetary value, consumption and loyalty level, each null if there is none.
CREATE TABLE score (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    scores smallint[] NOT NULL,
    PRIMARY KEY (shop_id, customer_id)
) WITH (fillfactor = 80);

-- Who is to get other scores. The number is that of the customer as they were looked at.
CREATE TABLE score_change (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    who bigint NOT NULL,
    before smallint[] NOT NULL,
    after smallint[] NOT NULL,
    PRIMARY KEY (shop_id, customer_id)
)
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
