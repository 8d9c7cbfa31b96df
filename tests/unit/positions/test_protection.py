"""Where a stop belongs, in numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.positions.protection import better, first_stop, is_looser, tighter, trailed
from tradefleet.spec.trading import Trailing

LADDER = Trailing(enabled=True)
D = Decimal


@pytest.mark.parametrize(
    ("sign", "entry", "mark", "stop"),
    [
        (1, "100", "100", "98.0"),
        (-1, "100", "100", "102.0"),
        (1, "100", None, "98.0"),
        (1, "100", "97", "95.06"),
        (-1, "100", "103", "105.06"),
        (1, "100.13", "100", "98.1274"),
        (-1, "100.13", "100", "102.1326"),
    ],
    ids=[
        "long",
        "short",
        "no mark",
        "long beyond",
        "short beyond",
        "long between ticks",
        "short between ticks",
    ],
)
def test_the_first_stop_is_its_distance_away_and_never_looser(
    sign: int, entry: str, mark: str | None, stop: str
) -> None:
    found = first_stop(sign, D(entry), None if mark is None else D(mark), D("0.02"))

    assert found == D(stop)


@pytest.mark.parametrize(
    ("best", "stop"),
    [
        ("101.9", None),
        ("102", "100.98"),
        ("104", "102.96"),
        ("105", "103.425"),
        ("109", "107.365"),
        ("110", "107.8"),
        ("200", "196.0"),
    ],
)
def test_the_ladder_of_a_long_position(best: str, stop: str | None) -> None:
    found = trailed(1, D(100), D(best), LADDER)

    assert found == (None if stop is None else D(stop))


def test_the_ladder_of_a_short_position_mirrors_it() -> None:
    assert trailed(-1, D(100), D("98"), LADDER) == D("98.98")
    assert trailed(-1, D(100), D("90"), LADDER) == D("91.8")
    assert trailed(-1, D(100), D("99"), LADDER) is None


def test_a_ladder_that_is_switched_off_or_not_yet_active_moves_nothing() -> None:
    assert trailed(1, D(100), D(110), Trailing()) is None
    assert trailed(1, D(100), D(103), Trailing(enabled=True, activation=D("0.04"))) is None


prices = st.decimals("50", "150", places=1)


@given(sign=st.sampled_from([1, -1]), marks=st.lists(prices, min_size=1, max_size=30))
def test_a_stop_that_follows_never_loosens(sign: int, marks: list[Decimal]) -> None:
    entry, best = D(100), None
    stop = first_stop(sign, entry, None, D("0.02"))
    for mark in marks:
        best = better(sign, best, mark)
        moved = tighter(sign, stop, trailed(sign, entry, best, LADDER))
        assert moved is not None
        assert not is_looser(sign, moved, stop)
        stop = moved


@given(sign=st.sampled_from([1, -1]), one=st.none() | prices, other=prices)
def test_the_tighter_of_two_is_looser_than_neither(sign: int, one: Decimal | None, other: Decimal) -> None:
    found = tighter(sign, one, other)

    assert found in (one, other)
    assert not is_looser(sign, found, other)
    assert one is None or not is_looser(sign, found, one)
