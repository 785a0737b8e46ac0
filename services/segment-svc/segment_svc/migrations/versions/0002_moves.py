"""Who entered and left which audience when, how many by the quarter of an hour, and how many are in it."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE move (
    shop_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    move_id bigint GENERATED ALWAYS AS IDENTITY,
    audience_id text COLLATE "C" NOT NULL,
    entered boolean NOT NULL,
    initial boolean NOT NULL,
    PRIMARY KEY (shop_id, customer_id, at_us, move_id)
);

-- Local days and hours of every zone in use begin at a quarter of an hour. Lanes keep writers of one audience apart.
CREATE TABLE flow (
    shop_id text COLLATE "C" NOT NULL,
    audience_id text COLLATE "C" NOT NULL,
    slot_us bigint NOT NULL,
    lane smallint NOT NULL,
    entries bigint NOT NULL,
    exits bigint NOT NULL,
    PRIMARY KEY (shop_id, audience_id, slot_us, lane)
) WITH (fillfactor = 80);

CREATE TABLE headcount (
    shop_id text COLLATE "C" NOT NULL,
    audience_id text COLLATE "C" NOT NULL,
    lane smallint NOT NULL,
    members bigint NOT NULL,
    PRIMARY KEY (shop_id, audience_id, lane)
) WITH (fillfactor = 50);

-- From when on every coming and going is known: from the audience's creation on where it is null.
ALTER TABLE audience ADD COLUMN logged_us bigint;
UPDATE audience SET logged_us = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
UPDATE audience AS a SET logged_us = c.latest
FROM (SELECT shop_id, max(evaluated_us) AS latest FROM customer GROUP BY shop_id) AS c
WHERE c.shop_id = a.shop_id AND c.latest > a.logged_us;

INSERT INTO move (shop_id, customer_id, at_us, audience_id, entered, initial)
SELECT shop_id, customer_id, since_us, audience_id, true, false FROM member;
CREATE INDEX move_of ON move (shop_id, audience_id, customer_id, at_us DESC, move_id DESC) INCLUDE (entered);

INSERT INTO flow (shop_id, audience_id, slot_us, lane, entries, exits)
SELECT shop_id, audience_id, since_us - mod(mod(since_us, 900000000) + 900000000, 900000000), 0, count(*), 0
FROM member GROUP BY 1, 2, 3;
INSERT INTO headcount (shop_id, audience_id, lane, members)
SELECT shop_id, audience_id, 0, count(*) FROM member GROUP BY 1, 2
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
