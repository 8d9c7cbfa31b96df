"""Laws of AccountCore over an exchange that shows half of what it holds, and things that nobody explains.

Lists fail each by itself, rows are not understood, somebody trades by hand in and outside of the bot's
symbols, with executions that are told or never seen, leaders die, and a kill switch comes and goes.
"""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.support.account_harness import SYMBOL, Harness
from tests.support.around_an_account import AroundAnAccount
from tests.support.listings import answer_step_one, answer_with, unclear_order, unclear_position

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import ZERO
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Intent

STRANGE = "SOLUSDT"
SYMBOLS = (SYMBOL, STRANGE)


class Watched(Harness):
    """Keeps what was last told of each symbol in this epoch, and what is wrong with what was decided.

    told: sizes of the newest complete positions list, None before one. hidden: symbols of which a row was not
    understood then, "" for one that names none.
    """

    def __init__(self) -> None:
        self.told: dict[str, Decimal] | None = None
        self.hidden: dict[str, Decimal] = {}
        self.wrongs: list[str] = []
        super().__init__()

    def restart(self) -> None:
        self.told, self.hidden = None, {}
        super().restart()

    def tell(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.AccountListed(listing=listing) if listing.positions is not None:
                self._told(listing)
            case ev.ExchangeRead(view=view):
                self._told(view)
        super().tell(event)

    def _told(self, listed) -> None:
        self.told = {row.key.symbol: row.size for row in listed.positions}
        self.hidden = {row.symbol: row.size or ZERO for row in listed.unclear if row.what == "position"}

    def _keep(self, action: act.AnyAction) -> None:
        match action:
            case act.Submit(intent=intent) if intent.leg.reduces:
                self._look_at(intent)
            case act.Alert(kind="kill_switch_flat"):
                self._look_at_flat()
            case act.KeepPosition(position=position, adopted=adopted) if adopted:
                symbol = position.key.symbol
                hides = symbol in self.hidden or ("" in self.hidden and symbol not in (self.told or {}))
                if hides:
                    self.wrongs.append(f"{symbol} was taken over while a row was not understood")
        super()._keep(action)

    def _look_at(self, intent: Intent) -> None:
        symbol = intent.key.symbol
        shown = ZERO if self.told is None else abs(self.told.get(symbol, ZERO))
        there = abs(self.exchange.sizes.get(symbol, ZERO))
        ours = self.journal.positions.get(intent.key)
        journaled = ZERO if ours is None else abs(ours.size)
        if intent.qty > max(shown, there, self.hidden.get(symbol, ZERO), journaled):
            self.wrongs.append(f"{intent.qty} of {symbol} closed: more than anybody held")
        if self.told is None:
            if intent.qty > journaled:
                self.wrongs.append(f"{intent.qty} of {symbol} closed without a list: more than was journaled")
            open_ones = [t for t in self.core.state.open_intents() if t.intent.key == intent.key]
            if sum(t.intent.leg.reduces for t in open_ones) > 1:
                self.wrongs.append(f"a second close of {symbol} without a list while one is in doubt")

    def _look_at_flat(self) -> None:
        if self.told is None or self.hidden or any(self.told.values()):
            self.wrongs.append(f"told flat by {self.told} and {self.hidden}")


class EvidenceMachine(AroundAnAccount):
    """Two symbols, one of them not the bot's."""

    def __init__(self) -> None:
        super().__init__()
        self.harness: Watched = Watched()
        self.harness.ready()
        self.counter = 0

    @rule(wish=st.sampled_from(list(Target)), hold=st.sampled_from([0, 1, 10]))
    def signal(self, wish: Target, hold: int) -> None:
        self.counter += 1
        self.harness.signal(f"signal-{self.counter}", wish, hold_s=hold)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(list(Side)),
        qty=st.sampled_from([1, 2, 7]),
        seen=st.booleans(),
    )
    def somebody_trades_by_hand(self, symbol: str, side: Side, qty: int, seen: bool) -> None:
        exchange = self.harness.exchange
        exchange._execute("", f"hand-{len(exchange.executions)}", symbol, side, Decimal(qty), self.now, "")
        if not seen:
            # No list and no stream ever tells of it.
            del exchange.executions[-2:]

    @property
    def now(self) -> int:
        return self.harness.now_ns

    @rule(positions=st.booleans(), orders=st.booleans())
    def only_lists_are_read(self, positions: bool, orders: bool) -> None:
        answer_step_one(self.harness, positions=positions, orders=orders)

    @rule(
        row=st.sampled_from(
            [
                unclear_position(SYMBOL, "1"),
                unclear_position(STRANGE, "2", None),
                unclear_position(SYMBOL, None),
                unclear_position("", "1"),
                unclear_order(SYMBOL),
                unclear_order(""),
            ]
        )
    )
    def a_row_is_not_understood(self, row) -> None:
        self.stream_breaks()
        answer_with(self.harness, row)

    @rule(heard=st.booleans())
    def the_kill_switch_is_engaged(self, heard: bool) -> None:
        if not self.harness.config.spec.kill_switch.engaged:
            self.harness.edit_kill_switch(heard=heard, engaged=True)

    @rule()
    def latches_are_cleared(self) -> None:
        for latch_id in sorted(self.harness.core.state.latches):
            self.harness.journal.latches.pop(latch_id, None)
            self.harness.tell(ev.LatchCleared(now_ns=self.now, latch_id=latch_id))

    @rule()
    def a_leader_dies_and_the_next_reads_nothing_yet(self) -> None:
        self.harness.restart()
        self.harness.tell(ev.RightToOpenChanged(now_ns=self.now, granted=True, reason=""))

    @invariant()
    def no_data_is_never_flat_and_no_close_is_larger_than_what_was_held(self) -> None:
        assert self.harness.wrongs == []

    @invariant()
    def what_the_newest_list_shows_counts_as_held(self) -> None:
        state = self.harness.core.state
        for key, shown in state.evidence.shown.items():
            assert shown.size == 0 or key.symbol in state.exposed_symbols()
        for symbol in self.harness.hidden:
            assert not symbol or symbol in state.exposed_symbols()

    @invariant()
    def nothing_is_shown_where_both_agree(self) -> None:
        state = self.harness.core.state
        for key, shown in state.evidence.shown.items():
            assert not shown.certain or shown.size != state.position(key).total

    def teardown(self) -> None:
        """Once everything can be read the account is known, and under a kill switch it is flat."""
        harness = self.harness
        harness.ready()
        harness.settle()
        harness.settle()
        engaged = any(latch.kind == "kill_switch" for latch in harness.core.state.latches.values())
        for symbol in SYMBOLS:
            held = harness.exchange.sizes.get(symbol, ZERO)
            assert harness.core.state.position(PositionKey("linear", symbol)).size == held
            assert not (engaged and held)
        assert harness.core.state.evidence.shown == {}
        assert harness.exchange.duplicates == 0
        assert harness.wrongs == []


EvidenceMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestEvidenceLaws = EvidenceMachine.TestCase
