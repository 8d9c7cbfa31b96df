"""Parts of a collection: members in order of arrival, also when one leaves and comes back."""

from tradefleet.core.groups import Arrived, Groups


def test_members_are_walked_in_the_order_of_their_numbers() -> None:
    part: Arrived[str] = Arrived()
    for number, member in ((1, "a"), (2, "b"), (5, "c")):
        part.put(number, member, belongs=True)

    assert (list(part), len(part)) == (["a", "b", "c"], 3)


def test_a_member_that_comes_back_stands_where_it_stood() -> None:
    part: Arrived[str] = Arrived()
    for number, member in ((1, "a"), (2, "b"), (3, "c")):
        part.put(number, member, belongs=True)
    part.put(2, "b", belongs=False)
    assert part.listed() == ["a", "c"]

    part.put(2, "b again", belongs=True)

    assert part.listed() == ["a", "b again", "c"]


def test_a_member_that_changes_keeps_its_place() -> None:
    part: Arrived[str] = Arrived()
    part.put(1, "a", belongs=True)
    part.put(2, "b", belongs=True)

    part.put(1, "a now", belongs=True)

    assert part.listed() == ["a now", "b"]


def test_a_list_of_a_part_may_be_walked_while_members_change() -> None:
    part: Arrived[str] = Arrived()
    part.put(1, "a", belongs=True)

    for _ in part.listed():
        part.put(2, "b", belongs=True)

    assert part.listed() == ["a", "b"]


def test_a_group_that_is_empty_is_gone() -> None:
    groups: Groups[str, str] = Groups()
    groups.put("x", 1, "a", belongs=True)
    groups.put("y", 2, "b", belongs=True)
    groups.put("z", 3, "c", belongs=False)
    assert (list(groups), groups.of("z"), "z" in groups) == (["x", "y"], [], False)

    groups.put("x", 1, "a", belongs=False)

    assert (list(groups), len(groups), "x" in groups) == (["y"], 1, False)
