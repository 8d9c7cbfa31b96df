"""The audit: one chain of entries an account, that can only grow.

Whoever inserts gives the entry; the database itself gives it its number and its hash, under a lock on the
chain's head, so that two writers cannot fork it and no writer can forge it. Changing and deleting is
refused for everybody, the owner and superusers included, until they drop the triggers, which the chain then
shows. `orders/audit.py` computes the same hashes for the check.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = """
CREATE TABLE audit_heads (
    account text PRIMARY KEY,
    count   bigint NOT NULL,
    hash    bytea NOT NULL
);
CREATE TABLE audit (
    account text NOT NULL,
    seq     bigint NOT NULL,
    at_ns   bigint NOT NULL,
    epoch   bigint,
    actor   text NOT NULL,
    act     text NOT NULL,
    subject text NOT NULL,
    why     text NOT NULL,
    -- text, not jsonb: the hash is over these very bytes.
    what    text NOT NULL,
    origin  text NOT NULL DEFAULT '',
    hash    bytea NOT NULL,
    PRIMARY KEY (account, seq)
);
CREATE INDEX audit_by_subject ON audit (subject, account, seq);
CREATE INDEX audit_by_time ON audit (at_ns);
CREATE UNIQUE INDEX audit_by_origin ON audit (account, origin) WHERE origin <> '';
"""

# Each part after its length, so that no two entries give the same bytes.
_PART = "int4send(octet_length({0}::text)) || convert_to({0}::text, 'UTF8')"
_PARTS = " || ".join(
    _PART.format(part)
    for part in (
        *("NEW.account", "NEW.seq", "NEW.at_ns", "coalesce(NEW.epoch::text, '')", "NEW.actor", "NEW.act"),
        *("NEW.subject", "NEW.why", "NEW.what", "NEW.origin"),
    )
)
_FIRST = " || ".join(_PART.format(part) for part in ("'tradefleet audit 1'", "NEW.account"))

# SECURITY DEFINER: a writer needs no right to the heads. Its search path is fixed below.
_CHAIN = f"""
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    before record;
BEGIN
    SELECT count, hash INTO before FROM audit_heads WHERE account = NEW.account FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit_heads VALUES (NEW.account, 0, sha256({_FIRST})) ON CONFLICT DO NOTHING;
        SELECT count, hash INTO before FROM audit_heads WHERE account = NEW.account FOR UPDATE;
    END IF;
    NEW.seq = before.count + 1;
    NEW.hash = sha256(before.hash || {_PARTS});
    UPDATE audit_heads SET count = NEW.seq, hash = NEW.hash WHERE account = NEW.account;
    RETURN NEW;
END $$;
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION chain_audit() SET search_path = %I, pg_temp', current_schema());
END $$;
CREATE TRIGGER chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit();
"""

_ONLY_GROWS = """
CREATE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: the audit only grows; % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'TF002';
END $$;
CREATE FUNCTION refuse_to_move_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- 1 is a statement of somebody's own; the chain's trigger comes deeper.
    IF pg_trigger_depth() < 2 OR NEW.count <> OLD.count + 1 THEN
        RAISE EXCEPTION 'audit_heads: only a new entry moves the head' USING ERRCODE = 'TF002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit();
CREATE TRIGGER moved_by_entries BEFORE UPDATE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION refuse_to_move_audit_head();
-- ALWAYS: also in a session that calls itself a replica.
ALTER TABLE audit ENABLE ALWAYS TRIGGER chain;
ALTER TABLE audit ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER moved_by_entries;
REVOKE ALL ON audit, audit_heads FROM PUBLIC;
"""

# All that an executor, the kill switch and flatten need; of the audit only reading and adding.
_ROLE = """
CREATE FUNCTION grant_to_tradefleet_writer() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['leases', 'signals', 'intents', 'orders', 'executions', 'positions', 'equity',
        'baselines', 'shard_owners', 'stream_positions', 'config_history', 'decision_digests', 'latches'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO tradefleet_writer', kept);
    END LOOP;
    GRANT SELECT, INSERT ON audit TO tradefleet_writer;
    GRANT SELECT ON audit_heads, alembic_version TO tradefleet_writer;
END $$;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tradefleet_writer') THEN
        CREATE ROLE tradefleet_writer NOLOGIN;
    END IF;
-- Of two databases of one server that are migrated at once, one finds the role there.
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tradefleet_writer') THEN
        PERFORM grant_to_tradefleet_writer();
    END IF;
END $$;
"""


def upgrade() -> None:
    """Make the chain, what keeps it from being changed, and the role that may only add to it."""
    for statements in (_TABLES, _CHAIN, _ONLY_GROWS, _ROLE):
        op.execute(statements)


def downgrade() -> None:
    """Drop it all; the role stays, since other databases of the server may use it."""
    op.execute("DROP TABLE audit, audit_heads;")
    op.execute(
        "DROP FUNCTION chain_audit(), refuse_to_change_audit(), refuse_to_move_audit_head(), "
        "grant_to_tradefleet_writer();"
    )
