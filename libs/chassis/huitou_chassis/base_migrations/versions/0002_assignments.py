"""Who reads which partition, so that a worker that lost it writes nothing."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLE = """
CREATE TABLE assignment (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    owner text NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50)
"""


def upgrade() -> None:
    op.execute(TABLE)
