"""What the circuit breaker counts, and its limits where nobody sets others."""

import pytest

from tradefleet.orders.backoff import BASE_S, LONGEST_S, wait_s
from tradefleet.orders.breaker import Limits, Seen, seen

SECOND = 1_000_000_000


def test_five_failures_in_half_a_minute_open_it_for_a_minute() -> None:
    limits = Limits()

    assert (limits.failures, limits.window_ns, limits.open_ns) == (5, 30 * SECOND, 60 * SECOND)


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [
        (None, None, Seen.BROKEN),
        (500, None, Seen.BROKEN),
        (503, 0, Seen.BROKEN),
        (499, None, Seen.NOTHING),
        (429, None, Seen.BROKEN),
        (428, None, Seen.NOTHING),
        (201, 0, Seen.NOTHING),
        (199, 0, Seen.NOTHING),
        (403, None, Seen.NOTHING),
        (200, None, Seen.BROKEN),
        *((200, code, Seen.BROKEN) for code in (429, 5004, 10000, 10006, 10016, 10429)),
        *((200, code, Seen.ANSWERED) for code in (0, 10001, 110007, 428, 5003, 10005, 10007, 10428)),
    ],
)
def test_what_an_answer_says_of_the_exchange(status: int | None, code: int | None, found: Seen) -> None:
    assert seen(status, code) is found


def test_the_longest_wait_is_five_seconds_however_often_it_failed() -> None:
    assert (BASE_S, LONGEST_S) == (0.1, 5.0)
    assert [wait_s(attempt, 1.0) for attempt in (1, 2, 6, 7, 5_000)] == [0.1, 0.2, 3.2, 5.0, 5.0]
