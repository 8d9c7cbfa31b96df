"""The public side of spot for pybit and ccxt as they are, with nothing changed but the address."""

import asyncio
import queue
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import ccxt.pro
import pybit.unified_trading
import pytest

PAIR = "ETH/USDT"


async def test_pybit_follows_every_stream_of_spot(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pybit.unified_trading, "PUBLIC_WSS", served.public.replace("/spot", "/{CHANNEL_TYPE}")
    )
    heard: queue.Queue[dict[str, Any]] = queue.Queue()

    def follow() -> Counter[str]:
        socket = pybit.unified_trading.WebSocket(testnet=False, channel_type="spot")
        symbols = ["BTCUSDT", "ETHUSDT"]
        socket.orderbook_stream(50, symbols, heard.put)
        socket.orderbook_stream(200, symbols, heard.put)
        socket.ticker_stream("BTCUSDT", heard.put)
        socket.kline_stream(1, "BTCUSDT", heard.put)
        counts: Counter[str] = Counter()
        wanted = {f"orderbook.{depth}.{symbol}" for depth in (50, 200) for symbol in symbols}
        wanted |= {"tickers.BTCUSDT", "kline.1.BTCUSDT"}
        while not wanted <= set(counts):
            frame = heard.get(timeout=20)
            counts[frame["topic"]] += 1
            if frame["topic"].startswith("orderbook"):  # merged by pybit, which raises for unknown levels
                depth = int(frame["topic"].split(".")[1])
                assert len(frame["data"]["b"]) == len(frame["data"]["a"]) == depth
        socket.exit()
        return counts

    assert sum((await asyncio.to_thread(follow)).values()) >= 6


async def test_pybit_reads_every_market_endpoint_of_spot(served: Any) -> None:
    session = pybit.unified_trading.HTTP()
    session.endpoint = served.rest
    pair = {"category": "spot", "symbol": "ETHUSDT"}

    def read() -> dict[str, Any]:
        return {
            "instruments": session.get_instruments_info(category="spot")["result"]["list"],
            "tickers": session.get_tickers(category="spot")["result"]["list"],
            "kline": session.get_kline(**pair, interval=1, limit=2)["result"],
            "orderbook": session.get_orderbook(**pair, limit=50)["result"],
            "trades": session.get_public_trade_history(**pair)["result"],
        }

    answers = await asyncio.to_thread(read)

    assert [row["symbol"] for row in answers["instruments"]] == ["BTCUSDT", "ETHUSDT"]
    assert len(answers["tickers"]) == 2
    assert answers["kline"]["category"] == answers["trades"]["category"] == "spot"
    assert len(answers["orderbook"]["b"]) == 50


@pytest.fixture
async def exchange(served: Any) -> AsyncIterator[Any]:
    client = ccxt.pro.bybit({"apiKey": "key", "secret": "secret"})
    client.urls["api"] = {
        **dict.fromkeys(("public", "private", "spot", "futures", "v2"), served.rest),
        "ws": {
            "public": {
                name: served.public.replace("spot", name) for name in ("linear", "spot", "inverse", "option")
            },
            "private": {
                "spot": {"unified": served.private, "nonUnified": served.private},
                "contract": served.private,
                "usdc": served.private,
                "trade": served.private,
            },
        },
    }
    yield client
    await client.close()


async def test_ccxt_loads_pairs_beside_contracts(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert {name for name, market in markets.items() if market["spot"]} == {"BTC/USDT", "ETH/USDT"}
    assert markets["BTC/USDT"]["precision"]["amount"] == 0.000001
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5


async def test_ccxt_watches_book_and_ticker_of_a_pair(exchange: Any) -> None:
    async with asyncio.timeout(40):
        ticker = await exchange.watch_ticker(PAIR)
        books = [await exchange.watch_order_book(PAIR) for _ in range(5)]

    assert ticker["last"] > 0
    for book in books:
        assert book["bids"][0][0] < book["asks"][0][0]


async def test_ccxt_watches_its_own_spot_orders_and_trades(exchange: Any) -> None:
    await exchange.load_markets()
    async with asyncio.timeout(40):
        orders = asyncio.create_task(exchange.watch_orders(PAIR))
        trades = asyncio.create_task(exchange.watch_my_trades(PAIR))
        while not (orders.done() and trades.done()):  # it does not tell when a subscription holds
            await exchange.create_order(PAIR, "market", "buy", 0.01, None, {"cost": 20})
            await asyncio.wait({orders, trades}, timeout=0.5)

    assert {order["symbol"] for order in orders.result()} == {PAIR}
    assert {trade["fee"]["currency"] for trade in trades.result()} == {"ETH"}
