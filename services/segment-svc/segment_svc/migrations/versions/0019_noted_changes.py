"""Who noted that customers changed, and when: their rows are worked out where they are in mind."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE customer_change
            ADD COLUMN noted_by text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now()
        """
    )
