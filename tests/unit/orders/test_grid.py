"""Prices and sizes on today's grid: never through the mark, never looser than wished where that can be."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.journal_rows import make_intent
from tests.support.raw_frames import make_instrument

from tradefleet.domain.instruments import Instrument
from tradefleet.orders.codes import Reason
from tradefleet.orders.grid import is_as_wished, is_on, refused_for_size, stop_on, target_on, whole_close
from tradefleet.orders.intents import IntentRecord, IntentState

D = Decimal


def contract(tick: str = "0.1", step: str = "0.01", least: str = "0.01") -> Instrument:
    return msgspec.structs.replace(
        make_instrument("ABCUSDT", tick=tick), qty_step=D(step), min_qty=D(least), max_market_qty=D(100)
    )


STOPS = [
    # sign, wish, mark, tick, leaves
    (1, "98.0", "100", "0.1", "98.0"),  # on the grid
    (1, "98.03", "100", "0.1", "98.1"),  # a coarser tick: towards the mark
    (1, "98.0", "100", "1.5", "99.0"),
    (1, "98.03", "100", "0.01", "98.03"),  # a finer one: as wished
    (1, "98.1", "98.6", "0.5", "98.5"),  # the nearest is just below the mark
    (1, "98.1", "98.5", "0.5", "98.0"),  # the nearest is the mark: on the other side of the wish
    (1, "98.1", "98.3", "0.5", "98.0"),  # the mark lies between
    (1, "98.1", "98.1", "0.5", "98.5"),  # passed: the exchange says so
    (1, "98.1", "97", "0.5", "98.5"),
    (1, "98.1", None, "0.5", "98.5"),  # no mark is known
    (-1, "102.0", "100", "0.1", "102.0"),
    (-1, "101.97", "100", "0.1", "101.9"),
    (-1, "101.0", "100", "1.5", "100.5"),
    (-1, "101.9", "101.4", "0.5", "101.5"),
    (-1, "101.9", "101.5", "0.5", "102.0"),
    (-1, "101.9", "101.7", "0.5", "102.0"),
    (-1, "101.9", "103", "0.5", "101.5"),
    (-1, "101.9", None, "0.5", "101.5"),
    (1, "0.3", "0.8", "1", None),  # a tick larger than the price: zero would take the stop away
    (1, "0.3", None, "1", "1"),
    (-1, "0.3", "0.2", "1", "1"),
    (-1, "0.3", None, "1", "1"),
]


@pytest.mark.parametrize(("sign", "wish", "mark", "tick", "leaves"), STOPS)
def test_a_stop_leaves_towards_the_mark_and_never_through_it(
    sign: int, wish: str, mark: str | None, tick: str, leaves: str | None
) -> None:
    found = stop_on(sign, D(wish), None if mark is None else D(mark), contract(tick))

    assert found == (None if leaves is None else D(leaves))


@pytest.mark.parametrize(
    ("sign", "wish", "mark", "tick", "leaves"),
    [
        (1, "104.0", "100", "0.1", "104.0"),
        (1, "104.07", "100", "0.1", "104.0"),
        (1, "104.4", "104", "0.5", "104.5"),
        (1, "104.4", "103.9", "0.5", "104.0"),
        (-1, "95.93", "100", "0.1", "96.0"),
        (-1, "95.6", "96", "0.5", "95.5"),
        (-1, "95.6", "96.1", "0.5", "96.0"),
        (-1, "0.3", "0.8", "1", None),
    ],
)
def test_a_target_leaves_towards_the_mark_and_never_through_it(
    sign: int, wish: str, mark: str, tick: str, leaves: str | None
) -> None:
    found = target_on(sign, D(wish), D(mark), contract(tick))

    assert found == (None if leaves is None else D(leaves))


@pytest.mark.parametrize(
    ("shown", "wish", "tick", "same"),
    [
        ("98.1", "98.1", "0.5", True),  # as it was set before the tick grew
        ("98.5", "98.1", "0.5", True),
        ("98.0", "98.1", "0.5", True),
        ("99.0", "98.1", "0.5", False),
        ("97.5", "98.1", "0.5", False),
        ("98.2", "98.1", "0.1", False),
    ],
)
def test_a_wish_that_was_rounded_is_nobody_elses_move(shown: str, wish: str, tick: str, same: bool) -> None:
    assert is_as_wished(D(shown), D(wish), contract(tick)) is same


@pytest.mark.parametrize(
    ("size", "step", "least", "asks"),
    [
        ("1.00", "0.01", "0.01", "1.00"),
        ("1.07", "0.5", "0.5", "1.0"),
        ("0.50", "0.5", "0.5", "0.50"),
        ("0.49", "0.5", "0.5", "0.49"),  # no order of whole steps: all of it, and the exchange decides
        ("0.9", "0.5", "1", "0.9"),
        ("1.0", "0.5", "1", "1.0"),
        ("250", "0.01", "0.01", "250"),  # above the largest order: the exchange splits
    ],
)
def test_a_whole_close_asks_for_whole_steps_of_what_is_held(
    size: str, step: str, least: str, asks: str
) -> None:
    assert whole_close(D(size), contract(step=step, least=least)) == D(asks)


@pytest.mark.parametrize(
    ("qty", "step", "least", "on"),
    [
        ("1", "0.5", "0.5", True),
        ("0.5", "0.5", "0.5", True),
        ("0.4", "0.5", "0.5", False),
        ("0.75", "0.5", "0.5", False),
        ("0.5", "0.5", "1", False),
        ("0", "0.5", "0", True),
    ],
)
def test_a_size_is_on_the_grid_from_its_least_on(qty: str, step: str, least: str, on: bool) -> None:
    assert is_on(D(qty), contract(step=step, least=least)) is on


prices = st.decimals(min_value="0.001", max_value="100000", places=4, allow_nan=False).filter(lambda p: p > 0)
ticks = st.sampled_from(["0.0001", "0.01", "0.1", "0.5", "1.5", "10"])


@given(sign=st.sampled_from([1, -1]), wish=prices, distance=prices, tick=ticks)
def test_what_leaves_lies_on_the_grid_within_one_tick_and_before_the_mark(
    sign: int, wish: Decimal, distance: Decimal, tick: str
) -> None:
    mark = wish + sign * distance
    if mark <= 0:
        return
    found = stop_on(sign, wish, mark, contract(tick))

    if found is None:
        assert wish < D(tick)
        return
    assert found > 0
    assert found % D(tick) == 0
    assert abs(found - wish) < D(tick)
    # Through the mark only where nothing else is left above zero.
    assert (mark - found) * sign > 0 or (sign < 0 and wish < D(tick))


@given(sign=st.sampled_from([1, -1]), wish=prices, distance=prices, before=ticks, after=ticks)
def test_a_grid_that_changes_and_changes_back_moves_no_wish(
    sign: int, wish: Decimal, distance: Decimal, before: str, after: str
) -> None:
    mark = wish + sign * distance
    first = stop_on(sign, wish, mark, contract(before))

    stop_on(sign, wish, mark, contract(after))

    assert stop_on(sign, wish, mark, contract(before)) == first


@pytest.mark.parametrize(
    ("state", "code", "qty", "refused"),
    [
        (IntentState.REJECTED, 110094, "1", True),  # of size, whatever it was
        (IntentState.REJECTED, 110017, "1", False),
        (IntentState.REJECTED, 110017, "0.75", True),  # not of whole steps
        (IntentState.REJECTED, 110017, "0.4", True),  # below the least
        (IntentState.REJECTED, 110007, "0.75", False),
        (IntentState.ACCEPTED, 110094, "0.75", False),
        (IntentState.AMBIGUOUS, 110017, "0.75", False),
    ],
)
def test_an_order_was_refused_for_its_size(state: IntentState, code: int, qty: str, refused: bool) -> None:
    intent = msgspec.structs.replace(make_intent(), qty=D(qty))
    record = IntentRecord(intent=intent, state=state, ret_code=code)

    assert refused_for_size(record, contract(step="0.5", least="0.5")) is refused


@pytest.mark.parametrize("reason", ["", Reason.SIZE, Reason.FUNDS])
def test_without_a_grid_a_refusal_may_speak_of_the_size(reason: str) -> None:
    intent = msgspec.structs.replace(make_intent(), qty=D(1))
    said = IntentRecord(intent=intent, state=IntentState.REJECTED, reason=reason)

    assert refused_for_size(msgspec.structs.replace(said, ret_code=110017), None)
    assert refused_for_size(said, None) is (reason == Reason.SIZE)
