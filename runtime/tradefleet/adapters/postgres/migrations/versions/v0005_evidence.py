"""What limits and evidence are read from: facts of a position, days, marks of signals, whose the lease is.

Additive and nullable, so that the release before reads and writes these tables as it always did. What it
cannot know lies where it does not write: a column or a table of its own. A fact of a position says of which
state of its row it speaks (generation, size, time), since the release before may have changed that row
since then.

The fence compares the grant as well, which is drawn at random: after a backup is restored two leaders may
hold the same epoch. A writer names its grant in the session's setting `tradefleet.grant`; the release before
names none, and is held by its epoch alone.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_COLUMNS = """
ALTER TABLE positions ADD COLUMN facts jsonb;
ALTER TABLE leases ADD COLUMN grant_id text;
ALTER TABLE leases ADD COLUMN bot_namespace text;
ALTER TABLE leases ADD COLUMN bot_name text;
"""

_OWNED = "account text NOT NULL, bot text NOT NULL, epoch bigint NOT NULL"
_WRITTEN = "written_at timestamptz NOT NULL DEFAULT clock_timestamp()"

_TABLES = {
    "days": "day integer NOT NULL, payload jsonb NOT NULL, PRIMARY KEY (account, day)",
    "signal_marks": """
        strategy text NOT NULL, symbol text NOT NULL, at_ns bigint NOT NULL, signal_id text NOT NULL,
        PRIMARY KEY (account, strategy, symbol)""",
}

_FENCE = """
CREATE OR REPLACE FUNCTION refuse_other_epochs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    leader_epoch bigint;
    leader_grant text;
    named text := coalesce(current_setting('tradefleet.grant', true), '');
BEGIN
    -- FOR SHARE: a grant waits until what the last epoch is writing is written, and then restores it.
    SELECT epoch, grant_id INTO leader_epoch, leader_grant FROM leases WHERE account = NEW.account FOR SHARE;
    IF leader_epoch IS DISTINCT FROM NEW.epoch OR (named <> '' AND named IS DISTINCT FROM leader_grant) THEN
        RAISE EXCEPTION '%: account % is led by epoch %, this row is of epoch %',
            TG_TABLE_NAME, NEW.account, leader_epoch, NEW.epoch USING ERRCODE = 'TF001';
    END IF;
    RETURN NEW;
END $$;
"""

_FENCE_OF_0001 = """
CREATE OR REPLACE FUNCTION refuse_other_epochs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    leader_epoch bigint;
BEGIN
    SELECT epoch INTO leader_epoch FROM leases WHERE account = NEW.account FOR SHARE;
    IF leader_epoch IS DISTINCT FROM NEW.epoch THEN
        RAISE EXCEPTION '%: account % is led by epoch %, this row is of epoch %',
            TG_TABLE_NAME, NEW.account, leader_epoch, NEW.epoch USING ERRCODE = 'TF001';
    END IF;
    RETURN NEW;
END $$;
"""

# The function of the release before does what it did; whoever makes the role later calls this one.
_ROLE = """
ALTER FUNCTION grant_to_tradefleet_writer() RENAME TO grant_to_tradefleet_writer_0004;
CREATE FUNCTION grant_to_tradefleet_writer() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM grant_to_tradefleet_writer_0004();
    GRANT SELECT, INSERT, UPDATE ON days, signal_marks TO tradefleet_writer;
    GRANT DELETE ON days TO tradefleet_writer;
END $$;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tradefleet_writer') THEN
        PERFORM grant_to_tradefleet_writer();
    END IF;
END $$;
"""


def upgrade() -> None:
    """Nothing that is there changes its meaning."""
    op.execute(_COLUMNS)
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {table} ({_OWNED}, {_WRITTEN}, {columns});")
        op.execute(
            f"CREATE TRIGGER fence BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_other_epochs();"
        )
    op.execute(_FENCE)
    op.execute(_ROLE)


def downgrade() -> None:
    """The release before reads none of it."""
    op.execute("DROP FUNCTION grant_to_tradefleet_writer();")
    op.execute("ALTER FUNCTION grant_to_tradefleet_writer_0004() RENAME TO grant_to_tradefleet_writer;")
    op.execute(_FENCE_OF_0001)
    for table in _TABLES:
        op.execute(f"DROP TABLE {table};")
    op.execute("ALTER TABLE positions DROP COLUMN facts;")
    for column in ("grant_id", "bot_namespace", "bot_name"):
        op.execute(f"ALTER TABLE leases DROP COLUMN {column};")
