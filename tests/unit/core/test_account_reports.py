"""What AccountCore says of each comparison with the exchange."""

from decimal import Decimal

import pytest
from tests.support.account_harness import SYMBOL, Harness
from tests.support.listings import answer_with, listing, unclear_position

from tradefleet.core import events as ev
from tradefleet.core.actions import AnyAction, KeepReport
from tradefleet.domain.signals import Target
from tradefleet.orders.reconciliation_report import Comparison, ReconciliationReport


def compared(harness: Harness, event: ev.AnyEvent) -> KeepReport:
    actions: list[AnyAction] = harness.core.handle(event)
    (found,) = [action for action in actions if isinstance(action, KeepReport)]
    return found


def read(harness: Harness) -> ev.ExchangeRead:
    return ev.ExchangeRead(now_ns=harness.now_ns, view=harness.exchange.view(harness.now_ns))


def interrupted(harness: Harness) -> None:
    harness.questions.clear()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))


def test_two_books_that_say_the_same_agree_and_the_reason_is_told() -> None:
    harness = Harness().ready()
    interrupted(harness)

    found = compared(harness, read(harness))

    assert found.report.outcome is Comparison.AGREES
    assert found.report.reason == "the private stream was interrupted"
    assert found.report.sentence() == "both books say the same"
    assert not found.repeats


def test_an_execution_that_was_missed_is_taken_in_and_named() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    harness.send()
    interrupted(harness)

    report = compared(harness, read(harness)).report

    assert report.outcome is Comparison.RESOLVED
    assert report.counted == ("exec-1", "exec-2")
    assert report.sentence() == "2 executions were missing here (exec-1, exec-2)"


def test_a_size_that_differs_is_open_and_then_believed() -> None:
    harness = Harness().ready()
    harness.exchange.sizes[SYMBOL] = Decimal(3)
    interrupted(harness)

    first = compared(harness, read(harness)).report
    harness.wait(3)
    second = compared(harness, read(harness)).report

    said = f"{SYMBOL}: the exchange holds 3, our executions sum to 0"
    assert (first.outcome, first.differing) == (Comparison.OPEN, (said,))
    assert (second.outcome, second.believed) == (Comparison.RESOLVED, (said,))


def test_an_order_in_doubt_keeps_the_comparison_open_until_it_is_absent() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    (intent,) = harness.submitted
    harness.unsent.clear()
    harness.restart()

    doubtful = compared(harness, read(harness)).report
    harness.wait(9)
    over = compared(harness, read(harness)).report

    assert (doubtful.outcome, doubtful.unresolved) == (Comparison.OPEN, (intent.client_order_id,))
    assert (over.outcome, over.absent) == (Comparison.RESOLVED, (intent.client_order_id,))


def test_an_account_that_could_not_be_read_has_a_report_too() -> None:
    harness = Harness()

    report = compared(harness, ev.ExchangeUnread(now_ns=harness.now_ns, reason="page 2 is missing")).report

    assert report.outcome is Comparison.UNREAD
    assert (report.reason, report.sentence()) == ("start", "could not be read: page 2 is missing")


def test_the_timers_comparison_is_recorded_only_when_it_says_something_new() -> None:
    harness = Harness().ready()
    harness.wait(61)
    agrees = compared(harness, read(harness))
    harness.exchange.sizes[SYMBOL] = Decimal(3)
    harness.wait(61)

    differs = compared(harness, read(harness))

    assert (agrees.report.reason, agrees.repeats) == ("timer", True)
    assert (differs.report.reason, differs.repeats) == ("timer", False)


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"absent": ("a",)}, "1 order was never taken (a)"),
        ({"foreign": ("a", "b", "c", "d")}, "4 orders are somebody else's"),
        ({"adopted": ("a",)}, "1 order of ours has no intent (a)"),
        ({"unresolved": ("a",), "differing": ("x",)}, "1 order is unresolved (a); x; looked at again"),
    ],
)
def test_a_report_reads_as_a_sentence(named: dict[str, tuple[str, ...]], sentence: str) -> None:
    report = ReconciliationReport(reason="start", outcome=Comparison.OPEN, asked_ns=1, ended_ns=2, **named)

    assert report.sentence() == sentence


def test_a_report_names_the_list_that_was_not_read_and_the_row_that_is_not_understood() -> None:
    harness = Harness().ready()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    step_one = listing(harness, orders=False, unclear=(unclear_position(),))
    harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=step_one))
    harness.tell(ev.ExchangeUnread(now_ns=harness.now_ns, reason="wallet: retCode 10016"))
    report = harness.core.state.reconciliation.report

    assert report is not None
    assert report.outcome is Comparison.UNREAD
    assert report.sentence() == (
        "could not be read: wallet: retCode 10016; open orders: retCode 10016; "
        "not understood: position in ABCUSDT, of size 1: adl: 9"
    )


def test_a_comparison_with_a_row_that_is_not_understood_stays_open() -> None:
    harness = Harness().ready()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))

    answer_with(harness, unclear_position())
    report = harness.core.state.reconciliation.report

    assert report is not None
    assert report.outcome is Comparison.OPEN
    assert report.sentence() == "not understood: position in ABCUSDT, of size 1: adl: 9"
