"""What was paid, line by line, packed beside what else a day's figures are made of."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Where they are missing, they are packed by the job.
    op.execute("ALTER TABLE day_sheet ADD COLUMN bills bytea, ADD COLUMN lines bytea, ADD COLUMN items text")
    op.execute("ALTER TABLE day_sheet ALTER bills SET STORAGE EXTERNAL, ALTER lines SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX day_sheet_bills ON day_sheet (at_us) WHERE bills IS NULL")
