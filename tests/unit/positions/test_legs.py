"""Which leg an order opens and an execution belongs to; and a leg as the sum of its executions."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.positions.ledger import apply, cash_effect, flat, unrealised
from tradefleet.positions.legs import closed_by, leg_of, legs_of, opened_by
from tradefleet.positions.plan import ExitPlan

ONE_WAY, LONG, SHORT = (PositionKey("linear", "BTCUSDT", index) for index in (0, 1, 2))
BUY, SELL = Side.BUY, Side.SELL
TRADE, FUNDING = ExecutionType.TRADE, ExecutionType.FUNDING

ROW = Execution(
    category="linear",
    symbol="BTCUSDT",
    exec_id="e",
    order_id="o",
    client_order_id="",
    side=BUY,
    exec_type=TRADE,
    price=Decimal(100),
    qty=Decimal(1),
    fee=Decimal(0),
    is_maker=False,
    closed_qty=Decimal(0),
    stop_order_type="",
    create_type="CreateByUser",
    seq=1,
    at_ns=1,
)
PLAN = ExitPlan(
    strategy="imbalance", signal_id="s", opened_ns=0, stop_loss=None, take_profit=None, flat_by_ns=0
)


def row(side: Side = BUY, qty: str = "1", price: str = "100", **changes: Any) -> Execution:
    return msgspec.structs.replace(ROW, side=side, qty=Decimal(qty), price=Decimal(price), **changes)


def test_a_symbol_has_one_position_or_two_legs() -> None:
    assert legs_of("linear", "BTCUSDT", hedged=False) == (ONE_WAY,)
    assert legs_of("linear", "BTCUSDT", hedged=True) == (LONG, SHORT)
    assert [key.name for key in (ONE_WAY, LONG, SHORT)] == ["BTCUSDT", "BTCUSDT/1", "BTCUSDT/2"]
    assert [key.leg_sign for key in (ONE_WAY, LONG, SHORT)] == [0, 1, -1]


@pytest.mark.parametrize(
    ("side", "hedged", "opens", "closes"),
    [(BUY, False, ONE_WAY, ONE_WAY), (BUY, True, LONG, SHORT), (SELL, True, SHORT, LONG)],
)
def test_a_side_opens_one_leg_and_closes_the_other(
    side: Side, hedged: bool, opens: PositionKey, closes: PositionKey
) -> None:
    assert opened_by("linear", "BTCUSDT", side, hedged=hedged) == opens
    assert closed_by("linear", "BTCUSDT", side, hedged=hedged) == closes


CLOSED = {"closed_qty": Decimal(1)}


@pytest.mark.parametrize(
    ("execution", "leg"),
    [
        (row(BUY), LONG),
        (row(SELL), SHORT),
        (row(SELL, **CLOSED), LONG),
        (row(BUY, **CLOSED), SHORT),
        (row(SELL, closed_qty=Decimal("0.1")), LONG),
        (row(BUY, exec_type=FUNDING), LONG),
        (row(SELL, exec_type=FUNDING), SHORT),
        (row(SELL, exec_type=FUNDING, **CLOSED), SHORT),
        (row(SELL, exec_type=ExecutionType.ADL_TRADE), LONG),
        (row(BUY, exec_type=ExecutionType.ADL_TRADE), SHORT),
        (row(SELL, exec_type=ExecutionType.BUST_TRADE), LONG),
        (row(BUY, exec_type=ExecutionType.DELIVERY), SHORT),
        (row(SELL, exec_type=ExecutionType.BLOCK_TRADE), SHORT),
        (row(SELL, exec_type=ExecutionType.BLOCK_TRADE, **CLOSED), LONG),
        (row(SELL, exec_type=ExecutionType.CORPORATE_ACTION), SHORT),
        (row(SELL, stop_order_type="StopLoss"), LONG),
        (row(BUY, stop_order_type="TakeProfit"), SHORT),
        (row(BUY, stop_order_type="TrailingStop"), SHORT),
        (row(SELL, stop_order_type="PartialStopLoss"), LONG),
        (row(SELL, stop_order_type="Stop"), SHORT),
        (row(SELL, stop_order_type="Stop", **CLOSED), LONG),
    ],
)
def test_in_hedge_mode_a_row_says_by_side_and_closed_size_of_which_leg_it_is(
    execution: Execution, leg: PositionKey
) -> None:
    assert leg_of(execution, hedged=True, meant=None, indices={}) == leg
    assert leg_of(execution, hedged=False, meant=None, indices={}) == ONE_WAY


@pytest.mark.parametrize(
    ("meant", "indices", "leg"),
    [
        (None, {}, SHORT),
        (None, {"another": 1}, SHORT),
        (None, {"o": 1}, LONG),
        (None, {"o": 0}, ONE_WAY),
        (SHORT, {"o": 1}, SHORT),
        (LONG, {}, LONG),
        (ONE_WAY, {"o": 2}, ONE_WAY),
    ],
)
def test_our_intent_is_believed_before_the_orders_row_and_that_before_the_execution(
    meant: PositionKey | None, indices: dict[str, int], leg: PositionKey
) -> None:
    assert leg_of(row(SELL), hedged=True, meant=meant, indices=indices) == leg


def test_every_type_of_execution_has_a_leg() -> None:
    for kind in ExecutionType:
        assert leg_of(row(SELL, exec_type=kind), hedged=True, meant=None, indices={}) in (LONG, SHORT)


def test_a_leg_that_closes_more_than_it_holds_owes_the_rest_and_has_no_plan() -> None:
    held = msgspec.structs.replace(apply(flat(SHORT), row(SELL, "2", "100")), plan=PLAN)

    closed = apply(held, row(BUY, "3", "90"))

    assert (closed.size, closed.total, closed.owed, closed.owed_price) == (0, 1, 1, 90)
    assert (closed.entry_price, closed.plan, closed.generation) == (None, None, 1)
    assert cash_effect(held, row(BUY, "3", "90")) == 20


def test_what_is_owed_is_settled_by_what_comes_late() -> None:
    owing = apply(flat(LONG), row(SELL, "1", "110"))

    late = row(BUY, "3", "100")
    settled = apply(owing, late)

    assert (settled.size, settled.owed, settled.owed_price, settled.entry_price) == (2, 0, None, 100)
    assert cash_effect(owing, late) == 10
    assert unrealised(owing, Decimal(110)) == 0


def test_a_leg_counts_each_opening_from_flat() -> None:
    leg = flat(LONG)
    for step in (row(BUY), row(BUY), row(SELL, "2"), row(BUY)):
        leg = apply(leg, step)

    assert (leg.size, leg.generation) == (1, 2)


def test_in_one_way_mode_a_fill_through_zero_still_turns_the_position() -> None:
    turned = apply(apply(flat(ONE_WAY), row(BUY, "1")), row(SELL, "3", "120"))

    assert (turned.size, turned.entry_price, turned.owed) == (-2, 120, 0)


def test_a_position_that_owes_nothing_is_written_as_before() -> None:
    written = msgspec.json.encode(apply(flat(ONE_WAY), row(BUY)))

    assert b"owed" not in written
