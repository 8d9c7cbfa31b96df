"""Bybit V5's public frames as they are written, and the requests that we write.

Structs carry the wire's own one-letter names; `bybit_codec` turns them into `frames`. Fields are
read by key: futures' depth 1 and all of spot write them in another order. Nothing is read that no
one uses. Times are milliseconds.
Source: Bybit V5, "Public Topics" and "Connect"; recorded frames.
"""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.market.sequence import FrameKind

LATEST_MS: Final = 9_000_000_000_000
"""The last time that fits an int64 in nanoseconds, rounded down (year 2255)."""

Ms = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

BOOK_DEPTHS: Final = (1, 50, 200, 1000)
"""Levels a side that linear and inverse topics offer."""

_MINUTE_MS: Final = 60_000
KLINE_LENGTH_MS: Final[dict[str, int | None]] = {
    **{str(minutes): minutes * _MINUTE_MS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": 1440 * _MINUTE_MS,
    "W": None,
    "M": None,
}
"""Intervals of the kline topics. Those with a length start at its multiples since 1970; weeks begin
on Monday and months differ."""


class Head(msgspec.Struct, frozen=True):
    """Enough of any frame to know what it is: market frames have a topic, answers an op."""

    topic: str = ""
    op: str = ""


class BookData(msgspec.Struct, frozen=True, gc=False):
    """`data` of an orderbook frame: (price, size) text."""

    s: str
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    u: Count
    seq: Count


class BookWire(msgspec.Struct, frozen=True, gc=False):
    """orderbook.N: ts is when the push was built, cts when the engine matched."""

    topic: str
    type: FrameKind
    ts: Ms
    data: BookData
    cts: Ms


class TradeRow(msgspec.Struct, frozen=True):
    """One trade. S: the taker's side; BT: block trade; RPI: against retail liquidity."""

    T: Ms
    s: str
    S: Side
    v: str
    p: str
    i: str
    seq: Count
    BT: bool = False
    RPI: bool = False


class TradesWire(msgspec.Struct, frozen=True):
    """publicTrade."""

    topic: str
    ts: Ms
    data: list[TradeRow]


class TickerData(msgspec.Struct, frozen=True, rename="camel"):
    """`data` of a tickers frame: a delta names only what changed, and "" is no value."""

    symbol: str
    last_price: str = ""
    mark_price: str = ""
    index_price: str = ""
    bid1_price: str = ""
    bid1_size: str = ""
    ask1_price: str = ""
    ask1_size: str = ""
    funding_rate: str = ""
    next_funding_time: str = ""


class TickerWire(msgspec.Struct, frozen=True):
    """tickers."""

    topic: str
    type: FrameKind
    ts: Ms
    data: TickerData


class KlineWireRow(msgspec.Struct, frozen=True):
    """One candle; end is its last millisecond."""

    start: Ms
    end: Ms
    interval: str
    open: str
    close: str
    high: str
    low: str
    volume: str
    turnover: str
    confirm: bool


class KlineWire(msgspec.Struct, frozen=True):
    """kline.I."""

    topic: str
    ts: Ms
    data: list[KlineWireRow]


class ControlWire(msgspec.Struct, frozen=True):
    """An answer to a request of ours. Spot leaves req_id out."""

    op: str
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


class _Request(msgspec.Struct, frozen=True, omit_defaults=True):
    op: str
    req_id: str = ""
    args: list[str] = []


def subscribe(topics: Iterable[str], request_id: str) -> bytes:
    """A request for topics. One bad topic refuses the whole request: send one for each symbol."""
    return msgspec.json.encode(_Request("subscribe", request_id, list(topics)))


def unsubscribe(topics: Iterable[str], request_id: str) -> bytes:
    """The opposite of `subscribe`."""
    return msgspec.json.encode(_Request("unsubscribe", request_id, list(topics)))


def ping(request_id: str = "") -> bytes:
    """The application's heartbeat, to be sent every 20 s."""
    return msgspec.json.encode(_Request("ping", request_id))


def book_topic(depth: int, symbol: str) -> str:
    """The order book of so many levels a side."""
    return f"orderbook.{depth}.{symbol}"


def trades_topic(symbol: str) -> str:
    """All public trades."""
    return f"publicTrade.{symbol}"


def ticker_topic(symbol: str) -> str:
    """Last, mark and index price, best prices, funding."""
    return f"tickers.{symbol}"


def kline_topic(interval: str, symbol: str) -> str:
    """The exchange's own candles."""
    return f"kline.{interval}.{symbol}"
