"""Where an epoch's events come from: streams of signals, tickers, configuration, latches, time.

Each feed is a loop that ends only by being cancelled. It waits out what it can wait out and says so
in the status; what it cannot, it raises, and that ends the process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec

from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.adapters.config_source import BadSnapshot, BotGone, ConfigSource
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.redis import dead_letters
from tradefleet.adapters.redis.executor_bus import ExecutorBus
from tradefleet.adapters.redis.messages import BadMessage, BusDown, ShardAnnouncement, StreamPosition
from tradefleet.core.events import (
    AnyEvent,
    BotDeleted,
    ConfigApplied,
    InstrumentsRefreshed,
    LatchCleared,
    LatchRecord,
    MarketMoved,
    ShardAnnounced,
    ShardOwner,
    SignalReceived,
    Ticked,
)
from tradefleet.domain.instruments import Instrument
from tradefleet.domain.signals import Signal
from tradefleet.market.bybit_codec import BybitCodec
from tradefleet.market.bybit_wire import ticker_topic
from tradefleet.market.faults import BadFrame
from tradefleet.market.frames import TickerFrame
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.loops import set_within

Put = Callable[[AnyEvent], None]

BLOCK_MS: Final = 500
"""How long one XREAD waits; the end of the epoch cancels it."""


class Owners:
    """The chosen owners that are in the journal, told to the shards at each change and each period."""

    def __init__(self, bus: ExecutorBus, status: ExecutorStatus) -> None:
        self._bus = bus
        self._status = status
        self._owners: dict[int, ShardOwner] = {}
        self._changed = asyncio.Event()

    def chosen(self, owners: list[ShardOwner]) -> None:
        """These are written; publish them soon."""
        self._owners |= {owner.shard: owner for owner in owners}
        self._changed.set()

    async def publish(self, period_s: float) -> None:
        """Repeat them: a Redis that lost everything learns them again."""
        while True:
            self._changed.clear()
            try:
                await self._bus.publish_owners(list(self._owners.values()))
            except BusDown as error:
                self._status.store_down("redis", str(error))
            await set_within(self._changed, period_s)


async def signals(
    bus: ExecutorBus,
    position: StreamPosition,
    put: Put,
    reached: Callable[[StreamPosition], None],
    status: ExecutorStatus,
    retry_s: float,
) -> None:
    """Read both streams on from `position`."""
    while True:
        try:
            messages, position = await bus.read(position, BLOCK_MS)
        except BusDown as error:
            status.store_down("redis", str(error))
            await asyncio.sleep(retry_s)
            continue
        status.store_up("redis")
        for message in messages:
            match message:
                case Signal():
                    put(SignalReceived(now_ns=0, signal=message))
                case ShardAnnouncement():
                    put(ShardAnnounced(now_ns=0, **msgspec.structs.asdict(message)))
                case BadMessage(stream=stream, entry_id=entry_id, error=detail):
                    status.problem("bad_message", detail, stream=stream, entry=entry_id)
                    bus.letters.bury(
                        dead_letters.letter(
                            stream,
                            message.raw,
                            detail,
                            time.time_ns(),
                            entry_id=entry_id,
                            field=message.field,
                        )
                    )
        reached(position)


class Tickers:
    """Turns frames of the executor's own public socket into prices."""

    def __init__(self, instruments: tuple[Instrument, ...], put: Put, status: ExecutorStatus) -> None:
        self._codec = BybitCodec(instruments)
        self._put = put
        self._status = status
        self.topics = tuple(ticker_topic(instrument.symbol) for instrument in instruments)

    def on_frame(self, raw: bytes, seen_ns: int) -> None:
        """Take any frame. seen_ns: our clock when it arrived."""
        frame = self._codec.decode(raw, seen_ns)
        if isinstance(frame, BadFrame):
            self._status.problem("bad_ticker", f"{frame.fault}")
        elif isinstance(frame, TickerFrame):
            self._put(
                MarketMoved(
                    now_ns=0,
                    symbol=frame.symbol,
                    mark=frame.mark_price,
                    bid=frame.bid_price,
                    ask=frame.ask_price,
                    last=frame.last_price,
                )
            )


async def configuration(
    source: ConfigSource, generation: int, put: Put, status: ExecutorStatus, is_ours: Callable[[str], bool]
) -> None:
    """Hand on each newer snapshot of the same bot, an older one never, and that it was deleted."""
    async for found in source.changes():
        if isinstance(found, BadSnapshot):
            status.config_refused(str(found), found.generation)
        elif isinstance(found, BotGone):
            put(BotDeleted(now_ns=0))
        elif not is_ours(found.uid):
            status.config_refused(f"{source.address}: belongs to another bot ({found.uid})", 0)
        elif found.generation > generation:
            generation = found.generation
            status.config_error = ""
            status.config = found
            put(ConfigApplied(now_ns=0, config=found))


async def rules(
    rest_url: str,
    category: str,
    symbols: Sequence[str],
    known: Collection[str],
    put: Put,
    new: Callable[[], None],
    status: ExecutorStatus,
    period_s: float,
) -> None:
    """Read the instruments' rules again; while they cannot be read, or of a symbol that is no more, the
    old ones hold. known: symbols whose prices are listened to. new: the exchange has listed another one."""
    while True:
        await asyncio.sleep(period_s)
        try:
            read = await listed(rest_url, category, symbols)
        except ExchangeUnreachable as error:
            status.problem("rules_unread", str(error))
            continue
        status.say_unknown(read.unknown)
        put(InstrumentsRefreshed(now_ns=0, instruments=read.rules))
        if any(instrument.symbol not in known for instrument in read.rules):
            new()


async def latches(
    journal: Journal,
    known: Collection[str],
    engage: Callable[[LatchRecord], None],
    clear: Callable[[str], None],
    period_s: float,
) -> None:
    """Notice that somebody else engaged or cleared a latch in the journal. known: ids that were there."""
    while True:
        await asyncio.sleep(period_s)
        asked = frozenset(known)
        try:
            engaged = {latch.latch_id: latch for latch in await journal.engaged_latches()}
        except JournalDown:
            continue  # the recorder and the lease notice it, and end the epoch
        for latch_id in sorted(engaged.keys() - asked):
            engage(engaged[latch_id])
        for latch_id in sorted(asked - engaged.keys()):
            clear(latch_id)


def cleared(latch_id: str) -> LatchCleared:
    """The event of a latch that is gone."""
    return LatchCleared(now_ns=0, latch_id=latch_id)


async def ticks(period_s: float, put: Put, each: Callable[[], None]) -> None:
    """Time passes. each: what the shell looks at in the same rhythm."""
    while True:
        each()
        put(Ticked(now_ns=0))
        await asyncio.sleep(period_s)


async def repeat(period_s: float, what: Callable[[], Awaitable[None]]) -> None:
    """Do it, wait, for ever."""
    while True:
        await what()
        await asyncio.sleep(period_s)
