"""Laws of AccountCore over leaders that die in the middle of anything, while orders fly.

Where `test_account_laws` has instant sends and a journal that never loses a row, here a batch dies with
its leader, an order arrives under another one, the exchange's lists lag, and an order fills in part.
"""

from collections import Counter
from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.account_harness import SECOND, SYMBOL
from tests.support.leaders import Leaders, journaled_size

from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg

SHARES = [Decimal(0), Decimal("0.3"), Decimal("0.5"), Decimal(1), Decimal(1)]
KEY = PositionKey("linear", SYMBOL)


class LeadershipMachine(RuleBasedStateMachine):
    """One symbol; every rule is something that a process, a network or an exchange does."""

    def __init__(self) -> None:
        super().__init__()
        self.world = self.new_world()
        self.world.ready()
        self.counter = 0
        self.opens_when_halted: int | None = None

    @staticmethod
    def new_world() -> Leaders:
        return Leaders()

    def flies(self) -> bool:
        return bool(self.world.flying)

    # ---- signals

    @rule(wish=st.sampled_from(list(Target)), hold=st.sampled_from([0, 1, 10]))
    def signal(self, wish: Target, hold: int) -> None:
        self.counter += 1
        self.world.signal(f"signal-{self.counter}", wish, hold_s=hold)

    @rule(number=st.integers(1, 20), wish=st.sampled_from(list(Target)))
    def a_signal_is_repeated_with_another_side(self, number: int, wish: Target) -> None:
        self.world.signal(f"signal-{min(number, max(1, self.counter))}", wish)

    # ---- sends

    @rule()
    def sign(self) -> None:
        self.world.sign()

    @precondition(flies)
    @rule(
        number=st.integers(0, 5),
        share=st.sampled_from(SHARES),
        answered=st.booleans(),
        lag_s=st.sampled_from([0, 0, 1, 4, 7]),
    )
    def arrives(self, number: int, share: Decimal, answered: bool, lag_s: int) -> None:
        self.world.arrives(number, share, answered=answered, lag_ns=lag_s * SECOND)

    @precondition(flies)
    @rule(number=st.integers(0, 5), arrives=st.booleans())
    def the_sender_gives_up_waiting(self, number: int, arrives: bool) -> None:
        self.world.gives_up_waiting(number, arrives=arrives)

    # ---- what is heard

    @rule(seed=st.randoms(use_true_random=False))
    def rows_come_in_any_order_and_again(self, seed) -> None:
        rows = self.world.rows()
        chosen = seed.choices(rows, k=seed.randint(0, 2 * len(rows))) if rows else []
        for row in chosen:
            self.world.tell(row)

    @rule()
    def the_stream_breaks(self) -> None:
        for up in (False, True):
            self.world.tell(ev.PrivateStreamChanged(now_ns=self.world.now_ns, up=up))

    @rule()
    def questions_are_answered(self) -> None:
        self.world.answer_all()

    @rule()
    def the_account_cannot_be_read(self) -> None:
        self.world.cannot_be_read()

    @rule()
    def a_stop_fires(self) -> None:
        self.world.exchange.stop_out(SYMBOL, self.world.now_ns)

    @rule(seconds=st.sampled_from([0.1, 0.6, 1, 3, 9]))
    def time_passes(self, seconds: float) -> None:
        self.world.announce()
        self.world.wait(seconds)

    # ---- the journal and its leaders

    @rule()
    def a_batch_is_written(self) -> None:
        self.world.flush()

    @rule()
    def the_leader_dies(self) -> None:
        self.world.dies()

    @rule()
    def the_leader_hands_over(self) -> None:
        self.world.hands_over()

    @rule()
    def opening_is_halted(self) -> None:
        if self.opens_when_halted is None:
            config = self.world.config
            risk = msgspec.structs.replace(config.spec.risk, max_positions=0)
            self.world.config = msgspec.structs.replace(
                config,
                generation=config.generation + 1,
                spec=msgspec.structs.replace(config.spec, risk=risk),
            )
            self.world.tell(ev.ConfigApplied(now_ns=self.world.now_ns, config=self.world.config))
            self.opens_when_halted = self.world.written_opens

    # ---- laws

    @invariant()
    def nothing_wrong_was_seen_on_the_way(self) -> None:
        assert self.world.wrongs == []

    @invariant()
    def no_intent_has_two_orders(self) -> None:
        assert not [name for name, count in Counter(self.world.signed).items() if count > 1]
        assert self.world.exchange.duplicates == 0

    @invariant()
    def a_signal_opens_at_most_once(self) -> None:
        opens = Counter(
            self.world.journal.intents[name].intent.signal_id
            for name in self.world.exchange.orders
            if self.world.journal.intents[name].intent.leg is Leg.OPEN
        )
        assert all(count == 1 for count in opens.values())

    @invariant()
    def the_sum_of_fills_is_the_position_in_the_core_and_in_the_journal(self) -> None:
        world = self.world
        counted = (e for e in world.exchange.executions if e.exec_id in world.core.state.counted)
        assert world.size == sum((e.signed_qty for e in counted), Decimal(0))
        written = world.journal.positions.get(KEY)
        assert journaled_size(world.journal, world) == (Decimal(0) if written is None else written.size)

    @invariant()
    def what_may_still_fill_is_counted(self) -> None:
        """An entry of the exchange that the core has not heard of is still reserved by its intent."""
        world = self.world
        for execution in world.exchange.executions:
            name = execution.client_order_id
            if name and execution.exec_id not in world.core.state.counted:
                assert not world.core.state.tracked[name].is_final

    @invariant()
    def after_a_halt_nothing_opens(self) -> None:
        if self.opens_when_halted is not None:
            assert self.world.written_opens == self.opens_when_halted

    def teardown(self) -> None:
        world = self.world
        for _ in range(3):
            world.settle()
        held = world.exchange.sizes.get(SYMBOL, Decimal(0))
        assert world.size == held == journaled_size(world.journal, world)
        assert set(world.journal.executions) == {e.exec_id for e in world.exchange.executions}
        assert world.core.state.open_intents() == []
        assert all(record.state.is_final for record in world.journal.intents.values())
        assert "position_mismatch" not in world.alerts


LeadershipMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestLeadershipLaws = LeadershipMachine.TestCase
