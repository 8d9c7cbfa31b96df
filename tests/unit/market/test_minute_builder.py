"""Trades into minutes: the exchange's convention and the odd trades."""

from decimal import Decimal

from tests.support.raw_frames import AT_NS, MINUTE_NS, SECOND_NS, make_instrument

from tradefleet.domain.orders import Side
from tradefleet.market.candles import Candle
from tradefleet.market.frames import Trade
from tradefleet.market.trades import MAX_FLAT_MINUTES, MinuteBuilder


def trade(
    second: float, ticks: int, steps: int = 100, *, is_block: bool = False, is_rpi: bool = False
) -> Trade:
    at_ns = AT_NS + int(second * SECOND_NS)
    return Trade(at_ns, ticks, steps, Side.BUY, str(at_ns), is_block, is_rpi, at_ns)


def candle(
    minute: int, prices: tuple[str, str, str, str], volume: str, turnover: str, complete: bool
) -> Candle:
    opened, high, low, close = map(Decimal, prices)
    return Candle(
        start_ns=AT_NS + minute * MINUTE_NS,
        length_ns=MINUTE_NS,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=Decimal(volume),
        turnover=Decimal(turnover),
        complete=complete,
    )


def live_builder() -> MinuteBuilder:
    """At 10.0 at the start of minute 0, which is therefore the first that is complete."""
    builder = MinuteBuilder(make_instrument())
    builder.add(trade(-1, 100))
    return builder


def test_the_first_minute_is_incomplete_since_it_began_unseen() -> None:
    builder = MinuteBuilder(make_instrument())

    closed = [*builder.add(trade(30, 101)), *builder.add(trade(61, 103))]

    assert closed == [candle(0, ("10.1", "10.1", "10.1", "10.1"), "1", "10.1", complete=False)]


def test_a_minute_opens_at_the_previous_close_which_counts_as_its_high_and_low() -> None:
    builder = live_builder()

    builder.add(trade(1, 103, 50))
    builder.add(trade(2, 102, 200))
    closed = builder.add(trade(60, 99))

    assert closed == [candle(0, ("10", "10.3", "10", "10.2"), "2.5", "25.55", complete=True)]


def test_a_minute_without_trades_is_flat() -> None:
    builder = live_builder()

    builder.add(trade(5, 101))
    closed = builder.add(trade(125, 105))

    assert closed[1] == candle(1, ("10.1", "10.1", "10.1", "10.1"), "0", "0", complete=True)


def test_time_alone_closes_a_minute_a_second_after_its_end() -> None:
    builder = live_builder()

    early = builder.advance(AT_NS + MINUTE_NS + SECOND_NS - 1)
    late = builder.advance(AT_NS + MINUTE_NS + SECOND_NS)

    # The minute in which the builder began, then minute 0.
    assert [closed.start_ns for closed in early] == [AT_NS - MINUTE_NS]
    assert late == [candle(0, ("10", "10", "10", "10"), "0", "0", complete=True)]


def test_a_trade_of_a_closed_minute_is_dropped_and_counted() -> None:
    builder = live_builder()
    builder.advance(AT_NS + MINUTE_NS + SECOND_NS)

    closed = builder.add(trade(59.9, 500))

    assert closed == []
    assert builder.late == 1
    assert builder.forming() == candle(1, ("10", "10", "10", "10"), "0", "0", complete=True)


def test_a_block_trade_is_not_counted_and_a_retail_trade_is() -> None:
    builder = live_builder()

    builder.add(trade(1, 500, is_block=True))
    builder.add(trade(2, 101, is_rpi=True))

    assert builder.blocks == 1
    assert builder.forming() == candle(0, ("10", "10.1", "10", "10.1"), "1", "10.1", complete=True)


def test_a_minute_of_which_a_part_was_lost_is_incomplete() -> None:
    builder = live_builder()
    builder.add(trade(1, 101))

    builder.interrupt()
    closed = builder.add(trade(130, 102))
    then = builder.add(trade(190, 103))

    assert [minute.complete for minute in closed + then] == [False, False, False]
    assert [minute.complete for minute in builder.add(trade(241, 103))] == [True]


def test_a_silence_of_days_is_not_filled_minute_by_minute() -> None:
    builder = live_builder()

    closed = builder.add(trade(10 * 86_400, 102))

    assert len(closed) == MAX_FLAT_MINUTES
    assert builder.start_ns == AT_NS + 14_400 * MINUTE_NS
    forming = builder.forming()
    assert forming is not None
    assert (forming.open, forming.complete) == (Decimal("10.2"), False)


def test_the_exchange_settles_a_minute_that_is_still_open_here() -> None:
    builder = live_builder()
    builder.add(trade(1, 101))

    closed = builder.settle(candle(0, ("10", "11", "9", "10.7"), "5", "50", complete=True))

    assert closed == []
    assert builder.forming() == candle(1, ("10.7", "10.7", "10.7", "10.7"), "0", "0", complete=True)


def test_a_builder_that_saw_no_trade_begins_with_the_exchanges_candle() -> None:
    builder = MinuteBuilder(make_instrument())

    builder.settle(candle(0, ("10", "11", "9", "10.7"), "5", "50", complete=True))

    assert builder.forming() == candle(1, ("10.7", "10.7", "10.7", "10.7"), "0", "0", complete=False)
