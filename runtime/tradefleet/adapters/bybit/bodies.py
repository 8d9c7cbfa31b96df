"""Bodies of the requests that change the account, made from our values alone.

Pure. Numbers travel as plain decimal strings. Every change says how things shall be, never by how much
they shall differ, so that sending it twice is the same as sending it once.
Source: Bybit V5, "create-order", "amend-order", "cancel-order", "cancel-all", "trading-stop",
"leverage", "position-mode".
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from tradefleet.adapters.bybit import spot_bodies
from tradefleet.domain.orders import OrderType, PriceKind, Side, TimeInForce
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import ZERO, plain
from tradefleet.orders.intents import Intent

Body = dict[str, Any]

TRIGGER: Final = PriceKind.MARK.value
"""Stops and targets go by the mark, which no single trade in a thin book can move."""

LINEAR: Final = "linear"
SPOT: Final = spot_bodies.SPOT
ONE_WAY: Final = 0
HEDGE: Final = 3


ALL_OF_IT: Final = "0"
"""As the size of an order that is reduce-only and close-on-trigger: the whole position, as much of it as one
order may be. Alone it is refused. Source: Bybit V5, "Create Order", qty."""


class OrderName(msgspec.Struct, frozen=True, kw_only=True):
    """One order, by the exchange's id or by ours: exactly one, since with both the exchange has been
    seen to answer that it is too late.

    orders: on spot a cancel finds only orders of this kind, those in the book when none is named.
    """

    symbol: str
    order_id: str = ""
    client_order_id: str = ""
    category: str = LINEAR
    orders: "OrderFilter | None" = None

    def __post_init__(self) -> None:
        if bool(self.order_id) == bool(self.client_order_id):
            raise ValueError(
                f"order_id {self.order_id!r}, client_order_id {self.client_order_id!r}: give exactly one"
            )


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """How an order shall be; None leaves as it is. qty: in all, what is filled included, base currency."""

    qty: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None


class OrderFilter(StrEnum):
    """Which orders cancel-all takes."""

    ALL = ""
    ACTIVE = "Order"
    """In the book; stops, targets and conditional orders stay."""
    CONDITIONAL = "StopOrder"
    TPSL = "tpslOrder"
    """Spot: orders that hold coins back while they wait for their trigger."""
    BIDIRECTIONAL = "BidirectionalTpslOrder"
    """Spot: stop and target in one, as the exchange makes of a filled limit order's."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Of what cancel-all takes away: one symbol, or all that settles in a coin (exactly one of the two); of
    spot one pair, or all when none is named, and without a filter only what is in the book."""

    symbol: str = ""
    settle_coin: str = ""
    orders: OrderFilter = OrderFilter.ALL
    category: str = LINEAR

    def __post_init__(self) -> None:
        if self.category == SPOT:
            if self.settle_coin:
                raise ValueError(f"settle_coin {self.settle_coin!r}: spot settles in none; name a symbol")
            return
        if bool(self.symbol) == bool(self.settle_coin):
            raise ValueError(f"symbol {self.symbol!r}, settle_coin {self.settle_coin!r}: give exactly one")


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """How a whole position shall be protected; None leaves as it is, zero takes away.

    stop_loss, take_profit, trailing_from: prices. trailing: distance of the trailing stop, a price
    difference; it begins to follow at trailing_from, or at once.
    """

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing: Decimal | None = None
    trailing_from: Decimal | None = None


def contradiction(intent: Intent) -> str:
    """Why the exchange could only refuse this intent; "" when nothing speaks against it."""
    if intent.key.category == SPOT:
        return spot_bodies.contradiction(intent)
    idx, limit = intent.key.position_idx, intent.order_type is OrderType.LIMIT
    if intent.key.category != LINEAR:
        return f"category {intent.key.category} is not built; linear and spot are"
    if intent.qty <= ZERO:
        return f"qty {intent.qty} is not above zero"
    if limit and (intent.price is None or intent.price <= ZERO):
        return f"a limit order with the price {intent.price}"
    if not limit and intent.time_in_force is TimeInForce.POST_ONLY:
        return "a market order cannot be post-only"
    if idx not in (0, 1, 2):
        return f"position_idx {idx} is none of 0 (one-way), 1 (long leg), 2 (short leg)"
    if idx and (intent.side is (Side.BUY if idx == 1 else Side.SELL)) is intent.reduce_only:
        return f"{intent.side} of leg {idx} cannot be {'reduce-only' if intent.reduce_only else 'an entry'}"
    if intent.trigger is not None and intent.trigger.price <= ZERO:
        return f"trigger price {intent.trigger.price} is not above zero"
    return ""


def create_body(intent: Intent) -> Body:
    """Of POST /v5/order/create.

    A stop or target is never put on an order that only reduces: the exchange refuses the pair.
    """
    if intent.key.category == SPOT:
        return spot_bodies.create_body(intent)
    market = intent.order_type is OrderType.MARKET
    body: Body = {
        "category": intent.key.category,
        "symbol": intent.key.symbol,
        "side": intent.side.value,
        "orderType": intent.order_type.value,
        "qty": ALL_OF_IT if intent.closes_all else plain(intent.qty),
        "timeInForce": (TimeInForce.IOC if market else intent.time_in_force).value,
        "orderLinkId": intent.client_order_id,
        "positionIdx": intent.key.position_idx,
        "reduceOnly": intent.reduce_only,
    }
    if intent.price is not None and not market:
        body["price"] = plain(intent.price)
    if intent.trigger is not None:
        body["triggerPrice"] = plain(intent.trigger.price)
        body["triggerDirection"] = int(intent.trigger.direction)
        body["triggerBy"] = intent.trigger.by.value
    if intent.close_on_trigger:
        body["closeOnTrigger"] = True
    if intent.take_profit is not None and not intent.reduce_only:
        body |= {"takeProfit": plain(intent.take_profit), "tpTriggerBy": TRIGGER, "tpslMode": "Full"}
    if intent.stop_loss is not None and not intent.reduce_only:
        body |= {"stopLoss": plain(intent.stop_loss), "slTriggerBy": TRIGGER, "tpslMode": "Full"}
    return body


def close_body(key: PositionKey, side: Side, qty: Decimal, client_order_id: str) -> Body:
    """A market order of nobody's intent that can only reduce: the way out. qty: zero for the whole position,
    whatever its size. Raises ValueError for spot, where nothing is reduce-only and a repeat would sell
    twice."""
    _require_position(key)
    body: Body = {
        "category": key.category,
        "symbol": key.symbol,
        "side": side.value,
        "orderType": OrderType.MARKET.value,
        "qty": plain(qty),
        "timeInForce": TimeInForce.IOC.value,
        "orderLinkId": client_order_id,
        "positionIdx": key.position_idx,
        "reduceOnly": True,
    }
    # By the exchange's word this, with a quantity of zero, closes all that is there.
    return body if qty else {**body, "closeOnTrigger": True}


def cancel_body(name: OrderName) -> Body:
    """Of POST /v5/order/cancel."""
    body = name_body(name)
    return {**body, "orderFilter": name.orders.value} if name.orders else body


def name_body(name: OrderName) -> Body:
    """Which order."""
    body: Body = {"category": name.category, "symbol": name.symbol}
    if name.order_id:
        return {**body, "orderId": name.order_id}
    return {**body, "orderLinkId": name.client_order_id}


def amend_body(name: OrderName, shall_be: Amendment) -> Body:
    """Of POST /v5/order/amend; raises ValueError when nothing is to change."""
    wishes = {"qty": shall_be.qty, "price": shall_be.price, "triggerPrice": shall_be.trigger_price}
    given = {field: plain(value) for field, value in wishes.items() if value is not None}
    if not given:
        raise ValueError(f"amend of {name.order_id or name.client_order_id}: names nothing to change")
    return {**name_body(name), **given}


def cancel_all_body(scope: Scope) -> Body:
    """Of POST /v5/order/cancel-all."""
    body: Body = {"category": scope.category}
    if scope.symbol:
        body["symbol"] = scope.symbol
    elif scope.settle_coin:
        body["settleCoin"] = scope.settle_coin
    return {**body, "orderFilter": scope.orders.value} if scope.orders is not OrderFilter.ALL else body


def trading_stop_body(key: PositionKey, shall_be: Protection) -> Body:
    """Of POST /v5/position/trading-stop for the whole position; raises ValueError when nothing is said."""
    _require_position(key)
    wishes = {
        "stopLoss": shall_be.stop_loss,
        "takeProfit": shall_be.take_profit,
        "trailingStop": shall_be.trailing,
        "activePrice": shall_be.trailing_from,
    }
    body: Body = {field: plain(value) for field, value in wishes.items() if value is not None}
    if not body:
        raise ValueError(f"trading-stop of {key.symbol}: names nothing to set")
    if "stopLoss" in body:
        body["slTriggerBy"] = TRIGGER
    if "takeProfit" in body:
        body["tpTriggerBy"] = TRIGGER
    return {
        "category": key.category,
        "symbol": key.symbol,
        "positionIdx": key.position_idx,
        "tpslMode": "Full",
        **body,
    }


def _require_position(key: PositionKey) -> None:
    if key.category == SPOT:
        raise ValueError(f"{key.symbol} of spot: has no position that could be closed or protected")


def leverage_body(symbol: str, leverage: Decimal) -> Body:
    """Of POST /v5/position/set-leverage: both sides, which must agree in one-way mode and cross margin."""
    text = plain(leverage)
    return {"category": LINEAR, "symbol": symbol, "buyLeverage": text, "sellLeverage": text}


def mode_body(symbol: str, *, hedge: bool) -> Body:
    """Of POST /v5/position/switch-mode for one symbol."""
    return {"category": LINEAR, "symbol": symbol, "mode": HEDGE if hedge else ONE_WAY}
