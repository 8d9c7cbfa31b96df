"""The way out, each question by itself: what is flat, what is clear, what is left over, what is an entry."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.journal_rows import kept_order

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.flatten import (
    CancelActive,
    CancelOne,
    Close,
    CoinStanding,
    Standing,
    closes,
    flat_symbols_with_orders,
    held,
    is_conditional,
    is_entry,
    left_over,
    leftovers,
    next_acts,
    protects,
    together,
)

D = Decimal
BTC = PositionKey(category="linear", symbol="BTCUSDT")
LEG = PositionKey(category="linear", symbol="BTCUSDT", position_idx=2)


def order(order_id: str = "1", **fields: Any) -> ExchangeOrder:
    row = kept_order(OrderStatus.NEW, "0").order
    told = {"order_id": order_id, "symbol": "BTCUSDT", "reduce_only": False, "stop_order_type": ""}
    return msgspec.structs.replace(row, **(told | {"trigger_price": None} | fields))


def odd(what: str = "order", **fields: Any) -> UnclearRow:
    return UnclearRow(what=what, **({"symbol": "BTCUSDT", "order_id": "odd"} | fields))


def position(size: str, key: PositionKey = BTC) -> ExchangePosition:
    facts: dict[str, Any] = {"entry_price": None, "mark_price": None, "stop_loss": None, "take_profit": None}
    return ExchangePosition(key=key, size=D(size), leverage=None, seq=0, at_ns=0, **facts)


def standing(**fields: Any) -> Standing:
    return Standing(**({"orders": (), "positions": ()} | fields))


@pytest.mark.parametrize(
    ("fields", "flat", "clear"),
    [
        ({}, True, True),
        ({"positions": (position("0"),)}, True, True),
        ({"positions": (position("0"), position("-1"))}, False, False),
        ({"positions_unread": ("x",)}, False, False),
        ({"unclear": (odd("position", size=None),)}, False, False),
        ({"unclear": (odd("position", size=D(1)),)}, False, False),
        ({"unclear": (odd("position", size=D(0)),)}, True, True),  # surely flat
        ({"unclear": (odd(),)}, True, False),
        ({"orders": (order(),)}, True, False),
        ({"orders_unread": ("x",)}, True, False),
    ],
)
def test_when_it_is_flat_and_when_it_is_clear(fields: dict[str, Any], flat: bool, clear: bool) -> None:
    found = standing(**fields)

    assert (found.is_flat, found.is_clear) == (flat, clear)


def test_a_row_is_of_the_list_that_it_names() -> None:
    found = standing(orders=(order(),), unclear=(odd(), odd("position", size=D(1))))

    assert found.all_orders == (order(), odd())
    assert found.unclear_orders == (odd(),)
    assert found.unclear_positions == (odd("position", size=D(1)),)
    assert standing().coins == ()


def coin(name: str, **fields: Any) -> CoinStanding:
    return CoinStanding(**({"coin": name, "asked_ns": 0, "orders": (), "positions": ()} | fields))


def test_the_coins_together_keep_every_row() -> None:
    first = coin("USDT", orders=(order("1"),), positions=(position("1"),), unclear=(odd(),))
    other = coin("USDC", orders=None, positions=None, orders_trouble="a", positions_trouble="b")
    third = coin("BTC", orders=(order("2"),), unclear=(odd(order_id="x"),))

    found = together([first, other, third])

    assert found == Standing(
        orders=(order("1"), order("2")),
        positions=(position("1"),),
        unclear=(odd(), odd(order_id="x")),
        orders_unread=("orders in USDC: a",),
        positions_unread=("positions in USDC: b",),
        coins=("USDT", "BTC"),
    )
    assert together([first, third]).coins == ()


@pytest.mark.parametrize(
    ("row", "entry", "conditional"),
    [
        (order(), True, False),
        (order(stop_order_type="Stop"), True, True),
        (order(trigger_price=D(1)), True, True),
        (order(reduce_only=True), False, False),
        (odd(reduce_only=False), True, True),
        (odd(reduce_only=None), False, True),
        (odd(reduce_only=True), False, True),
    ],
)
def test_what_opens_and_what_waits_for_a_price(
    row: ExchangeOrder | UnclearRow, entry: bool, conditional: bool
) -> None:
    assert (is_entry(row), is_conditional(row)) == (entry, conditional)
    if isinstance(row, ExchangeOrder):
        assert protects(row) is not entry


@pytest.mark.parametrize(
    ("orders", "unclear", "acts"),
    [
        ([order()], [], [CancelActive()]),
        ([order(stop_order_type="Stop")], [], [CancelOne(symbol="BTCUSDT", order_id="1")]),
        ([order(reduce_only=True)], [], []),
        ([order("2"), order(reduce_only=True)], [], [CancelOne(symbol="BTCUSDT", order_id="2")]),
        ([order("2"), order(reduce_only=True, status=OrderStatus.UNTRIGGERED)], [], [CancelActive()]),
        ([order("")], [odd(reduce_only=True)], []),
        ([order(symbol="")], [odd(reduce_only=True)], []),
        ([], [odd(reduce_only=False)], [CancelOne(symbol="BTCUSDT", order_id="odd")]),
    ],
)
def test_how_entries_go(orders: list[ExchangeOrder], unclear: list[UnclearRow], acts: list[object]) -> None:
    assert list(next_acts(standing(orders=tuple(orders), unclear=tuple(unclear)), {})) == acts


def test_of_what_is_left_over_only_what_reduces_goes() -> None:
    rows = (order("entry"), order("t", reduce_only=True), order("other", reduce_only=True))
    found = standing(orders=rows, unclear=(odd(reduce_only=True), odd(reduce_only=None, order_id="u")))

    gone = leftovers(found, {"entry", "t", "odd", "u"})

    assert [(one.symbol, one.order_id) for one in gone] == [("BTCUSDT", "t"), ("BTCUSDT", "odd")]


def test_an_order_without_an_id_is_not_left_over() -> None:
    rows = [order("", reduce_only=True), order("t", reduce_only=True), odd(reduce_only=True, order_id="")]

    assert left_over(rows, [position("0")]) == {"t"}


@pytest.mark.parametrize(
    ("positions", "unclear", "symbols"),
    [
        ([], [], ("ADAUSDT", "BTCUSDT")),
        ([position("0")], [], ("ADAUSDT", "BTCUSDT")),
        ([position("-1")], [], ("ADAUSDT",)),
        ([], [odd("position", size=D(1))], ("ADAUSDT",)),
        ([], [odd("position", size=D(0))], ("ADAUSDT", "BTCUSDT")),
        ([], [odd(reduce_only=True, symbol="")], ("ADAUSDT", "BTCUSDT")),
        ([], [odd(reduce_only=True, symbol="XRPUSDT")], ("ADAUSDT", "BTCUSDT", "XRPUSDT")),
        ([], [odd(reduce_only=None, symbol="XRPUSDT")], ("ADAUSDT", "BTCUSDT")),
    ],
)
def test_which_symbols_are_read_by_themselves(
    positions: list[ExchangePosition], unclear: list[UnclearRow], symbols: tuple[str, ...]
) -> None:
    rows = (
        order("1", reduce_only=True),
        order("2", reduce_only=True, symbol="ADAUSDT"),
        order("3", symbol="SOLUSDT"),
    )

    found = standing(orders=rows, positions=tuple(positions), unclear=tuple(unclear))

    assert flat_symbols_with_orders(found) == symbols


def test_what_is_held_is_signed_and_of_its_leg() -> None:
    rows = [
        odd("position", size=D(-2), side=Side.SELL, position_idx=2),
        odd("position", size=D(0), side=Side.BUY),
        odd("order", size=D(3), side=Side.BUY),
    ]

    assert list(held([position("1"), position("0")], rows)) == [(BTC, D(1)), (LEG, D(-2))]


@pytest.mark.parametrize(
    ("size", "largest", "whole", "parts"),
    [
        ("2", None, False, [("Sell", "2")]),
        ("-2", None, False, [("Buy", "2")]),
        ("2", "0", False, [("Sell", "2")]),
        ("2", "-1", False, [("Sell", "2")]),
        ("2", "2", False, [("Sell", "2")]),
        ("2", "0.5", False, [("Sell", "0.5")] * 4),
        ("2", "1.5", False, [("Sell", "1.5"), ("Sell", "0.5")]),
        ("2", "1", True, [("Sell", "0")]),
        ("-2", "1", True, [("Buy", "0")]),
    ],
)
def test_a_position_is_closed_in_orders_no_larger_than_one_may_be(
    size: str, largest: str | None, whole: bool, parts: list[tuple[str, str]]
) -> None:
    most = {} if largest is None else {"BTCUSDT": D(largest)}

    found = list(closes([(BTC, D(size))], most, {BTC} if whole else ()))

    assert found == [Close(key=BTC, side=Side(side), qty=D(qty)) for side, qty in parts]
