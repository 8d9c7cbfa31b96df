"""What a new epoch reads back: everything that `core.events.Restored` needs of the journal."""

from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from tradefleet.adapters.postgres.errors import UnreadableRow
from tradefleet.core.actions import Verdict
from tradefleet.core.events import EquityKept, KillSwitchSeen, LatchRecord, ShardOwner, SignalMark
from tradefleet.core.signal_marks import is_superseded, marked
from tradefleet.domain.signals import Signal
from tradefleet.orders.intents import IntentRecord
from tradefleet.positions.facts import PositionFacts, with_facts
from tradefleet.positions.plan import PositionRecord
from tradefleet.risk.day import KEPT_DAYS, Baseline, strictest
from tradefleet.spec.former import as_of_today
from tradefleet.spec.snapshot import ConfigSnapshot

Value = TypeVar("Value")

QUIET_NS: Final = 1_250_000_000
"""Clock error and a second: so long after the last valid_until of a predecessor nothing can arrive."""


class StreamMark(msgspec.Struct, frozen=True, kw_only=True):
    """How far the bus has been read. run_id: of the bus's server; ids mean nothing to another run."""

    run_id: str = ""
    signals_id: str = "0-0"
    announcements_id: str = "0-0"


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """All that the journal knows at the beginning of an epoch.

    config: of the newest generation known, the one given to `begin_epoch` included. kill_switch_before:
    what the newest generation below config's said. kill_switches_known: ids of that kind of latch. baseline:
    the newest of days, which are the newest rows, oldest first. equity_kept: the newest row of equity.
    """

    intents: tuple[IntentRecord, ...]
    positions: tuple[PositionRecord, ...]
    executions_counted: tuple[str, ...]
    seen_signals: tuple[str, ...]
    owners: tuple[ShardOwner, ...]
    latches: tuple[LatchRecord, ...]
    baseline: Baseline | None
    quiet_until_ns: int
    config: ConfigSnapshot
    stream_position: StreamMark
    kill_switch_before: KillSwitchSeen | None
    kill_switches_known: tuple[str, ...]
    signal_marks: tuple[SignalMark, ...] = ()
    days: tuple[Baseline, ...] = ()
    equity_kept: EquityKept | None = None
    executions_known_from_ns: int = 0


_NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
_DAY_NS = 86_400 * 1_000_000_000

_HOUR_NS = 3600 * 1_000_000_000
# Finished ones are remembered for an hour after they were over; one that rested may be older than that.
_INTENTS = f"""
SELECT payload FROM intents WHERE account = $1 AND (
    NOT final OR created_ns > {_NOW_NS} - {_HOUR_NS} - 60000000000
    OR (created_ns > {_NOW_NS} - {_DAY_NS}
        AND (payload -> 'intent' ->> 'rest_until_ns')::bigint > {_NOW_NS} - {_HOUR_NS} - 60000000000)
) ORDER BY created_ns, client_order_id
"""
_POSITIONS = """
SELECT payload, facts FROM positions WHERE account = $1 ORDER BY category, symbol, position_idx
"""
# A comparison reads what the exchange has from an hour before the newest that we know; a row with a time of
# tomorrow is no measure of it.
_KNOWN_FROM = f"""
SELECT least(max(at_ns), {_NOW_NS}) - 3 * {_HOUR_NS} FROM executions WHERE account = $1
"""
_EXECUTIONS = "SELECT exec_id FROM executions WHERE account = $1 AND at_ns >= $2 ORDER BY at_ns, exec_id"
_SIGNALS = """
SELECT signal_id, verdict, payload, (extract(epoch FROM written_at) * 1000000000)::bigint AS written_ns
FROM signals
WHERE account = $1 AND written_at > clock_timestamp() - interval '10 minutes'
AND reason <> 'not_owner' ORDER BY written_at, signal_id
"""
_MARKS = """
SELECT strategy, symbol, at_ns, signal_id FROM signal_marks WHERE account = $1 ORDER BY strategy, symbol
"""
_OWNERS = "SELECT payload FROM shard_owners WHERE account = $1 AND bot = $2 ORDER BY shard"
_DAYS = "SELECT payload FROM days WHERE account = $1 ORDER BY day"
# What we have written there ourselves has a field that the release before does not write: it says no more
# than `days`, and is still there when that row was deleted.
_BASELINES = f"""
SELECT day, equity, payload FROM baselines WHERE account = $1 AND NOT coalesce(payload ? 'first_ns', false)
ORDER BY day DESC LIMIT {KEPT_DAYS}
"""
_EQUITY = f"""
SELECT at_ns, unrealised FROM equity WHERE account = $1 AND at_ns <= {_NOW_NS} ORDER BY at_ns DESC LIMIT 1
"""
_QUIET = "SELECT max(valid_until_ns) FROM intents WHERE account = $1 AND intent_epoch <> $2"
_CONFIG = """
SELECT generation, payload FROM config_history WHERE account = $1 AND bot = $2
ORDER BY generation DESC LIMIT 1
"""
_CONFIG_BEFORE = """
SELECT payload FROM config_history WHERE account = $1 AND bot = $2 AND generation < $3
ORDER BY generation DESC LIMIT 1
"""
_KILL_SWITCHES = "SELECT latch_id FROM latches WHERE account = $1 AND kind = 'kill_switch' ORDER BY latch_id"
_STREAMS = """
SELECT run_id, signals_id, announcements_id FROM stream_positions WHERE account = $1 AND bot = $2
"""
LATCHES: Final = """
SELECT payload FROM latches WHERE cleared_at IS NULL AND ($1::text IS NULL OR account = $1)
ORDER BY engaged_ns, latch_id
"""


async def read_state(
    connection: asyncpg.Connection, account: str, bot: str, epoch: int, config: ConfigSnapshot
) -> JournalState:
    """Everything of this account and bot; raises UnreadableRow and what asyncpg raises."""
    intents = await connection.fetch(_INTENTS, account)
    positions = await connection.fetch(_POSITIONS, account)
    known_from_ns = await connection.fetchval(_KNOWN_FROM, account) or 0
    executions = await connection.fetch(_EXECUTIONS, account, known_from_ns)
    signals = await connection.fetch(_SIGNALS, account)
    marks = await connection.fetch(_MARKS, account)
    owners = await connection.fetch(_OWNERS, account, bot)
    latches = await connection.fetch(LATCHES, account)
    days = _days(
        decoded(await connection.fetch(_DAYS, account), Baseline),
        tuple(_baseline(row) for row in await connection.fetch(_BASELINES, account)),
    )
    equity = await connection.fetchrow(_EQUITY, account)
    last_valid_ns = await connection.fetchval(_QUIET, account, epoch)
    streams = await connection.fetchrow(_STREAMS, account, bot)
    kill_switches = await connection.fetch(_KILL_SWITCHES, account)
    newest = await _newest(connection, account, bot, config)
    return JournalState(
        intents=decoded(intents, IntentRecord),
        positions=tuple(_position(row) for row in positions),
        executions_counted=tuple(row["exec_id"] for row in executions),
        executions_known_from_ns=known_from_ns,
        seen_signals=tuple(row["signal_id"] for row in signals),
        signal_marks=_marks(marks, signals),
        owners=decoded(owners, ShardOwner),
        latches=decoded(latches, LatchRecord),
        baseline=days[-1] if days else None,
        days=days,
        equity_kept=None if equity is None else EquityKept(**dict(equity)),
        quiet_until_ns=0 if last_valid_ns is None else last_valid_ns + QUIET_NS,
        config=newest,
        stream_position=StreamMark() if streams is None else StreamMark(**dict(streams)),
        kill_switch_before=await _said_before(connection, account, bot, newest.generation),
        kill_switches_known=tuple(row["latch_id"] for row in kill_switches),
    )


def _position(row: asyncpg.Record) -> PositionRecord:
    facts = None if row["facts"] is None else decode_payload(row["facts"], PositionFacts)
    return with_facts(decode_payload(row["payload"], PositionRecord), facts)


def _marks(rows: list[asyncpg.Record], judged: list[asyncpg.Record]) -> tuple[SignalMark, ...]:
    """The newest accepted signal of each strategy in each symbol.

    The verdict on a signal is written with its intent; its mark follows with a batch, which a leader that
    dies may have left unwritten. So the verdicts of the last minutes count as well.
    """
    marks = {(row["strategy"], row["symbol"]): SignalMark(**dict(row)) for row in rows}
    for row in judged:
        if row["verdict"] == Verdict.ACCEPTED:
            signal = decode_payload(row["payload"], Signal)
            before = marks.get((signal.strategy, signal.symbol))
            if not is_superseded(before, signal):
                marks[signal.strategy, signal.symbol] = marked(before, signal, row["written_ns"])
    return tuple(marks[place] for place in sorted(marks))


def _baseline(row: asyncpg.Record) -> Baseline:
    """A row of the release before."""
    if row["payload"] is not None:
        return decode_payload(row["payload"], Baseline)
    # Of a release that kept no more: the day's money is counted from zero again.
    return Baseline(day=row["day"], equity=row["equity"])


def _days(ours: tuple[Baseline, ...], before: tuple[Baseline, ...]) -> tuple[Baseline, ...]:
    """The newest rows, oldest first. Of a day of which the release before has written as well, the strictest
    reading of both."""
    found = {row.day: row for row in before}
    for row in ours:
        found[row.day] = strictest(row, found[row.day]) if row.day in found else row
    return tuple(found[day] for day in sorted(found)[-KEPT_DAYS:])


async def _said_before(
    connection: asyncpg.Connection, account: str, bot: str, generation: int
) -> KillSwitchSeen | None:
    row = await connection.fetchrow(_CONFIG_BEFORE, account, bot, generation)
    if row is None:
        return None
    said = decode_payload(row["payload"], ConfigSnapshot).spec.kill_switch
    return KillSwitchSeen(engaged=said.engaged, clear=said.clear)


async def newest_config(connection: asyncpg.Connection, account: str, bot: str) -> ConfigSnapshot | None:
    """The newest generation that any leader of this bot has applied."""
    row = await connection.fetchrow(_CONFIG, account, bot)
    return None if row is None else decode_payload(row["payload"], ConfigSnapshot)


async def _newest(
    connection: asyncpg.Connection, account: str, bot: str, config: ConfigSnapshot
) -> ConfigSnapshot:
    known = await newest_config(connection, account, bot)
    return config if known is None or known.generation <= config.generation else known


def decoded(rows: list[Any], kind: type[Value]) -> tuple[Value, ...]:
    """The payloads' structs; raises UnreadableRow."""
    return tuple(decode_payload(row["payload"], kind) for row in rows)


def decode_payload(payload: str, kind: type[Value]) -> Value:
    """One payload's struct; raises UnreadableRow."""
    try:
        return msgspec.json.decode(as_of_today(payload.encode()), type=kind)
    except msgspec.MsgspecError as error:
        raise UnreadableRow(
            f"a {kind.__name__} in the journal does not decode ({error}); was it written by a newer release?"
        ) from error
