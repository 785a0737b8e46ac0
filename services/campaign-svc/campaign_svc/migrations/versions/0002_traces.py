"""The trace in which a plan was started, for what it gives later."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE plan ADD COLUMN trace text")
