"""What a market's frames say, in our terms and in no venue's spelling.

Codecs make these values; books, candles and the executor read them. Prices are whole ticks and
sizes whole steps of the instrument, except where a value lies on no grid. `at_ns` is the exchange's
time of the event, `seen_ns` our clock when the bytes arrived, both int64 ns UTC.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.market.sequence import FrameKind

Level = tuple[int, int]
"""A price in ticks and the size there in steps; in a delta size 0 deletes the level."""


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """Levels of one side each, as sent: best first in a snapshot.

    at_ns: the matching engine's time. cross_seq: the engine's sequence, rising but not consecutive.
    """

    symbol: str
    kind: FrameKind
    update_id: int
    cross_seq: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at_ns: int
    seen_ns: int


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One public trade. taker: side of the order that took. is_block: agreed off the book; is_rpi:
    against retail liquidity that no book shows."""

    at_ns: int
    ticks: int
    steps: int
    taker: Side
    trade_id: str
    is_block: bool
    is_rpi: bool
    cross_seq: int


class TradesFrame(msgspec.Struct, frozen=True):
    """Trades of one push, oldest first. at_ns: when the push was built."""

    symbol: str
    trades: tuple[Trade, ...]
    at_ns: int
    seen_ns: int


class TickerFrame(msgspec.Struct, frozen=True, kw_only=True):
    """What changed of a ticker; None means unchanged, so a value's age is its topic's.

    Prices in quote currency, sizes in base currency, funding_rate a fraction per interval.
    """

    symbol: str
    kind: FrameKind
    last_price: Decimal | None
    mark_price: Decimal | None
    index_price: Decimal | None
    bid_price: Decimal | None
    bid_size: Decimal | None
    ask_price: Decimal | None
    ask_size: Decimal | None
    funding_rate: Decimal | None
    next_funding_ns: int | None
    at_ns: int
    seen_ns: int


class KlineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One candle of the exchange. start_ns, end_ns: [start, end). confirmed: it will not change."""

    start_ns: int
    end_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    confirmed: bool


class KlineFrame(msgspec.Struct, frozen=True):
    """Candles of one interval (the venue's name of it), oldest first."""

    symbol: str
    interval: str
    rows: tuple[KlineRow, ...]
    at_ns: int
    seen_ns: int


class ControlKind(StrEnum):
    """What the exchange answers to: our requests, not the market."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    ALREADY_SUBSCRIBED = "already_subscribed"
    """Harmless: the first subscription goes on."""
    PONG = "pong"
    REFUSED = "refused"


class ControlFrame(msgspec.Struct, frozen=True):
    """An answer. topic: the one that was refused, "" when the answer names none. One bad topic
    refuses its whole request."""

    kind: ControlKind
    request_id: str
    topic: str
    message: str
    seen_ns: int


Frame = BookFrame | TradesFrame | TickerFrame | KlineFrame | ControlFrame
