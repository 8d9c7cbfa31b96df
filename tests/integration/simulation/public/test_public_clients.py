"""pybit and ccxt as they are, with nothing changed but the address."""

import asyncio
import itertools
import queue
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt.pro
import pybit.unified_trading
import pytest
from pybit.exceptions import InvalidRequestError

Serve = Callable[..., Awaitable[Any]]


async def test_pybit_reads_every_market_endpoint(serve: Serve) -> None:
    served = await serve(history_ns=120_000_000_000)
    session = pybit.unified_trading.HTTP()
    session.endpoint = served.rest

    def read() -> dict[str, Any]:
        linear = {"category": "linear", "symbol": "SOLUSDT"}
        return {
            "time": session.get_server_time()["result"],
            "instruments": session.get_instruments_info(category="linear")["result"]["list"],
            "tickers": session.get_tickers(category="linear")["result"]["list"],
            "kline": session.get_kline(**linear, interval=1, limit=2)["result"]["list"],
            "orderbook": session.get_orderbook(**linear, limit=50)["result"],
            "trades": session.get_public_trade_history(**linear, limit=5)["result"]["list"],
        }

    answers = await asyncio.to_thread(read)

    assert int(answers["time"]["timeNano"]) > 0
    assert [row["symbol"] for row in answers["instruments"]] == list(served.market.symbols)
    assert len(answers["tickers"]) == 4
    assert len(answers["kline"]) == 2
    assert len(answers["orderbook"]["a"]) == 50
    assert len(answers["trades"]) == 5


async def test_pybit_sees_a_wrong_symbol_as_an_invalid_request(serve: Serve) -> None:
    served = await serve()
    session = pybit.unified_trading.HTTP()
    session.endpoint = served.rest

    with pytest.raises(InvalidRequestError) as refused:
        await asyncio.to_thread(session.get_orderbook, category="linear", symbol="NOPEUSDT")

    assert refused.value.status_code == 10001


async def test_pybit_follows_every_stream(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serve(speed=5.0)
    monkeypatch.setattr(
        pybit.unified_trading, "PUBLIC_WSS", served.stream.replace("linear", "{CHANNEL_TYPE}")
    )
    heard: queue.Queue[dict[str, Any]] = queue.Queue()

    def follow() -> Counter[str]:
        socket = pybit.unified_trading.WebSocket(testnet=False, channel_type="linear")
        symbols = list(served.market.symbols)
        socket.orderbook_stream(50, symbols, heard.put)
        socket.ticker_stream("BTCUSDT", heard.put)
        socket.trade_stream("SOLUSDT", heard.put)
        socket.kline_stream(1, "SOLUSDT", heard.put)
        counts: Counter[str] = Counter()
        wanted = {f"orderbook.50.{symbol}" for symbol in symbols}
        wanted |= {"tickers.BTCUSDT", "publicTrade.SOLUSDT", "kline.1.SOLUSDT"}
        while not all(counts[topic] >= 2 for topic in wanted):
            frame = heard.get(timeout=20)
            counts[frame["topic"]] += 1
            if frame["topic"].startswith("orderbook"):  # merged by pybit, which raises for unknown levels
                assert len(frame["data"]["b"]) == len(frame["data"]["a"]) == 50
        assert socket.is_connected()
        socket.exit()
        return counts

    counts = await asyncio.to_thread(follow)

    assert sum(counts.values()) > 20


@pytest.fixture
async def exchange(serve: Serve) -> AsyncIterator[Any]:
    served = await serve(history_ns=300_000_000_000)
    client = ccxt.pro.bybit()
    client.urls["api"] = {
        **dict.fromkeys(("public", "private", "spot", "futures", "v2"), served.rest),
        "ws": {
            "public": {
                name: served.stream.replace("linear", name)
                for name in ("linear", "spot", "inverse", "option")
            }
        },
    }
    yield client
    await client.close()


async def test_ccxt_loads_exactly_the_traded_markets(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert sorted(markets) == ["BTC/USDT:USDT", "DOGE/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"]
    assert all(market["linear"] and market["active"] for market in markets.values())
    assert markets["BTC/USDT:USDT"]["precision"] == {
        "amount": 0.001,
        "price": 0.1,
        **missing_precision(markets),
    }


def missing_precision(markets: Any) -> dict[str, None]:
    return {name: None for name, value in markets["BTC/USDT:USDT"]["precision"].items() if value is None}


async def test_ccxt_reads_book_ticker_candles_and_trades(exchange: Any) -> None:
    symbol = "ETH/USDT:USDT"

    book = await exchange.fetch_order_book(symbol, 50)
    ticker = await exchange.fetch_ticker(symbol)
    candles = await exchange.fetch_ohlcv(symbol, "1m", limit=3)
    trades = await exchange.fetch_trades(symbol, limit=10)

    assert len(book["bids"]) == len(book["asks"]) == 50
    assert book["bids"][0][0] < book["asks"][0][0]
    assert ticker["bid"] <= ticker["ask"]
    assert [later[0] - earlier[0] for earlier, later in itertools.pairwise(candles)] == [60_000] * 2
    assert len({trade["id"] for trade in trades}) == 10


async def test_ccxt_watches_the_order_book(exchange: Any) -> None:
    stamps = []
    for _ in range(10):
        book = await asyncio.wait_for(exchange.watch_order_book("BTC/USDT:USDT"), 20)
        stamps.append(book["timestamp"])
        assert book["bids"][0][0] < book["asks"][0][0]
        assert len(book["bids"]) == len(book["asks"]) == 50

    assert stamps == sorted(stamps)
    assert stamps[-1] > stamps[0]
