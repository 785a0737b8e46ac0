"""How far back a shop's scores by RFM look: its own word, and what each snapshot was made with; null is everything."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE snapshot_plan ADD COLUMN rfm_window_days integer")
    op.execute("ALTER TABLE snapshot ADD COLUMN rfm_window_days integer")
