"""Which plans run, and for which audience."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE plan (
            shop_id text COLLATE "C" NOT NULL,
            plan_id text COLLATE "C" NOT NULL,
            audience_id text COLLATE "C" NOT NULL,
            ended boolean NOT NULL,
            PRIMARY KEY (shop_id, plan_id)
        )
        """
    )
    op.execute("CREATE INDEX plan_running ON plan (shop_id, audience_id, plan_id) WHERE NOT ended")
