"""Closed bars: folding, order, repair by the exchange's candles, history that closes nothing."""

from decimal import Decimal

import pytest
from tests.support.raw_frames import AT_NS, MINUTE_NS, SECOND_NS, make_instrument

from tradefleet.domain.orders import Side
from tradefleet.market.bars import KLINE_PATIENCE_NS, BarCount, BarFeed, ClosedBar, HistoryRequest
from tradefleet.market.candles import LENGTH_NS, Candle
from tradefleet.market.frames import KlineFrame, KlineRow, Trade, TradesFrame
from tradefleet.spec.strategies import Timeframe

M1, M5, H1, D1 = Timeframe.M1, Timeframe.M5, Timeframe.H1, Timeframe.D1
DAY_NS = 86_400 * SECOND_NS
HOUR_START_NS = AT_NS - AT_NS % (60 * MINUTE_NS)


def trades(*seconds_and_ticks: tuple[float, int], start_ns: int = HOUR_START_NS) -> TradesFrame:
    rows = tuple(
        Trade(start_ns + int(second * SECOND_NS), ticks, 100, Side.BUY, "i", False, False, 1)
        for second, ticks in seconds_and_ticks
    )
    return TradesFrame("ABCUSDT", rows, rows[-1].at_ns, rows[-1].at_ns)


def candle(
    minute: int, price: str, volume: str = "1", *, length_ns: int = MINUTE_NS, complete: bool = True
) -> Candle:
    value = Decimal(price)
    return Candle(
        start_ns=HOUR_START_NS + minute * MINUTE_NS,
        length_ns=length_ns,
        open=value,
        high=value,
        low=value,
        close=value,
        volume=Decimal(volume),
        turnover=value * Decimal(volume),
        complete=True,
    )


def kline(
    minute: int, price: str, volume: str = "1", *, confirmed: bool = True, late_s: float = 0.5
) -> KlineFrame:
    c = candle(minute, price, volume)
    row = KlineRow(
        start_ns=c.start_ns,
        end_ns=c.end_ns,
        open=c.open,
        high=c.high,
        low=c.low,
        close=c.close,
        volume=c.volume,
        turnover=c.turnover,
        confirmed=confirmed,
    )
    at_ns = c.end_ns + SECOND_NS // 2
    return KlineFrame("ABCUSDT", "1", (row,), at_ns, at_ns)


def feed_of(*timeframes: Timeframe, keep: int = 3) -> BarFeed:
    feed = BarFeed(make_instrument())
    feed.watch(dict.fromkeys(timeframes, keep))
    return feed


def live_feed(*timeframes: Timeframe) -> BarFeed:
    """Complete from the start of the hour on, at 10.0."""
    feed = feed_of(*timeframes)
    feed.take_trades(trades((-1, 100)))
    feed.take_kline(kline(-1, "10.0"))
    return feed


def starts(closed: list[ClosedBar]) -> list[tuple[Timeframe, int, bool]]:
    return [
        (bar.timeframe, (bar.candle.start_ns - HOUR_START_NS) // MINUTE_NS, bar.candle.complete)
        for bar in closed
    ]


def test_a_complete_minute_closes_with_the_first_trade_after_it() -> None:
    feed = live_feed(M1)

    closed = feed.take_trades(trades((10, 101), (61, 102)))

    assert starts(closed) == [(M1, 0, True)]


def test_minutes_fold_into_the_longer_bar_at_its_end() -> None:
    feed = live_feed(M1, M5)
    prices = [101, 105, 99, 103, 102]

    closed = [
        bar
        for minute, ticks in enumerate(prices)
        for bar in feed.take_trades(trades((60 * minute + 30, ticks)))
    ]
    closed += feed.tick(HOUR_START_NS + 5 * MINUTE_NS + SECOND_NS)

    (bar,) = [bar.candle for bar in closed if bar.timeframe is M5]
    assert (bar.open, bar.high, bar.low, bar.close) == tuple(map(Decimal, ("10.0", "10.5", "9.9", "10.2")))
    assert (bar.volume, bar.turnover) == (Decimal(5), Decimal("51.0"))
    assert (bar.start_ns, bar.length_ns, bar.complete) == (HOUR_START_NS, 5 * MINUTE_NS, True)
    assert [bar.timeframe for bar in closed].count(M1) == 5


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_every_timeframe_closes_at_the_multiples_of_its_length(timeframe: Timeframe) -> None:
    feed = feed_of(timeframe)
    day_ns = AT_NS - AT_NS % DAY_NS
    minutes = LENGTH_NS[timeframe] // MINUTE_NS

    closed = [
        bar
        for minute in range(2 * minutes)
        for bar in feed.take_minute(
            Candle(
                start_ns=day_ns + minute * MINUTE_NS,
                length_ns=MINUTE_NS,
                open=Decimal(1),
                high=Decimal(2),
                low=Decimal(1),
                close=Decimal(2),
                volume=Decimal(3),
                turnover=Decimal(4),
                complete=True,
            )
        )
    ]

    assert [bar.candle.start_ns for bar in closed] == [day_ns, day_ns + LENGTH_NS[timeframe]]
    assert [bar.candle.volume for bar in closed] == [Decimal(3 * minutes)] * 2
    assert all(bar.candle.complete for bar in closed)


def test_an_incomplete_minute_waits_for_the_exchanges_candle_and_later_ones_wait_behind_it() -> None:
    feed = feed_of(M1)
    feed.take_trades(trades((30, 100)))

    waiting = feed.take_trades(trades((61, 101)))
    closed = feed.take_kline(kline(0, "10.0", "7"))

    assert waiting == []
    assert starts(closed) == [(M1, 0, True)]
    assert closed[0].candle.volume == Decimal(7)
    assert feed.counts == {BarCount.REPAIRED: 1}


def test_an_incomplete_minute_is_published_as_such_when_no_candle_comes() -> None:
    feed = feed_of(M1)
    feed.take_trades(trades((30, 100), (61, 101)))

    early = feed.tick(HOUR_START_NS + MINUTE_NS + KLINE_PATIENCE_NS - 1)
    late = feed.tick(HOUR_START_NS + MINUTE_NS + KLINE_PATIENCE_NS)

    assert early == []
    assert starts(late) == [(M1, 0, False)]
    assert feed.counts == {BarCount.INCOMPLETE: 1}


def test_a_lost_connection_makes_bars_incomplete_until_trades_come_again() -> None:
    feed = live_feed(M1)
    feed.take_trades(trades((10, 101)))

    feed.interrupt()
    closed = feed.tick(HOUR_START_NS + 2 * MINUTE_NS + KLINE_PATIENCE_NS)
    feed.take_trades(trades((140, 103)))
    closed += feed.tick(HOUR_START_NS + 3 * MINUTE_NS + KLINE_PATIENCE_NS)
    closed += feed.tick(HOUR_START_NS + 4 * MINUTE_NS + KLINE_PATIENCE_NS)

    assert starts(closed) == [(M1, 0, False), (M1, 1, False), (M1, 2, False), (M1, 3, True)]


def test_a_bar_with_one_unseen_minute_is_incomplete() -> None:
    feed = live_feed(M5)
    feed.interrupt()

    closed = feed.tick(HOUR_START_NS + MINUTE_NS + KLINE_PATIENCE_NS)
    closed += feed.take_trades(trades((90, 101)))
    closed += feed.tick(HOUR_START_NS + 6 * MINUTE_NS)

    assert starts(closed) == [(M5, 0, False)]


def test_a_published_bar_stands_and_the_difference_is_counted() -> None:
    feed = live_feed(M1)
    feed.take_trades(trades((61, 102)))

    equal = feed.take_kline(kline(0, "10.0", "0"))
    different = feed.take_kline(kline(0, "10.0", "9"))

    assert (equal, different) == ([], [])
    assert feed.counts[BarCount.KLINE_EQUAL] == 1
    assert feed.counts[BarCount.KLINE_DIFFERENT] == 1
    assert feed.bars(M1, 1)[0].volume == Decimal(0)


def test_an_unconfirmed_candle_and_another_interval_say_nothing() -> None:
    feed = live_feed(M1)
    five_minutes = KlineFrame("ABCUSDT", "5", kline(0, "10.0").rows, 0, 0)

    assert feed.take_kline(kline(0, "11.0", confirmed=False)) == []
    assert feed.take_kline(five_minutes) == []
    assert feed.builder.start_ns == HOUR_START_NS


def test_history_makes_windows_and_closes_no_bar() -> None:
    feed = feed_of(M5)
    history = [candle(5 * n, "10.0", length_ns=5 * MINUTE_NS) for n in range(-3, 0)]

    feed.seed(history, now_ns=HOUR_START_NS + 1)

    assert list(feed.bars(M5, 9)) == history
    assert feed.tick(HOUR_START_NS + 2) == []


def test_a_candle_that_is_not_closed_is_no_history() -> None:
    feed = feed_of(M5)

    feed.seed([candle(0, "10.0", length_ns=5 * MINUTE_NS)], now_ns=HOUR_START_NS + 5 * MINUTE_NS - 1)

    assert feed.bars(M5, 9) == []


def test_seeded_minutes_complete_the_bar_that_was_forming() -> None:
    feed = feed_of(M5)
    feed.take_trades(trades((130, 100)))

    feed.seed([candle(0, "10.0"), candle(1, "10.0")], now_ns=HOUR_START_NS + 131 * SECOND_NS)
    feed.take_kline(kline(2, "10.0"))
    feed.take_trades(trades((190, 101), (250, 102)))
    closed = feed.tick(HOUR_START_NS + 5 * MINUTE_NS + SECOND_NS)

    assert starts(closed) == [(M5, 0, True)]
    assert closed[0].candle.volume == Decimal(5)


def test_history_repairs_a_minute_that_still_waits() -> None:
    feed = feed_of(M1)
    feed.take_trades(trades((30, 100), (61, 101)))

    feed.seed([candle(0, "10.0", "5")], now_ns=HOUR_START_NS + 62 * SECOND_NS)
    closed = feed.tick(HOUR_START_NS + 62 * SECOND_NS)

    assert starts(closed) == [(M1, 0, True)]


def test_history_replaces_an_incomplete_bar_but_never_a_complete_one() -> None:
    feed = feed_of(M1)
    feed.take_minute(candle(0, "10.0"))
    feed.take_minute(candle(2, "10.0"))

    feed.seed([candle(n, "99.0") for n in range(3)], now_ns=HOUR_START_NS + DAY_NS)

    assert [bar.close for bar in feed.bars(M1, 3)] == [Decimal(10), Decimal(99), Decimal(10)]


def test_what_is_missing_is_asked_for_and_no_more() -> None:
    feed = feed_of(M5)
    now_ns = HOUR_START_NS + 2 * MINUTE_NS + 30 * SECOND_NS

    before = feed.needs(now_ns)
    feed.seed([candle(5 * n, "10.0", length_ns=5 * MINUTE_NS) for n in range(-3, 0)], now_ns)
    between = feed.needs(now_ns)
    feed.seed([candle(0, "10.0"), candle(1, "10.0")], now_ns)

    minutes = HistoryRequest("ABCUSDT", M1, HOUR_START_NS, HOUR_START_NS + 2 * MINUTE_NS)
    bars = HistoryRequest("ABCUSDT", M5, HOUR_START_NS - 15 * MINUTE_NS, HOUR_START_NS)
    assert before == [bars, minutes]
    assert between == [minutes]
    assert feed.needs(now_ns) == []


def test_a_feed_that_no_one_watches_needs_nothing() -> None:
    feed = feed_of()

    assert feed.needs(AT_NS) == []
    assert feed.take_trades(trades((1, 100), (61, 100), (130, 100))) == []


def test_watching_another_timeframe_keeps_the_bars_of_the_first() -> None:
    feed = feed_of(M5)
    feed.seed([candle(-5, "10.0", length_ns=5 * MINUTE_NS)], HOUR_START_NS)

    feed.watch({M5: 9, H1: 2})

    assert len(feed.bars(M5, 9)) == 1
    assert feed.bars(H1, 9) == []


def test_a_window_can_be_read_as_it_stood_at_an_earlier_close() -> None:
    feed = feed_of(M1)
    for minute in range(3):
        feed.take_minute(candle(minute, "10.0"))

    window = feed.bars(M1, 2, end_ns=HOUR_START_NS + 2 * MINUTE_NS)

    assert [bar.start_ns for bar in window] == [HOUR_START_NS, HOUR_START_NS + MINUTE_NS]


def test_after_a_change_of_the_tick_closed_bars_stay_and_the_minute_waits_for_the_exchanges_candle() -> None:
    feed = BarFeed(make_instrument())
    feed.watch({M1: 3})
    feed.take_kline(kline(0, "10.0"))
    feed.take_trades(trades((70, 100)))

    feed.regrid(make_instrument(tick="0.01"))
    closed = feed.take_trades(trades((80, 1001), (120.5, 1002)))

    assert closed == []
    (bar,) = feed.take_kline(kline(1, "10.01"))
    assert bar.candle.close == Decimal("10.01")
    assert [one.start_ns for one in feed.bars(M1, 3)] == [HOUR_START_NS, HOUR_START_NS + MINUTE_NS]
