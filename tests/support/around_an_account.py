"""What happens around an account in every law of it: sends, rows in any order, waits, breaks, new leaders."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.support.account_harness import Harness

from tradefleet.core import events as ev


class AroundAnAccount(RuleBasedStateMachine):
    """Rules that need nothing but the harness, which who inherits them makes."""

    harness: Harness

    @rule(answered=st.booleans())
    def send(self, answered: bool) -> None:
        self.harness.send(answered=answered)

    @rule()
    def everything_written_is_lost_before_it_is_sent(self) -> None:
        self.harness.unsent.clear()

    @rule()
    def deliver(self) -> None:
        self.harness.deliver()

    @rule(seed=st.randoms(use_true_random=False))
    def deliver_shuffled(self, seed) -> None:
        harness = self.harness
        rows: list[ev.AnyEvent] = [
            ev.ExecutionSeen(now_ns=harness.now_ns, execution=e) for e in harness.exchange.executions
        ]
        rows += [ev.OrderSeen(now_ns=harness.now_ns, order=o) for o in harness.exchange.orders.values()]
        rows += [
            ev.PositionSeen(now_ns=harness.now_ns, position=p)
            for p in harness.exchange.positions(harness.now_ns)
        ]
        seed.shuffle(rows)
        for row in rows[: seed.randint(0, len(rows))]:
            harness.tell(row)

    @rule(seconds=st.sampled_from([0.1, 1, 3, 8]))
    def wait(self, seconds: float) -> None:
        self.harness.announce()
        self.harness.wait(seconds)

    @rule()
    def answer(self) -> None:
        self.harness.answer_all()

    @rule()
    def stream_breaks(self) -> None:
        for up in (False, True):
            self.harness.tell(ev.PrivateStreamChanged(now_ns=self.harness.now_ns, up=up))

    @rule()
    def leader_dies(self) -> None:
        self.harness.restart()
        self.harness.ready()
