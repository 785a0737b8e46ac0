"""Who customers are, as far as figures are split by it, and the prices of items over time."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
-- One row a number of a customer. Membership is the last one, from the quarter of an hour in which it began until that
-- in which it ended was over. `next_us` is when something that was announced begins to hold.
CREATE TABLE trait (
    shop_id text COLLATE "C" NOT NULL,
    who bigint NOT NULL,
    customer_id text COLLATE "C",
    gender text COLLATE "C",
    birthday date,
    country text COLLATE "C",
    province text COLLATE "C",
    city text COLLATE "C",
    fan boolean NOT NULL,
    joined_us bigint,
    left_us bigint,
    next_us bigint,
    PRIMARY KEY (shop_id, who)
) WITH (fillfactor = 90);
CREATE INDEX trait_next ON trait (next_us) WHERE next_us IS NOT NULL;
CREATE INDEX trait_member ON trait (shop_id, joined_us) INCLUDE (left_us) WHERE joined_us IS NOT NULL;

CREATE TABLE price (
    shop_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    price bigint NOT NULL,
    PRIMARY KEY (shop_id, item_id, at, source, event_id)
);

-- Those of whom something is known already are written by the job, which is told that their moment has come.
INSERT INTO trait (shop_id, who, customer_id, fan, next_us)
SELECT c.shop_id, c.who, c.customer_id, false, 0
FROM customer AS c
WHERE EXISTS (
    SELECT FROM history AS h WHERE h.shop_id = c.shop_id AND h.customer_id = c.customer_id AND h.changes IS NOT NULL
)
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
