"""Closed candles of the past as Bybit's REST writes them: GET /v5/market/kline.

The adapter sends the request and hands the rows here; `BarFeed.seed` takes the result.
Source: Bybit V5, "Get Kline": rows of seven strings, newest first, the first one still open.
"""

from collections.abc import Sequence
from typing import Final

from tradefleet.market.bars import HistoryRequest
from tradefleet.market.candles import LENGTH_NS, Candle
from tradefleet.market.faults import BadValue, Fault
from tradefleet.market.grid import plain_decimal
from tradefleet.spec.strategies import Timeframe

MOST_ROWS: Final = 1000
"""Candles that one answer holds at most."""

INTERVAL: Final = {
    Timeframe.M1: "1",
    Timeframe.M3: "3",
    Timeframe.M5: "5",
    Timeframe.M15: "15",
    Timeframe.M30: "30",
    Timeframe.H1: "60",
    Timeframe.H2: "120",
    Timeframe.H4: "240",
    Timeframe.H6: "360",
    Timeframe.H12: "720",
    Timeframe.D1: "D",
}
"""The exchange's names."""

_MS: Final = 1_000_000


def kline_queries(request: HistoryRequest, category: str) -> list[dict[str, str]]:
    """Query parameters of the calls that bring what was asked for, oldest part first."""
    length_ns = LENGTH_NS[request.timeframe]
    queries: list[dict[str, str]] = []
    for start_ns in range(request.start_ns, request.end_ns, MOST_ROWS * length_ns):
        end_ns = min(start_ns + MOST_ROWS * length_ns, request.end_ns)
        queries.append(
            {
                "category": category,
                "symbol": request.symbol,
                "interval": INTERVAL[request.timeframe],
                "start": str(start_ns // _MS),
                # The exchange counts both ends by the candle's start.
                "end": str((end_ns - length_ns) // _MS),
                "limit": str(MOST_ROWS),
            }
        )
    return queries


def read_klines(rows: Sequence[Sequence[str]], timeframe: Timeframe) -> list[Candle]:
    """Candles of `result.list`, oldest first; raises BadValue when a row is no candle.

    The running candle, which the exchange gives too, is among them: `seed` passes over it.
    """
    return [_candle(row, LENGTH_NS[timeframe]) for row in reversed(rows)]


def _candle(row: Sequence[str], length_ns: int) -> Candle:
    if len(row) != 7:
        raise BadValue(Fault.UNEXPECTED_SHAPE, row)
    start_ms, opened, high, low, close, volume, turnover = map(plain_decimal, row)
    start_ns = int(start_ms) * _MS
    prices = (opened, high, low, close)
    if start_ns % length_ns or min(*prices) != low or max(*prices) != high:
        raise BadValue(Fault.UNEXPECTED_SHAPE, row)
    if low <= 0 or volume < 0 or turnover < 0:
        raise BadValue(Fault.ABSURD_PRICE if low <= 0 else Fault.NEGATIVE_SIZE, row)
    return Candle(
        start_ns=start_ns,
        length_ns=length_ns,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        turnover=turnover,
        complete=True,
    )
