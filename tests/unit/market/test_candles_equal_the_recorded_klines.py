"""Our candles of the recorded trades beside the recorded kline frames, field by field.

The recording begins at 21:26:57.9 and ends at 21:27:42. What differs, and why:

- Minute 21:26 (10 rows, 4 of them final): we saw only its last two seconds, so ours is incomplete
  and is never compared; the exchange's final candle replaces it.
- Minute 21:27 (65 rows, none final): seen from its first trade. 63 rows equal ours in all six values
  at the moment of their arrival. Two were cut by the exchange just before a trade of the same push
  interval (65 ms and 62 ms before the row's timestamp): they equal ours without that one trade.
"""

from collections import Counter
from decimal import Decimal

from tests.support.recorded import SYMBOLS, recorded_frames, recorded_instruments

from tradefleet.market.bars import BarCount, BarFeed, ClosedBar
from tradefleet.market.bybit_codec import BybitCodec
from tradefleet.market.candles import Candle
from tradefleet.market.frames import KlineFrame, KlineRow, TradesFrame
from tradefleet.spec.strategies import Timeframe

MINUTE_2127_NS = 1_786_310_820 * 10**9
Values = tuple[Decimal, ...]


def values(row: KlineRow | Candle) -> Values:
    return (row.open, row.high, row.low, row.close, row.volume, row.turnover)


def test_our_candles_equal_the_recorded_kline_frames_up_to_two_explained_rows() -> None:
    codec = BybitCodec(recorded_instruments().values())
    feeds = {symbol: BarFeed(instrument) for symbol, instrument in recorded_instruments().items()}
    history: dict[str, list[Values]] = {symbol: [] for symbol in SYMBOLS}
    found: Counter[str] = Counter()
    lagging: list[tuple[str, int]] = []

    for seen, raw in recorded_frames():
        frame = codec.decode(raw, seen)
        if isinstance(frame, TradesFrame):
            feed = feeds[frame.symbol]
            for trade in frame.trades:
                feed.take_trades(TradesFrame(frame.symbol, (trade,), frame.at_ns, seen))
                forming = feed.builder.forming()
                assert forming is not None
                history[frame.symbol].append(values(forming))
        elif isinstance(frame, KlineFrame):
            feed = feeds[frame.symbol]
            feed.take_kline(frame)
            for row in frame.rows:
                if row.start_ns < MINUTE_2127_NS:
                    found["minute 21:26"] += 1
                    continue
                forming = feed.builder.forming()
                assert forming is not None
                assert forming.start_ns == MINUTE_2127_NS
                if values(forming) == values(row):
                    found["equal"] += 1
                elif history[frame.symbol][-2:-1] == [values(row)]:
                    found["one trade behind"] += 1
                    lagging.append((frame.symbol, frame.at_ns // 10**6))

    assert found == {"minute 21:26": 10, "equal": 63, "one trade behind": 2}
    assert lagging == [("SOLUSDT", 1786310822006), ("ETHUSDT", 1786310853125)]


def test_the_exchanges_final_candle_completes_the_minute_that_began_unseen() -> None:
    codec = BybitCodec(recorded_instruments().values())
    feeds = {symbol: BarFeed(instrument) for symbol, instrument in recorded_instruments().items()}
    for feed in feeds.values():
        feed.watch({Timeframe.M1: 2})

    closed: dict[str, list[ClosedBar]] = {symbol: [] for symbol in SYMBOLS}
    for seen, raw in recorded_frames():
        frame = codec.decode(raw, seen)
        if isinstance(frame, TradesFrame):
            closed[frame.symbol] += feeds[frame.symbol].take_trades(frame)
        elif isinstance(frame, KlineFrame):
            closed[frame.symbol] += feeds[frame.symbol].take_kline(frame)

    minutes = {symbol: [values(bar.candle) for bar in bars] for symbol, bars in closed.items()}
    assert minutes == {
        "BTCUSDT": [_money("65119.9", "65119.9", "65114.2", "65114.2", "3.712", "241712.1394")],
        "DOGEUSDT": [_money("0.07055", "0.07055", "0.07052", "0.07053", "690173", "48679.57044")],
        "ETHUSDT": [_money("1922.43", "1922.48", "1922.42", "1922.48", "15.7", "30182.0724")],
        "SOLUSDT": [_money("77.28", "77.31", "77.28", "77.31", "1252.7", "96823.3")],
    }
    assert all(bar.candle.complete for bars in closed.values() for bar in bars)
    # Only BTCUSDT traded in the two seconds before the minute's end; the others began with the candle.
    assert {symbol: dict(feed.counts) for symbol, feed in feeds.items()} == {
        "BTCUSDT": {BarCount.REPAIRED: 1},
        "DOGEUSDT": {},
        "ETHUSDT": {},
        "SOLUSDT": {},
    }


def _money(*texts: str) -> Values:
    return tuple(map(Decimal, texts))
