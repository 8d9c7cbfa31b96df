"""Reads the bodies of spot requests into plain values.

Bybit's own words, as in `account.wire`. What spot has and this simulator does not (borrowing, RPI,
OCO by request, limits as stop or target) is refused by name; what belongs to contracts (reduceOnly,
closeOnTrigger, positionIdx, triggerDirection) means nothing, and ccxt sends some of it.
Source: Bybit V5, "create-order", "amend-order", "cancel-order", "cancel-all" (category spot).
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from tradefleet.domain.orders import OrderType, Side, TimeInForce
from tradefleet.simulation.account import wire
from tradefleet.simulation.account.orders import SPOT, MarketUnit, Order, Refused, StopKind
from tradefleet.simulation.account.wire import not_simulated

Body = Mapping[str, Any]

BAD_PARAMETER: Final = 170130

_NOT_SIMULATED: Final = (
    "bboSideType",
    "tpLimitPrice",
    "slLimitPrice",
    "slippageTolerance",
    "rpiTakerAccess",
)


class SpotFilter(StrEnum):
    """Bybit's orderFilter on spot. A conditional order whose trigger has been reached is an Order."""

    ALL = ""
    ORDER = "Order"
    STOP = "StopOrder"
    TPSL = "tpslOrder"
    OCO = "OcoOrder"
    BIDIRECTIONAL = "BidirectionalTpslOrder"

    def admits(self, order: Order) -> bool:
        """Does the filter let this order through?"""
        if self is SpotFilter.ALL:
            return True
        waits = order.is_waiting or order.never_triggered
        if self is SpotFilter.ORDER or not waits:
            return not waits and self is SpotFilter.ORDER
        return order.stop_kind is _KINDS.get(self)


_KINDS: Final = {
    SpotFilter.STOP: StopKind.STOP,
    SpotFilter.TPSL: StopKind.TPSL,
    SpotFilter.BIDIRECTIONAL: StopKind.BIDIRECTIONAL,
}


class SpotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A create request, read but not yet judged.

    qty: base currency, or what a market buy may spend (unit QUOTE). price: None for market orders.
    trigger: None for orders that are live at once; occupies: the coins are held back while it waits.
    """

    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    unit: MarketUnit
    price: Decimal | None
    time_in_force: TimeInForce
    order_link_id: str
    trigger: Decimal | None
    occupies: bool
    take_profit: Decimal | None
    stop_loss: Decimal | None
    smp_type: str


def is_spot(body: Mapping[str, object]) -> bool:
    """Is the request of category spot?"""
    return body.get("category") == SPOT


def invalid(name: str) -> Refused:
    """170130: this field cannot be so."""
    return Refused(BAD_PARAMETER, f"Data sent for parameter '{name}' is not valid.")


def read_create(body: Body) -> SpotRequest:
    """The request; raises Refused."""
    _refuse_unknown_ways(body)
    order_type = wire.word(body, "orderType", OrderType)
    side = wire.word(body, "side", Side)
    market = order_type is OrderType.MARKET
    qty, price = wire.positive(body, "qty"), wire.positive(body, "price")
    if qty is None:
        raise invalid("qty")
    if not market and price is None:
        raise invalid("price")
    kind = wire.word(body, "orderFilter", SpotFilter, SpotFilter.ORDER)
    trigger = _trigger(body, kind)
    take_profit, stop_loss = wire.positive(body, "takeProfit"), wire.positive(body, "stopLoss")
    if (take_profit or stop_loss) and (market or trigger):
        raise invalid("takeProfit" if take_profit else "stopLoss")  # of limit orders only
    return SpotRequest(
        symbol=wire.text(body, "symbol"),
        side=side,
        order_type=order_type,
        qty=qty,
        unit=_unit(body, side) if market else MarketUnit.NONE,
        price=None if market else price,
        time_in_force=_time_in_force(body, market),
        order_link_id=wire.link_id(body),
        trigger=trigger,
        occupies=kind is SpotFilter.TPSL,
        take_profit=take_profit,
        stop_loss=stop_loss,
        smp_type=wire.text(body, "smpType") or "None",
    )


def _refuse_unknown_ways(body: Body) -> None:
    for name in _NOT_SIMULATED:
        if body.get(name) not in (None, "", "0", False):
            raise not_simulated(f"{name}={body[name]} of spot")
    for name in ("tpOrderType", "slOrderType"):
        if wire.text(body, name) == OrderType.LIMIT:
            raise not_simulated(f"{name}=Limit of spot")
    if wire.whole(body, "isLeverage"):
        raise not_simulated("isLeverage=1: nothing is lent here")
    if wire.text(body, "timeInForce") == "RPI":
        raise not_simulated("timeInForce=RPI")


def _time_in_force(body: Body, market: bool) -> TimeInForce:
    if market:
        return TimeInForce.IOC
    return wire.word(body, "timeInForce", TimeInForce, TimeInForce.GTC)


def _unit(body: Body, side: Side) -> MarketUnit:
    """A market buy names what it spends, a sell what it sells, unless it is told otherwise."""
    default = MarketUnit.QUOTE if side is Side.BUY else MarketUnit.BASE
    unit = wire.word(body, "marketUnit", MarketUnit, default)
    if unit is MarketUnit.QUOTE and side is Side.SELL:
        raise not_simulated("marketUnit=quoteCoin of a sell")
    return unit


def _trigger(body: Body, kind: SpotFilter) -> Decimal | None:
    if kind in (SpotFilter.OCO, SpotFilter.BIDIRECTIONAL):
        raise not_simulated(f"orderFilter={kind}")
    if kind not in (SpotFilter.TPSL, SpotFilter.STOP):
        return None  # what does not wait ignores a trigger price
    price = wire.positive(body, "triggerPrice")
    if price is None:
        raise invalid("triggerPrice")
    return price


class SpotAmend(msgspec.Struct, frozen=True):
    """What an amend asks to change; None leaves a field as it is."""

    qty: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None


def read_amend(body: Body) -> SpotAmend:
    """What to change. Raises Refused."""
    _refuse_unknown_ways(body)
    for name in ("takeProfit", "stopLoss"):
        if wire.text(body, name):
            raise not_simulated(f"amend of {name} of spot")
    return SpotAmend(
        wire.positive(body, "qty"), wire.positive(body, "price"), wire.positive(body, "triggerPrice")
    )


def read_chosen(body: Body) -> wire.Chosen:
    """The order that a cancel or amend names; orderId wins. Raises Refused."""
    chosen = wire.Chosen(
        wire.text(body, "symbol"), wire.text(body, "orderId"), wire.text(body, "orderLinkId")
    )
    if not chosen.symbol:
        raise invalid("symbol")
    if not chosen.order_id and not chosen.link_id:
        raise invalid("orderId")
    return chosen


def read_filter(body: Body, default: SpotFilter) -> SpotFilter:
    """orderFilter of a request. Raises Refused."""
    return wire.word(body, "orderFilter", SpotFilter, default)
