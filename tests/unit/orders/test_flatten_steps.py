"""The way out: what stands on the account gives what to do next."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.orders.flatten import CancelActive, CancelOne, CancelRest, Close, Standing, next_acts

BTC = PositionKey(category="linear", symbol="BTCUSDT")


def order(order_id: str = "1", **fields: Any) -> ExchangeOrder:
    """A resting buy that opens."""
    values: dict[str, Any] = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "position_idx": 0,
        "order_id": order_id,
        "client_order_id": "",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "status": OrderStatus.NEW,
        "reduce_only": False,
        "qty": Decimal(1),
        "price": Decimal(60000),
        "cum_exec_qty": Decimal(0),
        "avg_price": None,
        "stop_order_type": "",
        "trigger_price": None,
        "create_type": "",
        "cancel_type": "",
        "reject_reason": "",
        "created_ns": 0,
        "at_ns": 0,
    }
    return ExchangeOrder(**(values | fields))


STOP = {"reduce_only": True, "stop_order_type": "StopLoss", "trigger_price": Decimal(59000)}
CONDITIONAL_ENTRY = {"stop_order_type": "Stop", "trigger_price": Decimal(61000)}


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


def test_what_is_left_of_a_flat_account_is_cancelled_whole() -> None:
    assert acts([order("stop", **STOP), order("entry")], []) == [CancelRest()]


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
