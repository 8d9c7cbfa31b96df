"""The account's rows as Bybit writes them: one place for REST and the private stream.

Numbers are strings, absent ones "". REST and stream rows of one thing carry the same fields under
the same names, but for a position's entry price (`avgPrice` over REST, `entryPrice` in the stream).
Constants stand for what is not simulated: risk tiers, ADL, borrowing, RPI, SMP.
Source: reference B2; every recorded payload's fields are held to by
tests/unit/simulation/account/test_account_rows.py.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.quantities import MONEY, ONE, ZERO, divide, plain
from tradefleet.simulation.account.ledger import GRAIN, FeeRates, Position
from tradefleet.simulation.account.margin import AccountFigures, PositionFigures
from tradefleet.simulation.account.orders import SPOT, Fill, MarketUnit, Order, Protection
from tradefleet.simulation.account.rules import SETTLE_COIN
from tradefleet.simulation.account.state import Transaction, TransactionType

Row = dict[str, Any]

CATEGORY: Final = "linear"
MILLISECOND_NS: Final = 1_000_000

_EIGHT_DECIMALS: Final = Decimal("1e-8")
_ONE_TIER: Final = "2000000"
"""riskLimitValue: one tier for every symbol, shown and not enforced."""


def order_row(order: Order) -> Row:
    """One order, for order/realtime, order/history and the topic `order`."""
    trigger, leaves = order.trigger, order.leaves
    stop, target = order.stop_loss, order.take_profit
    average = divide(order.cum_exec_value, order.cum_exec_qty) if order.cum_exec_qty else None
    spot = order.category == SPOT
    return {
        "symbol": order.symbol,
        "category": order.category,
        "orderId": order.order_id,
        "orderLinkId": order.order_link_id,
        "parentOrderLinkId": "",
        "side": order.side.value,
        "positionIdx": order.position_idx,
        "orderType": order.order_type.value,
        "price": plain(order.price),
        "qty": plain(order.qty),
        "timeInForce": order.time_in_force.value,
        "orderStatus": order.status.value,
        "createType": order.create_type.value,
        "cancelType": order.cancel_type.value,
        "rejectReason": order.reject_reason.value,
        "avgPrice": "" if average is None else plain(average.quantize(GRAIN, context=MONEY)),
        "leavesQty": plain(leaves),
        "leavesValue": plain(leaves if order.market_unit is MarketUnit.QUOTE else leaves * order.price),
        "cumExecQty": plain(order.cum_exec_qty),
        "cumExecValue": plain(order.cum_exec_value),
        "cumExecFee": plain(order.cum_exec_fee),
        "cumFeeDetail": {order.fee_coin: plain(order.cum_exec_fee)} if order.cum_exec_fee else {},
        "closedPnl": "" if spot else plain(order.closed_pnl),
        "feeCurrency": order.fee_coin,
        "stopOrderType": order.stop_kind.value,
        "triggerPrice": "" if trigger is None else plain(trigger.price),
        "triggerDirection": 0 if trigger is None or spot else int(trigger.direction),
        "triggerBy": "" if trigger is None else trigger.by.value,
        **_attached(stop, target),
        # Spot's recorded row has none, and ccxt takes a row that has one for a contract's.
        **({} if spot else {"tpslMode": _tpsl_mode(order)}),
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "ocoTriggerBy": "",
        "lastPriceOnCreated": plain(order.last_price_on_created),
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": order.close_on_trigger,
        "placeType": "",
        "smpType": order.smp_type,
        "smpGroup": 0,
        "smpOrderId": "",
        "slippageToleranceType": order.tolerance.kind.value if order.tolerance else "UNKNOWN",
        "slippageTolerance": plain(order.tolerance.value) if order.tolerance else "",
        "marketUnit": order.market_unit.value,
        "blockTradeId": "",
        "isLeverage": "0" if spot else "",
        "orderIv": "",
        "extraFees": "",
        "rpiTakerAccess": False,
        "rpiMatchedQty": "0",
        "createdTime": _ms(order.created_ns),
        "updatedTime": _ms(order.updated_ns),
    }


def _tpsl_mode(order: Order) -> str:
    if order.is_partial:
        return "Partial"
    return "Full" if order.stop_loss or order.take_profit or order.is_protective else ""


def _attached(stop: Protection | None, target: Protection | None) -> Row:
    return {
        "takeProfit": "" if target is None else plain(target.price),
        "stopLoss": "" if stop is None else plain(stop.price),
        "tpTriggerBy": "" if target is None else target.by.value,
        "slTriggerBy": "" if stop is None else stop.by.value,
    }


def execution_row(fill: Fill) -> Row:
    """One execution, for execution/list and the topic `execution`; a spot one has no position and no
    mark."""
    spot = fill.category == SPOT
    return {
        "category": fill.category,
        "symbol": fill.symbol,
        "orderId": fill.order_id,
        "orderLinkId": fill.order_link_id,
        "side": fill.side.value,
        "orderPrice": plain(fill.order_price),
        "orderQty": plain(fill.order_qty),
        "leavesQty": plain(fill.leaves),
        "createType": "" if fill.exec_type is ExecutionType.FUNDING else fill.create_type.value,
        "orderType": "UNKNOWN" if fill.order_type is None else fill.order_type.value,
        "stopOrderType": fill.stop_kind.value or ("" if spot else "UNKNOWN"),
        "execId": fill.exec_id,
        "execPrice": plain(fill.price),
        "execQty": plain(fill.qty),
        "execValue": plain(fill.value),
        "execType": fill.exec_type.value,
        "execTime": _ms(fill.at_ns),
        "execFee": plain(fill.fee),
        "feeRate": plain(fill.fee_rate),
        "feeCurrency": fill.fee_coin,
        "isMaker": fill.is_maker,
        "closedSize": "" if spot else plain(fill.closed_qty),
        "execPnl": "" if spot else plain(fill.pnl),
        "markPrice": "" if spot else plain(fill.mark_price),
        "indexPrice": "" if spot else plain(fill.index_price),
        "underlyingPrice": "",
        "tradeIv": "",
        "markIv": "",
        "blockTradeId": "",
        "isLeverage": "0",
        "marketUnit": fill.market_unit.value,
        "extraFees": "",
        "seq": fill.seq,
    }


def fast_execution_row(fill: Fill) -> Row:
    """The topic `execution.fast`: a maker's orderLinkId is "" there, as Bybit leaves it out."""
    return {
        "category": fill.category,
        "symbol": fill.symbol,
        "orderId": fill.order_id,
        "orderLinkId": "" if fill.is_maker else fill.order_link_id,
        "isMaker": fill.is_maker,
        "execId": fill.exec_id,
        "execPrice": plain(fill.price),
        "execQty": plain(fill.qty),
        "side": fill.side.value,
        "execTime": _ms(fill.at_ns),
        "seq": fill.seq,
    }


def _position_fields(position: Position, figures: PositionFigures, fees: FeeRates) -> Row:
    side = position.side
    return {
        "positionIdx": position.position_idx,
        "riskId": 1,
        "riskLimitValue": _ONE_TIER,
        "symbol": position.symbol,
        "category": CATEGORY,
        "side": "" if side is None else side.value,
        "size": plain(abs(position.size)),
        "leverage": plain(position.leverage),
        "breakEvenPrice": _break_even(position, fees),
        "positionValue": plain(position.cost),
        "positionBalance": "0",
        "markPrice": plain(figures.mark),
        "positionIM": _short(figures.initial_margin),
        "positionIMByMp": _short(figures.initial_margin),
        "positionMM": _short(figures.maintenance_margin),
        "positionMMByMp": _short(figures.maintenance_margin),
        "liqPrice": "",
        "bustPrice": "",
        "takeProfit": plain(position.take_profit.price) if position.take_profit else "0",
        "stopLoss": plain(position.stop_loss.price) if position.stop_loss else "0",
        "trailingStop": plain(position.trailing.distance) if position.trailing else "0",
        "unrealisedPnl": plain(figures.unrealised),
        "curRealisedPnl": plain(position.realised_now),
        "cumRealisedPnl": plain(position.realised_total),
        "sessionAvgPrice": "",
        "tradeMode": 0,
        "tpslMode": "Full",
        "positionStatus": "Normal",
        "adlRankIndicator": 0,
        "autoAddMargin": 0,
        "leverageSysUpdatedTime": "",
        "isReduceOnly": False,
        "seq": position.seq,
        "openTime": position.opened_ns // MILLISECOND_NS,
        "createdTime": _ms(position.created_ns),
        "updatedTime": _ms(position.updated_ns),
    }


def position_rest_row(position: Position, figures: PositionFigures, fees: FeeRates) -> Row:
    """One position, for position/list."""
    entry = position.entry_price
    return {
        **_position_fields(position, figures, fees),
        "avgPrice": "0" if entry is None else plain(entry),
        "mmrSysUpdateTime": "",
    }


def position_stream_row(position: Position, figures: PositionFigures, fees: FeeRates) -> Row:
    """One position, for the topic `position`."""
    entry = position.entry_price
    return {
        **_position_fields(position, figures, fees),
        "entryPrice": "0" if entry is None else plain(entry),
        "mmrSysUpdatedTime": "",
    }


def _break_even(position: Position, fees: FeeRates) -> str:
    """(entry x qty - realised) / (qty - |qty| x max(taker, 0.00055)), signed qty; "" when flat."""
    if position.side is None:
        return ""
    signed_cost = position.cost * position.side.sign
    after_fee = position.size - abs(position.size) * max(fees.taker, Decimal("0.00055"))
    return _short(divide(signed_cost - position.realised_now, after_fee))


class Coin(msgspec.Struct, frozen=True):
    """A balance beside the settle coin. locked: by orders; price: in dollars, zero when not known."""

    name: str
    balance: Decimal
    locked: Decimal
    price: Decimal

    @property
    def value(self) -> Decimal:
        """In dollars."""
        return self.balance * self.price


def wallet_row(figures: AccountFigures, coins: Sequence[Coin] = ()) -> Row:
    """The account, for account/wallet-balance and the topic `wallet`; USDT is counted as a dollar.

    Coins beside it count in the equity and are no collateral.
    """
    held = sum((coin.value for coin in coins), ZERO)
    wallet, margin = figures.wallet, figures.position_margin + figures.order_margin
    rate_im, rate_mm = _rate(margin, figures), _rate(figures.maintenance_margin, figures)
    return {
        "accountType": "UNIFIED",
        "accountLTV": "0",
        "accountIMRate": rate_im,
        "accountIMRateByMp": rate_im,
        "accountMMRate": rate_mm,
        "accountMMRateByMp": rate_mm,
        "totalEquity": plain(figures.equity + held),
        "totalWalletBalance": plain(wallet.balance + held),
        "totalMarginBalance": plain(figures.equity),
        "totalAvailableBalance": _short(max(ZERO, figures.available)),
        "totalPerpUPL": plain(figures.unrealised),
        "totalInitialMargin": _short(margin),
        "totalInitialMarginByMp": _short(margin),
        "totalMaintenanceMargin": _short(figures.maintenance_margin),
        "totalMaintenanceMarginByMp": _short(figures.maintenance_margin),
        "coin": [_coin_row(figures), *(_other_coin_row(coin) for coin in coins)],
    }


def _coin_row(figures: AccountFigures) -> Row:
    wallet = figures.wallet
    return {
        "coin": SETTLE_COIN,
        "equity": plain(figures.equity),
        "usdValue": plain(figures.equity),
        "walletBalance": plain(wallet.balance),
        "availableToWithdraw": _short(max(ZERO, min(figures.available, wallet.balance))),
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": _short(figures.order_margin),
        "totalPositionIM": _short(figures.position_margin),
        "totalPositionMM": _short(figures.maintenance_margin),
        "unrealisedPnl": plain(figures.unrealised),
        "cumRealisedPnl": plain(wallet.realised - wallet.fees - wallet.funding),
        "bonus": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
        "locked": plain(figures.locked),
        "spotHedgingQty": "0",
        "spotBorrow": "0",
    }


def _other_coin_row(coin: Coin) -> Row:
    return {
        "coin": coin.name,
        "equity": plain(coin.balance),
        "usdValue": _short(coin.value),
        "walletBalance": plain(coin.balance),
        "availableToWithdraw": plain(coin.balance - coin.locked),
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "totalPositionMM": "0",
        "unrealisedPnl": "0",
        "cumRealisedPnl": "0",
        "bonus": "0",
        "collateralSwitch": False,
        "marginCollateral": True,
        "locked": plain(coin.locked),
        "spotHedgingQty": "0",
        "spotBorrow": "0",
    }


def _rate(part: Decimal, figures: AccountFigures) -> str:
    """A margin as a fraction of the margin balance; 1 when there is nothing to hold it with."""
    if part == 0:
        return "0"
    return _short(divide(part, figures.equity) if figures.equity > 0 else ONE)


def _short(value: Decimal) -> str:
    """An approximate figure to eight decimals, as Bybit writes them."""
    return plain(value.quantize(_EIGHT_DECIMALS, context=MONEY) + ZERO)


def _ms(at_ns: int) -> str:
    return str(at_ns // MILLISECOND_NS)


def transaction_row(each: Transaction) -> Row:
    """One movement of the wallet, for account/transaction-log; the signs are the account's."""
    fill = each.fill
    funding = each.kind is TransactionType.SETTLEMENT
    spot = fill is not None and fill.category == SPOT
    traded = fill is not None and not funding
    fee = fill.fee if fill and traded and fill.fee_coin == each.coin else ZERO
    return {
        "id": f"{each.number}",
        "symbol": fill.symbol if fill else "",
        "category": fill.category if fill else "",
        "side": fill.side.value if fill else "None",
        "transactionTime": _ms(each.at_ns),
        "type": each.kind.value,
        "transSubType": "",
        "qty": plain(fill.qty) if fill else "0",
        "size": plain(each.size) if fill else "",
        "currency": each.coin,
        "tradePrice": plain(fill.price) if fill else "",
        "funding": plain(each.change) if funding else "",
        "fee": plain(fee),
        "cashFlow": _cash_flow(each, fee, spot=spot),
        "change": plain(each.change),
        "cashBalance": plain(each.balance),
        "feeRate": plain(fill.fee_rate) if fill else "",
        "bonusChange": "",
        "tradeId": fill.exec_id if fill else "",
        "orderId": fill.order_id if fill else "",
        "orderLinkId": fill.order_link_id if fill else "",
        "extraFees": "",
    }


def _cash_flow(each: Transaction, fee: Decimal, *, spot: bool) -> str:
    if spot:
        return plain(each.change + fee)
    if each.fill is not None and each.kind is TransactionType.TRADE:
        return plain(each.fill.pnl)
    return plain(ZERO if each.kind is TransactionType.SETTLEMENT else each.change)
