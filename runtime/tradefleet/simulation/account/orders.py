"""Orders of the simulated account: what was asked for, and what became of it.

Plain values. `wire` reads an `OrderRequest` from a request's body, `rules` lets it in, `matching`
moves the `Order` through its life, `rows` writes it as Bybit does.
"""

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ZERO


class Refused(Exception):
    """The exchange says no to a request: Bybit's retCode and retMsg, nothing was changed."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class PriceKind(StrEnum):
    """Which price a trigger watches."""

    LAST = "LastPrice"
    MARK = "MarkPrice"
    INDEX = "IndexPrice"


class Direction(IntEnum):
    """Which way the watched price must go to fire a trigger (Bybit's triggerDirection)."""

    RISE = 1
    FALL = 2


LINEAR: Final = "linear"
SPOT: Final = "spot"


class MarketUnit(StrEnum):
    """Bybit's marketUnit: in which coin the size of a spot market order is told; NONE for all others."""

    NONE = ""
    BASE = "baseCoin"
    QUOTE = "quoteCoin"


class StopKind(StrEnum):
    """Bybit's stopOrderType: what sort of conditional order it is. The last two are spot's."""

    NONE = ""
    STOP = "Stop"
    STOP_LOSS = "StopLoss"
    TAKE_PROFIT = "TakeProfit"
    TRAILING = "TrailingStop"
    PARTIAL_STOP_LOSS = "PartialStopLoss"
    PARTIAL_TAKE_PROFIT = "PartialTakeProfit"
    TPSL = "tpslOrder"
    BIDIRECTIONAL = "BidirectionalTpslOrder"


WHOLE: Final = frozenset({StopKind.STOP_LOSS, StopKind.TAKE_PROFIT, StopKind.TRAILING})
"""One of each a position, as large as it."""

PARTIAL: Final = frozenset({StopKind.PARTIAL_STOP_LOSS, StopKind.PARTIAL_TAKE_PROFIT})


class ToleranceKind(StrEnum):
    """Bybit's slippageToleranceType."""

    TICKS = "TickSize"
    PERCENT = "Percent"


class Tolerance(msgspec.Struct, frozen=True):
    """How far from the best opposite price a market order may reach: ticks, or percent of it."""

    kind: ToleranceKind
    value: Decimal


class CreateType(StrEnum):
    """Who made the order."""

    USER = "CreateByUser"
    STOP_LOSS = "CreateByStopLoss"
    TAKE_PROFIT = "CreateByTakeProfit"
    TRAILING = "CreateByTrailingStop"
    PARTIAL_STOP_LOSS = "CreateByPartialStopLoss"
    PARTIAL_TAKE_PROFIT = "CreateByPartialTakeProfit"
    TAKE_OVER = "CreateByTakeOver_PassThrough"
    ADL = "CreateByAdl_PassThrough"


class CancelType(StrEnum):
    """Why an order ended before it was filled; UNKNOWN is Bybit's word for "for no such reason"."""

    UNKNOWN = "UNKNOWN"
    BY_USER = "CancelByUser"
    BY_REDUCE_ONLY = "CancelByReduceOnly"
    BY_CLEAR = "CancelByTpSlTsClear"
    BY_LIQUIDATION = "CancelByPrepareLiq"


class RejectReason(StrEnum):
    """Bybit's rejectReason, as far as this simulator gives any."""

    NONE = "EC_NoError"
    NO_IMMEDIATE_QTY = "EC_NoImmediateQtyToFill"
    NOT_ENOUGH_QTY = "EC_NoEnoughQtyToFill"
    POST_ONLY_TAKES = "EC_PostOnlyWillTakeLiquidity"
    CANCEL_REQUEST = "EC_PerCancelRequest"
    OTHERS = "EC_Others"


LONG_LEG: Final = 1
SHORT_LEG: Final = 2


def position_key(symbol: str, position_idx: int) -> str:
    """The name of a position in the books: the symbol in one-way mode, symbol/1 and /2 in hedge mode."""
    return f"{symbol}/{position_idx}" if position_idx else symbol


def closes_leg(position_idx: int, side: Side) -> bool:
    """In hedge mode a sell of the long leg or a buy of the short one can only close."""
    return (position_idx, side) in ((LONG_LEG, Side.SELL), (SHORT_LEG, Side.BUY))


class Trigger(msgspec.Struct, frozen=True):
    """Fires when the watched price has reached `price` from the other side."""

    price: Decimal
    direction: Direction
    by: PriceKind = PriceKind.LAST

    def fires(self, watched: Decimal) -> bool:
        """True when `watched` is at or beyond the trigger."""
        if self.direction is Direction.RISE:
            return watched >= self.price
        return watched <= self.price


class Protection(msgspec.Struct, frozen=True):
    """One side of a position's protection: a stop or a target of the whole position."""

    price: Decimal
    by: PriceKind = PriceKind.LAST


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A create request, read but not yet judged.

    qty: base currency; zero with reduce_only and close_on_trigger means the whole position.
    price: None for market orders. trigger: None for orders that are live at once.
    """

    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    order_link_id: str = ""
    position_idx: int = 0
    reduce_only: bool = False
    close_on_trigger: bool = False
    trigger: Trigger | None = None
    take_profit: Protection | None = None
    stop_loss: Protection | None = None
    smp_type: str = "None"
    tolerance: Tolerance | None = None

    @property
    def only_reduces(self) -> bool:
        """True when the order may never open or grow a position."""
        return self.reduce_only or self.close_on_trigger or closes_leg(self.position_idx, self.side)


class AmendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an amend asks to change; None leaves a field as it is."""

    qty: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order and all that has happened to it.

    number: order of creation, unique. price: limit, or the bound up to which a market order may
    reach; zero while a conditional market order waits. cum_exec_*: base, quote and settle currency.
    closed_pnl: realised by the order net of the fees of both sides. armed_ns: since when the trigger
    watches the price that it watches. handed_over: the attached stop
    and target have gone to the position. qty of a market order by value (market_unit QUOTE) is quote
    currency. fee_coin: in which the fee is paid; on spot the one that is received.
    """

    number: int
    order_id: str
    order_link_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    qty: Decimal
    price: Decimal
    status: OrderStatus
    created_ns: int
    updated_ns: int
    reduce_only: bool = False
    close_on_trigger: bool = False
    create_type: CreateType = CreateType.USER
    cancel_type: CancelType = CancelType.UNKNOWN
    reject_reason: RejectReason = RejectReason.NONE
    stop_kind: StopKind = StopKind.NONE
    trigger: Trigger | None = None
    armed_ns: int = 0
    take_profit: Protection | None = None
    stop_loss: Protection | None = None
    handed_over: bool = False
    smp_type: str = "None"
    last_price_on_created: Decimal = ZERO
    position_idx: int = 0
    tolerance: Tolerance | None = None
    cum_exec_qty: Decimal = ZERO
    cum_exec_value: Decimal = ZERO
    cum_exec_fee: Decimal = ZERO
    closed_pnl: Decimal = ZERO
    category: str = LINEAR
    market_unit: MarketUnit = MarketUnit.NONE
    fee_coin: str = "USDT"

    @property
    def leaves(self) -> Decimal:
        """What may still be filled, in the unit of qty; zero once the order has ended."""
        if self.status.is_terminal:
            return ZERO
        return self.qty - (self.cum_exec_value if self.market_unit is MarketUnit.QUOTE else self.cum_exec_qty)

    @property
    def only_reduces(self) -> bool:
        """True when the order may never open or grow a position."""
        return self.reduce_only or self.close_on_trigger or closes_leg(self.position_idx, self.side)

    @property
    def key(self) -> str:
        """The position that it is for."""
        return position_key(self.symbol, self.position_idx)

    @property
    def is_resting(self) -> bool:
        """In the book, waiting for the market."""
        return self.status in RESTING

    @property
    def is_waiting(self) -> bool:
        """Conditional, waiting for its trigger."""
        return self.status is OrderStatus.UNTRIGGERED

    @property
    def never_triggered(self) -> bool:
        """Ended while it waited for its trigger."""
        return self.status is OrderStatus.DEACTIVATED

    @property
    def is_protective(self) -> bool:
        """The one stop, target or trailing stop of a whole position, made by the exchange."""
        return self.stop_kind in WHOLE

    @property
    def is_partial(self) -> bool:
        """A stop or target of its own size, made by the exchange."""
        return self.stop_kind in PARTIAL


RESTING: Final = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one order against the market, with what the order was at that moment.

    exec_type: FUNDING moves money and no size; its qty is the whole position, its order_type None.
    number: order of execution, unique. value, fee, pnl: settle currency; fee above zero is a cost;
    pnl: realised by the closed part before fees. closed_qty: how much of it reduced a position.
    seq: shared by the executions of one match and by the position row that follows.
    """

    number: int
    exec_id: str
    symbol: str
    order_id: str
    order_link_id: str
    side: Side
    order_type: OrderType | None
    order_price: Decimal
    order_qty: Decimal
    leaves: Decimal
    create_type: CreateType
    stop_kind: StopKind
    price: Decimal
    qty: Decimal
    value: Decimal
    fee: Decimal
    fee_rate: Decimal
    is_maker: bool
    closed_qty: Decimal
    pnl: Decimal
    mark_price: Decimal
    index_price: Decimal
    seq: int
    at_ns: int
    exec_type: ExecutionType = ExecutionType.TRADE
    position_idx: int = 0
    category: str = LINEAR
    market_unit: MarketUnit = MarketUnit.NONE
    fee_coin: str = "USDT"
