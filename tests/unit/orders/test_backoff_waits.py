"""Waits before a repeat: they double, they end somewhere, and they are spread from zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.orders.backoff import LONGEST_S, wait_s


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.1), (2, 0.2), (3, 0.4), (6, 3.2), (7, 5.0), (99, 5.0)]
)
def test_the_longest_wait_doubles_to_a_bound(attempt: int, longest: float) -> None:
    assert wait_s(attempt, 1.0) == pytest.approx(longest)
    assert wait_s(attempt, 0.5) == pytest.approx(longest / 2)


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_zero_and_the_bound(attempt: int, draw: float) -> None:
    assert 0 <= wait_s(attempt, draw) <= LONGEST_S


def test_there_is_no_attempt_zero() -> None:
    with pytest.raises(ValueError, match="attempt: 0"):
        wait_s(0, 0.5)
