"""Raw Bybit frames for tests, written as the exchange writes them."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradefleet.domain.instruments import Instrument, InstrumentStatus

AT_MS = 1_786_310_820_000
"""2026-08-09 21:27:00 UTC, a whole minute."""
AT_NS = AT_MS * 1_000_000
SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS

Rows = Iterable[tuple[str, str]]


def make_instrument(symbol: str = "ABCUSDT", tick: str = "0.1", step: str = "0.01") -> Instrument:
    """A contract with a grid of one's choice."""
    return Instrument(
        venue="bybit",
        category="linear",
        symbol=symbol,
        status=InstrumentStatus.TRADING,
        base_coin=symbol.removesuffix("USDT"),
        quote_coin="USDT",
        settle_coin="USDT",
        tick_size=Decimal(tick),
        qty_step=Decimal(step),
        min_qty=Decimal(step),
        max_market_qty=Decimal(1000),
        max_limit_qty=Decimal(1000),
        min_notional=Decimal(5),
        max_leverage=Decimal(100),
        price_limit_ratio=Decimal("0.02"),
    )


def compact(value: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def raw_book(
    kind: str,
    update_id: int,
    bids: Rows,
    asks: Rows,
    *,
    symbol: str = "ABCUSDT",
    depth: int = 50,
    seq: int | None = None,
    at_ms: int = AT_MS,
) -> bytes:
    """An orderbook frame; seq: ten times the update id when not given."""
    return compact(
        {
            "topic": f"orderbook.{depth}.{symbol}",
            "type": kind,
            "ts": at_ms + 2,
            "data": {
                "s": symbol,
                "b": list(bids),
                "a": list(asks),
                "u": update_id,
                "seq": 10 * update_id if seq is None else seq,
            },
            "cts": at_ms,
        }
    )


def trade_row(
    at_ms: int, price: str, size: str, *, symbol: str = "ABCUSDT", side: str = "Buy", **other: Any
) -> dict[str, Any]:
    """One row of publicTrade."""
    row = {"T": at_ms, "s": symbol, "S": side, "v": size, "p": price, "L": "PlusTick", "i": f"id-{at_ms}"}
    return {**row, "BT": False, "RPI": False, "seq": at_ms % 10**6, **other}


def raw_trades(*rows: dict[str, Any], symbol: str = "ABCUSDT", at_ms: int | None = None) -> bytes:
    """A publicTrade frame; at_ms: the last trade's time when not given."""
    ts = rows[-1]["T"] if at_ms is None else at_ms
    return compact({"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": ts, "data": list(rows)})


def kline_row(
    start_ms: int, prices: tuple[str, str, str, str], volume: str, turnover: str, *, confirm: bool
) -> dict[str, Any]:
    """One row of kline.1; prices: open, high, low, close."""
    opened, high, low, close = prices
    return {
        "start": start_ms,
        "end": start_ms + 59_999,
        "interval": "1",
        "open": opened,
        "close": close,
        "high": high,
        "low": low,
        "volume": volume,
        "turnover": turnover,
        "confirm": confirm,
        "timestamp": start_ms + 60_441,
    }


def raw_kline(*rows: dict[str, Any], symbol: str = "ABCUSDT", at_ms: int) -> bytes:
    """A kline.1 frame."""
    return compact({"topic": f"kline.1.{symbol}", "data": list(rows), "ts": at_ms, "type": "snapshot"})
