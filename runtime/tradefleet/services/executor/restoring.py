"""The first event of an epoch: what the journal knows, with the rules of all that it knows.

Nothing is decided here. The core is told everything at once, by `Restored`.
"""

import asyncio
from decimal import Decimal
from typing import Final

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.config_source import BadSnapshot, ConfigSource
from tradefleet.adapters.postgres.journal import JournalState
from tradefleet.adapters.postgres.lease import Grant
from tradefleet.adapters.redis.messages import StreamPosition
from tradefleet.core.events import Restored
from tradefleet.domain.orders import Account
from tradefleet.risk.daily_loss import DAY_NS, day_of
from tradefleet.services.executor.epoch import Parts
from tradefleet.services.executor.settings import ExecutorFailed
from tradefleet.services.executor.standby import Standby
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.executor.without_journal import WithoutJournal
from tradefleet.spec.snapshot import ConfigSnapshot

FIRST_READ_S: Final = 5.0
"""The first start waits no longer for the day's transaction log."""


async def restored(
    parts: Parts, account: Account, grant: Grant, standby: Standby, without: WithoutJournal
) -> tuple[Restored, StreamPosition]:
    """What the journal knows, with the instruments of all that it knows and the account's fee; and where
    to read the bus on.

    The exchange is asked for rules and fee, and not waited for: what it does not say now follows later.
    Raises JournalDown, Fenced, and ExecutorFailed for a configuration that cannot be used.
    """
    config = await _newest(parts.config, parts.status)
    await without.merge(parts.journal, account, config.uid)
    state = await parts.journal.begin_epoch(account, config.uid, grant.epoch, config, grant.grant_id)
    if state.config.generation > config.generation:
        # A supervisor that lost its count, or an old file: limits never go back.
        config = state.config
    parts.status.config = config
    symbols = sorted(_symbols(config, state))
    # Both at once: what hangs is waited for a second, not two.
    rules, fee = await asyncio.gather(standby.rules_at_hand(symbols), parts.fees.at_hand(symbols))
    parts.status.say_unknown(standby.unknown)
    earlier, unread = await _traded_today(parts, state)
    first = Restored(
        now_ns=0,
        account=account,
        epoch=grant.epoch,
        config=config,
        instruments=rules,
        taker_fee=fee,
        intents=state.intents,
        positions=state.positions,
        executions_counted=state.executions_counted,
        executions_known_from_ns=state.executions_known_from_ns,
        seen_signals=state.seen_signals,
        owners=state.owners,
        latches=state.latches,
        kill_switch_before=state.kill_switch_before,
        kill_switches_known=state.kill_switches_known,
        signal_marks=state.signal_marks,
        baseline=state.baseline,
        days=state.days,
        equity_kept=state.equity_kept,
        earlier=earlier,
        earlier_unread=unread,
        quiet_until_ns=state.quiet_until_ns,
    )
    mark = state.stream_position
    return first, StreamPosition(
        run_id=mark.run_id, signals_id=mark.signals_id, announcements_id=mark.announcements_id
    )


async def _traded_today(parts: Parts, state: JournalState) -> tuple[Decimal | None, str]:
    """On the first start of an account: what trading has brought since 00:00 UTC, or why that is not known.
    Whoever traded: it can forbid opening. The core asks again for what could not be read."""
    if state.intents or state.positions or state.executions_counted or state.days:
        return None, ""
    now_ns = parts.exchange.clock.now_ns()
    starts_ns = day_of(now_ns) * DAY_NS
    try:
        async with asyncio.timeout(FIRST_READ_S):
            return (await parts.exchange.reads.money_moved(now_ns, day_ns=starts_ns)).earlier, ""
    except (Unreadable, TimeoutError) as error:
        return None, str(error) or "the transaction log did not answer in time"


async def _newest(config: ConfigSource, status: ExecutorStatus) -> ConfigSnapshot:
    """The configuration now; while it is none, the newest one that we know."""
    try:
        found = await config.read()
    except BadSnapshot as bad:
        if status.config is None:
            raise ExecutorFailed(str(bad)) from bad
        status.config_refused(str(bad), bad.generation)
        return status.config
    status.config_error = ""
    return found


def _symbols(config: ConfigSnapshot, state: JournalState) -> set[str]:
    """Symbols that we trade, and those of which something is still open."""
    held = {position.key.symbol for position in state.positions if position.size != 0}
    unresolved = {record.intent.key.symbol for record in state.intents if not record.state.is_final}
    return {*config.spec.universe.symbols, *held, *unresolved}
