"""What operators changed, in a log that can only be added to."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    CREATE TABLE audit (
        shop_id text COLLATE "C" NOT NULL,
        number bigint NOT NULL,
        at_us bigint NOT NULL,
        key_id text COLLATE "C" NOT NULL,
        role text NOT NULL,
        method text NOT NULL,
        path text NOT NULL,
        status smallint NOT NULL,
        body text NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (shop_id, number)
    )
    """,
    """
    CREATE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log can only be added to' USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
