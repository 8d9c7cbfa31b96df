"""Which kline frame is due: at most one a second, only when something changed.

When a candle closes, one frame holds it with `confirm: true` and the next one, flat at its close,
as in the recording.
"""

from tradefleet.simulation.market.candles import Candle, CandleHistory, interval_start
from tradefleet.simulation.market.wire import kline_frame


class KlineFeed:
    """One topic's pushes, from the moment somebody subscribed."""

    def __init__(
        self, symbol: str, interval: str, candles: CandleHistory, now_ms: int, *, spot: bool = False
    ) -> None:
        self._spot = spot
        self._symbol = symbol
        self._interval = interval
        self._pushed = self._current(candles, now_ms)

    def push(self, candles: CandleHistory, now_ms: int) -> bytes | None:
        """The frame of this second, or None. now_ms: ms UTC."""
        *closed, current = candles.candles(self._interval, now_ms, self._pushed.start_ms)
        if current == self._pushed:
            return None
        self._pushed = current
        rows = [*((candle, True) for candle in closed), (current, False)]
        return kline_frame(self._symbol, self._interval, rows, now_ms, spot=self._spot)

    def current(self, candles: CandleHistory, now_ms: int) -> bytes:
        """The open candle, for a new subscriber."""
        rows = [(self._current(candles, now_ms), False)]
        return kline_frame(self._symbol, self._interval, rows, now_ms, spot=self._spot)

    def _current(self, candles: CandleHistory, now_ms: int) -> Candle:
        return candles.candles(self._interval, now_ms, interval_start(self._interval, now_ms))[-1]
