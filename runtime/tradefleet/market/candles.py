"""Candles: what they are, their lengths, and how minutes add up to longer ones.

The convention is the exchange's, measured on the recorded kline frames: a candle opens at the
previous close, and its high and low include that; a minute without trades is flat with volume 0.
Every longer candle is a fold of minutes, so all timeframes agree by construction. Values are
`Decimal`, not ticks: bars are few, and a history must survive a change of the tick size.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.market.frames import KlineRow
from tradefleet.spec.strategies import Timeframe

SECOND_NS: Final = 10**9
MINUTE_NS: Final = 60 * SECOND_NS

LENGTH_NS: Final = {
    Timeframe.M1: MINUTE_NS,
    Timeframe.M3: 3 * MINUTE_NS,
    Timeframe.M5: 5 * MINUTE_NS,
    Timeframe.M15: 15 * MINUTE_NS,
    Timeframe.M30: 30 * MINUTE_NS,
    Timeframe.H1: 60 * MINUTE_NS,
    Timeframe.H2: 120 * MINUTE_NS,
    Timeframe.H4: 240 * MINUTE_NS,
    Timeframe.H6: 360 * MINUTE_NS,
    Timeframe.H12: 720 * MINUTE_NS,
    Timeframe.D1: 1440 * MINUTE_NS,
}
"""All divide a UTC day, so every candle starts at a multiple of its length since 1970."""


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """Trades in [start, start + length). Prices in quote currency, volume in base, turnover in quote.

    complete: every trade is in it; False when part of the time was not seen. Such a candle marks a
    gap and no strategy is asked about it.
    """

    start_ns: int
    length_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    complete: bool

    @property
    def end_ns(self) -> int:
        """When it closes (exclusive)."""
        return self.start_ns + self.length_ns


def start_of(at_ns: int, length_ns: int) -> int:
    """When the candle that holds `at_ns` began."""
    return at_ns - at_ns % length_ns


def from_kline(row: KlineRow) -> Candle:
    """The exchange's own candle, which is complete by definition."""
    return Candle(
        start_ns=row.start_ns,
        length_ns=row.end_ns - row.start_ns,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        turnover=row.turnover,
        complete=True,
    )


def fold(minutes: Sequence[Candle], start_ns: int, length_ns: int) -> Candle:
    """One candle of the minutes that are known of [start, start + length), oldest first, at least one.

    Complete when every minute is there and complete.
    """
    volume = turnover = ZERO
    for minute in minutes:
        volume = MONEY.add(volume, minute.volume)
        turnover = MONEY.add(turnover, minute.turnover)
    return Candle(
        start_ns=start_ns,
        length_ns=length_ns,
        open=minutes[0].open,
        high=max(minute.high for minute in minutes),
        low=min(minute.low for minute in minutes),
        close=minutes[-1].close,
        volume=volume,
        turnover=turnover,
        complete=len(minutes) * MINUTE_NS == length_ns and all(minute.complete for minute in minutes),
    )


def contiguous(candles: Sequence[Candle]) -> bool:
    """True when the candles are complete and follow each other without a hole."""
    return all(candle.complete for candle in candles) and all(
        later.start_ns == earlier.end_ns for earlier, later in pairwise(candles)
    )
