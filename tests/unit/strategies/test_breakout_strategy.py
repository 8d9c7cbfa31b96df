"""The rules of the breakout strategy on bars made by hand."""

from decimal import Decimal

import pytest

from tradefleet.domain.signals import Target
from tradefleet.market.candles import LENGTH_NS, Candle
from tradefleet.spec.strategies import Breakout, Timeframe
from tradefleet.strategies.breakout import EXPIRES_NS, BreakoutStrategy, broken_level, pivot_highs
from tradefleet.strategies.strategy import SignalDraft

FIVE = LENGTH_NS[Timeframe.M5]
PARAMETERS = Breakout(
    enabled=True,
    resistance_strength=3,
    volume_multiplier=Decimal("1.5"),
    price_threshold=Decimal("0.01"),
    lookback=20,
)


def bar(at: int, high: str, low: str, close: str, volume: str = "10") -> Candle:
    return Candle(
        start_ns=at * FIVE,
        length_ns=FIVE,
        open=Decimal(low),
        high=Decimal(high),
        low=Decimal(low),
        close=Decimal(close),
        volume=Decimal(volume),
        turnover=Decimal(0),
        complete=True,
    )


def quiet_window() -> list[Candle]:
    """20 bars around 95 with pivot highs 100, 99.5 and 99.2 and pivot lows 90, 90.4 and 90.5."""
    bars = [bar(at, "96", "94", "95") for at in range(20)]
    for at, high in ((3, "99.5"), (9, "100"), (15, "99.2")):
        bars[at] = bar(at, high, "94", "95")
    for at, low in ((6, "90.4"), (12, "90"), (17, "90.5")):
        bars[at] = bar(at, "96", low, "95")
    return bars


def judge(*, close: str, volume: str = "15", window: list[Candle] | None = None) -> SignalDraft | None:
    high, low = max(close, "96", key=Decimal), min(close, "94", key=Decimal)
    closing = bar(20, high, low, close, volume)
    return BreakoutStrategy(PARAMETERS).on_bar([*(window or quiet_window()), closing])


def test_the_first_close_beyond_a_tested_resistance_on_volume_asks_for_long() -> None:
    draft = judge(close="101.01")

    assert draft is not None
    assert (draft.target, draft.price, draft.hold_ns) == (Target.LONG, Decimal("101.01"), 0)
    assert draft.strength == 0.5
    assert (draft.at_ns, draft.expires_ns) == (21 * FIVE, 21 * FIVE + EXPIRES_NS)
    assert draft.reason == (
        "breakout: close 101.01 beyond resistance 100 (3 touches in 20 bars of 5m), "
        "volume 15 where 15 was asked"
    )


def test_the_first_close_beyond_a_tested_support_on_volume_asks_for_short() -> None:
    draft = judge(close="89.09", volume="60")

    assert draft is not None
    assert (draft.target, draft.strength) == (Target.SHORT, 1.0)
    assert "support 90 (3 touches" in draft.reason


@pytest.mark.parametrize("close", ["101", "100.5", "95", "89.1", "90"])
def test_a_close_that_is_not_beyond_the_threshold_asks_for_nothing(close: str) -> None:
    assert judge(close=close) is None


def test_a_break_without_volume_asks_for_nothing() -> None:
    assert judge(close="105", volume="14.99") is None


def test_two_touches_are_no_level() -> None:
    window = quiet_window()
    window[3] = bar(3, "98.9", "94", "95")

    assert judge(close="101.01", window=window) is None


def test_a_level_that_broke_before_is_a_level_no_more() -> None:
    window = quiet_window()
    window[18] = bar(18, "101.02", "94", "101.02")

    assert judge(close="101.5", window=window) is None


def test_a_close_beyond_the_level_before_its_pivot_does_not_count() -> None:
    window = quiet_window()
    window[0] = bar(0, "103", "94", "103")

    assert judge(close="101.01", window=window) is not None


def test_of_two_broken_levels_the_furthest_is_named() -> None:
    level = broken_level(quiet_window(), Decimal("101.01"), Target.LONG, 2, Decimal("0.01"))

    assert level == (Decimal(100), 3)


def test_a_window_without_volume_asks_for_none() -> None:
    window = [bar(at, str(b.high), str(b.low), str(b.close), "0") for at, b in enumerate(quiet_window())]

    draft = judge(close="101.01", volume="0", window=window)

    assert draft is not None
    assert draft.strength == 1.0


def test_it_wants_its_window_and_the_bar_it_judges() -> None:
    wanted = BreakoutStrategy(PARAMETERS).bars

    assert (wanted.timeframe, wanted.count) == (Timeframe.M5, 21)


@pytest.mark.parametrize(
    ("highs", "pivots"),
    [
        ([1, 2, 3, 2, 1], [(2, 3)]),
        ([1, 2, 3, 3, 1], [(2, 3)]),
        ([1, 3, 3, 2, 1], []),
        ([3, 2, 3, 2, 1], []),
        ([1, 2, 3, 2, 4], []),
        ([1, 2, 3, 2], []),
        ([], []),
    ],
)
def test_a_pivot_overtops_two_bars_before_and_is_not_overtopped_by_two_after(
    highs: list[int], pivots: list[tuple[int, Decimal]]
) -> None:
    assert pivot_highs([Decimal(high) for high in highs]) == pivots
