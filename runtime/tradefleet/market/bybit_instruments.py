"""The rules of Bybit's contracts and spot pairs as its REST writes them: GET /v5/market/instruments-info.

Source: Bybit V5, "Get Instruments Info" (categories linear and spot).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.quantities import ONE, ZERO

VENUE: Final = "bybit"
SPOT: Final = "spot"


class BadInstrument(ValueError):
    """A row that lacks a rule or holds one that is none; the text names contract and field."""


class _Price(msgspec.Struct):
    tick_size: Decimal = msgspec.field(name="tickSize")


class _Lot(msgspec.Struct, rename="camel"):
    qty_step: Decimal
    min_order_qty: Decimal
    max_order_qty: Decimal
    max_mkt_order_qty: Decimal
    min_notional_value: Decimal


class _Leverage(msgspec.Struct):
    max_leverage: Decimal = msgspec.field(name="maxLeverage")
    leverage_step: Decimal = msgspec.field(name="leverageStep", default=Decimal("0.01"))


class _Risk(msgspec.Struct):
    price_limit_ratio: Decimal = msgspec.field(name="priceLimitRatioX")


class _SpotLot(msgspec.Struct, rename="camel"):
    base_precision: Decimal
    quote_precision: Decimal
    min_order_qty: Decimal
    min_order_amt: Decimal
    max_limit_order_qty: Decimal
    max_market_order_qty: Decimal


class _SpotRow(msgspec.Struct, rename="camel"):
    symbol: str
    status: InstrumentStatus
    base_coin: str
    quote_coin: str
    price_filter: _Price
    lot_size_filter: _SpotLot
    risk_parameters: _Risk


class _Row(msgspec.Struct, rename="camel"):
    symbol: str
    status: InstrumentStatus
    base_coin: str
    quote_coin: str
    settle_coin: str
    price_filter: _Price
    lot_size_filter: _Lot
    leverage_filter: _Leverage
    risk_parameters: _Risk


def instrument_of(row: Mapping[str, Any], category: str = "linear") -> Instrument:
    """The contract (or pair) of one row of `result.list`; raises BadInstrument."""
    if category == SPOT:
        return _spot_of(row)
    try:
        rules = msgspec.convert(row, _Row)
    except msgspec.ValidationError as error:
        raise BadInstrument(f"instrument {row.get('symbol')}: {error}") from error
    lot = rules.lot_size_filter
    _require_grid(
        rules.symbol,
        tickSize=rules.price_filter.tick_size,
        qtyStep=lot.qty_step,
        leverageStep=rules.leverage_filter.leverage_step,
    )
    return Instrument(
        venue=VENUE,
        category=category,
        symbol=rules.symbol,
        status=rules.status,
        base_coin=rules.base_coin,
        quote_coin=rules.quote_coin,
        settle_coin=rules.settle_coin,
        tick_size=rules.price_filter.tick_size,
        qty_step=lot.qty_step,
        min_qty=lot.min_order_qty,
        max_market_qty=lot.max_mkt_order_qty,
        max_limit_qty=lot.max_order_qty,
        min_notional=lot.min_notional_value,
        max_leverage=rules.leverage_filter.max_leverage,
        price_limit_ratio=rules.risk_parameters.price_limit_ratio,
        leverage_step=rules.leverage_filter.leverage_step,
    )


class _HeldLot(msgspec.Struct, rename="camel"):
    qty_step: Decimal
    max_mkt_order_qty: Decimal


class _HeldRow(msgspec.Struct, rename="camel"):
    symbol: str
    settle_coin: str
    price_filter: _Price
    lot_size_filter: _HeldLot


def held_rules_of(row: Mapping[str, Any]) -> Instrument | None:
    """What a row that `instrument_of` refuses still says of protecting and closing a contract: its grid and
    the largest market order. Nothing opens by these rules. None when the row does not say that much."""
    try:
        rules = msgspec.convert(row, _HeldRow)
        lot = rules.lot_size_filter
        _require_grid(
            rules.symbol,
            tickSize=rules.price_filter.tick_size,
            qtyStep=lot.qty_step,
            maxMktOrderQty=lot.max_mkt_order_qty,
        )
    except (msgspec.ValidationError, BadInstrument):
        return None
    return Instrument(
        venue=VENUE,
        category="linear",
        symbol=rules.symbol,
        status=InstrumentStatus.UNKNOWN,
        base_coin=rules.symbol.removesuffix(rules.settle_coin),
        quote_coin=rules.settle_coin,
        settle_coin=rules.settle_coin,
        tick_size=rules.price_filter.tick_size,
        qty_step=lot.qty_step,
        min_qty=lot.qty_step,
        max_market_qty=lot.max_mkt_order_qty,
        max_limit_qty=lot.max_mkt_order_qty,
        min_notional=ZERO,
        max_leverage=ONE,
        price_limit_ratio=ZERO,
    )


def _spot_of(row: Mapping[str, Any]) -> Instrument:
    try:
        rules = msgspec.convert(row, _SpotRow)
    except msgspec.ValidationError as error:
        raise BadInstrument(f"instrument {row.get('symbol')}: {error}") from error
    lot = rules.lot_size_filter
    _require_grid(
        rules.symbol,
        tickSize=rules.price_filter.tick_size,
        basePrecision=lot.base_precision,
        quotePrecision=lot.quote_precision,
    )
    return Instrument(
        venue=VENUE,
        category=SPOT,
        symbol=rules.symbol,
        status=rules.status,
        base_coin=rules.base_coin,
        quote_coin=rules.quote_coin,
        settle_coin=rules.quote_coin,
        tick_size=rules.price_filter.tick_size,
        qty_step=lot.base_precision,
        min_qty=lot.min_order_qty,
        max_market_qty=lot.max_market_order_qty,
        max_limit_qty=lot.max_limit_order_qty,
        min_notional=lot.min_order_amt,
        max_leverage=ONE,
        price_limit_ratio=rules.risk_parameters.price_limit_ratio,
        quote_step=lot.quote_precision,
    )


def _require_grid(symbol: str, **units: Decimal) -> None:
    for name, unit in units.items():
        if not (unit.is_finite() and unit > 0):
            raise BadInstrument(f"instrument {symbol}: {name} {unit} is not above 0")
