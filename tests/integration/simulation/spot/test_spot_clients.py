"""pybit and ccxt trade spot on the simulator unchanged but for the address."""

import asyncio
import json
import queue
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pybit.unified_trading
import pytest
from pybit.exceptions import InvalidRequestError
from tests.support.eventually import eventually

from tradefleet.domain.orders import Side

SPOT = {"category": "spot", "symbol": "BTCUSDT"}
PAIR = "BTC/USDT"
PATIENCE_S = 20.0


def session_at(address: str) -> Any:
    session = pybit.unified_trading.HTTP(api_key="key", api_secret="secret")
    session.endpoint = address
    return session


def ccxt_at(address: str) -> Any:
    exchange = ccxt.bybit({"apiKey": "key", "secret": "secret"})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], address)
    return exchange


async def test_pybit_buys_protects_and_sells_coins(served: Any) -> None:
    session = session_at(served.rest)

    def trade() -> dict[str, Any]:
        seen: dict[str, Any] = {"ticker": session.get_tickers(**SPOT)["result"]["list"][0]}
        last = Decimal(seen["ticker"]["lastPrice"])
        low = str((last * Decimal("0.97")).quantize(Decimal("0.1")))
        seen["rules"] = session.get_instruments_info(**SPOT)["result"]["list"][0]
        session.place_order(**SPOT, side="Buy", orderType="Market", qty="500", orderLinkId="entry")
        seen["entry"] = session.get_order_history(**SPOT, orderLinkId="entry")["result"]["list"][0]
        session.place_order(**SPOT, side="Buy", orderType="Limit", qty="0.01", price=low, orderLinkId="rest")
        session.amend_order(**SPOT, orderLinkId="rest", qty="0.02")
        session.place_order(
            **SPOT,
            side="Sell",
            orderType="Market",
            qty="0.005",
            triggerPrice=low,
            orderFilter="tpslOrder",
            orderLinkId="stop",
        )
        seen["open"] = session.get_open_orders(**SPOT)["result"]["list"]
        seen["wallet"] = session.get_wallet_balance(accountType="UNIFIED", coin="USDT,BTC")["result"]
        session.cancel_order(**SPOT, orderLinkId="stop", orderFilter="tpslOrder")
        seen["cancelled"] = session.cancel_all_orders(category="spot")["result"]["list"]
        session.place_order(**SPOT, side="Sell", orderType="Market", qty="0.005")
        seen["executions"] = session.get_executions(category="spot")["result"]["list"]
        seen["fees"] = session.get_fee_rates(category="spot")["result"]["list"]
        seen["log"] = session.get_transaction_log(category="spot")["result"]["list"]
        return seen

    seen = await asyncio.to_thread(trade)

    assert seen["rules"]["lotSizeFilter"]["basePrecision"] == "0.000001"
    assert seen["entry"]["orderStatus"] in ("PartiallyFilledCanceled", "Filled")
    assert {row["orderLinkId"]: row["qty"] for row in seen["open"]} == {"rest": "0.02", "stop": "0.005"}
    coins = {row["coin"]: row for row in seen["wallet"]["list"][0]["coin"]}
    assert coins["BTC"]["locked"] == "0.005"
    assert Decimal(coins["USDT"]["locked"]) > 0
    assert [row["orderLinkId"] for row in seen["cancelled"]] == ["rest"]
    assert {row["feeCurrency"] for row in seen["executions"]} == {"BTC", "USDT"}
    assert {row["takerFeeRate"] for row in seen["fees"]} == {"0.001"}
    assert {row["currency"] for row in seen["log"]} == {"BTC", "USDT"}


async def test_pybit_sees_spots_codes_and_batches_of_ten(served: Any) -> None:
    session = session_at(served.rest)
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "60000"}

    def code(call: Callable[..., Any], **body: Any) -> int:
        with pytest.raises(InvalidRequestError) as refused:
            call(**body)
        return int(refused.value.status_code)

    def trade() -> tuple[list[int], Any, Any]:
        batch = [{**order, "orderLinkId": f"b{number}"} for number in range(10)]
        made = session.place_batch_order(category="spot", request=batch)
        names = [{"symbol": "BTCUSDT", "orderLinkId": one["orderLinkId"]} for one in batch]
        codes = [
            code(session.place_batch_order, category="spot", request=[*batch, order]),
            code(session.place_order, category="spot", **{**order, "orderLinkId": "b0"}),
            code(session.place_order, category="spot", **{**order, "qty": "1"}),
            code(session.cancel_order, **SPOT, orderLinkId="never"),
        ]
        return codes, made, session.cancel_batch_order(category="spot", request=names)

    codes, made, ended = await asyncio.to_thread(trade)

    assert codes == [10001, 170141, 170131, 170213]
    assert [row["code"] for row in made["retExtInfo"]["list"]] == [0] * 10
    assert {row["category"] for row in made["result"]["list"]} == {"spot"}
    assert [row["code"] for row in ended["retExtInfo"]["list"]] == [0] * 10


async def test_pybit_follows_spot_orders_on_the_private_stream(
    served: Any, private_socket: Callable[[str], Any]
) -> None:
    session = session_at(served.rest)
    heard: queue.Queue[Any] = queue.Queue()

    def follow() -> dict[str, Any]:
        socket = private_socket(served.private)
        for stream in (socket.order_stream, socket.execution_stream, socket.wallet_stream):
            stream(heard.put)
        frames: dict[str, Any] = {}
        for _ in range(100):
            session.place_order(**SPOT, side="Sell", orderType="Market", qty="0.001")
            try:
                while len(frames) < 3:
                    frame = heard.get(timeout=0.5)
                    frames[frame["topic"]] = frame
            except queue.Empty:
                continue
            return frames
        raise AssertionError(frames)

    frames = await asyncio.to_thread(follow)

    assert frames["order"]["data"][0]["category"] == "spot"
    assert frames["execution"]["data"][0]["feeCurrency"] == "USDT"
    assert [row["coin"] for row in frames["wallet"]["data"][0]["coin"]] == ["USDT", "BTC"]


async def test_ccxt_trades_spot_from_balance_to_balance(served: Any) -> None:
    exchange = ccxt_at(served.rest)

    def trade() -> dict[str, Any]:
        seen: dict[str, Any] = {"market": exchange.load_markets()[PAIR]}
        last = exchange.fetch_ticker(PAIR)["last"]
        seen["before"] = exchange.fetch_balance()
        entry = exchange.create_order(PAIR, "market", "buy", 0.005, last)
        seen["entry"] = exchange.fetch_order(entry["id"], PAIR, {"acknowledged": True})
        resting = exchange.create_order(PAIR, "limit", "buy", 0.01, round(last * 0.97, 1))
        seen["open"] = exchange.fetch_open_orders(PAIR)
        seen["held"] = exchange.fetch_balance()
        exchange.edit_order(resting["id"], PAIR, "limit", "buy", 0.02, round(last * 0.96, 1))
        exchange.cancel_order(resting["id"], PAIR)
        stop = exchange.create_order(
            PAIR, "market", "sell", 0.005, None, {"stopLossPrice": round(last * 0.9, 1)}
        )
        seen["waiting"] = exchange.fetch_open_orders(PAIR, params={"orderFilter": "tpslOrder"})
        exchange.cancel_order(stop["id"], PAIR, {"orderFilter": "tpslOrder"})
        exchange.create_order(PAIR, "market", "sell", 0.005)
        seen["trades"] = exchange.fetch_my_trades(PAIR)
        seen["closed"] = exchange.fetch_closed_orders(PAIR)
        seen["fee"] = exchange.fetch_trading_fee(PAIR)
        seen["book"] = exchange.fetch_order_book(PAIR, 5)
        seen["public"] = exchange.fetch_trades(PAIR)
        return seen

    seen = await asyncio.to_thread(trade)

    assert seen["market"]["spot"]
    assert (seen["before"]["USDT"]["total"], seen["before"]["BTC"]["total"]) == (10_000, 1)
    assert seen["entry"]["status"] in ("closed", "canceled")
    (order,) = seen["open"]
    assert (order["status"], order["amount"]) == ("open", 0.01)
    assert seen["held"]["USDT"]["used"] > 0
    assert len(seen["waiting"]) == 1
    assert {trade["fee"]["currency"] for trade in seen["trades"]} == {"BTC", "USDT"}
    assert len(seen["closed"]) >= 1
    assert (seen["fee"]["maker"], seen["fee"]["taker"]) == (0.001, 0.001)
    assert len(seen["book"]["bids"]) == 5


async def test_the_public_socket_of_spot_has_its_own_manner(served: Any) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(served.public) as socket:
        await socket.send_json({"op": "subscribe", "args": ["x"] * 11})
        many = await socket.receive_json(timeout=PATIENCE_S)
        await socket.send_json({"op": "subscribe", "req_id": 1, "args": ["tickers.BTCUSDT"]})
        acked = await socket.receive_json(timeout=PATIENCE_S)
        first = json.loads(await socket.receive_str(timeout=PATIENCE_S))
        await socket.send_json({"op": "ping"})
        pong: dict[str, Any] = {}
        while pong.get("op") != "ping":
            pong = await socket.receive_json(timeout=PATIENCE_S)

    assert (many["success"], many["ret_msg"]) == (False, "args size >10")
    assert (acked["ret_msg"], acked["req_id"]) == ("subscribe", "1")
    assert (first["topic"], first["type"]) == ("tickers.BTCUSDT", "snapshot")
    assert "req_id" not in pong


async def test_spot_has_a_rate_limit_of_its_own(served: Any) -> None:
    session = session_at(served.rest)
    session.return_response_headers = True

    def limits() -> list[str]:
        answers = [
            session.place_order(**SPOT, side="Buy", orderType="Market", qty="10"),
            session.place_order(
                category="linear", symbol="DOGEUSDT", side="Buy", orderType="Market", qty="100"
            ),
        ]
        return [answer[2]["X-Bapi-Limit"] for answer in answers]

    assert await asyncio.to_thread(limits) == ["20", "10"]


async def test_faults_strike_spot_too(served: Any) -> None:
    session = session_at(served.rest)

    async def post(path: str, **fault: Any) -> Any:
        async with aiohttp.ClientSession() as http, http.post(f"{served.rest}{path}", json=fault) as answer:
            return (await answer.json())["retCode"]

    def rest() -> str:
        price = str(served.exchange.spot.market.book("BTCUSDT").levels(Side.BUY)[40][0])
        body = {"side": "Buy", "orderType": "Limit", "qty": "0.001", "price": price}
        return str(session.place_order(**SPOT, **body)["result"]["orderId"])

    order_id = await asyncio.to_thread(rest)
    armed = [
        await post("/simulator/faults/account", kind="cancel_race", seconds=0.01),
        await post("/simulator/faults/public?category=spot", kind="gap", topic="orderbook.50.ETHUSDT"),
        await post("/simulator/faults/public", kind="gap", topic="orderbook.50.DOGEUSDT"),
        await post("/simulator/faults/public?category=option", kind="gap", topic="orderbook.50.ETHUSDT"),
    ]

    def cancelled() -> int:
        with pytest.raises(InvalidRequestError) as refused:
            session.cancel_order(**SPOT, orderId=order_id)
        return int(refused.value.status_code)

    def status() -> str:
        return str(session.get_open_orders(**SPOT, orderId=order_id)["result"]["list"][0]["orderStatus"])

    assert armed == [0, 0, 0, 10001]
    assert await asyncio.to_thread(cancelled) == 170213
    await eventually(lambda: served.exchange.recent["spot"])
    assert await asyncio.to_thread(status) == "Filled"
