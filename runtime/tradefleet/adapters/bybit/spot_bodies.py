"""Bodies of the requests that change spot orders, as `bodies` for contracts.

There is no position: nothing is reduce-only, no side has a leg, and a stop or target goes with limit
orders only. A size is always base currency (`marketUnit=baseCoin`), so that a fill can never come to
more than was meant. An order that waits to give coins back is a TP/SL order, which holds them back
(nothing else can spend them before it fires); one that waits to buy is a conditional order.
Source: Bybit V5, "create-order" (category spot).
"""

from typing import Any, Final

from tradefleet.domain.orders import OrderType, PriceKind, TimeInForce
from tradefleet.domain.quantities import ZERO, plain
from tradefleet.orders.intents import Intent

SPOT: Final = "spot"
BASE_COIN: Final = "baseCoin"
TPSL: Final = "tpslOrder"
CONDITIONAL: Final = "StopOrder"


def contradiction(intent: Intent) -> str:
    """Why the exchange could only refuse this intent, or would not do what it says; "" for nothing."""
    limit = intent.order_type is OrderType.LIMIT
    protected = intent.stop_loss is not None or intent.take_profit is not None
    if intent.qty <= ZERO:
        return f"qty {intent.qty} is not above zero"
    if limit and (intent.price is None or intent.price <= ZERO):
        return f"a limit order with the price {intent.price}"
    if not limit and intent.time_in_force is TimeInForce.POST_ONLY:
        return "a market order cannot be post-only"
    if intent.reduce_only or intent.close_on_trigger:
        return "reduce-only: there is no position in spot that an order could be held to"
    if intent.key.position_idx:
        return f"position_idx {intent.key.position_idx}: spot has no legs"
    if protected and (not limit or intent.trigger is not None):
        return "a stop or target goes with a spot limit order only; place it as an order of its own"
    if intent.trigger is not None and intent.trigger.price <= ZERO:
        return f"trigger price {intent.trigger.price} is not above zero"
    if intent.trigger is not None and intent.trigger.by is not PriceKind.LAST:
        return f"trigger by {intent.trigger.by}: spot watches the last price only"
    return ""


def create_body(intent: Intent) -> dict[str, Any]:
    """Of POST /v5/order/create."""
    market = intent.order_type is OrderType.MARKET
    body: dict[str, Any] = {
        "category": SPOT,
        "symbol": intent.key.symbol,
        "side": intent.side.value,
        "orderType": intent.order_type.value,
        "qty": plain(intent.qty),
        "timeInForce": (TimeInForce.IOC if market else intent.time_in_force).value,
        "orderLinkId": intent.client_order_id,
        "isLeverage": 0,  # never with borrowed coins
    }
    if market:
        body["marketUnit"] = BASE_COIN
    elif intent.price is not None:
        body["price"] = plain(intent.price)
    if intent.trigger is not None:
        # The direction is the exchange's to find: from where the price is now.
        body["triggerPrice"] = plain(intent.trigger.price)
        body["orderFilter"] = TPSL if intent.leg.reduces else CONDITIONAL
    if intent.take_profit is not None:
        body["takeProfit"] = plain(intent.take_profit)
    if intent.stop_loss is not None:
        body["stopLoss"] = plain(intent.stop_loss)
    return body
