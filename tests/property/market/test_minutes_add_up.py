"""Laws of candles: nothing is lost between trades and bars, and bars follow each other."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.raw_frames import AT_NS, MINUTE_NS, SECOND_NS, make_instrument

from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ZERO
from tradefleet.market.bars import BarFeed
from tradefleet.market.candles import Candle, contiguous
from tradefleet.market.frames import Trade, TradesFrame
from tradefleet.spec.strategies import Timeframe

HOUR_NS = AT_NS - AT_NS % (60 * MINUTE_NS)
TRADES = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=40 * 60_000),
        st.integers(min_value=90, max_value=110),
        st.integers(min_value=1, max_value=50),
    ),
    max_size=60,
)


@given(TRADES)
@settings(max_examples=150, deadline=None)
def test_every_trade_is_in_exactly_one_bar_of_each_timeframe(rows: list[tuple[int, int, int]]) -> None:
    instrument = make_instrument()
    feed = BarFeed(instrument)
    feed.watch({Timeframe.M1: 100, Timeframe.M5: 100, Timeframe.M15: 100})
    trades = [Trade(HOUR_NS - 1, 100, 1, Side.BUY, "first", False, False, 0)]
    trades += [
        Trade(HOUR_NS + at_ms * 10**6, ticks, steps, Side.BUY, "i", False, False, 0)
        for at_ms, ticks, steps in sorted(rows)
    ]

    closed = [
        bar
        for trade in trades
        for bar in feed.take_trades(TradesFrame("ABCUSDT", (trade,), trade.at_ns, trade.at_ns))
    ]
    closed += feed.tick(HOUR_NS + 45 * MINUTE_NS + SECOND_NS)

    counted = trades[1:]
    for timeframe in (Timeframe.M1, Timeframe.M5, Timeframe.M15):
        bars: list[Candle] = [
            bar.candle for bar in closed if bar.timeframe is timeframe and bar.candle.start_ns >= HOUR_NS
        ]
        assert contiguous(bars)
        volume = instrument.qty_step * sum(trade.steps for trade in counted)
        unit = instrument.tick_size * instrument.qty_step
        assert sum((bar.volume for bar in bars), ZERO) == volume
        turnover = unit * sum(trade.ticks * trade.steps for trade in counted)
        assert sum((bar.turnover for bar in bars), ZERO) == turnover
        assert bars[0].open == Decimal(10)
        assert all(later.open == earlier.close for earlier, later in pairwise(bars))
        assert all(bar.low <= bar.open <= bar.high for bar in bars)
        assert all(bar.low <= bar.close <= bar.high for bar in bars)
        assert list(feed.bars(timeframe, len(bars))) == bars
