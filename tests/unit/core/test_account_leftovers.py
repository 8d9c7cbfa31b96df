"""What only reduces goes by its id, and only beside a reading of its symbol that shows nothing held."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness, flat_row
from tests.support.order_rows import stop_row, target_row

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.signals import Target
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.intents import Leg
from tradefleet.orders.outcome import Outcome

BY_A_PERSON = {"create_type": "CreateByUser"}
OWN_STOP = {"stop_order_type": "StopLoss", "create_type": "CreateByStopLoss"}


def after_a_trade(*others: ExchangeOrder) -> Harness:
    """Nothing is held any more; the newest list shows these orders."""
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()
    harness.signal("out", Target.FLAT)
    harness.settle()
    assert harness.size == 0
    show(harness, *others)
    return harness


def show(harness: Harness, *others: ExchangeOrder) -> None:
    harness.exchange.others = {order.order_id: order for order in others}
    harness.questions.clear()
    harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=harness.exchange.view(harness.now_ns)))


def reads(harness: Harness) -> list[str]:
    return [one.symbol for one in harness.questions if isinstance(one, act.ReadSymbol)]


def verdict(harness: Harness, name: str = "again") -> tuple[act.Verdict, str]:
    harness.signal(name, Target.LONG, hold_s=3600)
    return harness.judged[-1].verdict, harness.judged[-1].reason


def test_it_is_read_and_goes_by_its_id_and_then_the_symbol_opens_again() -> None:
    harness = after_a_trade(target_row("t"), stop_row("s"))
    assert verdict(harness) == (act.Verdict.REFUSED, "leftover_orders")

    harness.wait(1)
    assert reads(harness) == [SYMBOL]
    harness.answer_all()
    assert [(one.order_id, one.protects) for one in harness.found] == [("t", True), ("s", True)]
    assert {one.sign_by_ns for one in harness.found} == {harness.now_ns + SECOND // 2}

    harness.cancel_found()
    harness.wait(1)
    harness.answer_all()
    harness.wait(1)
    assert verdict(harness, "at last") == (act.Verdict.ACCEPTED, "")


@pytest.mark.parametrize(
    ("changes", "goes"),
    [
        ({}, True),
        ({"positions": ()}, False),
        ({"positions": (flat_row("OTHERUSDT", 1),)}, False),
        ({"positions": (msgspec.structs.replace(flat_row(SYMBOL, 1), size=Decimal(1)),)}, False),
        ({"positions": (msgspec.structs.replace(flat_row(SYMBOL, 1), size=Decimal("-0.01")),)}, False),
        (
            {
                "positions": (
                    flat_row(SYMBOL, 1),
                    msgspec.structs.replace(flat_row(SYMBOL, 1), size=Decimal(1)),
                )
            },
            False,
        ),
        ({"reason": "503"}, False),
        ({"orders": ()}, False),
        ({"asked_ns": 0}, False),
    ],
    ids=["flat", "no row", "another symbol", "long", "short", "one of two", "unread", "not shown", "old"],
)
def test_only_a_reading_of_its_own_symbol_that_shows_nothing_held_takes_it(
    changes: dict[str, Any], goes: bool
) -> None:
    harness = after_a_trade(target_row("t"))
    harness.wait(1)

    harness.read_symbol(SYMBOL, **changes)

    assert bool(harness.found) is goes


def test_a_list_of_the_account_that_shows_nothing_held_takes_nothing() -> None:
    harness = after_a_trade(target_row("t"))

    for _ in range(3):
        show(harness, target_row("t"))

    assert harness.found == []


def test_a_held_position_keeps_what_protects_it() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()
    show(harness, target_row("t", created_ns=harness.now_ns), stop_row("s", created_ns=harness.now_ns))

    harness.wait(10)
    harness.read_symbol(SYMBOL, positions=(flat_row(SYMBOL, harness.now_ns),))

    assert (reads(harness), harness.found) == ([], [])


def test_a_position_that_only_the_exchange_knows_is_looked_into() -> None:
    harness = after_a_trade(stop_row("s"))
    harness.wait(1)
    harness.questions.clear()

    held = msgspec.structs.replace(flat_row(SYMBOL, harness.now_ns), size=Decimal(1))
    harness.read_symbol(SYMBOL, positions=(held,))

    assert harness.found == []
    assert any(isinstance(one, act.Reconcile) for one in harness.questions)


def test_while_a_close_may_still_be_taken_its_symbol_is_not_read() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()
    harness.signal("out", Target.FLAT)
    (close,) = [intent for intent in harness.submitted if intent.leg is Leg.CLOSE]
    # Its answer is lost, and so are its rows; the position is closed by its stop.
    harness.unsent.clear()
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.deliver()
    harness.exchange.others = {"t": target_row("t")}
    harness.tell(ev.OrderSeen(now_ns=harness.now_ns, order=target_row("t")))
    over_ns = close.valid_until_ns + SECOND

    harness.now_ns = over_ns
    harness.tell(ev.Ticked(now_ns=over_ns))
    assert reads(harness) == []
    harness.now_ns = over_ns + 1
    harness.tell(ev.Ticked(now_ns=over_ns + 1))
    assert reads(harness) == [SYMBOL]

    harness.read_symbol(SYMBOL, asked_ns=over_ns)
    assert harness.found == []
    harness.read_symbol(SYMBOL, asked_ns=over_ns + 1)
    assert [one.order_id for one in harness.found] == ["t"]


@pytest.mark.parametrize(("latched", "goes"), [(False, False), (True, True)])
def test_an_order_of_a_person_goes_only_under_a_closing_latch(latched: bool, goes: bool) -> None:
    harness = after_a_trade(stop_row("theirs", **BY_A_PERSON))
    if latched:
        harness.edit_kill_switch(engaged=True)

    harness.wait(1)
    harness.read_symbol(SYMBOL)

    assert ([one.order_id for one in harness.found] == ["theirs"]) is goes
    assert (SYMBOL in reads(harness)) is goes


@pytest.mark.parametrize(("reduce_only", "goes"), [(True, True), (None, False), (False, False)])
def test_an_order_that_is_not_understood_goes_only_when_it_surely_reduces(
    reduce_only: bool | None, goes: bool
) -> None:
    harness = after_a_trade()
    harness.edit_kill_switch(engaged=True)
    row = UnclearRow(what="order", symbol=SYMBOL, order_id="odd", reduce_only=reduce_only)

    harness.read_symbol(SYMBOL, orders=(), unclear=(row,))

    assert ([(one.order_id, one.protects) for one in harness.found] == [("odd", True)]) is goes


@pytest.mark.parametrize(("waited_s", "left"), [(2.0, False), (2.001, True)])
def test_the_exchange_is_given_two_seconds_to_take_a_positions_own_stop_away(
    waited_s: float, left: bool
) -> None:
    harness = after_a_trade(stop_row("own", **OWN_STOP))
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    closed_ns = harness.core.state.position(harness.core.state.keys(SYMBOL)[0]).at_ns
    harness.now_ns = closed_ns + int(waited_s * SECOND)
    harness.prices()

    assert (verdict(harness)[1] == "leftover_orders") is left


def test_an_order_of_an_earlier_position_holds_back_the_next_entry_into_this_one() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()

    show(harness, target_row("later", created_ns=harness.now_ns))
    harness.wait(0)
    assert verdict(harness, "second")[1] != "leftover_orders"
    show(harness, target_row("earlier", created_ns=0))

    assert verdict(harness, "third")[1] == "leftover_orders"


def test_one_reading_at_a_time_and_again_after_fifteen_seconds_without_an_answer() -> None:
    harness = after_a_trade(target_row("t"))

    harness.wait(1)
    asked = reads(harness)
    harness.wait(14.9)
    assert reads(harness) == asked == [SYMBOL]
    harness.wait(0.1)
    assert reads(harness) == [SYMBOL, SYMBOL]


def test_an_order_that_is_newer_than_the_reading_is_not_shown_by_it_and_stays() -> None:
    harness = after_a_trade(target_row("t"))
    harness.wait(1)
    newer = target_row("newer", at_ns=harness.now_ns + 1)
    harness.tell(ev.OrderSeen(now_ns=harness.now_ns, order=newer))

    harness.read_symbol(SYMBOL)

    assert [one.order_id for one in harness.found] == ["t"]


def test_a_refused_cancel_is_followed_by_another_reading() -> None:
    harness = after_a_trade(target_row("t"))
    harness.wait(1)
    harness.answer_all()
    harness.cancel_found(Outcome.AMBIGUOUS)
    assert harness.found == []

    harness.wait(1)
    harness.answer_all()

    assert [one.order_id for one in harness.found] == ["t"]


def test_one_that_is_over_by_the_exchanges_word_stands_no_more() -> None:
    harness = after_a_trade(target_row("t"))
    harness.wait(1)
    harness.answer_all()

    harness.cancel_found(Outcome.GONE)

    assert verdict(harness) == (act.Verdict.ACCEPTED, "")
    assert harness.core.state.standing.of(SYMBOL) == ()


def test_what_is_known_of_a_symbol_is_forgotten_with_its_last_order() -> None:
    harness = after_a_trade(target_row("t"))
    harness.wait(1)
    assert list(harness.core.state.leftovers) == [SYMBOL]

    show(harness)
    harness.wait(1)

    assert harness.core.state.leftovers == {}
    assert harness.mark == MARK
