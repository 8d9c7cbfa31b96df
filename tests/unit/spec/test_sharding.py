"""The assignment of symbols to shards, case by case."""

import pytest

from tradefleet.spec.market import Sharding
from tradefleet.spec.sharding import TooManyShards, assign
from tradefleet.spec.snapshot import ShardAssignment

TWO_EACH = Sharding(symbols_per_shard=2, max_shards=10)


def shards(*rows: tuple[int, str]) -> tuple[ShardAssignment, ...]:
    """(index, "A B") rows."""
    return tuple(ShardAssignment(index, tuple(symbols.split())) for index, symbols in rows)


def test_a_first_assignment_fills_shards_in_alphabetical_order() -> None:
    assert assign(["ETH", "BTC", "SOL"], (), TWO_EACH) == shards((0, "BTC ETH"), (1, "SOL"))


def test_no_symbols_are_no_shards() -> None:
    assert assign([], shards((0, "A")), TWO_EACH) == ()


def test_a_new_symbol_takes_the_lowest_shard_with_room() -> None:
    running = shards((0, "A B"), (1, "C"), (2, "D"))

    assert assign("ABCDX", running, TWO_EACH) == shards((0, "A B"), (1, "C X"), (2, "D"))


def test_a_new_shard_takes_the_lowest_free_index() -> None:
    running = shards((0, "A B"), (2, "C D"))

    assert assign("ABCDX", running, TWO_EACH) == shards((0, "A B"), (1, "X"), (2, "C D"))


def test_an_empty_shard_vanishes_and_the_others_keep_their_index() -> None:
    running = shards((0, "A B"), (1, "C"), (2, "D"))

    assert assign("ABD", running, TWO_EACH) == shards((0, "A B"), (2, "D"))


def test_a_hole_is_filled_by_new_symbols_only() -> None:
    running = shards((0, "A B"), (1, "C D"))

    assert assign("ACD", running, TWO_EACH) == shards((0, "A"), (1, "C D"))


def test_smaller_shards_give_away_only_what_they_cannot_carry() -> None:
    running = shards((0, "A B C"), (1, "D"))

    assert assign("ABCD", running, TWO_EACH) == shards((0, "A B"), (1, "C D"))


def test_fewer_shards_dissolve_the_smallest_one() -> None:
    running = shards((0, "A"), (1, "B C"), (2, "D"))
    two_shards = Sharding(symbols_per_shard=2, max_shards=2)

    assert assign("ABCD", running, two_shards) == shards((0, "A D"), (1, "B C"))


def test_a_symbol_that_two_shards_claim_stays_in_the_lower_one() -> None:
    running = shards((0, "A B"), (1, "B C"))

    assert assign("ABC", running, TWO_EACH) == shards((0, "A B"), (1, "C"))


def test_more_symbols_than_all_shards_hold_are_refused_with_the_way_out() -> None:
    with pytest.raises(TooManyShards) as caught:
        assign("ABCDE", (), Sharding(symbols_per_shard=2, max_shards=2))

    assert caught.value.needed == 3
    assert str(caught.value) == (
        "spec.sharding.maxShards: 2 is below 3, which 5 symbols need at 2 a shard; "
        "raise maxShards or symbolsPerShard"
    )
