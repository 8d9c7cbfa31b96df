"""Ids by age."""

import pytest

from tradefleet.core.recent_ids import RecentIds


@pytest.mark.parametrize(
    ("before_ns", "left"),
    [(0, ["a", "b", "c"]), (10, ["a", "b", "c"]), (11, ["b", "c"]), (21, ["c"]), (99, [])],
)
def test_what_is_older_goes(before_ns: int, left: list[str]) -> None:
    ids = RecentIds()
    for at_ns, name in ((10, "a"), (20, "b"), (30, "c")):
        ids[name] = at_ns

    ids.forget(before_ns)

    assert list(ids) == left


def test_one_that_was_met_again_is_as_old_as_the_last_time() -> None:
    ids = RecentIds(["a"], 10)
    ids["a"] = 20

    ids.forget(15)
    assert "a" in ids
    ids.forget(21)

    assert len(ids) == 0


def test_one_that_was_taken_back_may_be_met_anew() -> None:
    ids = RecentIds(["a"], 10)
    del ids["a"]
    assert "a" not in ids
    ids["a"] = 30

    ids.forget(20)

    assert ids["a"] == 30
