"""The zone by whose days an audience goes while its members by those of the shop's are found; null is the shop's."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audience ADD COLUMN timezone text")
