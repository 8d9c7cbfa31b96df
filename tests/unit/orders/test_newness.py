"""A reading of a position against an execution: which of them knows of the other."""

import pytest

from tradefleet.orders.newness import SETTLED_NS, Reading, covered, follows, includes

S = 1_000_000_000
T = 1_800_000_000 * S


@pytest.mark.parametrize(
    ("seq", "updated_ns", "asked_ns", "execution_seq", "newer"),
    [
        (11, T, T, 10, True),  # a larger sequence, whatever the clocks say
        (11, T - S, T - 9 * S, 10, True),
        (10, T, T + SETTLED_NS, 10, True),  # equal: two seconds after the execution
        (10, T, T + SETTLED_NS - 1, 10, False),
        (0, 0, T + SETTLED_NS, 10, True),  # an absence has only its time of asking
        (0, 0, T + SETTLED_NS - 1, 10, False),
        (11, T, T + SETTLED_NS - 1, 0, False),  # an execution without one
        (11, T, T + SETTLED_NS, 0, True),
        (9, T, T + 60 * S, 10, False),  # smaller, and not updated since: it does not know of it
        (9, T + 1, T + SETTLED_NS, 10, True),  # smaller, and updated since: the sequence went back
        (9, T + 1, T + SETTLED_NS - 1, 10, False),
        (2, T, T - 9 * S, 1, True),  # the smallest sequence is one
        (1, T, T + 60 * S, 2, False),
    ],
)
def test_a_reading_is_newer_than_an_execution(seq, updated_ns, asked_ns, execution_seq, newer) -> None:
    reading = Reading(seq=seq, updated_ns=updated_ns, asked_ns=asked_ns)

    assert includes(reading, execution_seq, T) is newer


@pytest.mark.parametrize(
    ("seq", "updated_ns", "execution_seq", "at_ns", "included"),
    [
        (10, T, 10, T, True),  # at it
        (10, T, 9, T, True),  # below it
        (10, T - SETTLED_NS, 11, T - SETTLED_NS, False),  # above it: the reading was an old one
        (10, T, 11, T - SETTLED_NS, True),  # above it, and updated since: the sequence went back
        (10, T, 9, T + SETTLED_NS, True),
        (10, T, 9, T + SETTLED_NS + 1, False),  # below it and later: likewise
        (10, T, 1, T + SETTLED_NS + 1, False),
        (0, 0, 10, T - SETTLED_NS, True),  # an absence: by time alone
        (0, 0, 10, T - SETTLED_NS + 1, False),
        (10, T, 0, T - SETTLED_NS, True),
        (10, T, 0, T - SETTLED_NS + 1, False),
    ],
)
def test_an_execution_is_part_of_a_size_that_was_taken_over(
    seq, updated_ns, execution_seq, at_ns, included
) -> None:
    reading = Reading(seq=seq, updated_ns=updated_ns, asked_ns=T)

    assert covered(reading, execution_seq, at_ns) is included


@pytest.mark.parametrize(
    ("seq", "updated_ns", "asked_ns", "execution_seq", "after"),
    [
        (9, T, T + 60 * S, 10, True),  # a larger sequence than the row's
        (9, T + 1, T + SETTLED_NS, 10, False),  # the row's went back: it knows of it
        (11, T, T - 60 * S, 10, False),
        (10, T, T - SETTLED_NS - 1, 10, True),  # equal: after two seconds it cannot be in it
        (10, T, T - SETTLED_NS, 10, False),
        (0, 0, T - SETTLED_NS - 1, 10, True),
        (0, 0, T - SETTLED_NS, 10, False),
        (10, T, T - SETTLED_NS - 1, 0, True),
        (10, T, T, 0, False),  # without a sequence only time says so
        (1, T, T, 2, True),  # the smallest sequence is one
        (2, T, T - 60 * S, 1, False),
    ],
)
def test_an_execution_is_surely_not_in_a_reading(seq, updated_ns, asked_ns, execution_seq, after) -> None:
    reading = Reading(seq=seq, updated_ns=updated_ns, asked_ns=asked_ns)

    assert follows(reading, execution_seq, T) is after
    assert not (follows(reading, execution_seq, T) and includes(reading, execution_seq, T))


def test_every_list_shows_after_two_seconds_what_an_execution_did() -> None:
    assert SETTLED_NS == 2 * S
