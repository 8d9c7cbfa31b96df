"""Names of public topics: `<stream>.<symbol>`, and which streams exist here.

Depths are 1, 50 and 200: the recording holds 200 levels, so the exchange's 1000 cannot be served
and answers `handler not found` like any other unknown name.
Source: Bybit V5, "Public Topics"; reference A5 to A8.
"""

from collections.abc import Container
from typing import Final

import msgspec

from tradefleet.simulation.market.candles import INTERVALS

BOOK_DEPTHS: Final = (1, 50, 200)
TRADES: Final = "publicTrade"
TICKERS: Final = "tickers"


def book_stream(depth: int) -> str:
    """The stream of one depth, for instance `orderbook.50`."""
    return f"orderbook.{depth}"


def kline_stream(interval: str) -> str:
    """The stream of one interval, for instance `kline.1`."""
    return f"kline.{interval}"


DEPTH_OF: Final = {book_stream(depth): depth for depth in BOOK_DEPTHS}
INTERVAL_OF: Final = {kline_stream(interval): interval for interval in INTERVALS}
STREAMS: Final = frozenset({TRADES, TICKERS, *DEPTH_OF, *INTERVAL_OF})


class Topic(msgspec.Struct, frozen=True):
    """One existing topic. name: as subscribed; stream: the part before the symbol."""

    name: str
    stream: str
    symbol: str


def parse_topic(name: str, symbols: Container[str]) -> Topic | None:
    """The topic of that name, None when there is no such stream or symbol (names are case-sensitive)."""
    stream, _, symbol = name.rpartition(".")
    if stream not in STREAMS or symbol not in symbols:
        return None
    return Topic(name, stream, symbol)
