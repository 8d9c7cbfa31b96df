"""The executor's ways to the exchange, from its settings; and the look at the account before it trades."""

import contextlib
from collections.abc import AsyncIterator, Sequence

import msgspec

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.adapters.bybit.preflight import Finding, require_clock, warnings_of
from tradefleet.adapters.bybit.symbol_reads import SymbolReads
from tradefleet.services.executor.performer import Exchange
from tradefleet.services.executor.settings import ExecutorSettings
from tradefleet.spec.addresses import untold_taker_fee
from tradefleet.spec.bot import BotSpec, Mode
from tradefleet.spec.market import PositionMode


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is, and what a person should know of its key. key_expires_ns: None for never."""

    uid: str
    key_expires_ns: int | None
    warnings: tuple[Finding, ...]


@contextlib.asynccontextmanager
async def exchange_of(settings: ExecutorSettings, spec: BotSpec) -> AsyncIterator[Exchange]:
    """All of them share one budget of calls: the exchange counts for the account and the address."""
    key, secret = settings.credentials()
    clock, governor = ExchangeClock(settings.rest), Governor()
    window_ms = int(spec.execution.receive_window_seconds * 1000)
    fee = untold_taker_fee(spec.mode)
    async with (
        OrderClient(settings.rest, key, secret, clock, window_ms, governor=governor) as orders,
        AccountReads(settings.rest, key, secret, governor=governor, untold_taker_fee=fee) as reads,
        SymbolReads(settings.rest, key, secret, governor=governor) as symbols,
    ):
        yield Exchange(orders, reads, symbols, clock)


async def look_at(exchange: Exchange, spec: BotSpec, symbols: Sequence[str]) -> Seen:
    """Raises PreflightRefused for an account that may not be traded, Unreadable when it cannot be known.

    symbols: those of the bot's that the exchange has.
    """
    await exchange.clock.measure()
    # First: with a clock that is wrong the reads below would fail, and not say why.
    require_clock(exchange.clock.wall_offset_ns, exchange.clock.error_ns)
    facts = await exchange.reads.account_facts(symbols)
    hedge = spec.exchange.position_mode is PositionMode.HEDGE
    warnings = warnings_of(facts, hedge, exchange.clock.now_ns())
    if spec.mode is Mode.PAPER or facts.key is None:
        return Seen(uid=facts.uid, key_expires_ns=None, warnings=())  # a simulator's key is nobody's worry
    return Seen(uid=facts.uid, key_expires_ns=facts.key.expires_ns, warnings=warnings)
