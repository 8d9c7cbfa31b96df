"""Public REST: time, instruments, tickers, klines, order book, recent trades.

Serves exactly the symbols that can be traded here: linear contracts, and spot pairs where there is a
spot market. The other categories of the exchange exist and are empty, so that a client that loads
every market (ccxt) is content.
Source: Bybit V5, "Market"; reference C4.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote, unquote

from aiohttp import web

from tradefleet.domain.instruments import InstrumentStatus
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import plain
from tradefleet.simulation.market.candles import INTERVALS, Candle
from tradefleet.simulation.market.clock import MILLISECOND_NS
from tradefleet.simulation.market.listing import CATEGORY, SPOT
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.market.symbol import SymbolReplay
from tradefleet.simulation.server.envelope import parameter_error, respond

EMPTY_CATEGORIES = ("spot", "inverse", "option")

Query = Mapping[str, str]


SPOT_TRADES: Final = 60
"""The most that recent-trade answers of a spot pair."""


def add_routes(app: web.Application, market: ReplayMarket, spot: ReplayMarket | None = None) -> None:
    """Serve /v5/market/*."""
    rest = PublicRest(market, spot)
    answers: dict[str, Callable[[Query], object]] = {
        "time": rest.time,
        "instruments-info": rest.instruments,
        "tickers": rest.tickers,
        "kline": rest.klines,
        "orderbook": rest.order_book,
        "recent-trade": rest.recent_trades,
    }
    for name, answer in answers.items():
        app.router.add_get(f"/v5/market/{name}", _handler(market, answer))


def _handler(
    market: ReplayMarket, answer: Callable[[Query], object]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return respond(answer(request.query), now_ns=market.now_ns())

    return handle


class PublicRest:
    """`result` of each endpoint; refusals are raised (see `envelope`)."""

    def __init__(self, market: ReplayMarket, spot: ReplayMarket | None = None) -> None:
        self._market = market
        self._markets = {CATEGORY: market, **({SPOT: spot} if spot else {})}

    def time(self, query: Query) -> object:
        """The simulator's clock in seconds and nanoseconds."""
        now_ns = self._market.now_ns()
        return {"timeSecond": str(now_ns // 1_000_000_000), "timeNano": str(now_ns)}

    def instruments(self, query: Query) -> object:
        """Contracts by name, a page of `limit` after `cursor`."""
        category = _category(query)
        limit = _integer(query, "limit", 1, 1000, 500)
        market = self._markets.get(category)
        rows = [replay.listing.row for replay in market.symbols.values()] if market else []
        if "symbol" in query:
            rows = [self._symbol(query).listing.row] if market else []
        status = query.get("status", InstrumentStatus.TRADING)
        if status not in {*InstrumentStatus}:
            raise parameter_error(f"params error: status {status} is none of {', '.join(InstrumentStatus)}")
        rows = [row for row in rows if row["status"] == status]
        if "baseCoin" in query:
            rows = [row for row in rows if row["baseCoin"] == query["baseCoin"]]
        if category == SPOT:
            return {"category": category, "list": rows}  # has no pages
        after = _cursor(query)
        rows = [row for row in rows if row["symbol"] > after]
        page = rows[:limit]
        more = quote(f"last={page[-1]['symbol']}") if len(rows) > limit else ""
        return {"category": category, "list": page, "nextPageCursor": more}

    def tickers(self, query: Query) -> object:
        """One symbol's ticker, or all."""
        category = _category(query)
        market = self._markets.get(category)
        if market is None:
            return {"category": category, "list": []}
        if "symbol" in query:
            replays = [self._symbol(query)]
        else:
            replays = list(market.symbols.values())
            if "baseCoin" in query:
                replays = [one for one in replays if one.listing.instrument.base_coin == query["baseCoin"]]
        return {"category": category, "list": [_ticker_row(replay) for replay in replays]}

    def klines(self, query: Query) -> object:
        """Candles newest first, the open one included."""
        replay = self._symbol(query)
        interval = _required(query, "interval")
        if interval not in INTERVALS:
            raise parameter_error(f"params error: interval {interval} is none of {', '.join(INTERVALS)}")
        limit = _integer(query, "limit", 1, 1000, 200)
        start_ms = _integer(query, "start", 0, 2**53, 0)
        end_ms = _integer(query, "end", 0, 2**53, 2**53)
        now_ms = self._market.now_ns() // MILLISECOND_NS
        candles = [
            candle
            for candle in replay.candles.candles(interval, now_ms)
            if start_ms <= candle.start_ms <= end_ms
        ]
        # With a start alone the exchange counts forward from it, otherwise back from the newest.
        forward = "start" in query and "end" not in query
        page = candles[:limit] if forward else candles[-limit:]
        rows = [_kline_row(candle) for candle in reversed(page)]
        return {"symbol": replay.symbol, "category": replay.listing.instrument.category, "list": rows}

    def order_book(self, query: Query) -> object:
        """The best `limit` levels of the 200 that there are."""
        replay = self._symbol(query)
        limit = _integer(query, "limit", 1, 1000, 1 if replay.is_spot else 25)
        stamp = replay.book_stamp()
        return {
            "s": replay.symbol,
            "b": replay.book.top(Side.BUY, limit),
            "a": replay.book.top(Side.SELL, limit),
            "ts": stamp.at_ms,
            "u": stamp.update_id,
            "seq": stamp.seq,
            "cts": stamp.cut_ms,
        }

    def recent_trades(self, query: Query) -> object:
        """The latest trades, newest first."""
        replay = self._symbol(query)
        limit = _integer(query, "limit", 1, 1000, 500)
        if replay.is_spot:
            limit = min(limit, SPOT_TRADES)
        rows = [
            {
                "execId": row.trade_id,
                "symbol": row.symbol,
                "price": row.price,
                "size": row.size,
                "side": row.side,
                "time": str(row.at_ms),
                "isBlockTrade": row.block,
                "isRPITrade": row.rpi,
                "seq": str(row.seq),
            }
            for row in replay.recent_trades(limit)
        ]
        return {"category": replay.listing.instrument.category, "list": rows}

    def _symbol(self, query: Query) -> SymbolReplay:
        category = _category(query, default=CATEGORY)
        symbol = _required(query, "symbol")
        market = self._markets.get(category)
        replay = market.symbols.get(symbol) if market else None
        if replay is None:
            raise parameter_error(f"params error: symbol invalid, {symbol} is not traded here ({category})")
        return replay


def _ticker_row(replay: SymbolReplay) -> dict[str, str]:
    if not replay.is_spot:
        return replay.ticker.rest_row()
    top: dict[str, str] = {}
    for name, side in (("bid1", Side.BUY), ("ask1", Side.SELL)):
        for price, size in replay.book.top(side, 1):
            top |= {f"{name}Price": price, f"{name}Size": size}
    return replay.ticker.spot_rest_row(top)


def _kline_row(candle: Candle) -> tuple[str, ...]:
    values = (candle.open, candle.high, candle.low, candle.close, candle.volume, candle.turnover)
    return (str(candle.start_ms), *map(plain, values))


def _category(query: Query, default: str | None = None) -> str:
    category = query.get("category", default)
    if category is None:
        raise parameter_error("params error: category is missing; this simulator trades linear")
    if category != CATEGORY and category not in EMPTY_CATEGORIES:
        raise parameter_error("Illegal category")
    return category


def _required(query: Query, name: str) -> str:
    value = query.get(name)
    if not value:
        raise parameter_error(f"params error: {name} is missing")
    return value


def _integer(query: Query, name: str, low: int, high: int, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise parameter_error(f"params error: {name} {text!r} is not a whole number") from None
    if not low <= value <= high:
        raise parameter_error(f"params error: {name} {value} is not in {low}..{high}")
    return value


def _cursor(query: Query) -> str:
    cursor = query.get("cursor", "")
    # Clients that encode the cursor again (it is encoded already) send it doubly quoted.
    name, _, last = unquote(cursor).partition("=")
    if cursor and (name != "last" or not last):
        raise parameter_error(f"params error: cursor {cursor!r} is not one of ours")
    return last
