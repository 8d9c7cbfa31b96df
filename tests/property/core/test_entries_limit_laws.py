"""No rule is loosened by forgetting, restoring, restarting, an upgrade or the passing of time: the number of
entries in a position, and of symbols, never exceeds its limit, and no old signal moves anything."""

from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config
from tests.support.around_an_account import AroundAnAccount

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg
from tradefleet.positions.facts import without_facts

KEY = PositionKey("linear", SYMBOL)
DAY_NS = 86_400 * SECOND
SEEN_NS = 600 * SECOND


class LimitMachine(AroundAnAccount):
    """One symbol, several entries of it, leaders of today's and of yesterday's release, and a lot of time."""

    def __init__(self) -> None:
        super().__init__()
        self.counter = 0
        self.judged_ns: dict[str, int] = {}
        self.all: list[ev.SignalReceived] = []
        self.wrongs: list[str] = []

    @initialize(limit=st.integers(1, 3))
    def begin(self, limit: int) -> None:
        self.limit = limit
        self.harness = Harness(account_config(max_positions_per_symbol=limit)).ready()

    def hear(self, signal: ev.SignalReceived) -> None:
        """Told as it lies in the bus; what it does against an older or later time is written down."""
        harness, meant = self.harness, signal.signal
        mark = harness.core.state.signal_marks.get((meant.strategy, meant.symbol))
        dead = harness.now_ns > meant.expires_ns or (mark is not None and meant.at_ns < mark.at_ns)
        sent, plans = len(harness.submitted), self.plans()
        harness.tell(msgspec.structs.replace(signal, now_ns=harness.now_ns))
        self.judged_ns[meant.signal_id] = harness.now_ns
        if dead and (len(harness.submitted), self.plans()) != (sent, plans):
            self.wrongs.append(f"{meant.signal_id} {meant.target} did something")

    def plans(self) -> list[object]:
        state = self.harness.core.state
        ends = [t.record.close_signal_id for t in state.tracked.values()]
        return [*(position.plan for position in state.positions.values()), *ends, dict(state.reversals)]

    def made(self, wish: Target) -> ev.SignalReceived:
        """A signal of now, told to nobody yet."""
        self.counter += 1
        heard: list[ev.SignalReceived] = []
        tell = self.harness.tell
        self.harness.tell = heard.append  # type: ignore[assignment, method-assign]
        expires_s = 300 if wish is Target.FLAT else 30
        self.harness.signal(f"signal-{self.counter}", wish, expires_s=expires_s)
        self.harness.tell = tell  # type: ignore[method-assign]
        self.all += heard
        return heard[0]

    @rule(wish=st.sampled_from([Target.LONG, Target.SHORT, Target.FLAT]), read=st.booleans())
    def a_signal(self, wish: Target, read: bool) -> None:
        """Read at once, or when the bus is read again."""
        signal = self.made(wish)
        if read:
            self.hear(signal)

    @rule(wish=st.sampled_from([Target.LONG, Target.LONG, Target.SHORT]))
    def an_entry_in_peace(self, wish: Target) -> None:
        self.harness.settle()
        self.harness.announce()
        self.hear(self.made(wish))
        self.harness.settle()

    @rule(
        wish=st.sampled_from([Target.LONG, Target.SHORT, Target.FLAT]),
        seconds=st.sampled_from([1, 29, 31, 299, 301, 4_000]),
    )
    def a_signal_is_late(self, wish: Target, seconds: int) -> None:
        """The bus was away meanwhile."""
        signal = self.made(wish)
        self.time_passes(seconds)
        self.hear(signal)

    @rule(number=st.integers(0, 40))
    def a_signal_is_read_again(self, number: int) -> None:
        """By a leader whose bus has a new run: any that was ever there."""
        if self.all:
            self.hear(self.all[min(number, len(self.all) - 1)])

    @rule()
    def stop_fires(self) -> None:
        self.harness.exchange.stop_out(SYMBOL, self.harness.now_ns)

    @rule(share=st.sampled_from(["0.3", "1"]))
    def the_book_is_thin(self, share: str) -> None:
        self.harness.exchange.share = Decimal(share)

    @rule(seconds=st.sampled_from([70, 700, 4_000, 90_000]))
    def time_passes(self, seconds: int) -> None:
        harness = self.harness
        for _ in range(4):
            harness.wait(seconds / 4)
            # What was not sent by its time never is.
            harness.unsent[:] = [i for i in harness.unsent if harness.now_ns <= i.valid_until_ns]
            harness.announce()
            harness.answer_all()
            harness.protect()
            harness.deliver()

    @rule()
    def a_leader_dies_and_the_next_one_remembers_what_is_restored(self) -> None:
        harness, now_ns = self.harness, self.harness.now_ns
        journal = harness.journal
        journal.intents = {
            name: record
            for name, record in journal.intents.items()
            if not record.state.is_final or record.intent.created_ns > now_ns - DAY_NS
        }
        journal.signals = {
            name: verdict
            for name, verdict in journal.signals.items()
            if self.judged_ns.get(name, 0) > now_ns - SEEN_NS
        }
        harness.restart()
        harness.ready()

    @rule()
    def the_release_before_writes_every_row_anew(self) -> None:
        journal = self.harness.journal
        journal.positions = {key: without_facts(row) for key, row in journal.positions.items()}
        journal.intents = {
            name: msgspec.structs.replace(record, filled_into=None)
            for name, record in journal.intents.items()
        }
        self.leader_dies()

    @rule()
    def everything_comes_to_its_end(self) -> None:
        self.harness.settle()

    @invariant()
    def no_position_has_more_entries_than_the_limit(self) -> None:
        """By what the exchange has executed since it was flat last."""
        opens = {i.client_order_id for i in self.harness.submitted if i.leg is Leg.OPEN}
        inside: set[str] = set()
        size = Decimal(0)
        for execution in self.harness.exchange.executions:
            size += execution.signed_qty
            inside = inside | ({execution.client_order_id} & opens) if size else set()
        assert len(inside) <= self.limit

    @invariant()
    def nothing_that_is_over_does_anything(self) -> None:
        assert self.wrongs == []

    @invariant()
    def what_is_filled_is_the_sum_of_what_was_counted(self) -> None:
        if not hasattr(self, "harness"):
            return
        counted = self.harness.journal.executions
        for name, record in self.harness.journal.intents.items():
            mine = [e for e in self.harness.exchange.executions if e.client_order_id == name]
            assert record.filled == sum((e.qty for e in mine if e.exec_id in counted), Decimal(0))

    def teardown(self) -> None:
        if not hasattr(self, "harness"):
            return
        self.harness.settle()
        self.no_position_has_more_entries_than_the_limit()
        accepted = [j for j in self.harness.judged if j.verdict is act.Verdict.ACCEPTED]
        times: dict[str, int] = {}
        for judged in accepted:
            # Of what was followed, none is older than what was followed before it.
            before = times.setdefault(judged.signal.strategy, judged.signal.at_ns)
            assert judged.signal.at_ns >= before
            times[judged.signal.strategy] = judged.signal.at_ns


LimitMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestLimitLaws = LimitMachine.TestCase
