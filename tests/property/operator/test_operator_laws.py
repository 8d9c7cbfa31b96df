"""Laws of the operator: no bot is looked at twice at once, none is forgotten, no plan runs in circles."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.support.bots import IMAGE, SmallCluster, make_bot

from tradefleet_operator.dirty import DirtyKeys
from tradefleet_operator.objects import Ref
from tradefleet_operator.plan import plan

SYMBOLS = [f"S{number:02}USDT" for number in range(12)]
bots = st.builds(
    lambda symbols, capacity: make_bot(*sorted(symbols), sharding={"symbolsPerShard": capacity}),
    st.sets(st.sampled_from(SYMBOLS), min_size=1),
    st.integers(1, 5),
)


def carried_out(cluster: SmallCluster, bot: Mapping[str, Any]) -> int:
    """How many plans it took until nothing was left to do."""
    for number in range(6):
        planned = plan(bot, cluster.objects, IMAGE)
        if not planned.apply and not planned.delete:
            return number
        cluster.carry_out(planned)
    raise AssertionError("the plan never comes to rest")


@settings(max_examples=60)
@given(st.lists(bots, min_size=1, max_size=4))
def test_every_edit_comes_to_rest_with_each_symbol_in_one_shard(edits: list[dict[str, Any]]) -> None:
    cluster = SmallCluster()

    for bot in edits:
        assert carried_out(cluster, bot) <= 3
        carried = [
            symbol
            for value in cluster.objects.values()
            if value["kind"] == "SymbolShard"
            for symbol in value["spec"]["symbols"]
        ]
        assert sorted(carried) == sorted(bot["spec"]["universe"]["symbols"])


@settings(max_examples=60)
@given(bots, st.sampled_from(SYMBOLS))
def test_adding_a_symbol_changes_at_most_one_shard(bot: dict[str, Any], symbol: str) -> None:
    cluster = SmallCluster()
    carried_out(cluster, bot)
    before = {ref: value for ref, value in cluster.objects.items() if "-shard-" in ref.name}
    more = make_bot(*{*bot["spec"]["universe"]["symbols"], symbol}, sharding=bot["spec"]["sharding"])

    carried_out(cluster, more)

    changed = [ref for ref, value in before.items() if cluster.objects.get(ref) != value]
    assert len([ref for ref in changed if ref.kind == "Deployment"]) <= 1


class DirtyMachine(RuleBasedStateMachine):
    """Marks, takes and ends in any order; `owed` is who must still be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: DirtyKeys[str] = DirtyKeys()
        self.owed: set[str] = set()
        self.active: set[str] = set()

    @rule(key=st.sampled_from("abc"))
    def mark(self, key: str) -> None:
        self.keys.mark(key)
        self.owed.add(key)

    @rule()
    def take(self) -> None:
        key = self.keys.take()
        if key is None:
            assert self.owed <= self.active
        else:
            assert key in self.owed - self.active
            self.owed.discard(key)
            self.active.add(key)

    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        if self.active:
            key = data.draw(st.sampled_from(sorted(self.active)))
            self.active.discard(key)
            self.keys.done(key)

    @invariant()
    def idle_means_that_nothing_is_owed(self) -> None:
        assert self.keys.idle == (not self.owed and not self.active)


TestDirtyKeys = DirtyMachine.TestCase


def test_a_bot_of_many_shards_has_one_deployment_each() -> None:
    cluster = SmallCluster()
    carried_out(cluster, make_bot(*SYMBOLS, sharding={"symbolsPerShard": 1}))

    assert len([ref for ref in cluster.objects if isinstance(ref, Ref) and ref.kind == "Deployment"]) == 13
