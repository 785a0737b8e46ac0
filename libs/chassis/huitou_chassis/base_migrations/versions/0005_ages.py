"""Since when a row of the outbox waits, and how old a dead letter is."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    "ALTER TABLE outbox ADD COLUMN said_at timestamptz NOT NULL DEFAULT clock_timestamp()",
    "CREATE INDEX dead_letter_by_arrival ON dead_letter (topic, arrived_ms)",
    "CREATE INDEX dead_letter_done ON dead_letter (last_us) WHERE state <> 'waiting'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
