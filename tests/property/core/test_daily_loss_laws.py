"""Forgetting, restoring, restarting, upgrading and the passing of time loosen no daily loss.

One random machine: executions of today and of yesterday, told once or again, clocks that are days ahead or
behind for one event, midnights, transfers, restarts, and a release before that takes the account over for a
while (it knows `baselines` alone). Beside it a plain model that keeps every execution for ever. Whatever
happens: the day's result is that of the day's own executions, and a loss beyond the limit engages the latch.
"""

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.account_harness import MARK, SECOND, START, SYMBOL, Harness, account_config, wallet

from tradefleet.core import events as ev
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.risk.daily_loss import DAY_NS, day_of
from tradefleet.risk.day import Baseline

D = Decimal
LIMIT = D("0.05")
FEES = st.sampled_from([D(fee) for fee in ("0", "1", "40", "260", "-20", "-300")])
SEVEN = ("day", "equity", "wallet", "unrealised", "at_ns", "cash", "transfers")


class DailyLossMachine(RuleBasedStateMachine):
    """An account whose money moves by funding alone, so that the model is a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.harness = Harness(account_config(max_daily_loss=LIMIT))
        self.cash: dict[int, Decimal] = {}
        self.told: list[Execution] = []
        self.withdrawn = D(0)

    @initialize()
    def it_starts(self) -> None:
        self.harness.ready()

    @property
    def today(self) -> int:
        return day_of(self.harness.now_ns)

    def paid(self, fee: Decimal, at_ns: int) -> None:
        number = len(self.told)
        self.told.append(
            Execution(
                category="linear",
                symbol=SYMBOL,
                exec_id=f"funding-{number}",
                order_id="",
                client_order_id="",
                side=Side.BUY,
                exec_type=ExecutionType.FUNDING,
                price=MARK,
                qty=D(0),
                fee=fee,
                is_maker=False,
                closed_qty=D(0),
                stop_order_type="",
                create_type="",
                seq=number,
                at_ns=at_ns,
            )
        )
        self.harness.exchange.balance -= fee
        self.cash[day_of(at_ns)] = self.cash.get(day_of(at_ns), D(0)) - fee
        self.hear(number)

    def hear(self, number: int) -> None:
        self.harness.tell(ev.ExecutionSeen(now_ns=self.harness.now_ns, execution=self.told[number]))
        self.wallet_comes()

    def wallet_comes(self) -> None:
        now_ns = self.harness.now_ns
        row = wallet(now_ns, str(self.harness.exchange.balance))
        self.harness.tell(ev.WalletSeen(now_ns=now_ns, wallet=row))
        self.harness.tell(ev.Ticked(now_ns=now_ns))

    @rule(fee=FEES)
    def money_moves_today(self, fee: Decimal) -> None:
        self.paid(fee, self.harness.now_ns)

    @precondition(lambda self: day_of(self.harness.now_ns) > day_of(START))
    @rule(fee=FEES)
    def money_of_yesterday_is_told_today(self, fee: Decimal) -> None:
        self.paid(fee, self.today * DAY_NS - 1)

    @precondition(lambda self: self.told)
    @rule(number=st.integers(0, 1000))
    def an_execution_is_told_again(self, number: int) -> None:
        self.hear(number % len(self.told))

    @rule(days=st.sampled_from([1, 2, 40, -1, -2, -40]), what=st.sampled_from(["tick", "wallet", "mark"]))
    def the_clock_is_wrong_for_one_event(self, days: int, what: str) -> None:
        wrong_ns = self.harness.now_ns + days * DAY_NS
        match what:
            case "tick":
                self.harness.tell(ev.Ticked(now_ns=wrong_ns))
            case "wallet":
                row = wallet(self.harness.now_ns, str(self.harness.exchange.balance))
                self.harness.tell(ev.WalletSeen(now_ns=wrong_ns, wallet=row))
            case _:
                self.harness.tell(
                    ev.MarketMoved(now_ns=wrong_ns, symbol=SYMBOL, mark=MARK, bid=MARK, ask=MARK, last=MARK)
                )
        self.harness.tell(ev.Ticked(now_ns=self.harness.now_ns))

    @rule(seconds=st.sampled_from([0.25, 5, 3600, 40_000]))
    def time_passes(self, seconds: float) -> None:
        self.harness.wait(seconds)
        self.harness.answer_all()

    @rule(seconds=st.sampled_from([0, 1, 59, 61]))
    def midnight_comes(self, seconds: int) -> None:
        self.harness.now_ns = (self.today + 1) * DAY_NS + seconds * SECOND
        self.harness.wait(0)
        self.harness.answer_all()

    @rule(amount=st.sampled_from([D(-1000), D(500)]))
    def a_transfer_is_made(self, amount: Decimal) -> None:
        if self.harness.exchange.balance + amount > 4000:
            self.harness.exchange.balance += amount
            self.harness.exchange.transfers += amount
            self.wallet_comes()

    @rule()
    def the_process_restarts(self) -> None:
        self.harness.restart()
        self.harness.ready()

    @precondition(lambda self: self.harness.journal.baseline is not None)
    @rule()
    def the_release_before_leads_for_a_while(self) -> None:
        """It goes on with the newest row as it reads it, and what it writes lacks what it does not know."""
        journal = self.harness.journal
        assert journal.baseline is not None
        fields = {name: getattr(journal.baseline, name) for name in SEVEN}
        journal.baseline = Baseline(**fields)
        journal.days[journal.baseline.day] = journal.baseline
        self.the_process_restarts()

    @invariant()
    def the_days_result_is_that_of_its_executions(self) -> None:
        row = self.harness.core.state.baseline
        if row is not None:
            assert row.day == self.today
            assert row.cash == self.cash.get(self.today, D(0))

    @invariant()
    def a_loss_beyond_the_limit_is_latched(self) -> None:
        row = self.harness.core.state.baseline
        if row is None:
            return
        lost = -self.cash.get(self.today, D(0))
        if lost >= LIMIT * min(row.equity, row.equity + row.transfers) > 0:
            assert "daily_loss" in [latch.kind for latch in self.harness.core.state.latches.values()]

    @invariant()
    def no_more_than_three_rows_are_kept(self) -> None:
        assert len(self.harness.core.state.days.rows) <= 3

    @invariant()
    def what_was_journaled_is_what_is_known(self) -> None:
        known = self.harness.core.state.days.rows.values()
        journaled = self.harness.journal.days.values()
        assert figures(row for row in known if row.begun or row.counted) == figures(journaled)


def figures(rows: Iterable[Baseline]) -> dict[int, tuple[Decimal, ...]]:
    return {row.day: (row.cash, row.equity, row.unrealised, row.transfers) for row in rows}


DailyLossMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDailyLoss = DailyLossMachine.TestCase
