"""Which items are bought again and when, as of the latest snapshot; the recommended audience that goes by it."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
-- The buyers of which items are still to be looked at, with for how many days back.
ALTER TABLE snapshot_plan
    ADD COLUMN repurchase json,
    ADD COLUMN unsettled json;

CREATE TABLE cycle (
    shop_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    category_id text COLLATE "C",
    buyers bigint NOT NULL,
    again bigint NOT NULL,
    rate double precision NOT NULL,
    basis text COLLATE "C",
    lower_days integer,
    upper_days integer,
    high boolean NOT NULL,
    PRIMARY KEY (shop_id, item_id)
);
CREATE INDEX cycle_high ON cycle (shop_id, item_id) INCLUDE (lower_days, upper_days) WHERE high;

INSERT INTO audience (shop_id, audience_id, name, rule, state, recommended, created_us, logged_us)
SELECT shop_id, 'repurchase', '复购人群', '{"repurchase": true}', 'live', true,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 0
FROM roster
ON CONFLICT DO NOTHING;
UPDATE roster SET version = nextval('stamp');
UPDATE snapshot_plan SET next_us = 0
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
