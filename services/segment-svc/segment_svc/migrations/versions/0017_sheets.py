"""What a day's figures are made of, and who customers are, packed to be read at once."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = """
-- What happened in a shop on a day of UTC that is over, or in an hour of one that is not. From `until_us` on something
-- that was announced changes it.
CREATE TABLE day_sheet (
    shop_id text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    length_us bigint NOT NULL,
    acts bytea NOT NULL,
    deals bytea NOT NULL,
    looks bytea NOT NULL,
    until_us bigint,
    PRIMARY KEY (shop_id, at_us, length_us)
);
CREATE INDEX day_sheet_until ON day_sheet (until_us) WHERE until_us IS NOT NULL;
CREATE INDEX day_sheet_hours ON day_sheet (at_us) WHERE length_us < 86400000000;

-- Who customers are whose numbers begin with `first_who`. The `places` are the regions that its rows name, as JSON.
CREATE TABLE people_sheet (
    shop_id text COLLATE "C" NOT NULL,
    first_who bigint NOT NULL,
    people bytea NOT NULL,
    places text NOT NULL,
    PRIMARY KEY (shop_id, first_who)
);

-- They hold numbers that nothing makes much smaller.
ALTER TABLE day_sheet ALTER acts SET STORAGE EXTERNAL, ALTER deals SET STORAGE EXTERNAL;
ALTER TABLE people_sheet ALTER people SET STORAGE EXTERNAL;

-- What is no longer as its sheet says, or has none: a day or hour, or customers from a number on. Rows are only
-- added and taken, so that nobody waits.
CREATE TABLE stale_day (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    length_us bigint NOT NULL
);
CREATE INDEX stale_day_shop ON stale_day (shop_id, at_us);
CREATE TABLE stale_people (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id text COLLATE "C" NOT NULL,
    first_who bigint NOT NULL
);
CREATE INDEX stale_people_shop ON stale_people (shop_id, first_who);

INSERT INTO stale_day (shop_id, at_us, length_us)
SELECT DISTINCT shop_id, at - mod(mod(at, 86400000000) + 86400000000, 86400000000), 86400000000
FROM (
    SELECT shop_id, slot_us AS at FROM act
    UNION ALL SELECT shop_id, begun_us FROM visit
    UNION ALL SELECT shop_id, at FROM deed WHERE type IN ('trade.paid', 'trade.completed')
) AS happened;
INSERT INTO stale_people (shop_id, first_who) SELECT DISTINCT shop_id, who - mod(who, 4096) FROM trait
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
