"""What is traded in a simulated market: the recorded symbols, and copies of them for load.

Copy 2 of BTCUSDT is BTCCOPY2USDT, its base coin BTCCOPY2: upper-case letters and digits as on the
exchange, and a name that no real coin ending in digits (API3, LUNA2, USD1) can meet. A copy shares
the decoded recording and the rules of its original; it runs at another place of the lap, so that
a hundred symbols do not all move in the same millisecond.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.simulation.market.track import SymbolTrack

VENUE: Final = "bybit"
CATEGORY: Final = "linear"

# Multiples of the golden ratio spread any number of copies evenly over the lap.
_PHASE_STEP: Final = 0.6180339887
_FIRST_COPY_ID: Final = 1_000_000


class Listing(msgspec.Struct, frozen=True):
    """One traded name. row: its answer in instruments-info; phase_ms: how far into a lap it starts."""

    symbol: str
    track: SymbolTrack
    instrument: Instrument
    row: dict[str, Any]
    phase_ms: int


class NameTaken(ValueError):
    """A copy would get the name of a listed contract."""


def list_symbols(
    tracks: Mapping[str, SymbolTrack], rows: Mapping[str, dict[str, Any]], length_ms: int, copies: int
) -> list[Listing]:
    """The recorded symbols and `copies` copies of each, sorted by name.

    Raises NameTaken, or ValueError when a row lacks a rule.
    """
    listings: dict[str, Listing] = {}
    for number in range(copies + 1):
        phase_ms = int(number * _PHASE_STEP % 1 * length_ms)
        for symbol, track in tracks.items():
            row = rows[symbol] if number == 0 else _copied_row(rows[symbol], number)
            name = str(row["symbol"])
            if number and (name in rows or name in listings):
                raise NameTaken(f"copies: {name}, copy {number} of {symbol}, is a listed contract")
            listings[name] = Listing(name, track, instrument_from_row(row), row, phase_ms)
    return [listings[name] for name in sorted(listings)]


def copy_name(symbol: str, base_coin: str, number: int) -> str:
    """The name of copy `number` (1, 2, ...) of a symbol that begins with its base coin."""
    return f"{base_coin}COPY{number}{symbol.removeprefix(base_coin)}"


def _copied_row(row: dict[str, Any], number: int) -> dict[str, Any]:
    copied = {
        **row,
        "symbol": copy_name(row["symbol"], row["baseCoin"], number),
        "baseCoin": f"{row['baseCoin']}COPY{number}",
    }
    if "symbolId" in row:
        copied["symbolId"] = _FIRST_COPY_ID * number + row["symbolId"]
    return copied


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


class _Risk(msgspec.Struct):
    price_limit_ratio: Decimal = msgspec.field(name="priceLimitRatioX")


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


def instrument_from_row(row: dict[str, Any]) -> Instrument:
    """The domain's instrument of one row; raises ValueError that names the field."""
    try:
        rules = msgspec.convert(row, _Row)
    except msgspec.ValidationError as error:
        raise ValueError(f"instrument {row.get('symbol')}: {error}") from error
    lot = rules.lot_size_filter
    return Instrument(
        venue=VENUE,
        category=CATEGORY,
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
    )
