"""An entry that rests: how long, what takes it away, and how that is settled whatever is lost."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.account_harness import MARK, SYMBOL
from tests.support.resting_harness import RestingHarness, resting_config

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import OrderStatus, OrderType, TimeInForce
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentState
from tradefleet.spec.entry import EntryKind
from tradefleet.spec.market import Universe


def harness(**entry: Any) -> RestingHarness:
    """Ready, with entries that rest."""
    ready = RestingHarness(**entry)
    ready.ready()
    return ready


def asked_about(world: RestingHarness) -> int:
    return sum(isinstance(question, act.AskForOrder) for question in world.questions)


def test_an_entry_rests_post_only_below_the_other_side_with_its_stop_and_its_end() -> None:
    world = harness(rest_seconds=20)

    intent = world.rest().intent

    assert (intent.order_type, intent.time_in_force) == (OrderType.LIMIT, TimeInForce.POST_ONLY)
    assert intent.price is not None
    assert intent.stop_loss is not None
    assert intent.stop_loss < intent.price < MARK
    assert intent.rest_until_ns == intent.created_ns + 20_000_000_000
    assert world.tracked().is_at_rest


def test_it_never_rests_longer_than_its_strategy_means_to_hold() -> None:
    world = harness(rest_seconds=20)

    intent = world.rest(hold_s=3).intent

    assert intent.rest_until_ns == intent.created_ns + 3_000_000_000


def test_one_that_rests_in_peace_is_not_asked_about() -> None:
    world = harness(rest_seconds=60)
    world.rest()
    world.answer_all()

    for _ in range(30):
        world.wait(1)

    assert asked_about(world) == 0
    assert world.cancels_asked == []


def test_it_counts_against_the_limits_while_it_rests() -> None:
    world = harness()
    world.rest()

    world.signal("two", Target.LONG)

    assert world.judged[-1].reason == "max_positions_per_symbol"


def test_at_its_end_it_is_cancelled_and_done_without_a_fill() -> None:
    world = harness(rest_seconds=5)
    world.rest()

    world.wait(5)
    assert [cancel.reason for cancel in world.cancels] == ["its time is over"]
    world.let_cancels()
    world.deliver()

    assert world.tracked().record.state is IntentState.DONE
    assert (world.size, world.exchange.at_rest) == (0, [])


def test_a_fill_opens_the_position_with_the_stop_and_a_plan_of_its_own_time() -> None:
    world = harness(rest_seconds=30)
    world.rest(hold_s=60)
    world.wait(10)

    world.fill()
    world.deliver()

    position = world.core.state.position(world.tracked().intent.key)
    assert position.plan is not None
    assert position.plan.opened_ns == world.now_ns
    assert position.plan.flat_by_ns == world.tracked().intent.created_ns + 62_000_000_000
    # Its attached stop shows in the row: nothing is asked for.
    assert world.protections == []


def test_filled_in_part_the_rest_goes_at_the_end_and_the_stop_stays() -> None:
    world = harness(rest_seconds=5)
    qty = world.rest().intent.qty
    world.fill("0.4")
    world.deliver()

    world.wait(5)
    world.let_cancels()
    world.deliver()

    assert world.tracked().record.state is IntentState.DONE
    assert 0 < world.size < qty
    assert world.exchange.stops[SYMBOL] == world.tracked().intent.stop_loss
    assert world.core.state.entries(world.tracked().intent.key) == 1


def test_a_cancel_that_comes_too_late_proves_nothing_the_executions_do() -> None:
    world = harness(rest_seconds=5)
    qty = world.rest().intent.qty
    world.wait(5)
    world.fill()

    world.let_cancels()
    assert not world.tracked().is_final
    world.wait(0.1)
    assert asked_about(world) == 1
    world.answer_all()

    assert (world.tracked().record.state, world.size) == (IntentState.DONE, qty)
    world.deliver()
    assert world.size == qty


@pytest.mark.parametrize("arrives", [True, False])
def test_a_cancel_whose_answer_was_lost_is_asked_about_and_repeated(arrives: bool) -> None:
    world = harness(rest_seconds=5)
    world.rest()
    world.wait(5)

    world.let_cancels(arrive=arrives, answered=False)
    world.wait(0.1)
    assert asked_about(world) == 1
    world.answer_all()
    world.wait(1)

    assert world.tracked().is_final is arrives
    assert len(world.cancels) == (0 if arrives else 1)


def test_one_request_at_a_time() -> None:
    world = harness(rest_seconds=5)
    world.rest()

    for _ in range(5):
        world.wait(3)

    assert len(world.cancels_asked) == 1


def paused(world: RestingHarness) -> None:
    spec = msgspec.structs.replace(world.config.spec, paused=True)
    world.configure(msgspec.structs.replace(world.config, spec=spec))


def switched_off(world: RestingHarness) -> None:
    off = msgspec.structs.replace(world.config.spec.strategies.imbalance, enabled=False)
    strategies = msgspec.structs.replace(world.config.spec.strategies, imbalance=off)
    spec = msgspec.structs.replace(world.config.spec, strategies=strategies)
    world.configure(msgspec.structs.replace(world.config, spec=spec))


def taken_from_the_bot(world: RestingHarness) -> None:
    spec = msgspec.structs.replace(world.config.spec, universe=Universe(symbols=["OTHERUSDT"]))
    world.configure(msgspec.structs.replace(world.config, spec=spec))


def tightened(world: RestingHarness) -> None:
    world.configure(resting_config({"max_positions": 0}))


def tightened_below_what_is_held(world: RestingHarness) -> None:
    world.fill("0.3")
    world.deliver()
    world.configure(resting_config({"max_positions": 0}))


def tightened_for_a_symbol(world: RestingHarness) -> None:
    world.configure(resting_config({"max_positions_per_symbol": 0}))


def risks_less(world: RestingHarness) -> None:
    world.configure(resting_config({"max_risk_per_trade": Decimal("0.0001")}))


def latched(world: RestingHarness) -> None:
    latch = ev.LatchRecord(latch_id="x", kind="by_hand", reason="", actor="", engaged_ns=world.now_ns)
    world.tell(ev.LatchEngaged(now_ns=world.now_ns, latch=latch))


def deleted(world: RestingHarness) -> None:
    world.tell(ev.BotDeleted(now_ns=world.now_ns))


def wants_out(world: RestingHarness) -> None:
    world.signal("out", Target.FLAT)


def turns(world: RestingHarness) -> None:
    world.signal("turn", Target.SHORT)


def closed_what_it_had_filled(world: RestingHarness) -> None:
    world.fill("0.3")
    world.deliver()
    world.exchange.stop_out(SYMBOL, world.now_ns)
    world.deliver()


def a_foreign_order(world: RestingHarness) -> None:
    known = world.exchange.orders[world.tracked().intent.client_order_id]
    foreign = msgspec.structs.replace(known, client_order_id="by-hand", order_id="foreign")
    world.exchange.orders["by-hand"] = foreign
    world.tell(ev.OrderSeen(now_ns=world.now_ns, order=foreign))
    world.answer_all()


CIRCUMSTANCES = [
    paused,
    switched_off,
    taken_from_the_bot,
    tightened,
    tightened_below_what_is_held,
    tightened_for_a_symbol,
    risks_less,
    latched,
    deleted,
    wants_out,
    turns,
    closed_what_it_had_filled,
    a_foreign_order,
]


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES)
def test_what_takes_it_away_at_once(circumstance: Any) -> None:
    world = harness(rest_seconds=600)
    world.rest()
    world.wait(1)
    assert world.cancels == []

    circumstance(world)

    assert [cancel.client_order_id for cancel in world.cancels] == [world.submitted[0].client_order_id]


def test_a_loss_of_the_right_to_open_takes_it_away_when_it_lasts() -> None:
    world = harness(rest_seconds=600)
    world.rest()

    world.tell(ev.RightToOpenChanged(now_ns=world.now_ns, granted=False, reason="lease"))
    world.wait(4)
    world.tell(ev.RightToOpenChanged(now_ns=world.now_ns, granted=True, reason=""))
    world.wait(4)
    assert world.cancels == []
    world.tell(ev.RightToOpenChanged(now_ns=world.now_ns, granted=False, reason="lease"))
    world.wait(5.1)

    assert [cancel.reason for cancel in world.cancels] == ["nothing may open (no_right_to_open)"]


def test_a_symbol_without_prices_is_not_left_with_an_entry() -> None:
    world = harness(rest_seconds=600)
    world.rest()

    world.now_ns += 6_000_000_000
    world.tell(ev.Ticked(now_ns=world.now_ns))

    assert [cancel.reason for cancel in world.cancels] == [f"no ticker of {SYMBOL} for 5 s"]


def test_a_new_leader_finds_it_and_cancels_it_at_its_end() -> None:
    world = harness(rest_seconds=10)
    world.rest()
    world.wait(4)

    world.restart()
    world.ready()
    world.wait(1)
    world.answer_all()
    assert world.tracked().is_at_rest
    assert world.cancels == []
    world.wait(5)

    assert [cancel.reason for cancel in world.cancels] == ["its time is over"]


def test_a_signal_that_ended_it_is_remembered_by_the_next_leader() -> None:
    world = harness(rest_seconds=600)
    world.rest()
    world.signal("out", Target.FLAT)

    world.restart()
    world.ready()

    assert [cancel.reason for cancel in world.cancels] == ["the signal out has ended it"]


def test_what_fills_after_its_signal_has_ended_it_is_closed() -> None:
    world = harness(rest_seconds=600)
    world.rest()
    world.signal("out", Target.FLAT)

    world.fill()
    world.settle()

    assert world.size == 0
    assert {intent.signal_id for intent in world.submitted} == {"one", "out"}


def test_a_position_that_differs_shows_behind_an_entry_that_rests() -> None:
    world = harness(rest_seconds=600)
    world.rest()
    world.wait(1)

    # Somebody has sold: no fill of an entry that buys explains it.
    world.exchange.sizes[SYMBOL] = Decimal(-1)
    world.deliver()
    for _ in range(6):
        world.wait(1)
        world.answer_all()

    assert "position_mismatch" in world.alerts


def test_a_fill_that_no_list_shows_yet_is_no_difference() -> None:
    world = harness(rest_seconds=600)
    qty = world.rest().intent.qty
    shown = world.exchange.view

    world.fill()
    lagging = msgspec.structs.replace(shown(world.now_ns), executions=(), closed_orders=())
    for _ in range(4):
        world.wait(1)
        view = msgspec.structs.replace(lagging, asked_ns=world.now_ns)
        world.questions.clear()
        world.tell(ev.ExchangeRead(now_ns=world.now_ns, view=view))
    world.deliver()

    assert "position_mismatch" not in world.alerts
    assert world.size == qty


def test_the_kill_switch_cancels_what_is_in_the_book_in_one_request() -> None:
    world = harness(rest_seconds=600)
    world.rest()

    world.edit_kill_switch(engaged=True)
    assert [q.everything for q in world.questions if isinstance(q, act.CancelOrders)] == [False]
    assert world.cancels == []
    world.exchange.cancel(world.submitted[0].client_order_id, world.now_ns)
    world.settle()

    assert world.cancels_asked == []
    assert world.kill_switch["seconds_to_flat"] is not None


def test_the_kill_switch_cancels_a_conditional_entry_by_its_name() -> None:
    world = harness(kind=EntryKind.CONDITIONAL, offset_bps=Decimal(50), rest_seconds=600)
    world.rest()
    (order,) = world.exchange.orders.values()
    assert order.status is OrderStatus.UNTRIGGERED

    world.edit_kill_switch(engaged=True)
    world.settle()

    assert [cancel.reason for cancel in world.cancels_asked] == ["nothing may open (latched)"]
    assert world.exchange.at_rest == []
    assert world.kill_switch["seconds_to_flat"] is not None


def test_the_ninth_conditional_entry_of_a_symbol_is_refused() -> None:
    config = resting_config(
        {"max_positions_per_symbol": 20}, kind=EntryKind.CONDITIONAL, offset_bps=Decimal(50)
    )
    world = RestingHarness(config)
    world.ready()
    for number in range(8):
        world.rest(f"signal-{number}")

    world.signal("ninth", Target.LONG)

    assert (world.judged[-1].verdict, world.judged[-1].reason) == (
        act.Verdict.REFUSED,
        "conditional_quota",
    )
    assert len(world.exchange.at_rest) == 8
    assert world.core.status(world.now_ns)["refused_by_reason"] == {"conditional_quota": 1}


def test_a_conditional_entry_that_triggers_is_a_position_with_its_stop() -> None:
    world = harness(kind=EntryKind.CONDITIONAL, offset_bps=Decimal(50), rest_seconds=600)
    intent = world.rest().intent
    assert intent.trigger is not None
    assert intent.stop_loss is not None
    assert intent.stop_loss < MARK < intent.trigger.price

    world.fill()
    world.deliver()

    assert world.tracked().record.state is IntentState.DONE
    assert world.size == intent.qty
    assert world.exchange.stops[SYMBOL] == intent.stop_loss


def test_the_status_names_what_rests() -> None:
    world = harness()
    intent = world.rest().intent

    (shown,) = world.core.status(world.now_ns)["resting_entries"]

    assert (shown["symbol"], shown["price"], shown["left"]) == (
        SYMBOL,
        f"{intent.price:f}",
        f"{intent.qty:f}",
    )


def test_a_price_of_another_symbol_leaves_what_rests_to_the_next_tick() -> None:
    world = RestingHarness().ready()
    tracked = world.rest()
    world.now_ns = tracked.intent.rest_until_ns
    other = ev.MarketMoved(
        now_ns=world.now_ns, symbol="OTHERUSDT", mark=Decimal(1), bid=None, ask=None, last=None
    )

    world.tell(other)
    assert world.cancels == []
    world.tell(ev.Ticked(now_ns=world.now_ns))

    assert [cancel.reason for cancel in world.cancels] == ["its time is over"]
