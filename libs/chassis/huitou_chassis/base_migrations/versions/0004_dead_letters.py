"""Records that could not be taken: where each lies in Kafka, why it was refused, and what became of it."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    CREATE TABLE dead_letter (
        shop_id text COLLATE "C" NOT NULL,
        letter_id text COLLATE "C" NOT NULL,
        topic text COLLATE "C" NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        arrived_ms bigint NOT NULL,
        reason text COLLATE "C" NOT NULL,
        detail text NOT NULL,
        first_us bigint NOT NULL,
        last_us bigint NOT NULL,
        times integer NOT NULL DEFAULT 1,
        replays integer NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'replayed', 'dropped')),
        dropped_because text,
        PRIMARY KEY (shop_id, letter_id)
    )
    """,
    "CREATE INDEX dead_letter_by_time ON dead_letter (shop_id, first_us, letter_id)",
    "CREATE INDEX dead_letter_waiting ON dead_letter (topic) WHERE state = 'waiting'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
