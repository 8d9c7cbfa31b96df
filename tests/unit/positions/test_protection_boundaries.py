"""Which of two stops protects more, and on which side of one the price is: tables of both sides."""

from decimal import Decimal

import pytest

from tradefleet.positions.protection import better, is_beyond, is_looser, is_passed, tighter, trailed
from tradefleet.spec.trading import Trailing

D = Decimal


@pytest.mark.parametrize(
    ("sign", "one", "other", "found"),
    [
        (1, "98", "97.5", "98"),
        (1, "97.5", "98", "98"),
        (-1, "102", "102.5", "102"),
        (-1, "102.5", "102", "102"),
        (1, None, "98", "98"),
        (-1, "102", None, "102"),
        (1, None, None, None),
    ],
)
def test_the_tighter_of_two(sign: int, one: str | None, other: str | None, found: str | None) -> None:
    first, second = (None if price is None else D(price) for price in (one, other))

    assert tighter(sign, first, second) == (None if found is None else D(found))


@pytest.mark.parametrize(
    ("sign", "have", "want", "looser"),
    [
        (1, None, "98", True),
        (-1, None, "102", True),
        (1, "97.9", "98", True),
        (1, "98", "98", False),
        (1, "98.1", "98", False),
        (-1, "102.1", "102", True),
        (-1, "102", "102", False),
        (-1, "101.9", "102", False),
        (1, "98", "98.5", True),
    ],
)
def test_a_stop_is_looser_when_it_protects_less(sign: int, have: str | None, want: str, looser: bool) -> None:
    assert is_looser(sign, None if have is None else D(have), D(want)) is looser


@pytest.mark.parametrize(
    ("sign", "mark", "passed", "beyond"),
    [
        (1, "98.1", False, False),
        (1, "98", True, False),
        (1, "97.9", True, True),
        (1, "97", True, True),
        (1, "99", False, False),
        (-1, "97.9", False, False),
        (-1, "98", True, False),
        (-1, "98.1", True, True),
        (-1, "99", True, True),
        (-1, "97", False, False),
    ],
)
def test_the_price_reaches_a_stop_and_then_stands_beyond_it(
    sign: int, mark: str, passed: bool, beyond: bool
) -> None:
    assert is_passed(sign, D(mark), D(98)) is passed
    assert is_beyond(sign, D(mark), D(98)) is beyond


@pytest.mark.parametrize(
    ("sign", "best", "mark", "found"),
    [
        (1, None, "100", "100"),
        (1, "101", "100", "101"),
        (1, "101", "102", "102"),
        (-1, "101", "100", "100"),
        (-1, "101", "102", "101"),
    ],
)
def test_the_best_price_so_far(sign: int, best: str | None, mark: str, found: str) -> None:
    assert better(sign, None if best is None else D(best), D(mark)) == D(found)


@pytest.mark.parametrize(
    ("activation", "best", "stop"),
    [
        ("0.02", "101.99", None),
        ("0.02", "102", "100.98"),
        ("0.03", "102.99", None),
        ("0.03", "103", "101.97"),
        ("0.01", "101.5", None),  # active, and below the first rung
    ],
)
def test_the_ladder_begins_at_its_activation_and_its_first_rung(
    activation: str, best: str, stop: str | None
) -> None:
    found = trailed(1, D(100), D(best), Trailing(enabled=True, activation=D(activation)))

    assert found == (None if stop is None else D(stop))
