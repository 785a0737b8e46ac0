"""The count."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE tally (shop_id text, customer_id text, trades int NOT NULL, PRIMARY KEY (shop_id, customer_id))"
    )
