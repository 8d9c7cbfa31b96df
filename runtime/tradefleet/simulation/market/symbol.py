"""One traded name's market: its place in the lap, its book, ticker, trades and candles.

`fire` plays the next step: it changes the state, tells the listeners, then builds the frames that
somebody watches. Reading (`snapshot`, `book`, ...) changes nothing.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from tradefleet.domain.orders import Side
from tradefleet.simulation.market.book import LevelBook
from tradefleet.simulation.market.candles import CandleHistory
from tradefleet.simulation.market.clock import MILLISECOND_NS, LapClock
from tradefleet.simulation.market.klines import KlineFeed
from tradefleet.simulation.market.listing import SPOT, Listing
from tradefleet.simulation.market.ticker import TickerState
from tradefleet.simulation.market.topics import DEPTH_OF, INTERVAL_OF, TICKERS, TRADES, book_stream
from tradefleet.simulation.market.track import (
    RECORDED_DEPTH,
    BookStep,
    RecordedTrade,
    TickerStep,
    TradeStep,
    Window,
)
from tradefleet.simulation.market.wire import Kind, TradeRow, book_frame, rows_json, ticker_frame, trade_frame
from tradefleet.simulation.market_view import MarketListener

RECENT_TRADES: Final = 1000
"""The most that recent-trade answers."""

QUIET_TOP_NS: Final = 3_000_000_000
"""After so long without a change depth 1 repeats itself with the same u (reference A5, rule 7)."""


class Frame(NamedTuple):
    """One frame for the subscribers of `topic`."""

    topic: str
    payload: bytes


class PlayedTrade(NamedTuple):
    """A replayed trade: when it happened (ns UTC), in which lap, and what was recorded."""

    at_ns: int
    lap: int
    trade: RecordedTrade


class BookStamp(NamedTuple):
    """Where a book stands. update_id: of the asked depth; at_ms, cut_ms: ms UTC."""

    update_id: int
    seq: int
    at_ms: int
    cut_ms: int


class SymbolReplay:
    """The replay of one listing; `due_ns` is when its next step is to be fired."""

    def __init__(
        self,
        listing: Listing,
        clock: LapClock,
        run: uuid.UUID,
        listeners: Sequence[MarketListener],
        first_lap: int,
    ) -> None:
        """Stand where the listing starts. run: makes trade ids unique among runs; first_lap: laps
        before it are played into the history of candles and trades only."""
        self.listing = listing
        self.symbol = listing.symbol
        self.is_spot = listing.instrument.category == SPOT
        self.book = LevelBook()
        self.ticker = TickerState(listing.symbol)
        self.watched: set[str] = set()
        self._track = listing.track
        self._clock = clock
        self._run = run
        self._listeners: Sequence[MarketListener] = ()
        self._lap = 0
        self._index = 0
        # Per depth, the stamp of its latest frame: a snapshot or a repeat restates it.
        self._stands: dict[int, BookStamp] = {}
        self._untold: deque[PlayedTrade] = deque()
        self._recent: deque[PlayedTrade] = deque(maxlen=RECENT_TRADES)
        self._last_price: Decimal | None = None
        self._top_at_ns = 0
        self._klines: dict[str, KlineFeed] = {}
        self.candles = CandleHistory(self._opening_price(), self._ms(0, 0))
        self._play_history(first_lap)
        self._take_place(first_lap)
        self._listeners = listeners

    # ---- time

    @property
    def due_ns(self) -> int:
        """When the next step happens, ns UTC."""
        return self._ns(self._lap, self._track.steps[self._index].at_ms)

    @property
    def quiet_due_ns(self) -> int:
        """When depth 1 has been silent long enough to repeat itself, ns UTC."""
        return self._top_at_ns + QUIET_TOP_NS

    def _ns(self, lap: int, offset_ms: int) -> int:
        return self._clock.at_ns(lap, offset_ms - self.listing.phase_ms)

    def _ms(self, lap: int, offset_ms: int) -> int:
        return self._ns(lap, offset_ms) // MILLISECOND_NS

    # ---- the start

    def _opening_price(self) -> Decimal:
        first = next(step for step in self._track.steps if isinstance(step, TickerStep))
        return Decimal(first.fields["lastPrice"])

    def _play_history(self, laps: int) -> None:
        for lap in range(laps):
            for step in self._track.steps:
                if isinstance(step, TradeStep):
                    self._count_trades(lap, step)

    def _take_place(self, lap: int) -> None:
        self._lap = lap
        self._index = 0
        unseen: list[Frame] = []
        while self._lap == lap and self._track.steps[self._index].at_ms <= self.listing.phase_ms:
            self.fire(unseen)
        self._untold.clear()

    # ---- playing

    def fire(self, out: list[Frame]) -> None:
        """Play the step that is due; frames for watched streams are appended to `out`."""
        step = self._track.steps[self._index]
        lap = self._lap
        at_ns = self.due_ns
        if isinstance(step, BookStep):
            self._play_book(step, lap, at_ns, out)
        elif isinstance(step, TickerStep):
            self._play_ticker(step, lap, at_ns, out)
        else:
            self._play_trades(step, lap, at_ns, out)
        self._index += 1
        if self._index == len(self._track.steps):
            self._index = 0
            self._lap += 1

    def _play_book(self, step: BookStep, lap: int, at_ns: int, out: list[Frame]) -> None:
        self.book.apply(step.changes, replaces=step.replaces)
        seq = self._seq(lap, step.seq)
        cut_ms = self._ms(lap, step.cut_ms)
        for depth in step.windows:
            update_id = self._update_id(depth, lap, step)
            self._stands[depth] = BookStamp(update_id, seq, at_ns // MILLISECOND_NS, cut_ms)
        for listener in self._listeners:
            listener.on_book(self.symbol, step.restated, step.replaces, at_ns)
        self._tell_trades(seq)
        if 1 in step.windows:
            self._top_at_ns = at_ns
        for depth, window in step.windows.items():
            if book_stream(depth) in self.watched:
                kind: Kind = "snapshot" if step.replaces or depth == 1 else "delta"
                self._say_book(depth, kind, window, self._stands[depth], out)

    def _say_book(self, depth: int, kind: Kind, window: Window, stamp: BookStamp, out: list[Frame]) -> None:
        payload = book_frame(
            depth,
            self.symbol,
            kind,
            ts=stamp.at_ms,
            bids=window.bids,
            asks=window.asks,
            update_id=stamp.update_id,
            seq=stamp.seq,
            cts=stamp.cut_ms,
            spot=self.is_spot,
        )
        out.append(Frame(f"{book_stream(depth)}.{self.symbol}", payload))

    def _play_ticker(self, step: TickerStep, lap: int, at_ns: int, out: list[Frame]) -> None:
        ts = at_ns // MILLISECOND_NS
        fields, priced = self.ticker.apply(step, self._seq(lap, step.cross_seq), ts)
        if priced:
            for listener in self._listeners:
                listener.on_mark(self.symbol, self.ticker.mark, self.ticker.index, self.last_price, at_ns)
        if TICKERS in self.watched:
            kind: Kind = "snapshot" if step.replaces else "delta"
            cs = self.ticker.cross_seq
            payload = ticker_frame(self.symbol, kind, fields, cs=cs, ts=ts, spot=self.is_spot)
            out.append(Frame(f"{TICKERS}.{self.symbol}", payload))

    def _play_trades(self, step: TradeStep, lap: int, at_ns: int, out: list[Frame]) -> None:
        played = self._count_trades(lap, step)
        if self._listeners:
            self._untold.extend(played)
        if TRADES in self.watched:
            rows = [self._trade_row(one) for one in played]
            payload = trade_frame(self.symbol, at_ns // MILLISECOND_NS, rows, spot=self.is_spot)
            out.append(Frame(f"{TRADES}.{self.symbol}", payload))

    def _count_trades(self, lap: int, step: TradeStep) -> list[PlayedTrade]:
        played = [PlayedTrade(self._ns(lap, trade.at_ms), lap, trade) for trade in step.trades]
        for at_ns, _, trade in played:
            self.candles.trade(at_ns // MILLISECOND_NS, trade.price, trade.size)
        self._recent.extend(played)
        self._last_price = step.trades[-1].price
        return played

    def _tell_trades(self, up_to_seq: int) -> None:
        """Tell listeners the trades that the book now shows.

        The exchange publishes a trade at once and the levels it consumed up to 100 ms later; the
        cross sequence says which book frame holds it.
        """
        while self._untold and self._seq(self._untold[0].lap, self._untold[0].trade.row.seq) <= up_to_seq:
            at_ns, _, trade = self._untold.popleft()
            for listener in self._listeners:
                listener.on_trade(self.symbol, trade.price, trade.size, trade.side, at_ns)

    def repeat_quiet_top(self, at_ns: int, out: list[Frame]) -> None:
        """Depth 1 has been silent for three seconds: say it again."""
        self._top_at_ns = at_ns
        if book_stream(1) in self.watched:
            out.append(
                Frame(f"{book_stream(1)}.{self.symbol}", self._book_snapshot(1, at_ns // MILLISECOND_NS))
            )

    def push_klines(self, now_ms: int, out: list[Frame]) -> None:
        """The second's kline push: candles that closed or changed since the last one."""
        self.candles.roll_to(now_ms)
        for stream, feed in self._klines.items():
            payload = feed.push(self.candles, now_ms)
            if payload is not None:
                out.append(Frame(f"{stream}.{self.symbol}", payload))

    # ---- who listens

    def watch(self, stream: str, now_ms: int) -> None:
        """Build the frames of this stream from now on."""
        self.watched.add(stream)
        if stream in INTERVAL_OF and stream not in self._klines:
            interval = INTERVAL_OF[stream]
            self._klines[stream] = KlineFeed(self.symbol, interval, self.candles, now_ms, spot=self.is_spot)

    def unwatch(self, stream: str) -> None:
        """Nobody listens any more."""
        self.watched.discard(stream)
        self._klines.pop(stream, None)

    def snapshot(self, stream: str, now_ms: int) -> bytes | None:
        """What a new subscriber is sent after the ack; None for trades, which have no past."""
        if stream in DEPTH_OF:
            return self._book_snapshot(DEPTH_OF[stream], now_ms)
        if stream == TICKERS:
            ticker = self.ticker
            return ticker_frame(
                self.symbol, "snapshot", ticker.fields, cs=ticker.cross_seq, ts=now_ms, spot=self.is_spot
            )
        if stream in INTERVAL_OF:
            return self._klines[stream].current(self.candles, now_ms)
        return None

    # ---- what stands now

    @property
    def last_price(self) -> Decimal:
        """Price of the latest trade; the ticker's until there was one."""
        return self.ticker.last if self._last_price is None else self._last_price

    def book_stamp(self, depth: int = RECORDED_DEPTH) -> BookStamp:
        """Where the book of this depth stands."""
        return self._stands[depth]

    def recent_trades(self, limit: int) -> list[TradeRow]:
        """The latest trades, newest first, as they were published."""
        newest = list(self._recent)[-limit:]
        return [self._trade_row(played) for played in reversed(newest)]

    def _trade_row(self, played: PlayedTrade) -> TradeRow:
        """The trade re-stamped, with the id that it has in this run and lap."""
        at_ns, lap, trade = played
        row = trade.row
        return TradeRow(
            at_ms=at_ns // MILLISECOND_NS,
            symbol=self.symbol,
            side=row.side,
            size=row.size,
            price=row.price,
            tick_direction=row.tick_direction,
            trade_id=self._trade_id(lap, trade.ordinal),
            block=row.block,
            rpi=row.rpi,
            seq=self._seq(lap, row.seq),
        )

    def _book_snapshot(self, depth: int, now_ms: int) -> bytes:
        stamp = self.book_stamp(depth)
        return book_frame(
            depth,
            self.symbol,
            "snapshot",
            ts=now_ms,
            bids=rows_json(self.book.top(Side.BUY, depth)),
            asks=rows_json(self.book.top(Side.SELL, depth)),
            update_id=stamp.update_id,
            seq=stamp.seq,
            cts=stamp.cut_ms,
            spot=self.is_spot,
        )

    def _trade_id(self, lap: int, ordinal: int) -> str:
        """A UUID, or on spot 19 digits."""
        if not self.is_spot:
            return str(uuid.uuid5(self._run, f"{self.symbol}.{lap}.{ordinal}"))
        of_run = uuid.uuid5(self._run, self.symbol).int % 10**7
        return f"22{of_run:07d}{lap * self._track.trades_a_lap + ordinal:010d}"

    def _update_id(self, depth: int, lap: int, step: BookStep) -> int:
        track = self._track
        return track.first_ids[depth] + lap * track.frames_a_lap[depth] + step.serials[depth] - 1

    def _seq(self, lap: int, recorded: int) -> int:
        return recorded + lap * self._track.seq_a_lap
