"""Reads the bodies of requests into plain values.

Strict where Bybit's clients rely on it: numbers travel as decimal strings, words are Bybit's own.
A field that this simulator knows but does not simulate is refused by name (10017), so that no test
passes on a feature that is not there; unknown fields are ignored, as Bybit ignores them.
Source: Bybit V5, "create-order", "amend-order", "cancel-all", "trading-stop", "leverage".
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.orders import (
    AmendRequest,
    Direction,
    Order,
    OrderRequest,
    PriceKind,
    Protection,
    Refused,
    StopKind,
    Tolerance,
    ToleranceKind,
    Trigger,
)

Body = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)

_NUMBER: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
_LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")

PARAMETER_ERROR: Final = 10001
NOT_SIMULATED: Final = 10017

_NOT_SIMULATED_FIELDS: Final = (
    "bboSideType",
    "tpLimitPrice",
    "slLimitPrice",
    "orderIv",
    "mmp",
)


def bad(text: str) -> Refused:
    """10001 with this text."""
    return Refused(PARAMETER_ERROR, text)


def not_simulated(what: str) -> Refused:
    """10017: true Bybit would do it, this simulator would only pretend."""
    return Refused(NOT_SIMULATED, f"not simulated: {what}")


def require_linear(body: Body) -> None:
    """Writes exist for linear contracts only."""
    category = text(body, "category")
    if category in ("spot", "inverse", "option"):
        raise not_simulated(f"category={category}")
    if category != "linear":
        raise bad("Illegal category")


def text(body: Body, name: str) -> str:
    """A string field, "" when absent or null."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad(f"params error: {name} must be a string")
    return value


def number(body: Body, name: str) -> Decimal | None:
    """A decimal string, None when absent, null or ""."""
    value = text(body, name)
    if not value:
        return None
    if not _NUMBER.fullmatch(value):
        raise bad(f"params error: {name} invalid")
    return Decimal(value)


def positive(body: Body, name: str) -> Decimal | None:
    """A decimal string above zero; "0" means absent, as clients send it for "none"."""
    return number(body, name) or None


def flag(body: Body, name: str) -> bool:
    """A boolean, False when absent or null."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad(f"params error: {name} must be a boolean")
    return value


def whole(body: Body, name: str) -> int:
    """A small integer, as number or digits; zero when absent or null."""
    value = body.get(name)
    if value is None or value == "":
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise bad(f"params error: {name} invalid")


def word(body: Body, name: str, words: type[Word], default: Word | None = None) -> Word:
    """One of Bybit's words for this field."""
    value = text(body, name)
    if not value and default is not None:
        return default
    try:
        return words(value)
    except ValueError:
        raise bad(f"params error: {name} invalid") from None


def protection(body: Body, price_field: str, trigger_field: str) -> Protection | None:
    """An attached stop or target."""
    price = positive(body, price_field)
    if price is None:
        return None
    return Protection(price, word(body, trigger_field, PriceKind, PriceKind.LAST))


def link_id(body: Body) -> str:
    """orderLinkId: "" or 1 to 36 of [A-Za-z0-9_-]."""
    value = text(body, "orderLinkId")
    if value and not _LINK_ID.fullmatch(value):
        raise bad("params error: OrderLinkId invalid")
    return value


def _trigger(body: Body) -> Trigger | None:
    price = positive(body, "triggerPrice")
    if price is None:
        return None
    direction = whole(body, "triggerDirection")
    if direction not in (Direction.RISE, Direction.FALL):
        raise bad("params error: TriggerDirection invalid")
    return Trigger(price, Direction(direction), word(body, "triggerBy", PriceKind, PriceKind.LAST))


def refuse_not_simulated(body: Body) -> None:
    """Names the first field or value that would only be pretended."""
    for name in _NOT_SIMULATED_FIELDS:
        if body.get(name) not in (None, "", "0"):
            raise not_simulated(f"{name}={body[name]}")
    if text(body, "tpslMode") == "Partial":
        raise not_simulated("tpslMode=Partial")
    for name in ("tpOrderType", "slOrderType"):
        if text(body, name) == OrderType.LIMIT:
            raise not_simulated(f"{name}=Limit")
    if text(body, "timeInForce") == "RPI":
        raise not_simulated("timeInForce=RPI")


def read_create(body: Body) -> OrderRequest:
    """The request; raises Refused with Bybit's code and text."""
    require_linear(body)
    refuse_not_simulated(body)
    order_type = word(body, "orderType", OrderType)
    qty = number(body, "qty")
    price = positive(body, "price")
    closes_all = flag(body, "reduceOnly") and flag(body, "closeOnTrigger")
    if qty is None or (qty == ZERO and not closes_all):
        raise bad("Qty invalid")
    if order_type is OrderType.LIMIT and price is None:
        raise bad("params error: Price invalid")
    market = order_type is OrderType.MARKET
    return OrderRequest(
        symbol=text(body, "symbol"),
        side=word(body, "side", Side),
        order_type=order_type,
        qty=qty,
        price=None if market else price,
        time_in_force=TimeInForce.IOC if market else word(body, "timeInForce", TimeInForce, TimeInForce.GTC),
        order_link_id=link_id(body),
        position_idx=whole(body, "positionIdx"),
        reduce_only=flag(body, "reduceOnly"),
        close_on_trigger=flag(body, "closeOnTrigger"),
        trigger=_trigger(body),
        take_profit=protection(body, "takeProfit", "tpTriggerBy"),
        stop_loss=protection(body, "stopLoss", "slTriggerBy"),
        smp_type=text(body, "smpType") or "None",
        tolerance=_tolerance(body, market),
    )


def _tolerance(body: Body, market: bool) -> Tolerance | None:
    """Of a market order that neither waits nor brings a stop or target."""
    value = positive(body, "slippageTolerance")
    if value is None or text(body, "slippageToleranceType") in ("", "UNKNOWN"):
        return None
    alone = not any(positive(body, name) for name in ("triggerPrice", "takeProfit", "stopLoss"))
    if not (market and alone):
        raise bad("slippageTolerance is for market orders without trigger, takeProfit and stopLoss")
    return Tolerance(word(body, "slippageToleranceType", ToleranceKind), value)


def read_amend(body: Body) -> AmendRequest:
    """What to change; at least one field. Raises Refused."""
    require_linear(body)
    refuse_not_simulated(body)
    for name in ("takeProfit", "stopLoss"):
        if text(body, name):
            raise not_simulated(f"amend of {name}; use /v5/position/trading-stop once there is a position")
    return AmendRequest(
        qty=positive(body, "qty"),
        price=positive(body, "price"),
        trigger_price=positive(body, "triggerPrice"),
    )


class Chosen(msgspec.Struct, frozen=True):
    """Which order a request means: by id, else by link id."""

    symbol: str
    order_id: str
    link_id: str


def read_chosen(body: Body) -> Chosen:
    """The order that a cancel or amend names; orderId wins over orderLinkId. Raises Refused."""
    require_linear(body)
    chosen = Chosen(text(body, "symbol"), text(body, "orderId"), text(body, "orderLinkId"))
    if not chosen.symbol:
        raise bad("params error: symbol is required")
    if not chosen.order_id and not chosen.link_id:
        raise bad("params error: orderId or orderLinkId is required")
    return chosen


class OrderFilter(StrEnum):
    """Bybit's orderFilter: all orders, those in the book, or those that wait for a trigger."""

    ALL = ""
    ORDER = "Order"
    STOP = "StopOrder"
    TPSL = "tpslOrder"

    def admits(self, order: Order) -> bool:
        """Does the filter let this order through?"""
        if self is OrderFilter.ALL:
            return True
        if self is OrderFilter.TPSL:
            return order.is_protective or order.is_partial
        return (order.stop_kind is StopKind.NONE) is (self is OrderFilter.ORDER)


class Scope(msgspec.Struct, frozen=True):
    """Which symbols a request means: one, those of a base coin, or those of a settle coin."""

    symbol: str = ""
    base_coin: str = ""
    settle_coin: str = ""

    def admits(self, instrument: Instrument) -> bool:
        """symbol over baseCoin over settleCoin; everything when none is given."""
        if self.symbol:
            return instrument.symbol == self.symbol
        if self.base_coin:
            return instrument.base_coin == self.base_coin
        return not self.settle_coin or instrument.settle_coin == self.settle_coin


def read_scope(body: Body, *, needed: bool) -> Scope:
    """The scope; 10001 when linear's rule that one of the three is given is broken."""
    scope = Scope(text(body, "symbol"), text(body, "baseCoin"), text(body, "settleCoin"))
    if needed and scope == Scope():
        raise bad("Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")
    return scope


class PartialSize(msgspec.Struct, frozen=True):
    """How much a partial stop or target closes; limit: at that price, None at the market's."""

    qty: Decimal
    limit: Decimal | None = None
    limit_in_force: TimeInForce = TimeInForce.GTC


class ProtectionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """trading-stop: a price or distance of zero removes, None leaves as it is.

    partial: stop_loss and take_profit are added with their sizes instead of set for the position.
    """

    symbol: str
    position_idx: int = 0
    stop_loss: Protection | None = None
    take_profit: Protection | None = None
    trailing: Decimal | None = None
    active_price: Decimal | None = None
    partial: bool = False
    stop_size: PartialSize | None = None
    target_size: PartialSize | None = None


def read_protection(body: Body) -> ProtectionRequest:
    """The wish of a trading-stop request. Raises Refused."""
    require_linear(body)
    mode = text(body, "tpslMode") or "Full"
    if mode not in ("Full", "Partial"):
        raise bad("params error: tpslMode invalid")
    partial = mode == "Partial"
    stop_size, target_size = _size(body, "sl"), _size(body, "tp")
    if not partial and any(size and size.limit for size in (stop_size, target_size)):
        raise bad("tpOrderType and slOrderType must be Market in Full mode")
    if partial and stop_size and target_size and stop_size.qty != target_size.qty:
        raise bad("tpSize and slSize must be equal")
    return ProtectionRequest(
        symbol=text(body, "symbol"),
        position_idx=whole(body, "positionIdx"),
        stop_loss=_wish(body, "stopLoss", "slTriggerBy"),
        take_profit=_wish(body, "takeProfit", "tpTriggerBy"),
        trailing=number(body, "trailingStop"),
        active_price=positive(body, "activePrice"),
        partial=partial,
        stop_size=stop_size if partial else None,
        target_size=target_size if partial else None,
    )


def _size(body: Body, prefix: str) -> PartialSize | None:
    """tpSize or slSize with its order type; the limit price alone when there is no size."""
    qty = positive(body, f"{prefix}Size")
    kind = word(body, f"{prefix}OrderType", OrderType, OrderType.MARKET)
    limit = positive(body, f"{prefix}LimitPrice") if kind is OrderType.LIMIT else None
    if kind is OrderType.LIMIT and limit is None:
        raise bad(f"params error: {prefix}LimitPrice is required")
    return None if qty is None and limit is None else PartialSize(qty or ZERO, limit)


def _wish(body: Body, price_field: str, trigger_field: str) -> Protection | None:
    price = number(body, price_field)
    if price is None:
        return None
    return Protection(price, word(body, trigger_field, PriceKind, PriceKind.LAST))


def read_leverage(body: Body) -> tuple[str, Decimal]:
    """(symbol, leverage); both sides must be equal in one-way mode. Raises Refused."""
    require_linear(body)
    buy, sell = positive(body, "buyLeverage"), positive(body, "sellLeverage")
    if buy is None or sell is None:
        raise bad("leverage invalid")
    if buy != sell:
        raise bad("buy leverage must equal sell leverage")
    return text(body, "symbol"), buy


def read_mode(body: Body) -> tuple[Scope, bool]:
    """(which symbols, hedged?) of a switch-mode request: a symbol, or a coin for all of its contracts."""
    require_linear(body)
    scope = Scope(text(body, "symbol"), settle_coin=text(body, "coin"))
    if scope == Scope():
        raise bad("params error: symbol or coin is required")
    mode = whole(body, "mode")
    if mode not in (0, 3):
        raise bad("params error: position_mode invalid")
    return scope, mode == 3
