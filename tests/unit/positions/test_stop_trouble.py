"""When a stop does not do its work: the boundaries of each word."""

import pytest

from tradefleet.positions.stop_trouble import Trouble, is_refusal, lasts, of_refusals

SECOND = 1_000_000_000
BEGAN = 1_000 * SECOND


@pytest.mark.parametrize(
    ("count", "since_ns", "lasted_ns", "found"),
    [
        (0, 0, 0, Trouble.NONE),
        (99, 0, 60 * SECOND, Trouble.NONE),
        (4, BEGAN, 60 * SECOND, Trouble.NONE),
        (5, BEGAN, 10 * SECOND - 1, Trouble.NONE),
        (5, BEGAN, 10 * SECOND, Trouble.AGAIN),
        (5, BEGAN, 30 * SECOND - 1, Trouble.AGAIN),
        (5, BEGAN, 30 * SECOND, Trouble.FOR_LONG),
        (500, BEGAN, 3600 * SECOND, Trouble.FOR_LONG),
    ],
)
def test_refusals_in_a_row_become_worse(count: int, since_ns: int, lasted_ns: int, found: Trouble) -> None:
    assert of_refusals(count, since_ns, since_ns + lasted_ns) is found


@pytest.mark.parametrize(
    ("code", "message", "counts"),
    [
        (10001, "", True),
        (10001, "StopLoss:324000000 set for Buy position should lower than base_price:161600000", True),
        (110092, "", True),
        (None, "", True),
        # Waiting helps, or there is nothing to protect: no word against the stop.
        (10006, "Too many visits!", False),
        (110063, "settlement in progress", False),
        (10002, "", False),
        (10001, "can not set tp/sl/ts for zero position", False),
        (110017, "", False),
        (110034, "", False),
    ],
)
def test_only_a_word_against_the_stop_is_a_refusal(code: int | None, message: str, counts: bool) -> None:
    assert is_refusal(code, message) is counts


@pytest.mark.parametrize(
    ("since_ns", "now_ns", "for_ns", "does"),
    [(0, 9, 1, False), (5, 9, 5, False), (5, 10, 5, True), (5, 11, 5, True)],
)
def test_what_has_begun_lasts_from_its_beginning(since_ns: int, now_ns: int, for_ns: int, does: bool) -> None:
    assert lasts(since_ns, now_ns, for_ns) is does
