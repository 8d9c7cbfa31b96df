"""Public frames, in and out: what the recording holds and what is sent, byte for byte alike.

The structs decode recorded frames; the functions build frames with the exchange's order of keys
(depth 1 and all of spot put `ts` before `type`, klines put `data` before both). Every frame is compact JSON,
built once and sent to every subscriber.
Source: recorded frames; reference A5 to A8.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from tradefleet.domain.quantities import plain
from tradefleet.simulation.market.book import Row
from tradefleet.simulation.market.candles import Candle, interval_end

Kind = Literal["snapshot", "delta"]


class FrameHead(msgspec.Struct, frozen=True):
    """Enough of any recorded frame to know what it is; acks have no topic."""

    topic: str = ""
    ts: int = 0


class BookData(
    msgspec.Struct, frozen=True, rename={"symbol": "s", "bids": "b", "asks": "a", "update_id": "u"}
):
    """`data` of an orderbook frame. bids, asks: (price, size) text, best first."""

    symbol: str
    bids: list[Row]
    asks: list[Row]
    update_id: int
    seq: int


class BookFrame(msgspec.Struct, frozen=True):
    """orderbook.200: ts is when the message was built, cts when the engine matched, both ms."""

    type: Kind
    ts: int
    data: BookData
    cts: int


_TRADE_KEYS = {
    "at_ms": "T",
    "symbol": "s",
    "side": "S",
    "size": "v",
    "price": "p",
    "tick_direction": "L",
    "trade_id": "i",
    "block": "BT",
    "rpi": "RPI",
}


class TradeRow(msgspec.Struct, frozen=True, rename=_TRADE_KEYS):
    """One trade of a publicTrade frame. side: the taker's."""

    at_ms: int
    symbol: str
    side: Literal["Buy", "Sell"]
    size: str
    price: str
    trade_id: str
    block: bool
    rpi: bool
    seq: int
    tick_direction: str = ""
    """Futures only."""


class TradeFrame(msgspec.Struct, frozen=True):
    """publicTrade: trades of one push, oldest first."""

    ts: int
    data: list[TradeRow]


class TickerFrame(msgspec.Struct, frozen=True):
    """tickers: a snapshot, then only the fields that changed. cs: the cross sequence."""

    type: Kind
    data: dict[str, str]
    cs: int
    ts: int


def rows_json(rows: Iterable[Row]) -> bytes:
    """Levels as they stand inside a frame."""
    return msgspec.json.encode(list(rows))


def book_frame(
    depth: int,
    symbol: str,
    kind: Kind,
    *,
    ts: int,
    bids: bytes,
    asks: bytes,
    update_id: int,
    seq: int,
    cts: int,
    spot: bool = False,
) -> bytes:
    """An orderbook frame. bids, asks: made by `rows_json`; ts, cts: ms."""
    head = f'"ts":{ts},"type":"{kind}"' if depth == 1 or spot else f'"type":"{kind}","ts":{ts}'
    return b'{"topic":"orderbook.%d.%s",%s,"data":{"s":"%s","b":%s,"a":%s,"u":%d,"seq":%d},"cts":%d}' % (
        depth,
        name := symbol.encode(),
        head.encode(),
        name,
        bids,
        asks,
        update_id,
        seq,
        cts,
    )


def trade_frame(symbol: str, ts: int, trades: Sequence[TradeRow], *, spot: bool = False) -> bytes:
    """A publicTrade frame. ts: ms."""
    if spot:
        rows = msgspec.json.encode([_spot_trade(row) for row in trades])
        return b'{"topic":"publicTrade.%s","ts":%d,"type":"snapshot","data":%s}' % (symbol.encode(), ts, rows)
    return b'{"topic":"publicTrade.%s","type":"snapshot","ts":%d,"data":%s}' % (
        symbol.encode(),
        ts,
        msgspec.json.encode([_linear_trade(row) for row in trades]),
    )


def _linear_trade(row: TradeRow) -> dict[str, object]:
    return {
        "T": row.at_ms,
        "s": row.symbol,
        "S": row.side,
        "v": row.size,
        "p": row.price,
        "L": row.tick_direction,
        "i": row.trade_id,
        "BT": row.block,
        "RPI": row.rpi,
        "seq": row.seq,
    }


def _spot_trade(row: TradeRow) -> dict[str, object]:
    return {
        "i": row.trade_id,
        "T": row.at_ms,
        "p": row.price,
        "v": row.size,
        "S": row.side,
        "seq": row.seq,
        "s": row.symbol,
        "BT": row.block,
        "RPI": row.rpi,
    }


def ticker_frame(
    symbol: str, kind: Kind, fields: Mapping[str, str], *, cs: int, ts: int, spot: bool = False
) -> bytes:
    """A tickers frame. fields: all but `symbol`, in the recorded order; ts: ms."""
    if spot:
        return b'{"topic":"tickers.%s","ts":%d,"type":"snapshot","cs":%d,"data":%s}' % (
            symbol.encode(),
            ts,
            cs,
            msgspec.json.encode({"symbol": symbol, **fields}),
        )
    return b'{"topic":"tickers.%s","type":"%s","data":%s,"cs":%d,"ts":%d}' % (
        symbol.encode(),
        kind.encode(),
        msgspec.json.encode({"symbol": symbol, **fields}),
        cs,
        ts,
    )


def kline_frame(
    symbol: str, interval: str, candles: Sequence[tuple[Candle, bool]], ts: int, *, spot: bool = False
) -> bytes:
    """A kline frame of (candle, closed?) pairs, oldest first. ts: ms.

    When a candle closes, one frame holds it and the next one, still flat (as recorded).
    """
    layout = _SPOT_KLINE if spot else _LINEAR_KLINE
    return layout % (
        interval.encode(),
        symbol.encode(),
        msgspec.json.encode([_kline_row(interval, candle, closed, ts) for candle, closed in candles]),
        ts,
    )


_LINEAR_KLINE: Final = b'{"topic":"kline.%s.%s","data":%s,"ts":%d,"type":"snapshot"}'
_SPOT_KLINE: Final = b'{"type":"snapshot","topic":"kline.%s.%s","data":%s,"ts":%d}'


def _kline_row(interval: str, candle: Candle, closed: bool, ts: int) -> dict[str, object]:
    return {
        "start": candle.start_ms,
        "end": interval_end(interval, candle.start_ms) - 1,
        "interval": interval,
        "open": plain(candle.open),
        "close": plain(candle.close),
        "high": plain(candle.high),
        "low": plain(candle.low),
        "volume": plain(candle.volume),
        "turnover": plain(candle.turnover),
        "confirm": closed,
        "timestamp": ts,
    }
