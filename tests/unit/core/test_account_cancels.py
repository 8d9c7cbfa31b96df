"""Entries go while a closing latch is engaged, and whatever only reduces stays."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness
from tests.support.order_rows import conditional_row, order_row, stop_row, target_row

from tradefleet.core import account_cancels
from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.core.account_cancels import Way
from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType
from tradefleet.domain.signals import Target
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.outcome import Outcome


def engaged(*others: ExchangeOrder, listed: bool = True) -> Harness:
    """A leader whose list shows these orders, and whose kill switch has just been engaged."""
    harness = Harness()
    harness.exchange.others = {order.order_id: order for order in others}
    if listed:
        harness.ready()
        harness.wait(3)
        harness.answer_all()
    harness.edit_kill_switch(engaged=True)
    return harness


def all_asked(harness: Harness) -> list[act.CancelOrders]:
    return [one for one in harness.questions if isinstance(one, act.CancelOrders)]


def by_id(harness: Harness) -> list[str]:
    return [one.order_id for one in harness.found if not one.protects]


@pytest.mark.parametrize(
    ("others", "everything_active", "single"),
    [
        ((), 1, []),
        ((order_row("entry"),), 1, []),
        ((order_row("entry"), stop_row("stop")), 1, []),
        ((order_row("entry"), conditional_row("c")), 1, ["c"]),
        ((order_row("entry"), target_row("target")), 0, ["entry"]),
        ((order_row("e"), conditional_row("c"), target_row("t")), 0, ["e", "c"]),
        ((order_row("e"), stop_row("triggered", status=OrderStatus.NEW)), 0, ["e"]),
        ((target_row("a close", order_type=OrderType.MARKET),), 1, []),
    ],
    ids=["none", "entry", "stop", "conditional", "target", "all three", "triggered stop", "market"],
)
def test_all_go_in_one_request_only_where_the_list_shows_nothing_that_reduces(
    others: tuple[ExchangeOrder, ...], everything_active: int, single: list[str]
) -> None:
    harness = engaged(*others)

    asked = all_asked(harness)
    assert (len(asked), by_id(harness)) == (everything_active, single)
    assert not any(one.everything for one in asked)


@pytest.mark.parametrize(("reduce_only", "in_one"), [(True, 0), (None, 0), (False, 1)])
def test_an_order_that_is_not_understood_may_be_what_protects(reduce_only: bool | None, in_one: int) -> None:
    harness = engaged(listed=False)
    row = UnclearRow(what="order", symbol=SYMBOL, order_id="odd", reduce_only=reduce_only)
    view = msgspec.structs.replace(harness.exchange.view(harness.now_ns), unclear=(row,))

    harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=view))

    assert len(all_asked(harness)) == in_one
    assert by_id(harness) == (["odd"] if reduce_only is False else [])


def test_without_any_list_all_active_orders_go_once_after_three_seconds() -> None:
    harness = engaged(listed=False)
    assert all_asked(harness) == []

    harness.wait(2.75)
    assert all_asked(harness) == []
    harness.wait(0.25)
    assert len(all_asked(harness)) == 1

    harness.questions.clear()
    harness.tell(ev.OrdersCancelled(now_ns=harness.now_ns, everything=False, done=True, reason=""))
    for _ in range(20):
        harness.wait(1)
    assert all_asked(harness) == []


@pytest.mark.parametrize(("up", "asked"), [(True, 1), (False, 0)])
def test_a_list_is_kept_current_by_the_stream_and_else_asked_for_anew(up: bool, asked: int) -> None:
    harness = Harness().ready()
    harness.wait(1)
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=up))
    harness.questions.clear()

    harness.wait(1)
    harness.edit_kill_switch(engaged=True)

    assert len(all_asked(harness)) == asked


def test_a_cancel_is_to_be_signed_within_half_a_second_and_a_repeat_is_a_new_decision() -> None:
    harness = engaged(order_row("entry"), target_row("target"))
    (first,) = [one for one in harness.found if not one.protects]
    harness.cancel_found(Outcome.NOT_SENT)

    harness.wait(0.75)
    assert by_id(harness) == []
    harness.wait(0.25)
    (second,) = [one for one in harness.found if not one.protects]

    assert first.sign_by_ns == second.sign_by_ns - SECOND
    assert second.sign_by_ns == harness.now_ns + SECOND // 2


def test_all_of_them_are_to_be_cancelled_within_half_a_second() -> None:
    harness = engaged()

    (asked,) = all_asked(harness)

    assert asked.sign_by_ns == harness.now_ns + SECOND // 2


def test_one_id_is_asked_for_once_until_its_answer_is_due() -> None:
    harness = engaged(order_row("entry"), target_row("target"))
    harness.found.clear()

    harness.wait(9.75)
    assert by_id(harness) == []
    harness.wait(0.25)
    assert by_id(harness) == ["entry"]


def test_ten_ids_are_asked_for_at_once() -> None:
    harness = engaged(*[order_row(f"e{n}") for n in range(25)], target_row("target"))

    assert len(harness.found) == 10
    for _ in range(4):
        harness.cancel_found()
        harness.wait(1)
        harness.questions.insert(0, act.Reconcile(reason="", ask_for=(), executions_from_ns=0))
        harness.answer_all()
    assert by_id(harness) == []
    assert not [name for name in harness.exchange.others if name.startswith("e")]


def test_what_is_left_of_more_entries_than_one_request_takes_goes_by_the_next() -> None:
    harness = engaged(*[order_row(f"e{n}") for n in range(3)])
    harness.exchange.cancels_at_once = 2

    for _ in range(8):
        harness.answer_all()
        harness.wait(1)

    assert harness.cancelled[:2] == [False, False]
    assert harness.exchange.others == {}
    harness.settle()
    assert not any(isinstance(one, act.CancelOrders) for one in harness.questions)


def test_it_is_not_called_flat_while_an_entry_stands() -> None:
    harness = engaged(order_row("entry"))
    harness.exchange.cancels_at_once = 0
    harness.settle()
    assert harness.kill_switch["seconds_to_flat"] is None

    harness.exchange.cancels_at_once = 500
    harness.settle()
    assert harness.kill_switch["seconds_to_flat"] is not None


def test_it_is_called_flat_beside_orders_that_only_reduce() -> None:
    harness = engaged(target_row("target"), stop_row("stop"))
    harness.found.clear()

    harness.settle()

    assert harness.kill_switch["seconds_to_flat"] is not None
    assert set(harness.exchange.others) == {"target", "stop"}


def test_a_position_keeps_all_that_protects_it_while_it_is_closed() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()
    harness.exchange.others = {
        "target": target_row("target", created_ns=harness.now_ns),
        "stop": stop_row("stop", created_ns=harness.now_ns),
    }
    harness.wait(61)
    harness.answer_all()

    harness.exchange.share = Decimal("0.1")  # the book takes little
    harness.edit_kill_switch(engaged=True)
    for _ in range(5):
        harness.send()
        harness.deliver()
        harness.answer_all()
        harness.wait(1)

    assert harness.size > 0
    assert (harness.found, harness.cancelled) == ([], [])


def test_which_way_without_a_list_depends_on_the_time_alone() -> None:
    harness = engaged(listed=False)
    state = harness.core.state

    ways = [
        account_cancels.way(state, state.kill_switch, harness.now_ns + waited)
        for waited in (0, 3 * SECOND - 1, 3 * SECOND)
    ]

    assert ways == [Way.WAIT, Way.WAIT, Way.ALL]


def test_tries_are_forgotten_when_they_keep_nothing_waiting() -> None:
    harness = engaged(order_row("entry"), target_row("target"))
    harness.cancel_found()
    assert "entry" in harness.core.state.cancel_tries

    harness.questions.insert(0, act.Reconcile(reason="", ask_for=(), executions_from_ns=0))
    harness.answer_all()
    harness.wait(1)
    assert "entry" not in harness.core.state.cancel_tries
