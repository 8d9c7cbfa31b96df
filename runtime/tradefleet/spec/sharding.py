"""Which shard carries which symbol: stable, so that an edit restarts no more shards than it must.

The operator and the local fleet's supervisor call the same function with what is running now. A
symbol stays where it is unless its shard has to shrink or to go; new symbols fill the lowest shard
with room before a new shard is opened.
"""

from collections.abc import Collection

from tradefleet.spec.market import Sharding
from tradefleet.spec.snapshot import ShardAssignment


class TooManyShards(ValueError):
    """The symbols need more shards than `maxShards` allows."""

    def __init__(self, symbols: int, sharding: Sharding) -> None:
        self.needed = _shards_needed(symbols, sharding.symbols_per_shard)
        super().__init__(
            f"spec.sharding.maxShards: {sharding.max_shards} is below {self.needed}, which {symbols} symbols "
            f"need at {sharding.symbols_per_shard} a shard; raise maxShards or symbolsPerShard"
        )


def assign(
    symbols: Collection[str], previous: tuple[ShardAssignment, ...], sharding: Sharding
) -> tuple[ShardAssignment, ...]:
    """Every symbol in exactly one shard, by index; symbols sorted within a shard.

    previous: what runs now; empty at first. The order of `symbols` does not matter. A shard that
    would be empty vanishes and the others keep their index; a new shard takes the lowest free one.
    Raises TooManyShards.
    """
    wanted = sorted(set(symbols))
    if _shards_needed(len(wanted), sharding.symbols_per_shard) > sharding.max_shards:
        raise TooManyShards(len(wanted), sharding)
    shards = _kept(set(wanted), previous, sharding)
    placed = {symbol for carried in shards.values() for symbol in carried}
    for symbol in wanted:
        if symbol not in placed:
            shards.setdefault(_lowest_with_room(shards, sharding.symbols_per_shard), []).append(symbol)
    return tuple(ShardAssignment(index, tuple(sorted(shards[index]))) for index in sorted(shards))


def _kept(
    wanted: set[str], previous: tuple[ShardAssignment, ...], sharding: Sharding
) -> dict[int, list[str]]:
    """What may stay where it is: at most max_shards shards, none over its capacity.

    When there are too many shards the smallest go, since they move the fewest symbols; of equally
    small ones the highest index.
    """
    unclaimed = set(wanted)
    shards: dict[int, list[str]] = {}
    for shard in sorted(previous, key=lambda shard: shard.index):
        stay = sorted(unclaimed.intersection(shard.symbols))[: sharding.symbols_per_shard]
        if stay:
            shards[shard.index] = stay
            unclaimed.difference_update(stay)
    largest_first = sorted(shards, key=lambda index: (-len(shards[index]), index))
    return {index: shards[index] for index in sorted(largest_first[: sharding.max_shards])}


def _lowest_with_room(shards: dict[int, list[str]], capacity: int) -> int:
    with_room = [index for index, carried in shards.items() if len(carried) < capacity]
    if with_room:
        return min(with_room)
    return next(index for index in range(len(shards) + 1) if index not in shards)


def _shards_needed(symbols: int, capacity: int) -> int:
    return -(-symbols // capacity)
