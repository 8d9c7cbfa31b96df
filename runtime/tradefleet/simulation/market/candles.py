"""Candles of the replayed trades, in the exchange's convention.

One `CandleHistory` per symbol counts trades into minutes; every longer interval is a fold of
minutes, so that all intervals agree by construction. A candle opens at the previous close (high and
low include it), and a minute without trades is flat with volume 0. Reading changes nothing: minutes
that have passed since the last trade are filled in on the way out.
Source: Bybit V5, "Kline"; convention measured on the recorded kline.1 frames (tests hold it).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Final

import msgspec

from tradefleet.domain.quantities import ZERO

MINUTE_MS: Final = 60_000
DAY_MS: Final = 1440 * MINUTE_MS
_WEEK_MS: Final = 7 * DAY_MS
# 1970-01-01 was a Thursday; the exchange's weeks begin on Monday.
_FIRST_MONDAY_MS: Final = 4 * DAY_MS

_LENGTH_MS: Final = {
    **{str(minutes): minutes * MINUTE_MS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": DAY_MS,
}
INTERVALS: Final = (*_LENGTH_MS, "W", "M")
"""The exchange's names: minutes, then day, week, month."""

MINUTES_KEPT: Final = 2880
"""Two days a symbol: about 1 MB; a paper run of weeks must not grow."""


def interval_start(interval: str, at_ms: int) -> int:
    """When the candle that holds `at_ms` began, ms UTC. interval: one of INTERVALS."""
    if interval == "M":
        return _month_start_ms(at_ms, months_on=0)
    if interval == "W":
        return at_ms - (at_ms - _FIRST_MONDAY_MS) % _WEEK_MS
    return at_ms - at_ms % _LENGTH_MS[interval]


def interval_end(interval: str, start_ms: int) -> int:
    """When the candle that began at `start_ms` is over (exclusive), ms UTC."""
    if interval == "M":
        return _month_start_ms(start_ms, months_on=1)
    if interval == "W":
        return start_ms + _WEEK_MS
    return start_ms + _LENGTH_MS[interval]


def _month_start_ms(at_ms: int, months_on: int) -> int:
    day = datetime.fromtimestamp(at_ms // 1000, UTC)
    month = day.year * 12 + day.month - 1 + months_on
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


class Candle(msgspec.Struct, frozen=True):
    """Prices in quote currency, volume in base, turnover in quote; trades: how many it holds."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    trades: int


def flat(start_ms: int, price: Decimal) -> Candle:
    """A candle in which nothing has been traded yet."""
    return Candle(start_ms, price, price, price, price, ZERO, ZERO, 0)


def with_trade(candle: Candle, price: Decimal, size: Decimal) -> Candle:
    """The candle after one more trade."""
    return Candle(
        candle.start_ms,
        candle.open,
        max(candle.high, price),
        min(candle.low, price),
        price,
        candle.volume + size,
        candle.turnover + price * size,
        candle.trades + 1,
    )


def fold(interval: str, minutes: Iterable[Candle]) -> list[Candle]:
    """Candles of `interval`, oldest first, from minutes oldest first."""
    folded: list[Candle] = []
    for minute in minutes:
        start_ms = interval_start(interval, minute.start_ms)
        if folded and folded[-1].start_ms == start_ms:
            folded[-1] = _joined(folded[-1], minute)
        else:
            folded.append(msgspec.structs.replace(minute, start_ms=start_ms))
    return folded


def _joined(longer: Candle, minute: Candle) -> Candle:
    return Candle(
        longer.start_ms,
        longer.open,
        max(longer.high, minute.high),
        min(longer.low, minute.low),
        minute.close,
        longer.volume + minute.volume,
        longer.turnover + minute.turnover,
        longer.trades + minute.trades,
    )


class CandleHistory:
    """One symbol's minutes, the newest `keep` of them."""

    def __init__(self, first_price: Decimal, start_ms: int, keep: int = MINUTES_KEPT) -> None:
        self._closed: deque[Candle] = deque(maxlen=keep)
        self._current = flat(interval_start("1", start_ms), first_price)

    def trade(self, at_ms: int, price: Decimal, size: Decimal) -> None:
        """Count one trade. at_ms: its `T`.

        A trade older than the current minute counts into the current one: the closed candle has
        been published as confirmed and must not change any more.
        """
        self.roll_to(at_ms)
        self._current = with_trade(self._current, price, size)

    def roll_to(self, now_ms: int) -> None:
        """Close every minute that is over at `now_ms`."""
        while now_ms >= self._current.start_ms + MINUTE_MS:
            self._closed.append(self._current)
            self._current = flat(self._current.start_ms + MINUTE_MS, self._current.close)

    def candles(self, interval: str, now_ms: int, from_ms: int = 0) -> list[Candle]:
        """Candles of the minutes from `from_ms` on, oldest first; the last one holds `now_ms`.

        now_ms: not before the history began. Of an interval longer than what is kept, the part
        that is known.
        """
        return fold(interval, self._minutes(from_ms, now_ms))

    def _minutes(self, from_ms: int, to_ms: int) -> Iterator[Candle]:
        """Minutes that begin in [from_ms, to_ms], oldest first. The kept ones are contiguous."""
        if self._closed:
            skip = max(0, -(-(from_ms - self._closed[0].start_ms) // MINUTE_MS))
            for minute in islice(self._closed, skip, None):
                if minute.start_ms > to_ms:
                    return
                yield minute
        if from_ms <= self._current.start_ms <= to_ms:
            yield self._current
        close = self._current.close
        for start_ms in range(self._current.start_ms + MINUTE_MS, to_ms + 1, MINUTE_MS):
            if start_ms >= from_ms:
                yield flat(start_ms, close)
