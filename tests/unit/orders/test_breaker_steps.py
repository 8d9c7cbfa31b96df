"""The circuit breaker, step by step and as laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.orders.breaker import Breaker, Limits, Seen, State, seen

SECOND_NS = 1_000_000_000
LIMITS = Limits(failures=5, window_ns=30 * SECOND_NS, open_ns=60 * SECOND_NS)
B, A, N = Seen.BROKEN, Seen.ANSWERED, Seen.NOTHING


def after(*steps: tuple[float, Seen]) -> Breaker:
    """A breaker that saw these at these seconds."""
    breaker = Breaker(LIMITS)
    for at_s, result in steps:
        breaker.saw(result, int(at_s * SECOND_NS))
    return breaker


FIVE = tuple((float(second), B) for second in range(5))


@pytest.mark.parametrize(
    ("steps", "at_s", "state"),
    [
        ((), 0, State.CLOSED),
        (FIVE[:4], 4, State.CLOSED),
        (FIVE, 4, State.OPEN),
        (FIVE, 63.9, State.OPEN),
        (FIVE, 64, State.HALF_OPEN),
        # One failure a day opens nothing, ever.
        (tuple((day * 86_400.0, B) for day in range(30)), 30 * 86_400, State.CLOSED),
        # The window slides: the first of these five is 30 s old when the fifth comes.
        (((0, B), (8, B), (16, B), (24, B), (30, B)), 30, State.CLOSED),
        (((0.1, B), (8, B), (16, B), (24, B), (30, B)), 30, State.OPEN),
        # Refusals of the business never count, however many.
        (tuple((second / 10, A) for second in range(200)), 20, State.CLOSED),
        (tuple((second / 10, N) for second in range(200)), 20, State.CLOSED),
        # Half open: an answer closes, a failure opens for the whole time again.
        ((*FIVE, (64, A)), 64, State.CLOSED),
        ((*FIVE, (64, B)), 123.9, State.OPEN),
        ((*FIVE, (64, B)), 124, State.HALF_OPEN),
        # While open neither an answer to what reduces nor another failure changes anything.
        ((*FIVE, (10, A)), 10, State.OPEN),
        ((*FIVE, (63, B)), 64, State.HALF_OPEN),
        # Closed again, it starts to count from nothing.
        ((*FIVE, (64, A), (65, B), (66, B), (67, B), (68, B)), 68, State.CLOSED),
        ((*FIVE, (64, A), (65, B), (66, B), (67, B), (68, B), (69, B)), 69, State.OPEN),
    ],
)
def test_where_it_stands_after(steps: tuple[tuple[float, Seen], ...], at_s: float, state: State) -> None:
    assert after(*steps).state(int(at_s * SECOND_NS)) is state


def test_half_open_lets_one_order_try() -> None:
    breaker = after(*FIVE)

    assert [breaker.allows(True, 64 * SECOND_NS) for _ in range(3)] == [True, False, False]


def test_a_probe_that_was_not_sent_leaves_its_place_to_the_next() -> None:
    breaker = after(*FIVE)
    assert breaker.allows(True, 64 * SECOND_NS)

    breaker.saw(N, 64 * SECOND_NS)

    assert breaker.allows(True, 64 * SECOND_NS)


def test_a_probe_that_was_never_heard_of_again_does_not_block_for_ever() -> None:
    breaker = after(*FIVE)
    assert breaker.allows(True, 64 * SECOND_NS)

    assert not breaker.allows(True, 123 * SECOND_NS)
    assert breaker.allows(True, 124 * SECOND_NS)


@pytest.mark.parametrize(
    ("status", "ret_code", "result"),
    [
        (None, None, B),
        (500, None, B),
        (503, None, B),
        (429, None, B),
        (200, None, B),
        (200, 10000, B),
        (200, 10006, B),
        (200, 10016, B),
        (200, 10429, B),
        (200, 0, A),
        (200, 110007, A),
        (200, 10001, A),
        (200, 10004, A),
        (403, None, N),
        (404, None, N),
    ],
)
def test_only_a_broken_way_counts(status: int | None, ret_code: int | None, result: Seen) -> None:
    assert seen(status, ret_code) is result


acts = st.lists(st.tuples(st.sampled_from(["ask", *Seen]), st.integers(0, 40)), max_size=60)


@given(acts)
def test_what_reduces_always_passes_and_nothing_opens_while_it_is_open(acts: list[tuple[str, int]]) -> None:
    breaker, now_ns = Breaker(LIMITS), 0
    for act, pause_s in acts:
        now_ns += pause_s * SECOND_NS
        before = breaker.state(now_ns)
        assert breaker.allows(False, now_ns)
        if act == "ask":
            allowed = breaker.allows(True, now_ns)
            assert allowed or before is not State.CLOSED
            assert not (allowed and before is State.OPEN)
        else:
            breaker.saw(Seen(act), now_ns)


@given(st.lists(st.integers(0, 100), max_size=100))
def test_it_opens_exactly_when_five_failures_lie_within_thirty_seconds(pauses: list[int]) -> None:
    breaker, now_ns, failures = Breaker(LIMITS), 0, []
    for pause_s in pauses:
        now_ns += pause_s * SECOND_NS
        if breaker.state(now_ns) is not State.CLOSED:
            return
        breaker.saw(B, now_ns)
        failures.append(now_ns)
        recent = [at for at in failures if now_ns - at < LIMITS.window_ns]
        assert (breaker.state(now_ns) is State.OPEN) == (len(recent) >= LIMITS.failures)
