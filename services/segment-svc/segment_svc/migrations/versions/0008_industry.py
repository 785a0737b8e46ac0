"""What a shop's industries reach, as the shop imported it."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE industry_figure (
            shop_id text COLLATE "C" NOT NULL,
            industry text COLLATE "C" NOT NULL,
            since date NOT NULL,
            monthly boolean NOT NULL,
            conversion double precision,
            dwell_seconds double precision,
            PRIMARY KEY (shop_id, industry, since, monthly)
        )
        """
    )
