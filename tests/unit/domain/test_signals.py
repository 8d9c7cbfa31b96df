"""How long a signal is valid, whatever its strategy says."""

import pytest

from tradefleet.domain.signals import FLAT_VALID_NS, LONGEST_VALID_NS, Target, expiry

AT = 1_000


@pytest.mark.parametrize(
    ("target", "wished_ns", "valid_ns"),
    [
        (Target.LONG, 2, 2),
        (Target.SHORT, 2, 2),
        (Target.LONG, -5, -5),
        (Target.LONG, LONGEST_VALID_NS, LONGEST_VALID_NS),
        (Target.LONG, LONGEST_VALID_NS + 1, LONGEST_VALID_NS),
        (Target.FLAT, 2, FLAT_VALID_NS),
        (Target.FLAT, FLAT_VALID_NS, FLAT_VALID_NS),
        (Target.FLAT, FLAT_VALID_NS + 1, FLAT_VALID_NS + 1),
        (Target.FLAT, LONGEST_VALID_NS + 1, LONGEST_VALID_NS),
    ],
)
def test_a_flat_is_valid_for_minutes_and_nothing_for_longer_than_ids_are_remembered(
    target: Target, wished_ns: int, valid_ns: int
) -> None:
    assert expiry(target, AT, AT + wished_ns) == AT + valid_ns
