"""SymbolPipeline: one symbol's way from frames to signals, without I/O.

Raw frames, closed candles, timer ticks and config snapshots go in; signals and requests to
resubscribe come out. The shard's shell owns sockets, clock and Redis and calls this object; the
back-test and the tests call it in the same way. The same calls give the same outputs.

While no one has made this process the owner of its symbols (`set_owner(None)`, shadow), strategies
run as ever and their signals are counted but not handed out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.signals import Signal, SignalKind, bar_signal_id, book_signal_id, expiry
from tradefleet.features.book import PlainBookView
from tradefleet.market.bars import BarFeed, ClosedBar, HistoryRequest
from tradefleet.market.book import BookChange, BookPort
from tradefleet.market.candles import SECOND_NS, Candle, contiguous
from tradefleet.market.faults import BadFrame, Fault
from tradefleet.market.frames import ControlFrame, KlineFrame, TradesFrame
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.strategies import Timeframe
from tradefleet.strategies.registry import REGISTRY
from tradefleet.strategies.strategy import Bars, SignalDraft, Strategy

RESYNC_PATIENCE_NS: Final = 5 * SECOND_NS
"""How long a stale book waits for its snapshot before it asks again. The slowest of
the recorded ones arrived 2.4 s after the exchange had made it."""


class Resubscribe(msgspec.Struct, frozen=True):
    """Unsubscribe and subscribe this topic: the exchange then sends a snapshot.

    Repeated each RESYNC_PATIENCE_NS until the book is good; a shell whose socket is down may pass
    over it, since connecting subscribes anyway.
    """

    topic: str
    fault: Fault


Output = Signal | Resubscribe | ControlFrame
"""What comes out. ControlFrame: an answer of the exchange, for the shell (heartbeat, refusals)."""

Handler = Callable[[bytes, int], Sequence[Output]]
"""Takes a raw frame and our clock when it arrived."""

NOTHING: Final[tuple[Output, ...]] = ()


class TradesSource(Protocol):
    """Decoder of the trades topic."""

    topic: str

    def decode(self, raw: bytes, seen_ns: int) -> TradesFrame | BadFrame:
        """The frame's value, or why there is none; never raises."""
        ...


class KlineSource(Protocol):
    """Decoder of the one-minute kline topic."""

    topic: str

    def decode(self, raw: bytes, seen_ns: int) -> KlineFrame | BadFrame:
        """The frame's value, or why there is none; never raises."""
        ...


class SymbolFeeds(msgspec.Struct, frozen=True):
    """A symbol's topics, as its venue's codec offers them."""

    book: BookPort
    trades: TradesSource
    klines: KlineSource


class PipelineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a person or a metric wants to know of one symbol.

    warm: the book is good and every enabled strategy has its history. book_age_ns: since the last
    frame that confirmed the book; None while it is stale. signals: handed out, by strategy; shadow:
    made but not handed out. faults: frames and books that could not be used, by reason.
    """

    symbol: str
    warm: bool
    book_stale: bool
    book_age_ns: int | None
    signals: Mapping[str, int]
    shadow: Mapping[str, int]
    faults: Mapping[str, int]
    candles: Mapping[str, int]


class SymbolPipeline:
    """One symbol: book, bars, strategies, signals."""

    def __init__(
        self,
        instrument: Instrument,
        feeds: SymbolFeeds,
        snapshot: ConfigSnapshot,
        *,
        shard: int,
        instance: str,
    ) -> None:
        self.symbol = instrument.symbol
        self.instrument = instrument
        self.book = feeds.book
        self.bars = BarFeed(instrument)
        self._feeds = feeds
        self._view = PlainBookView(feeds.book, instrument)
        self._shard = shard
        self._instance = instance
        self._faults: Counter[Fault] = Counter()
        self._signals: Counter[str] = Counter()
        self._shadow: Counter[str] = Counter()
        self._owner_epoch: int | None = None
        # Signals handed out in an epoch, by strategy: the counter in a book signal's id. It outlives
        # a time in shadow, else the same epoch would give the same ids twice and lose signals.
        self._numbered: Counter[str] = Counter()
        self._numbered_epoch: int | None = None
        self._asked_ns: int | None = None
        self._snapshot = snapshot
        self._strategies: list[Strategy[Any]] = [
            entry.make(entry.section(snapshot.spec.strategies)) for entry in REGISTRY
        ]
        self._book_strategies = [s for s in self._strategies if s.kind is SignalKind.BOOK]
        self.configure(snapshot)

    def routes(self) -> dict[str, Handler]:
        """The topics that this symbol needs, and what takes each one's frames."""
        feeds = self._feeds
        return {
            feeds.book.topic: self.take_book,
            feeds.trades.topic: self._take_raw_trades,
            feeds.klines.topic: self._take_raw_klines,
        }

    def configure(self, snapshot: ConfigSnapshot) -> None:
        """Go on with a newer configuration; books, bars and what strategies hold are kept."""
        self._snapshot = snapshot
        for entry, strategy in zip(REGISTRY, self._strategies, strict=True):
            strategy.configure(entry.section(snapshot.spec.strategies))
        wanted: dict[Timeframe, int] = {}
        for bars in self._wanted_bars():
            wanted[bars.timeframe] = max(bars.count, wanted.get(bars.timeframe, 0))
        self.bars.watch(wanted)

    def regrid(self, instrument: Instrument, feeds: SymbolFeeds, now_ns: int) -> Sequence[Output]:
        """Go on with other ticks and steps, on the same topics: the book and the minute that is forming begin
        anew, closed bars and what strategies hold are kept."""
        self._faults += self.book.faults
        self.instrument, self.book, self._feeds = instrument, feeds.book, feeds
        self._view = PlainBookView(feeds.book, instrument)
        self.bars.regrid(instrument)
        self._forget_book(now_ns)
        return (Resubscribe(self.book.topic, Fault.OFF_GRID),)

    @property
    def off_grid(self) -> int:
        """Frames whose numbers were between ticks or steps: the rules may have changed."""
        return self._faults[Fault.OFF_GRID] + self.book.faults[Fault.OFF_GRID]

    def set_owner(self, owner_epoch: int | None) -> None:
        """Hand signals out under this epoch, or (None) only count them."""
        self._owner_epoch = owner_epoch
        if owner_epoch is not None and owner_epoch != self._numbered_epoch:
            self._numbered_epoch = owner_epoch
            self._numbered.clear()

    def take_book(self, raw: bytes, seen_ns: int) -> Sequence[Output]:
        """One frame of the book's topic."""
        change = self.book.apply(raw, seen_ns)
        if change is BookChange.UPDATED:
            return self._judge_book(seen_ns)
        if change is BookChange.BROKEN:
            return self._lost_book(seen_ns)
        return NOTHING

    def take_trades(self, frame: TradesFrame) -> Sequence[Output]:
        """One push of trades."""
        return self._judge_bars(self.bars.take_trades(frame), frame.seen_ns)

    def take_kline(self, frame: KlineFrame) -> Sequence[Output]:
        """The exchange's candles."""
        return self._judge_bars(self.bars.take_kline(frame), frame.seen_ns)

    def take_minute(self, minute: Candle, seen_ns: int) -> Sequence[Output]:
        """A closed minute from elsewhere, taken as the exchange's (a back-test's candles)."""
        return self._judge_bars(self.bars.take_minute(minute), seen_ns)

    def seed(self, candles: Iterable[Candle], now_ns: int) -> None:
        """Closed candles of the past, from REST; they make strategies warm and close no bar."""
        self.bars.seed(candles, now_ns)

    def needs(self, now_ns: int) -> list[HistoryRequest]:
        """The history that is missing, to be fetched and seeded: ask while the pipeline is not warm
        (at the start, after a lost connection, after a strategy was enabled)."""
        return self.bars.needs(now_ns)

    def lost(self, topic: str, seen_ns: int) -> None:
        """The connection of this topic was lost, or is not trusted any more. Subscribing again is the
        shell's, so nothing asks for it."""
        if topic == self.book.topic and self.book.invalidate(Fault.DISCONNECTED, seen_ns):
            self._forget_book(seen_ns)
        elif topic == self._feeds.trades.topic:
            self.bars.interrupt()

    def tick(self, now_ns: int) -> Sequence[Output]:
        """Time has passed. now_ns: our clock, corrected to the exchange's."""
        outputs: list[Output] = []
        for strategy in self._strategies:
            outputs.extend(self._hand_out(strategy, strategy.on_timer(now_ns), now_ns))
        outputs.extend(self._judge_bars(self.bars.tick(now_ns), now_ns))
        if self.book.is_stale:
            outputs.extend(self._ask_again(now_ns))
        return outputs

    @property
    def is_warm(self) -> bool:
        """True when the book is good and every enabled strategy has its history."""
        return not self.book.is_stale and all(
            self._window(bars, None) is not None for bars in self._wanted_bars()
        )

    def status(self, now_ns: int) -> PipelineStatus:
        """A summary. now_ns: our clock, the one that frames are stamped with."""
        faults = self._faults + self.book.faults
        return PipelineStatus(
            symbol=self.symbol,
            warm=self.is_warm,
            book_stale=self.book.is_stale,
            book_age_ns=None if self.book.is_stale else now_ns - self.book.seen_ns,
            signals=dict(self._signals),
            shadow=dict(self._shadow),
            faults={fault.value: count for fault, count in faults.items()},
            candles={count.value: number for count, number in self.bars.counts.items()},
        )

    def _take_raw_trades(self, raw: bytes, seen_ns: int) -> Sequence[Output]:
        frame = self._feeds.trades.decode(raw, seen_ns)
        if isinstance(frame, BadFrame):
            self._faults[frame.fault] += 1
            # Its trades are lost: the minute waits for the exchange's candle.
            self.bars.interrupt()
            return NOTHING
        return self.take_trades(frame)

    def _take_raw_klines(self, raw: bytes, seen_ns: int) -> Sequence[Output]:
        frame = self._feeds.klines.decode(raw, seen_ns)
        if isinstance(frame, BadFrame):
            self._faults[frame.fault] += 1
            return NOTHING
        return self.take_kline(frame)

    def _lost_book(self, seen_ns: int) -> Sequence[Output]:
        self._forget_book(seen_ns)
        gap = self.book.gap
        return () if gap is None else (Resubscribe(self.book.topic, gap.fault),)

    def _forget_book(self, now_ns: int) -> None:
        self._asked_ns = now_ns
        for strategy in self._strategies:
            strategy.on_stale(now_ns)

    def _ask_again(self, now_ns: int) -> Sequence[Output]:
        if self._asked_ns is None:
            # The shell subscribed when it started; from here on it is late.
            self._asked_ns = now_ns
        if now_ns - self._asked_ns < RESYNC_PATIENCE_NS:
            return NOTHING
        self._asked_ns = now_ns
        return (Resubscribe(self.book.topic, Fault.NO_SNAPSHOT),)

    def _judge_book(self, seen_ns: int) -> Sequence[Output]:
        outputs: Sequence[Output] = NOTHING
        for strategy in self._book_strategies:
            draft = strategy.on_book(self._view, self.book.at_ns)
            if draft is not None:
                outputs = (*outputs, *self._hand_out(strategy, draft, seen_ns))
        return outputs

    def _judge_bars(self, closed: Sequence[ClosedBar], seen_ns: int) -> Sequence[Output]:
        outputs: list[Output] = []
        for bar in closed:
            for strategy in self._strategies:
                wanted = strategy.bars
                if not strategy.is_enabled or wanted is None or wanted.timeframe is not bar.timeframe:
                    continue
                window = self._window(wanted, bar.candle.end_ns)
                if window is not None:
                    outputs.extend(self._hand_out(strategy, strategy.on_bar(window), seen_ns))
        return outputs

    def _wanted_bars(self) -> list[Bars]:
        """What the enabled strategies want to see."""
        return [s.bars for s in self._strategies if s.is_enabled and s.bars is not None]

    def _window(self, wanted: Bars, end_ns: int | None) -> Sequence[Candle] | None:
        """The bars up to the one that closed at `end_ns`; None when one is missing or incomplete."""
        window = self.bars.bars(wanted.timeframe, wanted.count, end_ns)
        full = len(window) == wanted.count and contiguous(window)
        return window if full and end_ns in (None, window[-1].end_ns) else None

    def _hand_out(self, strategy: Strategy[Any], draft: SignalDraft | None, seen_ns: int) -> Sequence[Output]:
        if draft is None:
            return NOTHING
        if self._owner_epoch is None:
            self._shadow[strategy.name] += 1
            return NOTHING
        self._signals[strategy.name] += 1
        self._numbered[strategy.name] += 1
        snapshot = self._snapshot
        signal = Signal(
            signal_id=self._signal_id(strategy, draft, self._owner_epoch),
            bot_uid=snapshot.uid,
            venue=snapshot.spec.exchange.venue.value,
            symbol=self.symbol,
            strategy=strategy.name,
            kind=strategy.kind,
            target=draft.target,
            strength=draft.strength,
            price=draft.price,
            hold_ns=draft.hold_ns,
            reason=draft.reason,
            at_ns=draft.at_ns,
            seen_ns=seen_ns,
            expires_ns=expiry(draft.target, draft.at_ns, draft.expires_ns),
            shard=self._shard,
            instance=self._instance,
            owner_epoch=self._owner_epoch,
            generation=snapshot.generation,
        )
        return (signal,)

    def _signal_id(self, strategy: Strategy[Any], draft: SignalDraft, owner_epoch: int) -> str:
        uid, venue = self._snapshot.uid, self._snapshot.spec.exchange.venue.value
        if strategy.kind is SignalKind.BAR and strategy.bars is not None:
            timeframe = strategy.bars.timeframe.value
            return bar_signal_id(uid, venue, self.symbol, strategy.name, timeframe, draft.at_ns)
        counter = self._numbered[strategy.name]
        return book_signal_id(uid, venue, self.symbol, strategy.name, owner_epoch, counter)
