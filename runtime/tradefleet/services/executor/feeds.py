"""Where an epoch's events come from: streams of signals, tickers, configuration, latches, time.

Each feed is a loop that ends only by being cancelled. It waits out what it can wait out and says so
in the status; what it cannot, it raises, and that ends the process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final

import msgspec

from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, Quote, quotes
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

MOST_TOPICS: Final = 200
"""Tickers that one socket carries; a symbol beyond them has its prices by REST."""
SILENT_S: Final = 5.0
"""A topic that told nothing for so long is asked for by REST."""
POLL_S: Final = 1.0
POLL_MOST_S: Final = 10.0
"""Between two such questions, and between two while they are not answered."""


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
    room: Callable[[], Awaitable[None]],
) -> None:
    """Read both streams on from `position`. room: returns when there is some for what is read."""
    while True:
        await room()
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
    """Prices of symbols: by the executor's own public socket, and by REST where that is silent.

    subscribe: asks the socket for one more topic, once there is a socket.
    """

    def __init__(self, instruments: Iterable[Instrument], put: Put, status: ExecutorStatus) -> None:
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._codec = BybitCodec(self._instruments.values())
        self._put = put
        self._status = status
        now_s = time.monotonic()
        self._heard_s = dict.fromkeys(self._instruments, now_s)
        self.topics = [ticker_topic(symbol) for symbol in self._instruments]
        self.subscribe: Callable[[str], None] = lambda topic: None

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Listen to these too from now on; beyond what one socket carries they are asked for by REST."""
        new = [one for one in instruments if one.symbol not in self._instruments]
        self._instruments |= {instrument.symbol: instrument for instrument in new}
        self._codec = BybitCodec(self._instruments.values())
        for instrument in new:
            # Silent from the first moment: the first price comes with the next poll, if not before.
            self._heard_s[instrument.symbol] = float("-inf")
            if len(self.topics) < MOST_TOPICS:
                self.topics.append(topic := ticker_topic(instrument.symbol))
                self.subscribe(topic)

    def symbols(self) -> list[str]:
        """All of them."""
        return list(self._instruments)

    def silent(self) -> list[str]:
        """Symbols of which the socket has told nothing for a while."""
        before_s = time.monotonic() - SILENT_S
        return [symbol for symbol, heard_s in self._heard_s.items() if heard_s < before_s]

    def polled(self, symbol: str, quote: Quote) -> None:
        """Take prices that were asked for."""
        self._put(
            MarketMoved(
                now_ns=0,
                symbol=symbol,
                mark=quote.mark,
                bid=quote.bid,
                ask=quote.ask,
                last=quote.last,
                polled=True,
            )
        )

    def on_frame(self, raw: bytes, seen_ns: int) -> None:
        """Take any frame. seen_ns: our clock when it arrived."""
        frame = self._codec.decode(raw, seen_ns)
        if isinstance(frame, BadFrame):
            self._status.problem("bad_ticker", f"{frame.fault}")
        elif isinstance(frame, TickerFrame):
            self._heard_s[frame.symbol] = time.monotonic()
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
    """Hand on each newer snapshot of the same bot, an older one never, and that it was deleted: once heard,
    to every epoch from its first moment on, since no source says it twice."""
    if status.bot_deleted:
        put(BotDeleted(now_ns=0))
    async for found in source.changes():
        if isinstance(found, BadSnapshot):
            status.config_refused(str(found), found.generation)
        elif isinstance(found, BotGone):
            status.bot_deleted = True
            put(BotDeleted(now_ns=0))
        elif not is_ours(found.uid):
            status.config_refused(f"{source.address}: belongs to another bot ({found.uid})", 0)
        elif found.generation > generation:
            generation = found.generation
            status.config_error = ""
            status.config = found
            put(ConfigApplied(now_ns=0, config=found))


async def polled_quotes(rest_url: str, category: str, tickers: Tickers, status: ExecutorStatus) -> None:
    """While a symbol is silent, or has no topic, ask for the prices of all by one call, for ever."""
    wait_s = POLL_S
    while True:
        await asyncio.sleep(wait_s)
        silent = tickers.silent()
        if not silent:
            wait_s = POLL_S
            continue
        try:
            read = await quotes(rest_url, category)
        except ExchangeUnreachable as error:
            status.problem("quotes_unread", str(error))
            wait_s = min(2 * wait_s, POLL_MOST_S)
            continue
        wait_s = POLL_S
        for symbol in silent:
            if symbol in read:
                tickers.polled(symbol, read[symbol])


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
