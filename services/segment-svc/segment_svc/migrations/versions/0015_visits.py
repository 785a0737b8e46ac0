"""The visit that each event of a customer belongs to; of what was told before it is not known, and such views of pages
belong to none."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('ALTER TABLE history ADD COLUMN visit_id text COLLATE "C"')
