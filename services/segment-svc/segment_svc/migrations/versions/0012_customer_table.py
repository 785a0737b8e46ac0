"""The customer table: one row of figures a customer, in the order of each; and who changed since it was written."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SORTED = (
    "country",
    "fan",
    "dwell_seconds",
    "product_views",
    "carts",
    "orders",
    "trades",
    "amount",
    "last_paid_amount",
    "last_paid_us",
    "first_seen_us",
)
TABLES = """
ALTER TABLE history ADD COLUMN dwell_seconds integer;

CREATE TABLE customer_row (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    country text COLLATE "C" NOT NULL,
    fan boolean NOT NULL,
    dwell_seconds bigint NOT NULL,
    product_views bigint NOT NULL,
    carts bigint NOT NULL,
    orders bigint NOT NULL,
    trades bigint NOT NULL,
    amount bigint NOT NULL,
    last_paid_amount bigint NOT NULL,
    last_paid_us bigint NOT NULL,
    first_seen_us bigint NOT NULL,
    PRIMARY KEY (shop_id, customer_id)
);

CREATE TABLE customer_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id text COLLATE "C" NOT NULL,
    customers text[] NOT NULL
);
INSERT INTO customer_change (shop_id, customers)
SELECT shop_id, array_agg(customer_id) FROM (
    SELECT shop_id, customer_id, row_number() OVER (PARTITION BY shop_id ORDER BY customer_id) / 2000 AS part
    FROM customer
) AS known
GROUP BY shop_id, part
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
    for column in SORTED:
        op.execute(f"CREATE INDEX customer_row_{column} ON customer_row (shop_id, {column}, customer_id)")
