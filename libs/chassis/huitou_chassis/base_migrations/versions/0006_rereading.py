"""Topics that are read again for kinds of events that an older version of the service passed over."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE reread (
            topic text PRIMARY KEY,
            types text[] NOT NULL,
            places json NOT NULL DEFAULT '{}'
        )
        """
    )
