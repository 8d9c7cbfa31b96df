"""The rows of the days: time chooses one, executions find theirs, and nothing of a day is forgotten."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, START, SYMBOL, Harness, account_config, wallet

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.signals import Target

D = Decimal
DAY = 86_400 * SECOND
MIDNIGHT = (START // DAY + 1) * DAY


class Told(Harness):
    """Keeps the actions too."""

    def __init__(self, **risk: object) -> None:
        self.done: list[act.AnyAction] = []
        super().__init__(account_config(**risk))

    def _keep(self, action: act.AnyAction) -> None:
        self.done.append(action)
        super()._keep(action)

    def of(self, kind: type) -> list:
        return [action for action in self.done if isinstance(action, kind)]

    def tick(self, now_ns: int) -> None:
        self.tell(ev.Ticked(now_ns=now_ns))


def held(limit: str = "0.05") -> Told:
    """One unit long at 100, 10,000 in the wallet."""
    harness = Told(max_daily_loss=D(limit))
    harness.ready()
    harness.signal("entry", Target.LONG, hold_s=360_000)
    harness.settle()
    assert harness.size == 1
    return harness


def row(harness: Harness) -> ev.Baseline:
    baseline = harness.core.state.baseline
    assert baseline is not None
    return baseline


def result(harness: Harness) -> Decimal:
    return D(harness.core.status(harness.now_ns)["result_today"])


def kinds(harness: Harness) -> list[str]:
    return sorted(latch.kind for latch in harness.core.state.latches.values())


def executed(harness: Harness, *, at_ns: int, fee: str = "0", qty: str = "0", price: str = "100") -> None:
    """A sale (qty above zero), or money alone."""
    number = len(harness.journal.executions)
    execution = Execution(
        category="linear",
        symbol=SYMBOL,
        exec_id=f"told-{number}",
        order_id=f"told-{number}",
        client_order_id="",
        side=Side.SELL,
        exec_type=ExecutionType.TRADE if D(qty) else ExecutionType.FUNDING,
        price=D(price),
        qty=D(qty),
        fee=D(fee),
        is_maker=False,
        closed_qty=D(qty),
        stop_order_type="",
        create_type="",
        seq=number,
        at_ns=at_ns,
    )
    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))


def to(harness: Harness, now_ns: int) -> None:
    harness.now_ns = now_ns
    harness.prices()
    harness.tell(ev.Ticked(now_ns=now_ns))


@pytest.mark.parametrize("days", [1, 2, 30])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_ahead_for_one_event_forgets_nothing_of_today(days: int, restarted: bool) -> None:
    harness = held()
    executed(harness, at_ns=harness.now_ns, fee="450")
    before = row(harness)

    harness.tick(harness.now_ns + days * DAY)
    if restarted:
        harness.restart()
    harness.tick(harness.now_ns + SECOND)

    assert row(harness) == before
    assert [day for day in harness.journal.days if day != before.day] == []
    assert harness.journal.baseline == before


@pytest.mark.parametrize("days", [1, 2, 30])
@pytest.mark.parametrize("lost", ["0", "450"])
def test_a_clock_that_is_behind_for_one_event_forgets_nothing_of_today(days: int, lost: str) -> None:
    harness = held()
    harness.prices(D("97"))
    executed(harness, at_ns=harness.now_ns, fee=lost)
    before = row(harness)

    harness.tick(harness.now_ns - days * DAY)
    harness.tick(harness.now_ns + SECOND)

    assert row(harness) == before
    assert harness.journal.days[before.day] == before


def test_a_day_that_began_by_a_wrong_clock_begins_anew_when_it_comes() -> None:
    harness = held()
    harness.prices(D("90"))
    harness.tick(harness.now_ns + DAY)  # open profit is -10 by now
    harness.tick(harness.now_ns + SECOND)

    to(harness, harness.now_ns + 60 * SECOND)
    harness.prices(D("99"))
    to(harness, MIDNIGHT)

    assert (row(harness).day, row(harness).unrealised) == (MIDNIGHT // DAY, -1)
    assert result(harness) == 0


def test_what_was_lost_between_midnight_and_the_first_reading_is_the_days_loss() -> None:
    harness = held()
    harness.now_ns = MIDNIGHT + 600 * SECOND
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.exchange.executions[-2:] = [
        msgspec.structs.replace(execution, price=D(40)) for execution in harness.exchange.executions[-2:]
    ]
    harness.exchange.balance = D(9940)
    harness.now_ns = MIDNIGHT + 3600 * SECOND

    harness.restart()
    harness.ready()
    harness.settle()

    assert (row(harness).cash, result(harness)) == (D("-60.02"), D("-60.02"))
    assert row(harness).equity == D("10000.02")


def test_an_execution_of_yesterday_that_is_read_today_is_yesterdays() -> None:
    harness = held()
    yesterday = row(harness).day
    to(harness, MIDNIGHT + SECOND)

    executed(harness, at_ns=MIDNIGHT - SECOND, fee="7")

    assert result(harness) == 0
    assert harness.journal.days[yesterday].cash == D("-7.02")
    assert harness.journal.baseline is not None
    assert harness.journal.baseline.day == yesterday + 1


@pytest.mark.parametrize(("mark", "price"), [("94", "94"), ("94", "96"), ("94", "91")])
def test_a_close_of_before_midnight_that_is_read_after_it_is_neither_gain_nor_loss_of_today(
    mark: str, price: str
) -> None:
    harness = held("0.9")
    harness.prices(D(mark))
    to(harness, MIDNIGHT - SECOND)
    to(harness, MIDNIGHT + SECOND)
    assert row(harness).unrealised == D(mark) - 100

    executed(harness, at_ns=MIDNIGHT - 1, qty="1", price=price)
    harness.prices(D(80))

    assert (harness.size, result(harness)) == (0, 0)
    assert harness.core.state.days.rows[row(harness).day - 1].cash == D(price) - 100 - D("0.02")


def test_open_profit_of_midnight_is_that_of_the_equity_journaled_before_a_restart() -> None:
    harness = held("0.9")
    harness.prices(D(97))
    to(harness, MIDNIGHT - 4 * SECOND)

    harness.now_ns = MIDNIGHT + 20 * SECOND
    harness.restart()
    harness.prices(D(90))
    harness.ready()

    assert row(harness).unrealised == -3
    assert result(harness) == -7


def test_a_close_between_the_last_journaled_equity_and_midnight_is_no_gain_of_today() -> None:
    harness = held("0.9")
    harness.prices(D(94))
    to(harness, MIDNIGHT - 3 * SECOND)

    harness.now_ns = MIDNIGHT - 2 * SECOND
    executed(harness, at_ns=harness.now_ns, qty="1", price="93")
    to(harness, MIDNIGHT)

    assert (row(harness).unrealised, result(harness)) == (0, 0)


@pytest.mark.parametrize(("after_s", "latched"), [(59, ["daily_loss"]), (60, [])])
def test_the_day_before_is_judged_for_a_minute_more(after_s: int, latched: list[str]) -> None:
    harness = held()
    to(harness, MIDNIGHT)
    to(harness, MIDNIGHT + after_s * SECOND)

    executed(harness, at_ns=MIDNIGHT - 1, fee="600")
    harness.tick(harness.now_ns)

    assert kinds(harness) == latched


def test_three_rows_are_kept() -> None:
    harness = held()
    first = row(harness).day

    for number in range(5):
        to(harness, MIDNIGHT + number * DAY)

    assert sorted(harness.journal.days) == [first + 3, first + 4, first + 5]
    assert [action.day for action in harness.of(act.ForgetDay)] == [first, first + 1, first + 2]


def test_after_a_withdrawal_a_loss_is_held_against_what_is_left() -> None:
    harness = held()
    harness.exchange.balance, harness.exchange.transfers = D(4000), D(-6000)
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns, "4000")))
    harness.settle()

    executed(harness, at_ns=harness.now_ns, fee="201")
    harness.tick(harness.now_ns)

    assert kinds(harness) == ["daily_loss"]


@pytest.mark.parametrize("balance", ["0", "-0.5"])
def test_an_account_without_money_opens_nothing_and_sells_nothing(balance: str) -> None:
    harness = Told(max_daily_loss=D("0.05"))
    harness.exchange.balance = D(balance)
    harness.exchange.sizes[SYMBOL] = D(1)
    harness.ready()
    for _ in range(5):
        harness.settle()
    harness.prices(MARK - 1)
    executed(harness, at_ns=harness.now_ns, fee="3")
    harness.settle()

    harness.signal("in", Target.LONG)

    assert "daily_loss" not in kinds(harness)
    assert harness.exchange.sizes[SYMBOL] == 1
    assert harness.submitted == []
    assert harness.core.status(harness.now_ns)["loss_today"] == ""


def test_a_row_of_the_release_before_goes_on() -> None:
    harness = held()
    before = ev.Baseline(
        day=START // DAY, equity=D(10_000), wallet=D(10_000), at_ns=START, cash=D(-450), transfers=D(0)
    )
    harness.journal.days.clear()
    harness.journal.baseline = before

    harness.restart()
    harness.ready()
    executed(harness, at_ns=harness.now_ns, fee="50")
    harness.tick(harness.now_ns)

    assert kinds(harness) == ["daily_loss"]


def test_a_day_without_any_execution_is_found_again_by_a_clock_that_was_behind() -> None:
    harness = held()
    to(harness, MIDNIGHT)
    harness.prices(D(97))
    before = row(harness)
    assert before.counted == 0

    harness.tick(harness.now_ns - DAY)
    harness.tick(harness.now_ns + SECOND)

    assert row(harness) == before
    assert result(harness) == -3


def test_a_day_that_holds_an_execution_is_not_deleted_by_a_clock_that_is_behind() -> None:
    harness = held()
    executed(harness, at_ns=harness.now_ns, fee="450")
    before = row(harness)

    harness.tick(harness.now_ns - DAY)
    assert harness.journal.days[before.day] == before
    harness.restart()
    harness.ready()

    assert row(harness).cash == before.cash


def test_a_first_start_by_a_clock_that_is_ahead_still_counts_what_is_traded_after_it() -> None:
    harness = Told(max_daily_loss=D("0.05"))
    harness.now_ns += DAY
    harness.restart()
    harness.ready()
    harness.now_ns -= DAY
    harness.tick(harness.now_ns)
    harness.prices()

    executed(harness, at_ns=harness.now_ns, fee="600")
    harness.tick(harness.now_ns)

    assert kinds(harness) == ["daily_loss"]


# ---- the first start on an account


class FirstStart(Told):
    """The exchange's log tells what was traded before, or cannot be read."""

    earlier: Decimal | None = D(0)

    def tell(self, event: ev.AnyEvent) -> None:
        unread = "timed out" if self.earlier is None else ""
        if isinstance(event, ev.TransfersRead):
            total = None if unread else D(0)
            event = msgspec.structs.replace(event, total=total, earlier=self.earlier, reason=unread)
        if isinstance(event, ev.Restored):
            event = msgspec.structs.replace(event, earlier=self.earlier, earlier_unread=unread)
        super().tell(event)


def first_start(earlier: str | None) -> FirstStart:
    harness = FirstStart(max_daily_loss=D("0.05"))
    harness.earlier = None if earlier is None else D(earlier)
    harness.restart()
    harness.ready()
    return harness


@pytest.mark.parametrize(
    ("earlier", "reason"),
    [("0", ""), ("-499", ""), ("-500", "daily_loss"), ("-9000", "daily_loss"), (None, "day_unknown")],
)
def test_what_was_lost_before_the_first_start_can_forbid_opening(earlier: str | None, reason: str) -> None:
    harness = first_start(earlier)

    harness.signal("in", Target.LONG)

    assert harness.judged[-1].reason == reason


def test_what_was_lost_before_the_first_start_closes_nothing_and_engages_nothing() -> None:
    harness = FirstStart(max_daily_loss=D("0.05"))
    harness.earlier = D(-9000)
    harness.exchange.sizes[SYMBOL] = D(1)
    harness.restart()
    harness.ready()
    for _ in range(5):
        harness.settle()

    assert "daily_loss" not in kinds(harness)
    assert harness.exchange.sizes[SYMBOL] == 1


def test_an_execution_of_before_the_first_start_is_not_counted_twice() -> None:
    harness = first_start("-100")

    executed(harness, at_ns=START - 1, fee="3000")
    harness.tick(harness.now_ns)

    assert (row(harness).cash, kinds(harness)) == (0, [])


def test_the_log_is_asked_until_it_answers_and_once_only() -> None:
    harness = first_start(None)
    assert harness.alerts.count("transfers_unread") == 1

    harness.earlier = D(0)
    for _ in range(20):
        harness.wait(1)
        harness.answer_all()
    harness.restart()
    harness.ready()
    harness.signal("in", Target.LONG)

    assert [action.day_ns for action in harness.of(act.ReadTransfers)] == [START // DAY * DAY] * 2
    assert harness.judged[-1].reason == ""


def test_the_next_day_counts_from_midnight_again() -> None:
    harness = first_start("-9000")

    to(harness, MIDNIGHT)
    harness.announce()
    harness.prices()
    harness.signal("in", Target.LONG)

    assert (row(harness).at_ns, row(harness).earlier) == (MIDNIGHT, 0)
    assert harness.judged[-1].reason == ""


# ---- marks


def other_held(mark: Decimal | None) -> Told:
    """Something is held in a symbol whose ticker nobody hears."""
    harness = Told(max_daily_loss=D("0.05"))
    positions = harness.exchange.positions

    def shown(now_ns: int) -> list:
        return [
            msgspec.structs.replace(one, mark_price=mark) if one.key.symbol == "SOLUSDT" else one
            for one in positions(now_ns)
        ]

    harness.exchange.positions = shown  # type: ignore[method-assign]
    harness.exchange.sizes["SOLUSDT"] = D(1)
    harness.ready()
    for _ in range(4):
        harness.settle()
    for latch in list(harness.core.state.latches):
        harness.tell(ev.LatchCleared(now_ns=harness.now_ns, latch_id=latch))
    harness.announce()
    return harness


@pytest.mark.parametrize(("waits_s", "reason"), [(0, ""), (76, "mark_unknown")])
def test_nothing_opens_while_the_mark_of_what_is_held_is_old(waits_s: int, reason: str) -> None:
    harness = other_held(D(100))
    harness.answer_all()

    harness.now_ns += waits_s * SECOND
    harness.prices()
    harness.announce()
    harness.signal("in", Target.LONG)

    assert harness.judged[-1].reason == reason


def test_a_mark_that_was_never_heard_is_no_loss_and_opens_nothing() -> None:
    harness = other_held(None)

    harness.signal("in", Target.LONG)

    assert harness.judged[-1].reason == "mark_unknown"
    assert "SOLUSDT" in harness.judged[-1].detail
    assert harness.exchange.sizes["SOLUSDT"] == 1
    assert harness.core.status(harness.now_ns)["result_today"] == ""


def test_the_first_mark_of_what_was_taken_over_is_neither_gain_nor_loss() -> None:
    harness = other_held(None)

    harness.tell(
        ev.MarketMoved(now_ns=harness.now_ns, symbol="SOLUSDT", mark=D(40), bid=None, ask=None, last=None)
    )
    harness.tick(harness.now_ns)

    assert result(harness) == 0
    assert kinds(harness) == []


def test_a_row_beside_a_silent_ticker_tells_the_mark() -> None:
    harness = other_held(D(100))

    harness.wait(10)
    seen = [one for one in harness.exchange.positions(harness.now_ns) if one.key.symbol == "SOLUSDT"]
    harness.tell(
        ev.PositionSeen(now_ns=harness.now_ns, position=msgspec.structs.replace(seen[0], mark_price=D(50)))
    )

    assert result(harness) == -50


def test_a_ticker_that_speaks_knows_better_than_a_row() -> None:
    harness = held()
    harness.prices(D(99))
    seen = harness.exchange.positions(harness.now_ns)[0]

    harness.tell(
        ev.PositionSeen(now_ns=harness.now_ns, position=msgspec.structs.replace(seen, mark_price=D(50)))
    )

    assert harness.core.state.market(SYMBOL).mark == 99
