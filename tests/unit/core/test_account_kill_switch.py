"""The kill switch in the core: engaged by an edge, flat, told, and cleared by its id alone."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness
from tests.support.listings import answer_step_one, answer_with, listing, unclear_order, unclear_position

from tradefleet.core import account_kill_switch
from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import OrderStatus, OrderType, TimeInForce
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentState, Leg
from tradefleet.spec.bot import OnDelete


@pytest.fixture
def harness() -> Harness:
    return Harness().ready()


def with_a_position(harness: Harness) -> None:
    harness.signal("entry", Target.LONG, hold_s=3600)
    harness.settle()
    assert harness.size > 0


def latch(name: str = "cli-1", kind: str = "kill_switch") -> ev.LatchRecord:
    return ev.LatchRecord(latch_id=name, kind=kind, reason="r", actor="cli:me", engaged_ns=1)


def test_engaging_it_in_the_spec_closes_what_is_held_and_says_when_it_is_flat(harness: Harness) -> None:
    with_a_position(harness)

    harness.edit_kill_switch(engaged=True, reason="enough")
    (close,) = [intent for intent in harness.submitted if intent.leg is Leg.CLOSE]
    harness.settle()

    (engaged,) = harness.journal.latches.values()
    assert engaged.latch_id == f"spec-{harness.config.uid[:8]}-{harness.config.generation}"
    assert (engaged.kind, engaged.reason) == ("kill_switch", "enough")
    assert (close.reduce_only, close.signal_id) == (True, f"{engaged.latch_id}/{SYMBOL}/1")
    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.cancelled == [False]
    assert harness.kill_switch["seconds_to_flat"] is not None
    assert harness.alerts.count("kill_switch_flat") == 1


def test_nothing_asks_for_a_cancel_of_everything(harness: Harness) -> None:
    with_a_position(harness)

    harness.edit_kill_switch(engaged=True)
    harness.settle()

    assert harness.kill_switch["seconds_to_flat"] is not None
    assert harness.cancelled == [False]


def test_nothing_opens_until_it_is_cleared_by_its_id(harness: Harness) -> None:
    harness.edit_kill_switch(engaged=True)
    harness.settle()
    harness.signal("while engaged", Target.LONG)
    (latch_id,) = harness.journal.latches

    harness.edit_kill_switch(engaged=False)
    harness.signal("switched back", Target.LONG)
    harness.edit_kill_switch(clear="spec-of-somebody-else")
    harness.signal("another id", Target.LONG)
    harness.edit_kill_switch(clear=latch_id)
    harness.settle()
    harness.announce()
    harness.signal("cleared", Target.LONG)

    verdicts = [(one.signal.signal_id, one.verdict, one.reason) for one in harness.judged]
    assert verdicts == [
        ("while engaged", act.Verdict.REFUSED, "latched"),
        ("switched back", act.Verdict.REFUSED, "latched"),
        ("another id", act.Verdict.REFUSED, "latched"),
        ("cleared", act.Verdict.ACCEPTED, ""),
    ]
    assert "no_such_latch" in harness.alerts
    assert harness.kill_switch == {"engaged": False, "seconds_to_flat": None}


def test_a_level_is_no_edge(harness: Harness) -> None:
    harness.edit_kill_switch(engaged=True)
    harness.settle()
    (latch_id,) = harness.journal.latches
    harness.edit_kill_switch(clear=latch_id)

    harness.edit_kill_switch(reason="still true")
    harness.restart()

    assert harness.journal.latches == {}


def test_a_second_edge_is_a_second_latch(harness: Harness) -> None:
    harness.edit_kill_switch(engaged=True)
    harness.edit_kill_switch(engaged=False)
    harness.edit_kill_switch(engaged=True)

    assert len(harness.journal.latches) == 2


def test_an_edge_that_came_while_nobody_led_is_found_at_the_next_start(harness: Harness) -> None:
    with_a_position(harness)

    harness.edit_kill_switch(heard=False, engaged=True)
    harness.restart()
    harness.ready()
    harness.settle()

    assert len(harness.journal.latches) == 1
    assert harness.exchange.sizes[SYMBOL] == 0


def test_a_restart_neither_clears_it_nor_engages_what_was_cleared(harness: Harness) -> None:
    harness.edit_kill_switch(engaged=True)
    (latch_id,) = harness.journal.latches
    harness.restart()
    assert list(harness.core.state.latches) == [latch_id]

    # Cleared by somebody else while nobody led; the spec still has the edge as its newest generation.
    harness.journal.latches.clear()
    harness.restart()

    assert harness.core.state.latches == {}


def test_a_leader_that_dies_in_the_middle_is_followed_by_one_that_finishes(harness: Harness) -> None:
    with_a_position(harness)
    harness.edit_kill_switch(engaged=True)

    harness.restart()
    harness.ready()
    harness.settle()
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.kill_switch["seconds_to_flat"] is not None


def test_a_latch_of_somebody_else_does_the_same(harness: Harness) -> None:
    with_a_position(harness)

    harness.tell(ev.LatchEngaged(now_ns=harness.now_ns, latch=latch()))
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0


def test_a_latch_of_another_kind_closes_nothing(harness: Harness) -> None:
    with_a_position(harness)

    harness.tell(ev.LatchEngaged(now_ns=harness.now_ns, latch=latch(kind="position_mismatch")))
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] > 0
    assert harness.kill_switch["engaged"] is False


def test_losing_the_right_to_open_does_not_stop_the_closing(harness: Harness) -> None:
    with_a_position(harness)
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=False, reason="lease"))

    harness.edit_kill_switch(engaged=True)
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0


def test_a_cancel_that_the_exchange_did_not_do_is_asked_for_again(harness: Harness) -> None:
    harness.edit_kill_switch(engaged=True)
    asked = [one for one in harness.questions if isinstance(one, act.CancelOrders)]
    harness.questions.clear()
    harness.tell(ev.OrdersCancelled(now_ns=harness.now_ns, everything=False, done=False, reason="503"))
    harness.wait(2)

    again = [one for one in harness.questions if isinstance(one, act.CancelOrders)]
    assert [one.everything for one in asked + again] == [False, False]


def test_a_late_reading_of_a_latch_that_was_just_cleared_does_not_bring_it_back(harness: Harness) -> None:
    harness.edit_kill_switch(engaged=True)
    (engaged,) = harness.journal.latches.values()
    harness.edit_kill_switch(engaged=False, clear=engaged.latch_id)

    harness.tell(ev.LatchEngaged(now_ns=harness.now_ns, latch=engaged))

    assert harness.core.state.latches == {}


@pytest.mark.parametrize(("on_delete", "flat"), [(OnDelete.FLATTEN, True), (OnDelete.LEAVE, False)])
def test_a_deleted_bot_is_flat_or_left_as_it_asked(harness: Harness, on_delete: OnDelete, flat: bool) -> None:
    with_a_position(harness)

    harness.delete_bot(on_delete)
    began = account_kill_switch.flattening(harness.core.state)
    harness.settle()

    assert began is flat
    assert (harness.exchange.sizes[SYMBOL] == 0) is flat
    assert account_kill_switch.flattening(harness.core.state) is False


def test_its_events_and_actions_travel_in_the_decision_log(harness: Harness) -> None:
    cancelled = ev.OrdersCancelled(now_ns=1, everything=True, done=True, reason="")
    raw = msgspec.json.encode([cancelled, ev.LatchEngaged(now_ns=1, latch=latch())])

    assert msgspec.json.decode(raw, type=list[ev.AnyEvent])[0] == cancelled
    assert msgspec.json.decode(
        msgspec.json.encode(act.ClearLatch(latch_id="a", actor="b")), type=act.AnyAction
    ) == act.ClearLatch(latch_id="a", actor="b")
    assert Decimal(0) == harness.size


def test_a_close_that_was_written_without_its_plan_keeps_its_id_and_the_next_leader_takes_another() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()
    kept = dict(harness.journal.positions)
    harness.edit_kill_switch(engaged=True)
    (first,) = [intent for intent in harness.submitted if intent.leg is Leg.CLOSE]

    # The leader dies over its send; the plan that counts the attempt was still in its batch.
    harness.journal.positions = kept
    harness.restart()
    harness.ready()
    harness.settle()

    closes = [intent for intent in harness.submitted if intent.leg is Leg.CLOSE]
    assert [intent.attempt for intent in closes] == [0, 1]
    assert harness.journal.intents[first.client_order_id].state is IntentState.ABSENT
    assert harness.size == 0


# ---- flat is what the lists show


def switched_while_the_rest_is_broken(harness: Harness, seconds: int, **how: object) -> None:
    """A switch with a position; step 1 is told as `how` says, and the wallet or the executions never are."""
    with_a_position(harness)
    harness.edit_kill_switch(engaged=True)
    for _ in range(seconds):
        harness.send()
        harness.deliver()
        harness.wait(1)
        answer_step_one(harness, **how)
        harness.answer_all()
    assert harness.exchange.sizes[SYMBOL] == 0


def test_flat_is_told_by_the_lists_alone_while_wallet_and_executions_stay_broken(harness: Harness) -> None:
    switched_while_the_rest_is_broken(harness, 60)

    assert harness.kill_switch["seconds_to_flat"] is not None
    assert harness.alerts.count("kill_switch_flat") == 1
    assert not harness.core.state.reconciliation.done


@pytest.mark.parametrize(
    "how",
    [
        {"positions": False},
        {"orders": False},
        {"unclear": (unclear_position(symbol=""),)},
        {"unclear": (unclear_order(symbol=""),)},
    ],
)
def test_flat_is_never_told_without_both_lists_complete_and_understood(
    harness: Harness, how: dict[str, object]
) -> None:
    switched_while_the_rest_is_broken(harness, 120, **how)

    assert harness.kill_switch["seconds_to_flat"] is None
    assert "kill_switch_flat" not in harness.alerts


def test_flat_is_told_once_a_row_that_was_not_understood_is_gone(harness: Harness) -> None:
    switched_while_the_rest_is_broken(harness, 20, unclear=(unclear_order(symbol=""),))
    for _ in range(6):
        harness.wait(1)
        answer_with(harness)

    assert harness.kill_switch["seconds_to_flat"] is not None


def test_a_list_that_was_asked_for_while_an_order_could_still_arrive_shows_nothing(harness: Harness) -> None:
    with_a_position(harness)
    harness.edit_kill_switch(engaged=True)
    harness.send()
    harness.deliver()
    arrived_ns = harness.core.state.tracked.last_valid_until_ns + SECOND
    while harness.now_ns + SECOND < arrived_ns:
        harness.wait(1)
        answer_step_one(harness)
        harness.answer_all()
    early = listing(harness)
    assert early.asked_ns < arrived_ns

    harness.wait(2)
    harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=early))
    assert harness.kill_switch["seconds_to_flat"] is None
    answer_step_one(harness)

    assert harness.kill_switch["seconds_to_flat"] is not None


def test_an_entry_that_the_last_list_shows_keeps_it_from_being_told_flat(harness: Harness) -> None:
    with_a_position(harness)
    harness.edit_kill_switch(engaged=True)
    harness.send()
    harness.deliver()
    harness.answer_all()
    harness.wait(20)
    (question,) = [q for q in harness.questions if isinstance(q, act.Reconcile)]
    order = msgspec.structs.replace(
        next(iter(harness.exchange.orders.values())),
        client_order_id="",
        order_id="late",
        status=OrderStatus.NEW,
        reduce_only=False,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        cum_exec_qty=Decimal(0),
    )
    late = msgspec.structs.replace(listing(harness), open_orders=(order,))

    harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=late))

    assert question.reason == "flat; is it so at the exchange?"
    assert "kill_switch_flat" not in harness.alerts
