"""One symbol's closed bars, from trades, repaired by the exchange's own candles.

Minutes come from trades (`MinuteBuilder`) and are published at once when complete. A minute of which
a part was not seen (the first one, or one with a lost connection) waits `KLINE_PATIENCE_NS` for the
exchange's confirmed candle of it and is published as incomplete otherwise; later minutes wait behind
it, so bars always close in order. A published bar never changes under a strategy: what arrives later
only completes the history.

History comes from REST (`seed`) and closes no bar: strategies are warm at the start, and are never
asked about the past. `needs` says what is missing, `contiguous` whether a window may be used.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.market.candles import (
    LENGTH_NS,
    MINUTE_NS,
    SECOND_NS,
    Candle,
    contiguous,
    fold,
    from_kline,
    start_of,
)
from tradefleet.market.frames import KlineFrame, TradesFrame
from tradefleet.market.trades import GRACE_NS, MinuteBuilder
from tradefleet.spec.strategies import Timeframe

KLINE_PATIENCE_NS: Final = 5 * SECOND_NS
"""How long after its end an incomplete minute waits for the exchange's candle. The recorded ones
arrived 0.2 to 1.1 s after it; the exchange pushes each second while there are trades."""

MINUTE_INTERVAL: Final = "1"
"""The exchange's name of the kline topic that is read."""


class BarCount(StrEnum):
    """What is counted of candles; the values are labels."""

    KLINE_EQUAL = "kline_equal"
    """Our minute equalled the exchange's."""
    KLINE_DIFFERENT = "kline_different"
    """It did not; ours stands if it had been published."""
    REPAIRED = "repaired"
    """An incomplete minute was replaced by the exchange's."""
    INCOMPLETE = "incomplete"
    """A bar was closed with a part of it unseen."""


class ClosedBar(msgspec.Struct, frozen=True):
    """A bar has closed: the event that bar strategies wait for."""

    timeframe: Timeframe
    candle: Candle


class HistoryRequest(msgspec.Struct, frozen=True):
    """Closed candles that are missing: every one that starts in [start, end)."""

    symbol: str
    timeframe: Timeframe
    start_ns: int
    end_ns: int


class BarSeries:
    """Closed candles of one length in order of time, the newest `keep` of them."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._starts: list[int] = []
        self._candles: list[Candle] = []

    def put(self, candle: Candle) -> Candle:
        """Take a candle unless a complete one of its time is there; what stands there now."""
        at = bisect_left(self._starts, candle.start_ns)
        if at < len(self._starts) and self._starts[at] == candle.start_ns:
            if not self._candles[at].complete:
                self._candles[at] = candle
            return self._candles[at]
        self._starts.insert(at, candle.start_ns)
        self._candles.insert(at, candle)
        excess = max(0, len(self._starts) - self.keep)
        del self._starts[:excess], self._candles[:excess]
        return candle

    def get(self, start_ns: int) -> Candle | None:
        """The candle that began then."""
        at = bisect_left(self._starts, start_ns)
        return self._candles[at] if at < len(self._starts) and self._starts[at] == start_ns else None

    def between(self, start_ns: int, end_ns: int) -> list[Candle]:
        """Candles that start in [start, end)."""
        return self._candles[bisect_left(self._starts, start_ns) : bisect_left(self._starts, end_ns)]

    def ending(self, end_ns: int | None, count: int) -> list[Candle]:
        """At most `count` candles that had closed at `end_ns` (None: all), the newest last."""
        end = len(self._starts)
        while end_ns is not None and end and self._candles[end - 1].end_ns > end_ns:
            end -= 1
        return self._candles[max(0, end - count) : end]


class BarFeed:
    """Minutes and the timeframes that are watched."""

    def __init__(self, instrument: Instrument) -> None:
        self.counts: Counter[BarCount] = Counter()
        self.builder = MinuteBuilder(instrument)
        self._symbol = instrument.symbol
        self._minutes = BarSeries(keep=2)
        self._series: dict[Timeframe, BarSeries] = {}
        self._pending: deque[Candle] = deque()
        self._published_ns: int | None = None

    def watch(self, wanted: Mapping[Timeframe, int]) -> None:
        """Keep so many bars of each timeframe. What is kept already stays; what no one wants goes."""
        longest = max((LENGTH_NS[timeframe] for timeframe in wanted), default=MINUTE_NS)
        # One bar's minutes and those that are forming the next.
        self._minutes.keep = 2 * longest // MINUTE_NS
        self._series = {
            timeframe: self._series.get(timeframe, BarSeries(keep)) for timeframe, keep in wanted.items()
        }
        for timeframe, keep in wanted.items():
            self._series[timeframe].keep = keep

    def bars(self, timeframe: Timeframe, count: int, end_ns: int | None = None) -> Sequence[Candle]:
        """At most `count` bars of a watched timeframe that had closed at `end_ns`, the newest last.

        end_ns: None for all that are known.
        """
        return self._series[timeframe].ending(end_ns, count)

    def take_trades(self, frame: TradesFrame) -> list[ClosedBar]:
        """Count a push of trades; the bars that it closes."""
        for trade in frame.trades:
            self._pending.extend(self.builder.add(trade))
        return self._release(frame.at_ns)

    def take_kline(self, frame: KlineFrame) -> list[ClosedBar]:
        """Take the exchange's confirmed minutes; the bars that they close."""
        if frame.interval != MINUTE_INTERVAL:
            return []
        for row in frame.rows:
            if row.confirmed:
                self._confirm(from_kline(row))
        return self._release(frame.at_ns)

    def take_minute(self, minute: Candle) -> list[ClosedBar]:
        """Take a closed minute as the exchange's truth (a back-test's way in)."""
        self._confirm(minute)
        return self._release(minute.end_ns)

    def tick(self, now_ns: int) -> list[ClosedBar]:
        """Close what time alone closes. now_ns: our clock, corrected to the exchange's."""
        self._pending.extend(self.builder.advance(now_ns))
        return self._release(now_ns)

    def interrupt(self) -> None:
        """Trades may be missing from now to the next trade."""
        self.builder.interrupt()

    def regrid(self, instrument: Instrument) -> None:
        """Count in other ticks and steps; the minute that is forming waits for the exchange's candle."""
        self.builder = MinuteBuilder(instrument)

    def seed(self, candles: Iterable[Candle], now_ns: int) -> None:
        """Take closed candles of the past, of minutes or of any watched timeframe.

        One that is not closed at `now_ns` is passed over, as REST gives the running one too.
        """
        by_length = {LENGTH_NS[timeframe]: series for timeframe, series in self._series.items()}
        for candle in candles:
            if candle.end_ns > now_ns:
                continue
            if candle.length_ns in by_length:
                by_length[candle.length_ns].put(candle)
            if candle.length_ns == MINUTE_NS and not self._complete_pending(candle):
                self._minutes.put(candle)

    def needs(self, now_ns: int) -> list[HistoryRequest]:
        """What is missing of the watched windows and of the bars that are forming."""
        # Bars that ended a moment ago may still be on their way.
        as_of_ns = now_ns - GRACE_NS - KLINE_PATIENCE_NS
        requests: list[HistoryRequest] = []
        for timeframe, series in self._series.items():
            length_ns = LENGTH_NS[timeframe]
            end_ns = start_of(as_of_ns, length_ns)
            self._require(timeframe, series, end_ns - series.keep * length_ns, end_ns, requests)
            self._require(Timeframe.M1, self._minutes, end_ns, start_of(as_of_ns, MINUTE_NS), requests)
        return requests

    def _require(
        self,
        timeframe: Timeframe,
        series: BarSeries,
        start_ns: int,
        end_ns: int,
        requests: list[HistoryRequest],
    ) -> None:
        held = series.between(start_ns, end_ns)
        expected = (end_ns - start_ns) // LENGTH_NS[timeframe]
        if len(held) < expected or not contiguous(held):
            requests.append(HistoryRequest(self._symbol, timeframe, start_ns, end_ns))

    def _confirm(self, candle: Candle) -> None:
        if self._published_ns is not None and candle.start_ns <= self._published_ns:
            self._count(self._minutes.get(candle.start_ns), candle)
            self._minutes.put(candle)
        elif not self._complete_pending(candle):
            start_ns = self.builder.start_ns
            if start_ns is None or candle.start_ns >= start_ns:
                if start_ns == candle.start_ns:
                    self._count(self.builder.forming(), candle)
                self._pending.extend(self.builder.settle(candle))
                self._pending.append(candle)
            else:
                self._minutes.put(candle)

    def _complete_pending(self, candle: Candle) -> bool:
        for at, waiting in enumerate(self._pending):
            if waiting.start_ns == candle.start_ns:
                self._count(waiting, candle)
                self._pending[at] = candle
                return True
        return False

    def _count(self, ours: Candle | None, candle: Candle) -> None:
        if ours is None or not ours.complete:
            self.counts[BarCount.REPAIRED] += 1
        else:
            self.counts[BarCount.KLINE_EQUAL if ours == candle else BarCount.KLINE_DIFFERENT] += 1

    def _release(self, now_ns: int) -> list[ClosedBar]:
        closed: list[ClosedBar] = []
        while self._pending:
            head = self._pending[0]
            if not head.complete and now_ns < head.end_ns + KLINE_PATIENCE_NS:
                break
            closed.extend(self._publish(self._pending.popleft()))
        return closed

    def _publish(self, minute: Candle) -> list[ClosedBar]:
        self._published_ns = minute.start_ns
        self._minutes.put(minute)
        closed: list[ClosedBar] = []
        for timeframe, series in self._series.items():
            length_ns = LENGTH_NS[timeframe]
            if minute.end_ns % length_ns == 0:
                start_ns = minute.end_ns - length_ns
                bar = fold(self._minutes.between(start_ns, minute.end_ns), start_ns, length_ns)
                stored = series.put(bar)
                if not stored.complete:
                    self.counts[BarCount.INCOMPLETE] += 1
                closed.append(ClosedBar(timeframe, stored))
        return closed
