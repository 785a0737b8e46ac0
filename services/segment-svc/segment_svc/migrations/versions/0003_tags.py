"""Tags say who put them on and how; each has a definition with a count; files of customers are worked off in parts."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE tag ADD COLUMN put_by text, ADD COLUMN how text CHECK (how IN ('hand', 'bulk', 'file'));
CREATE INDEX tag_of ON tag (shop_id, tag, customer_id);

CREATE TABLE tag_definition (
    shop_id text COLLATE "C" NOT NULL,
    tag text COLLATE "C" NOT NULL,
    description text,
    colour text,
    created_us bigint NOT NULL,
    customers bigint NOT NULL DEFAULT 0,
    ending boolean NOT NULL DEFAULT false,
    PRIMARY KEY (shop_id, tag)
);
CREATE INDEX tag_definition_ending ON tag_definition (shop_id, tag) WHERE ending;
INSERT INTO tag_definition (shop_id, tag, created_us, customers)
SELECT shop_id, tag, min(at), count(*) FROM tag GROUP BY shop_id, tag;

CREATE TABLE tag_job (
    shop_id text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    tag text COLLATE "C" NOT NULL,
    present boolean NOT NULL,
    put_by text NOT NULL,
    created_us bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    lines integer NOT NULL,
    total integer NOT NULL,
    done integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    bad integer NOT NULL,
    bad_lines json NOT NULL,
    PRIMARY KEY (shop_id, job_id)
);
CREATE INDEX tag_job_running ON tag_job (shop_id, tag) WHERE state = 'running';

CREATE TABLE tag_job_part (
    shop_id text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    customers text[] NOT NULL,
    PRIMARY KEY (shop_id, job_id, number)
);
CREATE INDEX tag_job_part_next ON tag_job_part (number, shop_id, job_id);
"""


def upgrade() -> None:
    for statement in filter(None, map(str.strip, TABLES.split(";"))):
        op.execute(statement)
