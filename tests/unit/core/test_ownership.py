"""Which process of a shard is heard: one at a time, numbered, and never nobody for longer than it takes."""

from typing import Any

import pytest

from tradefleet.core.events import ShardAnnounced
from tradefleet.core.ownership import SILENT_AFTER_NS, Owners

NOW = 1_800_000_000 * 10**9


def announced(instance: str, at_ns: int = NOW, **facts: Any) -> ShardAnnounced:
    values: dict[str, Any] = {"shard": 0, "generation": 1, "warm": True, "leaving": False} | facts
    return ShardAnnounced(now_ns=at_ns, instance=instance, **values)


@pytest.fixture
def owners() -> Owners:
    """`old` owns the shard under the first number."""
    owners = Owners((), NOW)
    assert owners.announced(announced("old")) is not None
    return owners


def test_the_first_warm_process_is_chosen_and_a_cold_one_is_not() -> None:
    owners = Owners((), NOW)

    assert owners.announced(announced("cold", warm=False)) is None
    chosen = owners.announced(announced("warm"))

    assert chosen is not None
    assert (chosen.instance, chosen.owner_epoch) == ("warm", 1)
    assert owners.hears(0, "warm", 1)


def test_another_of_the_same_generation_waits_until_the_owner_is_silent(owners: Owners) -> None:
    assert owners.announced(announced("new", NOW + SILENT_AFTER_NS)) is None

    chosen = owners.announced(announced("new", NOW + SILENT_AFTER_NS + 1))

    assert chosen is not None
    assert chosen.owner_epoch == 2
    assert not owners.hears(0, "old", 1)


def test_a_warm_process_of_a_newer_generation_takes_over_at_once(owners: Owners) -> None:
    assert owners.announced(announced("new", generation=2, warm=False)) is None

    assert owners.announced(announced("new", generation=2)) is not None


def test_an_owner_that_leaves_is_followed_at_once_and_heard_until_then(owners: Owners) -> None:
    assert owners.announced(announced("old", leaving=True)) is None
    assert owners.hears(0, "old", 1)

    chosen = owners.announced(announced("new", NOW + 1))

    assert chosen is not None
    assert (chosen.instance, chosen.owner_epoch) == ("new", 2)


def test_one_that_leaves_is_never_chosen() -> None:
    owners = Owners((), NOW)

    assert owners.announced(announced("going", leaving=True)) is None


def test_a_number_counts_only_for_the_instance_that_has_it(owners: Owners) -> None:
    assert not owners.hears(0, "old", 2)
    assert not owners.hears(0, "new", 1)
    assert not owners.hears(1, "old", 1)
