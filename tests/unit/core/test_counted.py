"""Executions are counted once, and their ids are remembered for as long as they may come again."""

import pytest

from tradefleet.core.counted import REMEMBERED_NS, CountedExecutions

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
LATER = NOW + REMEMBERED_NS + SECOND


def counted(compared_ns: int = LATER, now_ns: int = LATER, at_ns: int = NOW - 5) -> CountedExecutions:
    """One id of `at_ns`, counted at NOW; then time has passed."""
    known = CountedExecutions((), NOW)
    known.add("a", at_ns)
    known.passed(now_ns, compared_ns)
    return known


@pytest.mark.parametrize(
    ("compared_ns", "now_ns", "remembered"),
    [
        (LATER, LATER, False),
        (NOW + REMEMBERED_NS, LATER, True),
        (NOW + REMEMBERED_NS + 1, LATER, False),
        (LATER, NOW + REMEMBERED_NS, True),
        (0, NOW + 100 * REMEMBERED_NS, True),
    ],
)
def test_an_id_goes_two_hours_after_it_was_counted_if_the_account_was_compared_since(
    compared_ns: int, now_ns: int, remembered: bool
) -> None:
    known = counted(compared_ns, now_ns)

    assert ("a" in known) is remembered
    assert known.is_counted("a", NOW - 5), "remembered or not, it is never counted again"


@pytest.mark.parametrize(
    ("at_ns", "expected"), [(NOW - 6, True), (NOW - 5, True), (NOW - 4, False), (NOW, False)]
)
def test_what_is_older_than_what_is_remembered_is_not_counted(at_ns: int, expected: bool) -> None:
    assert counted().is_counted("never heard", at_ns) is expected


def test_before_anything_was_forgotten_every_execution_is_new() -> None:
    known = CountedExecutions(["a"], NOW)

    assert known.is_counted("a", 1)
    assert not known.is_counted("b", 1)


def test_the_journal_says_since_when_it_has_told_all() -> None:
    known = CountedExecutions(["a"], NOW, known_from_ns=NOW - 10)

    assert known.is_counted("b", NOW - 11)
    assert not known.is_counted("b", NOW - 10)


def test_a_row_with_a_time_of_tomorrow_makes_nothing_of_today_old() -> None:
    known = counted(at_ns=NOW + 24 * 3600 * SECOND)

    assert "a" not in known
    assert not known.is_counted("b", NOW + SECOND + 1)


def test_ids_of_many_hours_take_the_room_of_two() -> None:
    known = CountedExecutions((), NOW)
    now_ns = NOW
    for number in range(3600):
        now_ns += 10 * SECOND
        known.passed(now_ns, now_ns)
        known.add(f"e{number}", now_ns)

    assert len(known) == REMEMBERED_NS // (10 * SECOND) + 1
    assert "e3599" in known


def test_one_id_is_one_whatever_is_said_twice() -> None:
    known = CountedExecutions(["a", "a"], NOW)
    known.add("a", NOW)
    known.add("b")
    assert (len(known), sorted(known)) == (2, ["a", "b"])

    known.discard("a")

    assert sorted(known) == ["b"]
