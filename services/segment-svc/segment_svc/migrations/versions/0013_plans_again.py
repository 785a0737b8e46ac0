"""Plans that run already were told before plans were followed: they are read again."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        INSERT INTO reread (topic, types)
        SELECT 'campaign.benefits', '{plan.started,plan.ended}' WHERE EXISTS (SELECT FROM roster)
        """
    )
