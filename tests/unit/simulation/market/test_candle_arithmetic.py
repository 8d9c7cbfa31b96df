"""Intervals, folds and flat minutes."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.simulation.market.candles import (
    INTERVALS,
    MINUTE_MS,
    CandleHistory,
    flat,
    fold,
    interval_end,
    interval_start,
    with_trade,
)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def decimals(*values: int) -> list[Decimal]:
    return [Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1", "2026-08-09T21:27:00", "2026-08-09T21:28:00"),
        ("5", "2026-08-09T21:25:00", "2026-08-09T21:30:00"),
        ("60", "2026-08-09T21:00:00", "2026-08-09T22:00:00"),
        ("240", "2026-08-09T20:00:00", "2026-08-10T00:00:00"),
        ("720", "2026-08-09T12:00:00", "2026-08-10T00:00:00"),
        ("D", "2026-08-09T00:00:00", "2026-08-10T00:00:00"),
        ("W", "2026-08-03T00:00:00", "2026-08-10T00:00:00"),
        ("M", "2026-08-01T00:00:00", "2026-09-01T00:00:00"),
    ],
)
def test_intervals_begin_where_the_exchange_begins_them(interval: str, start: str, end: str) -> None:
    at_ms = ms("2026-08-09T21:27:03.441")

    assert interval_start(interval, at_ms) == ms(start)
    assert interval_end(interval, ms(start)) == ms(end)


def test_december_ends_in_january() -> None:
    assert interval_end("M", ms("2026-12-01T00:00:00")) == ms("2027-01-01T00:00:00")


@given(at_ms=st.integers(0, 4_000_000_000_000), interval=st.sampled_from(INTERVALS))
def test_every_moment_lies_in_its_interval(at_ms: int, interval: str) -> None:
    start_ms = interval_start(interval, at_ms)

    assert start_ms <= at_ms < interval_end(interval, start_ms)
    assert interval_start(interval, start_ms) == start_ms
    assert interval_start(interval, interval_end(interval, start_ms) - 1) == start_ms


def test_a_candle_opens_at_the_previous_close_and_includes_it() -> None:
    history = CandleHistory(Decimal("100"), 0)

    history.trade(10, Decimal("101"), Decimal("2"))
    history.trade(MINUTE_MS + 5, Decimal("103"), Decimal("1"))
    first, second = history.candles("1", MINUTE_MS + 5)

    assert [first.open, first.high, first.low, first.close] == decimals(100, 101, 100, 101)
    assert [second.open, second.high, second.low, second.close] == decimals(101, 103, 101, 103)
    assert [first.volume, first.turnover] == decimals(2, 202)


def test_minutes_without_trades_are_flat_with_volume_zero() -> None:
    history = CandleHistory(Decimal("100"), 0)
    history.trade(10, Decimal("101"), Decimal("2"))

    read = history.candles("1", 3 * MINUTE_MS)
    history.roll_to(3 * MINUTE_MS)

    assert read == history.candles("1", 3 * MINUTE_MS)
    assert read[1:] == [flat(minute * MINUTE_MS, Decimal("101")) for minute in (1, 2, 3)]


def test_a_late_trade_does_not_change_a_closed_candle() -> None:
    history = CandleHistory(Decimal("100"), 0)
    history.roll_to(MINUTE_MS)

    history.trade(MINUTE_MS - 1, Decimal("99"), Decimal("1"))

    closed, current = history.candles("1", MINUTE_MS)
    assert closed == flat(0, Decimal("100"))
    assert current == with_trade(flat(MINUTE_MS, Decimal("100")), Decimal("99"), Decimal("1"))


def test_only_the_newest_minutes_are_kept() -> None:
    history = CandleHistory(Decimal("100"), 0, keep=3)
    history.roll_to(10 * MINUTE_MS)

    assert [candle.start_ms // MINUTE_MS for candle in history.candles("1", 10 * MINUTE_MS)] == [7, 8, 9, 10]


TRADES = st.lists(
    st.tuples(st.integers(0, 600_000), st.integers(1, 500), st.integers(1, 9)), min_size=1, max_size=40
)


@given(trades=TRADES, interval=st.sampled_from(["1", "3", "5", "60"]), from_minute=st.integers(0, 12))
def test_a_fold_of_minutes_is_the_candle_of_its_trades(
    trades: list[tuple[int, int, int]], interval: str, from_minute: int
) -> None:
    trades = sorted(trades)
    history = CandleHistory(Decimal(250), 0)
    for at_ms, price, size in trades:
        history.trade(at_ms, Decimal(price), Decimal(size))

    candles = history.candles(interval, 700_000)

    assert sum(candle.volume for candle in candles) == sum(size for _, _, size in trades)
    assert sum(candle.turnover for candle in candles) == sum(price * size for _, price, size in trades)
    assert sum(candle.trades for candle in candles) == len(trades)
    for candle, following in itertools.pairwise(candles):
        assert candle.close == following.open
        assert interval_end(interval, candle.start_ms) == following.start_ms
    for candle in candles:
        inside = [
            Decimal(price)
            for at_ms, price, _ in trades
            if candle.start_ms <= at_ms < interval_end(interval, candle.start_ms)
        ]
        assert candle.high == max([candle.open, *inside])
        assert candle.low == min([candle.open, *inside])
        assert candle.close == ([candle.open, *inside])[-1]
    later = history.candles("1", 700_000, from_minute * MINUTE_MS)
    assert later == [one for one in history.candles("1", 700_000) if one.start_ms >= from_minute * MINUTE_MS]
    assert fold(interval, history.candles("1", 700_000)) == candles
