"""What the shop's figures are made of: who did something in which quarter of an hour, visits, trades and refunds."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
-- A number stands for the customer in figures. An erased customer's number stays behind, and nobody's it is.
CREATE SEQUENCE person;
ALTER TABLE customer ADD COLUMN who bigint NOT NULL DEFAULT nextval('person');

-- Facts that are not counted yet. Lines are JSON, kept as text since rows are copied in binary.
CREATE TABLE uncounted (
    who bigint NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    shop_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C",
    dwell_seconds bigint,
    trade_id text COLLATE "C",
    refund_id text COLLATE "C",
    amount bigint NOT NULL,
    lines text,
    PRIMARY KEY (who, number)
);

-- Local days of every zone in use begin at a quarter of an hour.
CREATE TABLE act (
    shop_id text COLLATE "C" NOT NULL,
    slot_us bigint NOT NULL,
    who bigint NOT NULL,
    acts bigint NOT NULL,
    views bigint NOT NULL,
    dwell_seconds numeric NOT NULL,
    dwells bigint NOT NULL,
    PRIMARY KEY (shop_id, slot_us, who)
) WITH (fillfactor = 90);

CREATE TABLE visit (
    shop_id text COLLATE "C" NOT NULL,
    who bigint NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    begun_us bigint NOT NULL,
    pages bigint NOT NULL,
    PRIMARY KEY (shop_id, who, visit_id)
) WITH (fillfactor = 90);
CREATE INDEX visit_begun ON visit (shop_id, begun_us);

-- The earliest of its type stands, by (time, source, id). A refund is named by its id beside the trade's.
CREATE TABLE deed (
    shop_id text COLLATE "C" NOT NULL,
    who bigint NOT NULL,
    trade_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    refund_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    lines text,
    PRIMARY KEY (shop_id, who, trade_id, type, refund_id)
);
CREATE INDEX deed_at ON deed (shop_id, type, at) INCLUDE (who, trade_id);

INSERT INTO uncounted (who, shop_id, at, source, event_id, type, trade_id, refund_id, amount, lines)
SELECT c.who, h.shop_id, h.at, h.source, h.event_id, h.type, h.trade_id, h.refund_id, h.amount, h.lines
FROM history AS h JOIN customer AS c USING (shop_id, customer_id)
WHERE h.trade_id IS NOT NULL OR h.type IN (
    'page.viewed', 'cart.added', 'cart.removed', 'favourite.added', 'favourite.removed', 'shop.followed',
    'shop.unfollowed', 'customer.signed_in', 'poster.clicked', 'message.clicked'
)
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
