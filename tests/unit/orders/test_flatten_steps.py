"""The way out: what stands on the account gives what to do next."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.plain_orders import resting_order

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.flatten import (
    CancelActive,
    CancelLeftover,
    CancelOne,
    Close,
    CoinStanding,
    Standing,
    flat_symbols_with_orders,
    left_over,
    leftovers,
    next_acts,
    together,
)

BTC = PositionKey(category="linear", symbol="BTCUSDT")


def order(order_id: str = "1", **fields: Any) -> ExchangeOrder:
    """A resting buy that opens."""
    return resting_order(order_id, **fields)


STOP = {
    "reduce_only": True,
    "stop_order_type": "StopLoss",
    "trigger_price": Decimal(59000),
    "status": OrderStatus.UNTRIGGERED,
}
CONDITIONAL_ENTRY = {
    "stop_order_type": "Stop",
    "trigger_price": Decimal(61000),
    "status": OrderStatus.UNTRIGGERED,
}
TARGET = {"reduce_only": True, "side": Side.SELL}


def position(size: str, key: PositionKey = BTC) -> ExchangePosition:
    return ExchangePosition(
        key=key,
        size=Decimal(size),
        entry_price=None,
        mark_price=None,
        stop_loss=None,
        take_profit=None,
        leverage=None,
        seq=0,
        at_ns=0,
    )


def close(side: Side, qty: str, key: PositionKey = BTC) -> Close:
    return Close(key=key, side=side, qty=Decimal(qty))


def acts(orders: list[ExchangeOrder], positions: list[ExchangePosition], **largest: str) -> list[object]:
    standing = Standing(orders=tuple(orders), positions=tuple(positions))
    return list(next_acts(standing, {symbol: Decimal(qty) for symbol, qty in largest.items()}))


def test_a_clear_account_needs_nothing() -> None:
    assert acts([], []) == []


def test_a_long_is_sold_and_a_short_is_bought_on_their_own_legs() -> None:
    short_leg = PositionKey(category="linear", symbol="BTCUSDT", position_idx=2)

    assert acts([], [position("0.5"), position("-0.2", short_leg)]) == [
        close(Side.SELL, "0.5"),
        close(Side.BUY, "0.2", short_leg),
    ]


def test_entries_go_before_the_positions_and_stops_stay_until_it_is_flat() -> None:
    standing = [order("entry"), order("stop", **STOP), order("conditional", **CONDITIONAL_ENTRY)]

    assert acts(standing, [position("1")]) == [
        CancelActive(),
        CancelOne(symbol="BTCUSDT", order_id="conditional"),
        close(Side.SELL, "1"),
    ]


def test_a_position_with_nothing_but_its_stop_is_only_closed() -> None:
    assert acts([order("stop", **STOP)], [position("1")]) == [close(Side.SELL, "1")]


def test_what_only_reduces_is_never_cancelled_with_the_entries() -> None:
    assert acts([order("stop", **STOP), order("entry")], []) == [CancelActive()]


def test_beside_an_active_target_each_entry_goes_by_its_id() -> None:
    standing = [order("entry"), order("target", **TARGET), order("conditional", **CONDITIONAL_ENTRY)]

    assert acts(standing, []) == [
        CancelOne(symbol="BTCUSDT", order_id="entry"),
        CancelOne(symbol="BTCUSDT", order_id="conditional"),
    ]


def unclear(what: str = "order", **fields: Any) -> UnclearRow:
    return UnclearRow(what=what, **({"symbol": "BTCUSDT", "order_id": "odd"} | fields))


@pytest.mark.parametrize(
    ("reduce_only", "order_id", "expected"),
    [
        (False, "odd", [CancelActive(), CancelOne(symbol="BTCUSDT", order_id="odd")]),
        (False, "", [CancelActive()]),
        (True, "odd", [CancelOne(symbol="BTCUSDT", order_id="1")]),
        (None, "odd", [CancelOne(symbol="BTCUSDT", order_id="1")]),
    ],
)
def test_an_order_that_is_not_understood_keeps_nothing_else_from_going(
    reduce_only: bool | None, order_id: str, expected: list[object]
) -> None:
    row = unclear(reduce_only=reduce_only, order_id=order_id)
    standing = Standing(orders=(order(),), positions=(), unclear=(row,))

    assert list(next_acts(standing, {})) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"size": Decimal("-2"), "side": Side.SELL}, [close(Side.BUY, "2")]),
        ({"size": Decimal("2"), "side": Side.BUY}, [close(Side.SELL, "2")]),
        ({"size": Decimal("2"), "side": None}, []),
        ({"size": None, "side": Side.BUY}, []),
        ({"size": Decimal("2"), "side": Side.BUY, "symbol": ""}, []),
    ],
)
def test_a_position_that_is_not_understood_is_closed_as_far_as_it_can_be_read(
    fields: dict[str, Any], expected: list[object]
) -> None:
    row = unclear(what="position", **fields)
    eth = PositionKey(category="linear", symbol="ETHUSDT")
    standing = Standing(orders=(), positions=(position("1", eth),), unclear=(row,))

    assert list(next_acts(standing, {})) == [close(Side.SELL, "1", eth), *expected]
    assert not standing.is_flat


def test_a_position_whose_order_was_refused_for_its_size_is_closed_whole() -> None:
    standing = Standing(orders=(), positions=(position("0.0004"),))

    assert list(next_acts(standing, {"BTCUSDT": Decimal(1)}, whole={BTC})) == [close(Side.SELL, "0")]


def test_what_a_reading_of_its_symbol_has_shown_goes_by_its_id() -> None:
    standing = Standing(orders=(order("s", **STOP), order("t", **TARGET)), positions=())

    assert leftovers(standing, {"t"}) == (CancelLeftover(symbol="BTCUSDT", order_id="t"),)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((), set()), (("0",), {"s", "t"}), (("0", "0"), {"s", "t"}), (("0", "1"), set()), (("-1",), set())],
)
def test_only_beside_nothing_held_in_any_position_is_it_left_over(
    sizes: tuple[str, ...], expected: set[str]
) -> None:
    orders = [order("s", **STOP), order("t", **TARGET), order("entry"), unclear(reduce_only=None)]

    assert left_over(orders, [position(size) for size in sizes]) == expected


def test_symbols_are_read_by_themselves_only_where_the_lists_show_nothing_held() -> None:
    orders = (
        order("1", **STOP),
        order("2", symbol="ETHUSDT", **TARGET),
        order("3", symbol="SOLUSDT"),
        order("4", symbol="XRPUSDT", **STOP),
    )
    row = unclear(what="position", symbol="XRPUSDT", size=None)

    standing = Standing(orders=orders, positions=(position("1"),), unclear=(row,))

    assert flat_symbols_with_orders(standing) == ("ETHUSDT",)


def coin(name: str, **fields: Any) -> CoinStanding:
    return CoinStanding(**({"coin": name, "asked_ns": 0, "orders": (), "positions": ()} | fields))


def test_the_coins_together_name_the_lists_that_could_not_be_read() -> None:
    broken = coin("USDC", orders=None, orders_trouble="503")
    found = together([coin("USDT", orders=(order(),)), broken])

    assert found.orders_unread == ("orders in USDC: 503",)
    assert (found.is_flat, found.is_clear) == (True, False)
    assert list(next_acts(found, {})) == [CancelActive(coins=("USDT",))]


def test_positions_that_could_not_be_read_are_not_flat() -> None:
    found = together([coin("USDT"), coin("USDC", positions=None, positions_trouble="timed out")])

    assert found.positions_unread == ("positions in USDC: timed out",)
    assert (found.is_flat, found.is_clear) == (False, False)


def test_an_account_of_which_everything_was_read_and_nothing_stands_is_clear() -> None:
    found = together([coin("USDT"), coin("USDC")])

    assert found == Standing(orders=(), positions=())
    assert found.is_clear


def test_a_position_above_the_largest_order_is_closed_in_parts() -> None:
    assert acts([], [position("-2.5")], BTCUSDT="1") == [
        close(Side.BUY, "1"),
        close(Side.BUY, "1"),
        close(Side.BUY, "0.5"),
    ]


sizes = st.decimals(min_value=-1000, max_value=1000, places=3).filter(bool)


@given(size=sizes, largest=st.decimals(min_value=1, max_value=500, places=3))
def test_the_parts_are_the_position_and_never_turn_it(size: Decimal, largest: Decimal) -> None:
    found = next_acts(Standing(orders=(), positions=(position(str(size)),)), {"BTCUSDT": largest})

    signed = [act.qty * act.side.sign for act in found if isinstance(act, Close)]
    assert sum(signed) == -size
    assert all(0 < abs(qty) <= largest for qty in signed)
