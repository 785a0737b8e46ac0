"""An audience whose members are found may wait for others to take its place with them."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audience DROP CONSTRAINT audience_state_check")
    op.execute(
        "ALTER TABLE audience ADD CONSTRAINT audience_state_check"
        " CHECK (state IN ('building', 'ready', 'live', 'ending'))"
    )
