"""Candles and trades of the time before the simulator started, played in whole laps."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradefleet.simulation.market.candles import MINUTE_MS
from tradefleet.simulation.market.replay import ReplayMarket

MakeMarket = Callable[..., ReplayMarket]
HOUR_NS = 3_600_000_000_000


def test_without_history_the_market_begins_with_its_start(make_market: MakeMarket, start_ns: int) -> None:
    replay = make_market().symbols["SOLUSDT"]

    assert [candle.trades for candle in replay.candles.candles("1", start_ns // 1_000_000)] == [0]
    assert replay.recent_trades(10) == []


def test_history_reaches_back_at_least_as_far_as_asked(make_market: MakeMarket, start_ns: int) -> None:
    market = make_market(history_ns=HOUR_NS)
    start_ms = start_ns // 1_000_000

    for replay in market.symbols.values():
        candles = replay.candles.candles("1", start_ms)
        assert candles[0].start_ms <= start_ms - 60 * MINUTE_MS
        assert candles[0].start_ms > start_ms - 62 * MINUTE_MS
        assert candles[-1].start_ms == start_ms
        assert sum(candle.volume for candle in candles) > 0
        newest = replay.recent_trades(1000)
        assert len(newest) == 1000
        assert all(row.at_ms < start_ms for row in newest)
        assert [row.at_ms for row in newest] == sorted((row.at_ms for row in newest), reverse=True)
        assert len({row.trade_id for row in newest}) == 1000


def test_history_is_the_same_as_having_run_all_along(
    make_market: MakeMarket, start_ns: int, lap_ns: int
) -> None:
    laps = 3
    ran = make_market(start_ns=start_ns - laps * lap_ns, run_id="one")
    ran.advance_to(start_ns + lap_ns)
    came = make_market(history_ns=laps * lap_ns, run_id="one")
    came.advance_to(start_ns + lap_ns)

    now_ms = (start_ns + lap_ns) // 1_000_000
    for symbol, replay in ran.symbols.items():
        other = came.symbols[symbol]
        assert other.candles.candles("1", now_ms) == replay.candles.candles("1", now_ms)
        assert other.recent_trades(1000) == replay.recent_trades(1000)
        assert other.book_stamp() == replay.book_stamp()
        assert market_state(came, symbol) == market_state(ran, symbol)


def market_state(market: ReplayMarket, symbol: str) -> Any:
    return market.mark_price(symbol), market.last_price(symbol), market.symbols[symbol].ticker.rest_row()


def test_history_at_a_higher_speed_is_denser(make_market: MakeMarket, start_ns: int) -> None:
    start_ms = start_ns // 1_000_000

    def volume(speed: float) -> Decimal:
        replay = make_market(history_ns=HOUR_NS // 4, speed=speed).symbols["ETHUSDT"]
        return sum((candle.volume for candle in replay.candles.candles("1", start_ms)), Decimal(0))

    assert 9 < volume(10.0) / volume(1.0) < 11
