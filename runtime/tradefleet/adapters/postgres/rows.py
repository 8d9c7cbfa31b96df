"""Statements and parameters of the tables that an epoch writes.

One `Write` for each kind of thing; all may be repeated without harm, and none goes back. The first
three parameters of each are account, bot and the epoch that writes, which the database checks.
"""

from typing import Any, Final

import msgspec

from tradefleet.adapters.postgres import audit
from tradefleet.core.actions import (
    AnyAction,
    ChooseOwner,
    ClearLatch,
    EngageLatch,
    ForgetDay,
    JudgeSignal,
    KeepBaseline,
    KeepDay,
    KeepEquity,
    KeepExecution,
    KeepIntent,
    KeepOrder,
    KeepPosition,
    KeepReport,
    KeepSignalMark,
)
from tradefleet.core.events import AnyEvent, ConfigApplied
from tradefleet.orders.intents import Intent, IntentRecord, IntentState
from tradefleet.positions.facts import facts_of, without_facts
from tradefleet.spec.snapshot import ConfigSnapshot

Values = tuple[Any, ...]


class Write(msgspec.Struct, frozen=True):
    """A statement and its parameters after account, bot and epoch."""

    statement: str
    values: Values


def _insert(table: str, columns: str, on_conflict: str) -> str:
    count = len(columns.split(",")) + 3
    parameters = ", ".join(f"${number}" for number in range(1, count + 1))
    into = f"INSERT INTO {table} (account, bot, epoch, {columns})"
    return f"{into} VALUES ({parameters}) ON CONFLICT {on_conflict}"


def _replaced(columns: str) -> str:
    names = ["epoch", *(name.strip() for name in columns.split(","))]
    return "DO UPDATE SET written_at = clock_timestamp(), " + ", ".join(f"{n} = EXCLUDED.{n}" for n in names)


_SIGNAL_COLUMNS = "signal_id, symbol, strategy, verdict, reason, detail, payload"
_INTENT_COLUMNS = (
    "signal_id, leg, attempt, client_order_id, intent_epoch, category, symbol, position_idx, side, qty, "
    "price, state, final, order_id, created_ns, valid_until_ns, payload"
)
_ORDER_COLUMNS = (
    "category, symbol, order_id, client_order_id, side, status, terminal, qty, cum_exec_qty, avg_price, "
    "at_ns, payload"
)
_EXECUTION_COLUMNS = (
    "exec_id, category, symbol, order_id, client_order_id, side, exec_type, price, qty, fee, at_ns, payload"
)
_POSITION_COLUMNS = (
    "category, symbol, position_idx, size, entry_price, generation, realised, fees, at_ns, payload, facts"
)

# The first verdict stands, unless it was about a process that was not the owner: its id is still free.
_FIRST_VERDICT = f"(account, signal_id) {_replaced(_SIGNAL_COLUMNS)} WHERE signals.reason = 'not_owner'"
SIGNAL: Final = _insert("signals", _SIGNAL_COLUMNS, _FIRST_VERDICT)


def _new_intent(*, with_signal: bool) -> str:
    """An intent, the verdict on its signal and their entry of the audit: all or nothing, in one message.

    Parameters: account, bot, epoch; the intent's; the signal's, if it comes of one; the entry's without
    its account. The audit reads the inserted intent, and so comes after it. No ON CONFLICT for a new
    intent: its unique keys are what makes a second send impossible.
    """
    intent, numbered = _numbered("intents", _INTENT_COLUMNS, 4)
    signal, after = _numbered("signals", _SIGNAL_COLUMNS, numbered) if with_signal else ("", numbered)
    beside = f", signal AS ({signal} ON CONFLICT {_FIRST_VERDICT})" if with_signal else ""
    entry = audit.COLUMNS.partition(", ")[2]
    numbers = ", ".join(f"${number}" for number in range(after, after + len(entry.split(","))))
    return (
        f"WITH intent AS ({intent} RETURNING account){beside} "
        f"INSERT INTO audit ({audit.COLUMNS}) SELECT account, {numbers} FROM intent"
    )


def _numbered(table: str, columns: str, first: int) -> tuple[str, int]:
    """An INSERT whose own parameters begin at `first`, and the number behind them."""
    behind = first + len(columns.split(","))
    parameters = ", ".join(f"${number}" for number in (1, 2, 3, *range(first, behind)))
    return f"INSERT INTO {table} (account, bot, epoch, {columns}) VALUES ({parameters})", behind


INTENT_ONCE: Final = _insert("intents", _INTENT_COLUMNS, "DO NOTHING")
NEW_INTENT: Final = _new_intent(with_signal=False)
NEW_INTENT_OF_SIGNAL: Final = _new_intent(with_signal=True)
INTENT: Final = _insert(
    "intents",
    _INTENT_COLUMNS,
    f"(account, signal_id, leg, attempt) {_replaced('state, final, order_id, payload')} "
    "WHERE NOT intents.final OR EXCLUDED.final",
)
# What has been executed only grows, and a terminal status is the last one.
ORDER: Final = _insert(
    "orders",
    _ORDER_COLUMNS,
    f"(account, order_id) {_replaced(_ORDER_COLUMNS)} "
    "WHERE EXCLUDED.cum_exec_qty >= orders.cum_exec_qty AND (EXCLUDED.terminal OR NOT orders.terminal) "
    "AND (EXCLUDED.terminal OR EXCLUDED.at_ns >= orders.at_ns)",
)
EXECUTION: Final = _insert("executions", _EXECUTION_COLUMNS, "DO NOTHING")
POSITION: Final = _insert(
    "positions",
    _POSITION_COLUMNS,
    f"(account, category, symbol, position_idx) {_replaced(_POSITION_COLUMNS)}",
)
EQUITY: Final = _insert("equity", "at_ns, equity, wallet_balance, unrealised", "DO NOTHING")
DAY: Final = _insert("days", "day, payload", f"(account, day) {_replaced('payload')}")
FORGET_DAY: Final = """
DELETE FROM days WHERE account = $1 AND $2::text IS NOT NULL AND day = $4
AND $3 = (SELECT epoch FROM leases WHERE account = $1)
"""
# Both tables: the release before reads `baselines` alone, and may have the account back at any time.
BASELINE: Final = (
    "WITH row AS (INSERT INTO days (account, bot, epoch, day, payload) VALUES ($1, $2, $3, $4, $6::jsonb) "
    f"ON CONFLICT (account, day) {_replaced('payload')}) "
    + _insert("baselines", "day, equity, payload", f"(account, day) {_replaced('equity, payload')}")
)
# The same latch may be engaged again after it was cleared; repeating an old row does not do that.
LATCH: Final = _insert(
    "latches",
    "latch_id, kind, reason, actor, engaged_ns, payload",
    f"(account, latch_id) {_replaced('kind, reason, actor, engaged_ns, payload')}, cleared_at = NULL, "
    "cleared_by = NULL WHERE EXCLUDED.engaged_ns > latches.engaged_ns",
)
CLEAR_LATCH: Final = """
UPDATE latches SET cleared_at = clock_timestamp(), cleared_by = $5
WHERE account = $1 AND $2::text IS NOT NULL AND $3::bigint >= 0 AND latch_id = $4 AND cleared_at IS NULL
"""
OWNER: Final = _insert(
    "shard_owners",
    "shard, instance, owner_epoch, generation, payload",
    f"(account, bot, shard) {_replaced('instance, owner_epoch, generation, payload')} "
    "WHERE EXCLUDED.owner_epoch > shard_owners.owner_epoch",
)
RECONCILIATION: Final = _insert("reconciliations", "asked_ns, reason, outcome, payload", "DO NOTHING")
SIGNAL_MARK: Final = _insert(
    "signal_marks",
    "strategy, symbol, at_ns, signal_id",
    f"(account, strategy, symbol) {_replaced('at_ns, signal_id')} WHERE EXCLUDED.at_ns >= signal_marks.at_ns",
)
STREAMS: Final = _insert(
    "stream_positions",
    "run_id, signals_id, announcements_id",
    f"(account, bot) {_replaced('run_id, signals_id, announcements_id')}",
)
# A leader that was replaced for an edit applies more of the same generation than its predecessor could.
CONFIG: Final = _insert(
    "config_history",
    "generation, content_hash, payload",
    f"(account, bot, generation) {_replaced('content_hash, payload')}",
)
DIGEST: Final = _insert(
    "decision_digests", "decisions, digest", f"(account, epoch) {_replaced('decisions, digest')}"
)


def write_of(row: AnyAction | AnyEvent) -> Write | None:
    """How a row is kept; None for what is not kept.

    Events of the exchange are not: the core answers them with the rows that it has counted.
    """
    match row:
        case JudgeSignal():
            return Write(SIGNAL, signal_values(row))
        case KeepSignalMark(mark=mark):
            return Write(SIGNAL_MARK, (mark.strategy, mark.symbol, mark.at_ns, mark.signal_id))
        case KeepIntent(record=record):
            return Write(INTENT, intent_values(record))
        case KeepOrder():
            return Write(ORDER, _order(row))
        case KeepExecution():
            return Write(EXECUTION, _execution(row))
        case KeepPosition():
            return Write(POSITION, _position(row))
        case KeepEquity():
            return Write(EQUITY, (row.at_ns, row.equity, row.wallet_balance, row.unrealised))
        case KeepBaseline(baseline=baseline):
            return Write(BASELINE, (baseline.day, baseline.equity, _json(baseline)))
        case KeepDay(row=day):
            return Write(DAY, (day.day, _json(day)))
        case ForgetDay(day=number):
            return Write(FORGET_DAY, (number,))
        case KeepReport(report=report, repeats=False):
            return Write(
                RECONCILIATION, (report.asked_ns, report.reason, report.outcome.value, _json(report))
            )
        case EngageLatch(latch=latch):
            values = (latch.latch_id, latch.kind, latch.reason, latch.actor, latch.engaged_ns, _json(latch))
            return Write(LATCH, values)
        case ClearLatch(latch_id=latch_id, actor=actor):
            return Write(CLEAR_LATCH, (latch_id, actor))
        case ChooseOwner(owner=owner):
            return Write(
                OWNER, (owner.shard, owner.instance, owner.owner_epoch, owner.generation, _json(owner))
            )
        case ConfigApplied(config=config):
            return Write(CONFIG, config_values(config))
        case _:
            return None


def written(intent: Intent) -> IntentRecord:
    """An intent of which nothing more is known."""
    return IntentRecord(intent=intent, state=IntentState.WRITTEN)


def intent_values(record: IntentRecord) -> Values:
    """Columns of an intent."""
    intent, key = record.intent, record.intent.key
    return (
        *(intent.signal_id, intent.leg.value, intent.attempt, intent.client_order_id, intent.epoch),
        *(key.category, key.symbol, key.position_idx, intent.side.value, intent.qty, intent.price),
        *(record.state.value, record.state.is_final, record.order_id),
        *(intent.created_ns, intent.valid_until_ns, _json(record)),
    )


def config_values(config: ConfigSnapshot) -> Values:
    """Columns of a generation."""
    return (config.generation, config.content_hash(), config.encode().decode())


def signal_values(row: JudgeSignal) -> Values:
    """Columns of a signal with its verdict."""
    signal = row.signal
    return (
        *(signal.signal_id, signal.symbol, signal.strategy, row.verdict.value, row.reason, row.detail),
        _json(signal),
    )


def _order(row: KeepOrder) -> Values:
    order = row.order
    return (
        *(order.category, order.symbol, order.order_id, order.client_order_id, order.side.value),
        *(order.status.value, order.status.is_terminal, order.qty, order.cum_exec_qty, order.avg_price),
        *(order.at_ns, _json(order)),
    )


def _execution(row: KeepExecution) -> Values:
    execution = row.execution
    return (
        *(execution.exec_id, execution.category, execution.symbol, execution.order_id),
        *(execution.client_order_id, execution.side.value, execution.exec_type.value, execution.price),
        *(execution.qty, execution.fee, execution.at_ns, _json(execution)),
    )


def _position(row: KeepPosition) -> Values:
    position, key = row.position, row.position.key
    return (
        *(key.category, key.symbol, key.position_idx, position.size, position.entry_price),
        *(position.generation, position.realised, position.fees, position.at_ns),
        # The release before reads the payload and writes it anew without what it does not know.
        *(_json(without_facts(position)), _json(facts_of(position))),
    )


def _json(value: msgspec.Struct) -> str:
    # Decimals become strings, so that every digit of them comes back.
    return msgspec.json.encode(value).decode()
