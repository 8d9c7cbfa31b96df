"""The times of a lease: its margin, from when it counts, and when its row may pass on."""

from typing import Any

import pytest

from tradefleet.adapters.postgres.lease_terms import RowSeen, needs_a_whole_lease, right_until_ns, wait_s

MS = 1_000_000


@pytest.mark.parametrize(
    ("sent_ns", "ttl_ns", "until_ns"),
    [(0, 2_000 * MS, 1_600 * MS), (7, 2_000 * MS, 1_600 * MS + 7), (0, 15_000 * MS, 12_000 * MS), (0, 4, 4)],
)
def test_the_right_ends_a_fifth_before_the_row_counted_from_the_sending(
    sent_ns: int, ttl_ns: int, until_ns: int
) -> None:
    assert right_until_ns(sent_ns, ttl_ns) == until_ns


def row(**fields: Any) -> RowSeen:
    values: dict[str, Any] = {
        "released": False,
        "left_s": 0.5,
        "ttl_s": 2.0,
        "other_run": False,
        "other_timeline": False,
    }
    return RowSeen(**(values | fields))


@pytest.mark.parametrize(
    ("fields", "whole"),
    [
        ({}, False),
        ({"released": True}, False),
        ({"other_run": True}, True),
        ({"other_run": True, "released": True}, False),
        ({"other_timeline": True}, True),
        ({"other_timeline": True, "released": True}, True),
        ({"other_timeline": True, "other_run": True, "released": True}, True),
    ],
)
def test_renewals_may_be_lost_after_a_restart_and_a_release_after_a_change_of_timeline(
    fields: dict[str, bool], whole: bool
) -> None:
    assert needs_a_whole_lease(row(**fields)) is whole


@pytest.mark.parametrize(
    ("fields", "ttl_s", "seen_for_s", "expected"),
    [
        ({"left_s": 0.5}, 9.0, 0.0, 0.5),
        ({"left_s": -3.0}, 9.0, 0.0, -3.0),
        ({"left_s": 0.5, "released": True}, 9.0, 0.0, 0.0),
        ({"left_s": -3.0, "other_run": True}, 1.0, 0.0, 2.0),
        ({"left_s": -3.0, "other_run": True}, 3.0, 0.5, 2.5),
        ({"left_s": -3.0, "other_run": True}, 1.0, 2.0, 0.0),
        ({"left_s": -3.0, "other_timeline": True, "released": True}, 3.0, 1.0, 2.0),
    ],
)
def test_how_long_a_row_is_waited_for(
    fields: dict[str, Any], ttl_s: float, seen_for_s: float, expected: float
) -> None:
    assert wait_s(row(**fields), ttl_s, seen_for_s) == expected
