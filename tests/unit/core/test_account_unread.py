"""An account that cannot be read for long: how often it is tried, and how often a person hears of it."""

import pytest
from tests.support.account_harness import SYMBOL, Harness
from tests.support.listings import is_listed

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.signals import Target
from tradefleet.spec.bot import OnDelete

BROKEN = "executions: retCode 10016"


def readings(harness: Harness, seconds: int, *, listed: bool = True, trouble: str = BROKEN) -> list[int]:
    """The seconds at which the account was read, while its reading comes to nothing."""
    found = []
    for second in range(1, seconds + 1):
        harness.wait(1)
        for question in [q for q in harness.questions if isinstance(q, act.Reconcile)]:
            harness.questions.remove(question)
            found.append(second)
            if listed:
                is_listed(harness)
            reason = trouble.format(harness.now_ns)
            harness.tell(ev.ExchangeUnread(now_ns=harness.now_ns, reason=reason))
        harness.answer_all()
    return found


def interrupted() -> Harness:
    harness = Harness().ready()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    return harness


def test_a_reading_that_comes_to_nothing_again_and_again_is_made_each_five_seconds() -> None:
    assert readings(interrupted(), 24) == [1, 2, 4, 8, 13, 18, 23]


def test_a_complete_reading_ends_the_patience() -> None:
    harness = interrupted()
    readings(harness, 20)
    harness.wait(5)
    harness.answer_all()
    assert harness.core.state.reconciliation.done

    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))

    assert readings(harness, 4) == [1, 2, 4]


@pytest.mark.parametrize(
    "trouble", [BROKEN, "executions: retCode 10002: req_timestamp[{0}], server_timestamp[{0}]"]
)
def test_one_cause_is_told_each_minute_however_often_it_is_met(trouble: str) -> None:
    harness = interrupted()

    readings(harness, 50, trouble=trouble)
    assert harness.alerts.count("exchange_unread") == 1
    readings(harness, 80, trouble=trouble)
    assert harness.alerts.count("exchange_unread") == 3


def test_another_cause_is_told_at_once_and_none_of_both_more_often_than_each_minute() -> None:
    harness = interrupted()

    for _ in range(3):
        readings(harness, 5)
        readings(harness, 5, trouble="wallet: retCode 10006")

    assert harness.alerts.count("exchange_unread") == 2


def test_an_account_that_can_be_read_in_between_is_not_told_of_more_often() -> None:
    harness = interrupted()

    for _ in range(5):
        readings(harness, 2)
        harness.wait(5)
        harness.answer_all()
        harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))

    assert harness.alerts.count("exchange_unread") == 1


def test_a_report_is_recorded_when_its_cause_is_told_and_not_with_each_reading() -> None:
    harness = interrupted()
    told = []
    for _ in range(70):
        harness.now_ns += 1_000_000_000
        event = ev.ExchangeUnread(now_ns=harness.now_ns, reason=BROKEN)
        actions = harness.core.handle(event)
        told += [action.repeats for action in actions if isinstance(action, act.KeepReport)]

    assert [second for second, repeats in enumerate(told) if not repeats] == [0, 60]


def test_a_closing_latch_that_is_not_flat_has_the_account_read_each_second() -> None:
    harness = Harness().ready()
    harness.signal("entry", Target.LONG, hold_s=3600)
    harness.settle()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    readings(harness, 9)

    harness.delete_bot(OnDelete.FLATTEN)

    assert readings(harness, 4, listed=False) == [1, 2, 3, 4]


def test_what_a_new_leader_may_hold_is_looked_for_each_second_until_a_list_has_come() -> None:
    harness = Harness().ready()
    harness.signal("entry", Target.LONG, hold_s=3600)
    harness.settle()
    harness.restart()

    assert readings(harness, 4, listed=False) == [1, 2, 3, 4]
    assert harness.exchange.sizes[SYMBOL] > 0
    readings(harness, 1)
    # The patience has grown meanwhile: from the first list on it is kept.
    assert readings(harness, 10) == [5, 10]
