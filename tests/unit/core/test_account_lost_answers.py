"""Requests of which one is under way at a time, and whose answer never comes: each recovers by itself."""

from decimal import Decimal

from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config
from tests.support.listings import is_listed
from tests.support.resting_harness import RestingHarness

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentState
from tradefleet.orders.outcome import Outcome


def asked_at(harness: Harness, kind: type, seconds: int) -> list[int]:
    """The seconds at which it was asked, while nothing of the kind is answered and everything else is."""
    found, seen = [], [q for q in harness.questions if isinstance(q, kind)]
    for second in range(1, seconds + 1):
        harness.wait(1)
        asked = [q for q in harness.questions if isinstance(q, kind)]
        harness.questions = [q for q in harness.questions if not isinstance(q, kind)]
        harness.answer_all()
        new = [q for q in asked if q not in seen]
        found += [second] * len(new)
        seen = []
    return found


# ---- an order in doubt


def in_doubt() -> Harness:
    """An entry whose answer was lost, and which the exchange has never got."""
    harness = Harness().ready()
    harness.signal("entry", Target.LONG, hold_s=3600)
    (intent,) = harness.unsent
    harness.unsent.clear()
    lost = ev.SendFinished(
        now_ns=harness.now_ns,
        client_order_id=intent.client_order_id,
        outcome=Outcome.AMBIGUOUS,
        order_id="",
        ret_code=None,
        message="no answer",
    )
    harness.tell(lost)
    return harness


def test_an_order_in_doubt_is_asked_for_again_and_never_sent_again() -> None:
    harness = in_doubt()
    harness.questions.clear()

    assert asked_at(harness, act.AskForOrder, 70) == [30, 60]
    assert len(harness.submitted) == 1
    harness.wait(25)
    harness.answer_all()

    assert harness.core.state.tracked[harness.submitted[0].client_order_id].is_final
    assert len(harness.submitted) == 1
    assert harness.exchange.duplicates == 0


def test_an_answer_that_comes_after_the_second_question_counts() -> None:
    harness = in_doubt()
    name = harness.submitted[0].client_order_id
    harness.wait(31)
    late = ev.OrderQueried(
        now_ns=harness.now_ns,
        client_order_id=name,
        answer=ev.QueryAnswer.ABSENT,
        order=None,
        executions=(),
        asked_ns=harness.now_ns - 10 * SECOND,
    )
    harness.tell(late)

    assert harness.core.state.tracked[name].record.state is IntentState.ABSENT


# ---- what rests


def test_a_cancel_whose_answer_never_comes_is_made_again_and_the_order_asked_for() -> None:
    world = RestingHarness(rest_seconds=5)
    world.ready()
    world.rest()
    world.wait(6)
    assert len(world.cancels_asked) == 1

    world.cancels.clear()
    world.wait(12)
    world.answer_all()
    assert len(world.cancels_asked) == 1
    world.wait(1)

    assert len(world.cancels_asked) == 2
    assert [q.client_order_id for q in world.questions if isinstance(q, act.AskForOrder)]
    world.settle()
    assert world.tracked().is_final
    assert len(world.submitted) == 1


def following() -> RestingHarness:
    """An entry that was to be moved, and of whose amend nothing is heard."""
    world = RestingHarness(follow_bps=Decimal(20), rest_seconds=600)
    world.ready()
    world.wait(3)
    world.rest()
    world.prices(Decimal("100.5"))
    assert len(world.amends) == 1
    return world


def test_an_amend_whose_answer_never_comes_is_followed_by_one_after_the_order_was_read() -> None:
    world = following()
    world.amends.clear()

    for _ in range(12):
        world.wait(1)
        world.answer_all()
    assert len(world.amends_asked) == 1
    world.wait(1)

    assert len(world.amends_asked) == 2


def test_a_late_not_sent_of_an_earlier_amend_says_nothing_of_the_one_under_way() -> None:
    world = following()
    (first,) = world.amends
    for _ in range(13):
        world.wait(1)
        world.answer_all()
    assert len(world.amends_asked) == 2

    late = ev.AmendAnswered(
        now_ns=world.now_ns,
        client_order_id=first.client_order_id,
        outcome=Outcome.NOT_SENT,
        ret_code=None,
        message="too late",
    )
    world.tell(late)
    world.prices(Decimal("101"))
    world.now_ns += SECOND
    world.prices(Decimal("101"))

    assert len(world.amends_asked) == 2


# ---- a stop, leverage, money


def test_a_stop_whose_answer_never_comes_is_asked_for_again_once_it_can_be_taken_no_more() -> None:
    harness = Harness().ready()
    harness.signal("entry", Target.LONG, hold_s=3600)
    harness.settle()
    harness.exchange.stops.clear()
    harness.deliver()
    harness.wait(1)
    (asked,) = harness.protections
    harness.protections.clear()

    for _ in range(20):
        if harness.protections:
            break
        harness.deliver()
        harness.wait(1)

    late_ns = harness.now_ns - asked.valid_until_ns
    assert 10 * SECOND <= late_ns < 11 * SECOND


def test_leverage_whose_answer_never_comes_is_asked_for_again() -> None:
    harness = Harness()
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=True, reason=""))
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    harness.announce()
    harness.prices()
    harness.answer_all()
    harness.wait(1)
    (asked,) = harness.leverages
    waited_s = (asked.valid_until_ns - harness.now_ns) // SECOND + 10

    harness.wait(waited_s - 1)
    assert len(harness.leverages) == 1
    harness.wait(1)
    assert len(harness.leverages) == 2
    harness.set_leverages()
    harness.signal("entry", Target.LONG)

    assert harness.judged[-1].verdict is act.Verdict.ACCEPTED


def test_transfers_whose_answer_never_comes_are_asked_for_again() -> None:
    harness = Harness().ready()
    harness.exchange.balance = Decimal(9900)
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    harness.answer_all()

    first, *others = asked_at(harness, act.ReadTransfers, 140)

    assert [second - first for second in others] == [61, 122]


# ---- the kill switch


def test_a_cancel_of_all_whose_answer_never_comes_is_made_again_and_keeps_nobody_from_flat() -> None:
    harness = Harness(account_config()).ready()
    harness.signal("entry", Target.LONG, hold_s=3600)
    harness.settle()
    harness.edit_kill_switch(engaged=True)
    harness.send()
    harness.deliver()

    assert asked_at(harness, act.CancelOrders, 30) == [13, 26]
    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.alerts.count("kill_switch_flat") == 1


def test_an_entry_of_ours_goes_by_its_id_when_the_cancel_of_all_is_never_answered() -> None:
    world = RestingHarness(rest_seconds=600)
    world.ready()
    world.rest()
    world.edit_kill_switch(engaged=True)

    for _ in range(12):
        world.wait(1)
        world.questions = [q for q in world.questions if not isinstance(q, act.CancelOrders)]
        world.answer_all()
    assert world.cancels == []
    world.wait(1)

    assert len(world.cancels) == 1
    world.let_cancels()
    world.deliver()
    for _ in range(10):
        world.wait(1)
        world.questions = [q for q in world.questions if not isinstance(q, act.CancelOrders)]
        world.answer_all()
    is_listed(world)
    assert world.kill_switch["seconds_to_flat"] is not None
