"""What each comparison of an account with the exchange came to."""

from alembic import op

revision = "0004"
down_revision = "0003"

_TABLE = """
CREATE TABLE reconciliations (
    account text NOT NULL, bot text NOT NULL, epoch bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_ns bigint NOT NULL, reason text NOT NULL, outcome text NOT NULL, payload jsonb NOT NULL,
    PRIMARY KEY (account, epoch, asked_ns)
);
CREATE TRIGGER fence BEFORE INSERT OR UPDATE ON reconciliations
    FOR EACH ROW EXECUTE FUNCTION refuse_other_epochs();
"""

# The function of the release before does what it did; whoever makes the role later calls this one.
_ROLE = """
ALTER FUNCTION grant_to_tradefleet_writer() RENAME TO grant_to_tradefleet_writer_0002;
CREATE FUNCTION grant_to_tradefleet_writer() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM grant_to_tradefleet_writer_0002();
    GRANT SELECT, INSERT, UPDATE ON reconciliations TO tradefleet_writer;
END $$;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tradefleet_writer') THEN
        PERFORM grant_to_tradefleet_writer();
    END IF;
END $$;
"""


def upgrade() -> None:
    """Fenced as every table of an epoch is."""
    op.execute(_TABLE)
    op.execute(_ROLE)


def downgrade() -> None:
    """Nothing else reads it."""
    op.execute("DROP FUNCTION grant_to_tradefleet_writer();")
    op.execute("ALTER FUNCTION grant_to_tradefleet_writer_0002() RENAME TO grant_to_tradefleet_writer;")
    op.execute("DROP TABLE reconciliations;")
