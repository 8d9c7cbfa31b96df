"""The first tables: lease, intents and everything that an epoch is restored from.

Every table names account, bot and the epoch that wrote the row; a trigger refuses a row whose epoch
does not lead the account. Numbers beside a payload are there to be searched; the payload is the whole
struct, and restoring decodes nothing else.
"""

from alembic import op

revision = "0001"
down_revision = None

_LEASES = """
CREATE TABLE leases (
    account        text PRIMARY KEY,
    bot            text NOT NULL,
    holder         text NOT NULL,
    epoch          bigint NOT NULL,
    ttl            interval NOT NULL,
    granted_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    released       boolean NOT NULL,
    server_started timestamptz NOT NULL,
    timeline       text NOT NULL
);
"""

_FENCE = """
CREATE FUNCTION refuse_other_epochs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    leader_epoch bigint;
BEGIN
    -- FOR SHARE: a grant waits until what the last epoch is writing is written, and then restores it.
    SELECT epoch INTO leader_epoch FROM leases WHERE account = NEW.account FOR SHARE;
    IF leader_epoch IS DISTINCT FROM NEW.epoch THEN
        RAISE EXCEPTION '%: account % is led by epoch %, this row is of epoch %',
            TG_TABLE_NAME, NEW.account, leader_epoch, NEW.epoch USING ERRCODE = 'TF001';
    END IF;
    RETURN NEW;
END $$;
"""

_OWNED = "account text NOT NULL, bot text NOT NULL, epoch bigint NOT NULL"
_WRITTEN = "written_at timestamptz NOT NULL DEFAULT clock_timestamp()"

_FENCED_TABLES = {
    "signals": """
        signal_id text NOT NULL, symbol text NOT NULL, strategy text NOT NULL, verdict text NOT NULL,
        reason text NOT NULL, detail text NOT NULL, payload jsonb NOT NULL,
        PRIMARY KEY (account, signal_id)""",
    "intents": """
        signal_id text NOT NULL, leg text NOT NULL, attempt integer NOT NULL,
        client_order_id text NOT NULL UNIQUE, intent_epoch bigint NOT NULL, category text NOT NULL,
        symbol text NOT NULL, position_idx integer NOT NULL, side text NOT NULL, qty numeric NOT NULL,
        price numeric, state text NOT NULL, final boolean NOT NULL, order_id text NOT NULL,
        created_ns bigint NOT NULL, valid_until_ns bigint NOT NULL, payload jsonb NOT NULL,
        PRIMARY KEY (account, signal_id, leg, attempt)""",
    "orders": """
        category text NOT NULL, symbol text NOT NULL, order_id text NOT NULL, client_order_id text NOT NULL,
        side text NOT NULL, status text NOT NULL, terminal boolean NOT NULL, qty numeric NOT NULL,
        cum_exec_qty numeric NOT NULL, avg_price numeric, at_ns bigint NOT NULL, payload jsonb NOT NULL,
        PRIMARY KEY (account, order_id)""",
    "executions": """
        exec_id text NOT NULL, category text NOT NULL, symbol text NOT NULL, order_id text NOT NULL,
        client_order_id text NOT NULL, side text NOT NULL, exec_type text NOT NULL, price numeric NOT NULL,
        qty numeric NOT NULL, fee numeric NOT NULL, at_ns bigint NOT NULL, payload jsonb NOT NULL,
        PRIMARY KEY (account, exec_id)""",
    "positions": """
        category text NOT NULL, symbol text NOT NULL, position_idx integer NOT NULL, size numeric NOT NULL,
        entry_price numeric, generation bigint NOT NULL, realised numeric NOT NULL, fees numeric NOT NULL,
        at_ns bigint NOT NULL, payload jsonb NOT NULL,
        PRIMARY KEY (account, category, symbol, position_idx)""",
    "equity": """
        at_ns bigint NOT NULL, equity numeric NOT NULL, wallet_balance numeric NOT NULL,
        unrealised numeric NOT NULL, PRIMARY KEY (account, at_ns)""",
    "baselines": "day integer NOT NULL, equity numeric NOT NULL, PRIMARY KEY (account, day)",
    "shard_owners": """
        shard integer NOT NULL, instance text NOT NULL, owner_epoch bigint NOT NULL,
        generation bigint NOT NULL, payload jsonb NOT NULL, PRIMARY KEY (account, bot, shard)""",
    "stream_positions": """
        run_id text NOT NULL, signals_id text NOT NULL, announcements_id text NOT NULL,
        PRIMARY KEY (account, bot)""",
    # json, not jsonb: it keeps the text, so the content's hash is the same after reading it back.
    "config_history": """
        generation bigint NOT NULL, content_hash text NOT NULL, payload json NOT NULL,
        PRIMARY KEY (account, bot, generation)""",
    "decision_digests": """
        decisions bigint NOT NULL, digest text NOT NULL, PRIMARY KEY (account, epoch)""",
}

# No fence: whoever sees a reason to stop may engage a latch, and a person may clear it.
_LATCHES = f"""
CREATE TABLE latches (
    {_OWNED}, latch_id text NOT NULL, kind text NOT NULL, reason text NOT NULL, actor text NOT NULL,
    engaged_ns bigint NOT NULL, cleared_at timestamptz, cleared_by text, payload jsonb NOT NULL, {_WRITTEN},
    PRIMARY KEY (account, latch_id)
);
"""

_INDEXES = """
CREATE INDEX signals_by_time ON signals (account, written_at);
CREATE INDEX intents_open ON intents (account) WHERE NOT final;
CREATE INDEX intents_by_time ON intents (account, created_ns);
CREATE INDEX executions_by_time ON executions (account, at_ns);
CREATE INDEX orders_by_client_order_id ON orders (account, client_order_id);
"""


def upgrade() -> None:
    """Make every table and its fence."""
    op.execute(_LEASES)
    op.execute(_FENCE)
    for table, columns in _FENCED_TABLES.items():
        op.execute(f"CREATE TABLE {table} ({_OWNED}, {_WRITTEN}, {columns});")
        op.execute(
            f"CREATE TRIGGER fence BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_other_epochs();"
        )
    op.execute(_LATCHES)
    op.execute(_INDEXES)


def downgrade() -> None:
    """Drop them all: only for an empty database."""
    for table in (*_FENCED_TABLES, "latches", "leases"):
        op.execute(f"DROP TABLE {table};")
    op.execute("DROP FUNCTION refuse_other_epochs();")
