"""Laws of the assignment of symbols to shards, over any history of edits."""

from hypothesis import assume, given
from hypothesis import strategies as st

from tradefleet.spec.market import Sharding
from tradefleet.spec.sharding import assign
from tradefleet.spec.snapshot import ShardAssignment

Shards = tuple[ShardAssignment, ...]

symbols = st.text(alphabet="ABCDEF", min_size=1, max_size=2)
universes = st.frozensets(symbols, max_size=20)
shapes = st.builds(Sharding, symbols_per_shard=st.integers(1, 6), max_shards=st.integers(20, 25))


@st.composite
def histories(draw: st.DrawFn) -> Shards:
    """What runs after a few edits of the universe and of the sharding."""
    running: Shards = ()
    for universe, shape in draw(st.lists(st.tuples(universes, shapes), max_size=4)):
        running = assign(universe, running, shape)
    return running


def homes(shards: Shards) -> dict[str, int]:
    return {symbol: shard.index for shard in shards for symbol in shard.symbols}


@given(universe=universes, running=histories(), shape=shapes)
def test_every_symbol_has_exactly_one_home_with_room(
    universe: frozenset[str], running: Shards, shape: Sharding
) -> None:
    assigned = assign(universe, running, shape)

    carried = [symbol for shard in assigned for symbol in shard.symbols]
    assert sorted(carried) == sorted(universe)
    assert all(0 < len(shard.symbols) <= shape.symbols_per_shard for shard in assigned)
    assert all(list(shard.symbols) == sorted(shard.symbols) for shard in assigned)
    assert len(assigned) <= shape.max_shards
    assert [shard.index for shard in assigned] == sorted({shard.index for shard in assigned})


@given(universe=universes, running=histories(), shape=shapes)
def test_assigning_again_moves_nothing(universe: frozenset[str], running: Shards, shape: Sharding) -> None:
    once = assign(universe, running, shape)

    assert assign(universe, once, shape) == once


@given(
    universe=st.lists(symbols, unique=True, max_size=20), running=histories(), shape=shapes, data=st.data()
)
def test_the_order_of_the_symbols_does_not_matter(
    universe: list[str], running: Shards, shape: Sharding, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(universe))
    running_shuffled = tuple(data.draw(st.permutations(running)))

    assert assign(shuffled, running_shuffled, shape) == assign(universe, running, shape)


@given(universe=universes, running=histories(), shape=shapes, new=symbols)
def test_a_new_symbol_moves_no_other(
    universe: frozenset[str], running: Shards, shape: Sharding, new: str
) -> None:
    assume(new not in universe and len(universe) < 20)
    before = assign(universe, running, shape)

    after = homes(assign(universe | {new}, before, shape))

    del after[new]
    assert after == homes(before)


@given(universe=universes.filter(bool), running=histories(), shape=shapes, data=st.data())
def test_a_symbol_that_leaves_moves_no_other(
    universe: frozenset[str], running: Shards, shape: Sharding, data: st.DataObject
) -> None:
    before = assign(universe, running, shape)
    gone = data.draw(st.sampled_from(sorted(universe)))

    after = homes(assign(universe - {gone}, before, shape))

    expected = homes(before)
    del expected[gone]
    assert after == expected


@given(universe=universes, running=histories(), shape=shapes)
def test_a_new_shard_opens_only_when_the_running_ones_are_full(
    universe: frozenset[str], running: Shards, shape: Sharding
) -> None:
    assigned = assign(universe, running, shape)

    opened = {shard.index for shard in assigned} - {shard.index for shard in running}
    not_full = [shard for shard in assigned if len(shard.symbols) < shape.symbols_per_shard]
    if opened:
        assert len(not_full) <= 1


@given(universe=universes, running=histories(), room=st.integers(1, 6), spare=st.integers(0, 3))
def test_smaller_or_fewer_shards_move_no_more_than_they_must(
    universe: frozenset[str], running: Shards, room: int, spare: int
) -> None:
    """The best possible keeps the fullest max_shards shards, each up to its room."""
    needed = -(-len(universe) // room)
    shape = Sharding(symbols_per_shard=room, max_shards=max(1, needed + spare))

    after = homes(assign(universe, running, shape))

    before = {symbol: index for symbol, index in homes(running).items() if symbol in universe}
    stayed = sum(after[symbol] == index for symbol, index in before.items())
    sizes = sorted(
        (min(room, list(before.values()).count(index)) for index in set(before.values())), reverse=True
    )
    assert stayed >= sum(sizes[: shape.max_shards])
