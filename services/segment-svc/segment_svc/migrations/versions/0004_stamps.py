"""How often anybody came or left: as long as that number stays, so do the members."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE headcount ADD COLUMN moves bigint NOT NULL DEFAULT 0")
    op.execute("UPDATE headcount SET moves = members")
