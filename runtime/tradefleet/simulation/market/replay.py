"""The replayed market: every listed symbol, stepped by whoever holds the clock.

`advance_to(now)` plays what is due and returns the frames for watched topics, in the order in which
they happened; the server's driver calls it with the wall clock, tests and the back-test with any
clock. Implements `market_view.MarketView`, so the matching engine reads books and marks here.
"""

import heapq
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Protocol

from tradefleet.domain.instruments import Instrument
from tradefleet.simulation.market.book import LevelBook
from tradefleet.simulation.market.clock import MILLISECOND_NS, LapClock
from tradefleet.simulation.market.listing import list_symbols
from tradefleet.simulation.market.symbol import Frame, SymbolReplay
from tradefleet.simulation.market.topics import Topic, parse_topic
from tradefleet.simulation.market_view import Funding, MarketListener
from tradefleet.simulation.recording import Recording

SECOND_NS: Final = 1_000_000_000

KLINE_PHASE_NS: Final = 200 * MILLISECOND_NS
"""Klines are pushed so long after each full second: a trade of a minute's last milliseconds, which
is published up to 2 ms after its `T`, still reaches the closing frame."""

_RUN_NAMESPACE: Final = uuid.UUID("6f1f6f0e-5c1b-5b7e-9d39-2b8f6a0d7c11")


class _Source(Protocol):
    """Something that happens at a known time, again and again."""

    @property
    def due_ns(self) -> int: ...

    def fire(self, out: list[Frame]) -> None: ...


class _QuietTop:
    """A symbol's timer for repeating depth 1."""

    def __init__(self, replay: SymbolReplay) -> None:
        self._replay = replay

    @property
    def due_ns(self) -> int:
        return self._replay.quiet_due_ns

    def fire(self, out: list[Frame]) -> None:
        self._replay.repeat_quiet_top(self.due_ns, out)


class _KlineSecond:
    """The second's tick: minutes close, changed candles are pushed."""

    def __init__(self, replays: Mapping[str, SymbolReplay], start_ns: int) -> None:
        self._replays = replays
        self.due_ns = start_ns - start_ns % SECOND_NS + KLINE_PHASE_NS
        if self.due_ns < start_ns:
            self.due_ns += SECOND_NS

    def fire(self, out: list[Frame]) -> None:
        for replay in self._replays.values():
            replay.push_klines(self.due_ns // MILLISECOND_NS, out)
        self.due_ns += SECOND_NS


class ReplayMarket:
    """A market without end, made of one recording."""

    def __init__(
        self,
        recording: Recording,
        *,
        start_ns: int,
        speed: float = 1.0,
        copies: int = 0,
        history_ns: int = 0,
        run_id: str | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """A market that begins at `start_ns` (ns UTC).

        speed: recorded seconds a second, above 0. copies: of each symbol, for load. history_ns: at
        least so much of the past is filled with whole laps of trades (candles and recent trades),
        as if the market had been running. run_id: part of the trade ids, `start_ns` when None.
        clock: what `now_ns` reads; None for the time last advanced to. Raises ValueError for a
        speed that is not above 0, NameTaken for a copy whose name is listed.
        """
        lap_clock = LapClock(start_ns, speed, recording.length_ms)
        lap_ns = lap_clock.at_ns(1, 0) - start_ns
        laps_before = -(-history_ns // lap_ns)
        lap_clock.postpone(-laps_before * lap_ns)
        run = uuid.uuid5(_RUN_NAMESPACE, str(start_ns) if run_id is None else run_id)
        listings = list_symbols(
            recording.tracks, recording.instrument_rows, recording.length_ms, copies, recording.category
        )
        self.category = recording.category
        self._lap_clock = lap_clock
        self._clock = clock
        self._advanced_ns = start_ns
        self._listeners: list[MarketListener] = []
        self._replays = {
            listing.symbol: SymbolReplay(listing, lap_clock, run, self._listeners, laps_before)
            for listing in listings
        }
        self._instruments = {listing.symbol: listing.instrument for listing in listings}
        self._sources: list[_Source] = [
            *self._replays.values(),
            *(_QuietTop(replay) for replay in self._replays.values()),
            _KlineSecond(self._replays, start_ns),
        ]
        self._agenda: list[tuple[int, int]] = []
        self._write_agenda()

    def _write_agenda(self) -> None:
        self._agenda = [(source.due_ns, place) for place, source in enumerate(self._sources)]
        heapq.heapify(self._agenda)

    # ---- stepping

    @property
    def next_due_ns(self) -> int:
        """When something happens next, ns UTC."""
        return self._agenda[0][0]

    def advance_to(self, now_ns: int) -> list[Frame]:
        """Play everything due up to `now_ns`; frames of watched topics, in order."""
        out: list[Frame] = []
        agenda = self._agenda
        while agenda[0][0] <= now_ns:
            due_ns, place = agenda[0]
            source = self._sources[place]
            self._advanced_ns = max(self._advanced_ns, due_ns)
            if source.due_ns <= due_ns:  # a quiet top's timer moves while it waits
                source.fire(out)
            heapq.heapreplace(agenda, (source.due_ns, place))
        self._advanced_ns = max(self._advanced_ns, now_ns)
        return out

    def postpone(self, by_ns: int) -> None:
        """Let the rest of the recording happen so much later: after the process was suspended."""
        self._lap_clock.postpone(by_ns)
        self._write_agenda()

    # ---- topics

    @property
    def symbols(self) -> Mapping[str, SymbolReplay]:
        """Every traded name, sorted."""
        return self._replays

    def topic(self, name: str) -> Topic | None:
        """The topic of that name, None when there is none."""
        return parse_topic(name, self._replays)

    def watch(self, topic: Topic) -> None:
        """Return the frames of this topic from `advance_to` from now on."""
        self._replays[topic.symbol].watch(topic.stream, self._advanced_ns // MILLISECOND_NS)

    def unwatch(self, topic: Topic) -> None:
        """Stop building frames for this topic."""
        self._replays[topic.symbol].unwatch(topic.stream)

    def snapshot(self, topic: Topic) -> bytes | None:
        """What a new subscriber of a watched topic is sent first; None when there is nothing.

        Stamped with the time last advanced to, so that no later frame is older.
        """
        return self._replays[topic.symbol].snapshot(topic.stream, self._advanced_ns // MILLISECOND_NS)

    # ---- MarketView

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Tradable symbols by name."""
        return self._instruments

    def book(self, symbol: str) -> LevelBook:
        """The displayed book; raises KeyError for an unknown symbol."""
        return self._replays[symbol].book

    def mark_price(self, symbol: str) -> Decimal:
        """Latest mark price; raises KeyError for an unknown symbol."""
        return self._replays[symbol].ticker.mark

    def index_price(self, symbol: str) -> Decimal:
        """Latest index price; raises KeyError for an unknown symbol."""
        return self._replays[symbol].ticker.index

    def last_price(self, symbol: str) -> Decimal:
        """Price of the latest trade; raises KeyError for an unknown symbol."""
        return self._replays[symbol].last_price

    def funding(self, symbol: str) -> Funding | None:
        """The recorded rate, and the next boundary of the funding interval."""
        return self._replays[symbol].ticker.funding

    def now_ns(self) -> int:
        """The simulator's clock, ns UTC."""
        return self._advanced_ns if self._clock is None else self._clock()

    def add_listener(self, listener: MarketListener) -> None:
        """Call `listener` at every change from now on."""
        self._listeners.append(listener)
