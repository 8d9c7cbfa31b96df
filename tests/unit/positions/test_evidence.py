"""What closes are made from, and for how much, while the exchange and our executions disagree."""

from decimal import Decimal

import pytest

from tradefleet.positions.evidence import WITHOUT_A_LIST_NS, Basis, basis, larger, same_side, to_close

T = 1_800_000_000_000_000_000


@pytest.mark.parametrize(
    ("listed", "since_ns", "latched", "expected"),
    [
        (False, T, False, Basis.WAIT),
        (False, T - 99 * WITHOUT_A_LIST_NS, False, Basis.WAIT),  # no latch: nothing closes without a list
        (False, T - WITHOUT_A_LIST_NS + 1, True, Basis.WAIT),
        (False, T - WITHOUT_A_LIST_NS, True, Basis.JOURNAL),
        (True, 0, True, Basis.LISTED),
        (True, 0, False, Basis.LISTED),
        (True, T - WITHOUT_A_LIST_NS + 1, True, Basis.LISTED),
        (True, T - WITHOUT_A_LIST_NS, True, Basis.JOURNAL),
        (True, T - WITHOUT_A_LIST_NS, False, Basis.LISTED),
    ],
)
def test_what_closes_are_made_from(listed: bool, since_ns: int, latched: bool, expected: Basis) -> None:
    assert basis(listed=listed, unlisted_since_ns=since_ns, latched=latched, now_ns=T) is expected


@pytest.mark.parametrize(
    ("ours", "shown", "expected"),
    [
        ("3", None, "3"),  # the exchange says the same, or nothing
        ("3", "5", "5"),
        ("5", "3", "5"),
        ("-3", "-5", "-5"),
        ("3", "-1", "-1"),  # the other side: what is there
        ("-3", "1", "1"),
        ("0", "2", "2"),
        ("3", "0", "0"),  # a complete list without it: it is flat
        ("0", None, "0"),
    ],
)
def test_a_close_is_for_what_the_exchange_shows(ours: str, shown: str | None, expected: str) -> None:
    seen = None if shown is None else Decimal(shown)

    assert to_close(Decimal(ours), seen) == Decimal(expected)


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        ("3", None, "3"),
        ("3", "-3", "3"),
        ("3", "-4", "-4"),
        ("3", "2", "3"),
        ("0", "1", "1"),
        ("3", "0", "3"),
    ],
)
def test_limits_count_the_larger(ours: str, other: str | None, expected: str) -> None:
    seen = None if other is None else Decimal(other)

    assert larger(Decimal(ours), seen) == Decimal(expected)


@pytest.mark.parametrize(
    ("ours", "shown", "expected"),
    [("3", None, True), ("3", "1", True), ("3", "0", False), ("3", "-1", False), ("0", None, False)],
)
def test_what_we_hold_is_there_unless_the_exchange_shows_otherwise(ours, shown, expected) -> None:
    seen = None if shown is None else Decimal(shown)

    assert same_side(Decimal(ours), seen) is expected
