"""pybit and ccxt trade on the simulator unchanged but for the address (reference H1, H2)."""

import asyncio
import queue
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt
import pybit.unified_trading
import pytest
from pybit.exceptions import InvalidRequestError

Serve = Callable[..., Awaitable[Any]]
LINEAR = {"category": "linear", "symbol": "DOGEUSDT"}
PERPETUAL = "DOGE/USDT:USDT"
PATIENCE_S = 20.0


def session_at(address: str) -> Any:
    session = pybit.unified_trading.HTTP(api_key="key", api_secret="secret")
    session.endpoint = address
    return session


async def test_pybit_opens_protects_and_closes_a_position(replay: Serve) -> None:
    simulator = await replay()
    session = session_at(simulator.client.rest)
    mark = simulator.market.mark_price("DOGEUSDT")
    stop, target = (
        str((mark * factor).quantize(Decimal("0.00001"))) for factor in (Decimal("0.97"), Decimal("1.03"))
    )

    def trade() -> dict[str, Any]:
        ids = session.place_order(
            **LINEAR,
            side="Buy",
            orderType="Market",
            qty=500,
            orderLinkId="entry",
            stopLoss=stop,
            takeProfit=target,
        )["result"]
        opened = session.get_positions(**LINEAR)["result"]["list"][0]
        waiting = session.get_open_orders(**LINEAR, orderFilter="StopOrder")["result"]["list"]
        session.place_order(**LINEAR, side="Sell", orderType="Market", qty="500", reduceOnly=True)
        return {
            "ids": ids,
            "opened": opened,
            "waiting": waiting,
            "closed": session.get_positions(**LINEAR)["result"]["list"][0],
            "history": session.get_order_history(**LINEAR)["result"]["list"],
            "executions": session.get_executions(**LINEAR)["result"]["list"],
            "wallet": session.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0],
            "account": session.get_account_info()["result"],
            "key": session.get_api_key_information()["result"],
            "fees": session.get_fee_rates(**LINEAR)["result"]["list"],
        }

    seen = await asyncio.to_thread(trade)

    assert seen["ids"]["orderLinkId"] == "entry"
    assert (seen["opened"]["side"], seen["opened"]["size"]) == ("Buy", "500")
    assert Decimal(seen["opened"]["stopLoss"]) == Decimal(stop)
    assert {row["stopOrderType"] for row in seen["waiting"]} == {"StopLoss", "TakeProfit"}
    assert seen["closed"]["size"] == "0"
    statuses = {row["orderStatus"] for row in seen["history"]}
    assert statuses == {"Filled", "Deactivated"}
    fees = sum(Decimal(row["execFee"]) for row in seen["executions"])
    gained = sum(Decimal(row["execPnl"]) for row in seen["executions"])
    assert Decimal(seen["wallet"]["totalWalletBalance"]) == 10_000 + gained - fees
    assert seen["key"]["userID"] == 100001
    assert seen["account"]["marginMode"] == "REGULAR_MARGIN"
    assert seen["fees"][0]["takerFeeRate"] == "0.00055"


async def test_pybit_rests_amends_finds_and_cancels(replay: Serve) -> None:
    simulator = await replay()
    session = session_at(simulator.client.rest)
    price = simulator.market.instruments["DOGEUSDT"].price_down(
        simulator.market.mark_price("DOGEUSDT") * Decimal("0.98")
    )

    def trade() -> list[Any]:
        for number in range(5):
            session.place_order(
                **LINEAR,
                side="Buy",
                orderType="Limit",
                qty="100",
                price=str(price),
                timeInForce="PostOnly",
                orderLinkId=f"order-{number}",
            )
        session.amend_order(**LINEAR, orderLinkId="order-0", qty="120")
        links, cursor = [], None
        while True:
            page = session.get_open_orders(**LINEAR, limit=2, cursor=cursor)["result"]
            if not page["list"]:
                break
            links += [(row["orderLinkId"], row["qty"]) for row in page["list"]]
            cursor = page["nextPageCursor"]
        session.cancel_order(**LINEAR, orderLinkId="order-4")
        rest = session.cancel_all_orders(category="linear", settleCoin="USDT")["result"]["list"]
        return [links, {row["orderLinkId"] for row in rest}]

    links, cancelled = await asyncio.to_thread(trade)

    assert links == [(f"order-{n}", "120" if n == 0 else "100") for n in (4, 3, 2, 1, 0)]
    assert cancelled == {f"order-{n}" for n in range(4)}


async def test_pybit_sees_refusals_as_invalid_requests_with_their_codes(replay: Serve) -> None:
    simulator = await replay()
    session = session_at(simulator.client.rest)
    order = {**LINEAR, "side": "Buy", "orderType": "Market", "qty": "100", "orderLinkId": "twice"}

    def code(call: Callable[..., Any], **body: Any) -> int:
        with pytest.raises(InvalidRequestError) as refused:
            call(**body)
        return int(refused.value.status_code)

    def refusals() -> list[int]:
        session.place_order(**order)
        return [
            code(session.place_order, **order),
            code(session.place_order, **{**order, "orderLinkId": "big", "qty": "5000000"}),
            code(session.cancel_order, **LINEAR, orderLinkId="never"),
            code(session.set_leverage, **LINEAR, buyLeverage="10", sellLeverage="10"),
            code(session.switch_position_mode, **LINEAR, mode=0),
            code(session.set_trading_stop, **LINEAR, positionIdx=1, tpslMode="Full", stopLoss="0.1"),
        ]

    assert await asyncio.to_thread(refusals) == [110072, 110007, 110001, 110043, 110025, 10001]


async def test_pybit_follows_its_orders_on_the_private_stream(
    replay: Serve, private_socket: Callable[[str], Any]
) -> None:
    simulator = await replay()
    session = session_at(simulator.client.rest)
    heard: queue.Queue[Any] = queue.Queue()

    def follow() -> dict[str, Any]:
        socket = private_socket(simulator.client.stream)
        for stream in (
            socket.order_stream,
            socket.execution_stream,
            socket.position_stream,
            socket.wallet_stream,
        ):
            stream(heard.put)
        # pybit does not tell when a subscription holds: place orders until one is told of.
        frames: dict[str, Any] = {}
        for number in range(200):
            session.place_order(**LINEAR, side="Buy", orderType="Market", qty="100", orderLinkId=f"o{number}")
            try:
                while len(frames) < 4:
                    frame = heard.get(timeout=0.5)
                    frames[frame["topic"]] = frame
            except queue.Empty:
                continue
            return frames
        raise AssertionError(frames)

    frames = await asyncio.to_thread(follow)

    assert set(frames) == {"order", "execution", "position", "wallet"}
    assert frames["order"]["data"][0]["orderStatus"] == "Filled"
    assert frames["position"]["data"][-1]["side"] == "Buy"
    assert frames["wallet"]["data"][0]["coin"][0]["coin"] == "USDT"


async def test_ccxt_trades_from_balance_to_flat(replay: Serve) -> None:
    simulator = await replay()
    exchange = ccxt.bybit({"apiKey": "key", "secret": "secret"})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], simulator.client.rest)
    bid = simulator.market.instruments["DOGEUSDT"].price_down(
        simulator.market.mark_price("DOGEUSDT") * Decimal("0.98")
    )

    def trade() -> dict[str, Any]:
        seen: dict[str, Any] = {"markets": exchange.load_markets()}
        seen["before"] = exchange.fetch_balance()
        entry = exchange.create_order(PERPETUAL, "market", "buy", 500)
        resting = exchange.create_order(
            PERPETUAL, "limit", "buy", 100, float(bid), {"postOnly": True, "clientOrderId": "ccxt-1"}
        )
        seen["entry"] = exchange.fetch_order(entry["id"], PERPETUAL, {"acknowledged": True})
        seen["open"] = exchange.fetch_open_orders(PERPETUAL)
        seen["cancelled"] = exchange.cancel_order(resting["id"], PERPETUAL)
        seen["still open"] = exchange.fetch_open_orders(PERPETUAL)
        seen["positions"] = exchange.fetch_positions([PERPETUAL])
        exchange.create_order(PERPETUAL, "market", "sell", 500, None, {"reduceOnly": True})
        seen["flat"] = [p for p in exchange.fetch_positions([PERPETUAL]) if p["contracts"]]
        seen["trades"] = exchange.fetch_my_trades(PERPETUAL)
        seen["after"] = exchange.fetch_balance()
        return seen

    seen = await asyncio.to_thread(trade)

    assert seen["markets"][PERPETUAL]["linear"]
    assert seen["before"]["USDT"]["total"] == 10_000
    assert (seen["entry"]["status"], seen["entry"]["filled"]) == ("closed", 500)
    (order,) = seen["open"]
    assert (order["clientOrderId"], order["status"], order["price"], order["postOnly"]) == (
        "ccxt-1",
        "open",
        float(bid),
        True,
    )
    assert seen["still open"] == []
    (position,) = seen["positions"]
    assert (position["side"], position["contracts"]) == ("long", 500)
    assert seen["flat"] == []
    assert {trade["side"] for trade in seen["trades"]} == {"buy", "sell"}
    assert sum(trade["amount"] for trade in seen["trades"] if trade["side"] == "sell") == 500
    assert all(trade["fee"]["cost"] > 0 and trade["takerOrMaker"] == "taker" for trade in seen["trades"])
    assert seen["after"]["USDT"]["total"] < 10_000


async def test_ccxt_sees_refusals_as_its_own_errors(replay: Serve) -> None:
    simulator = await replay()
    exchange = ccxt.bybit({"apiKey": "key", "secret": "secret"})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], simulator.client.rest)

    def refusals() -> list[type[Exception]]:
        exchange.load_markets()
        caught: list[type[Exception]] = []
        for call in (
            lambda: exchange.cancel_order("no-such-order", PERPETUAL),
            lambda: exchange.create_order(PERPETUAL, "market", "buy", 5_000_000),
        ):
            try:
                call()
            except ccxt.BaseError as error:
                caught.append(type(error))
        exchange.secret = "wrong"
        try:
            exchange.fetch_balance()
        except ccxt.BaseError as error:
            caught.append(type(error))
        return caught

    assert await asyncio.to_thread(refusals) == [
        ccxt.OrderNotFound,
        ccxt.InsufficientFunds,
        ccxt.AuthenticationError,
    ]


async def test_pybit_trails_hedges_and_sends_batches(replay: Serve) -> None:
    simulator = await replay()
    session = session_at(simulator.client.rest)
    bid = str(
        simulator.market.instruments["DOGEUSDT"].price_down(
            simulator.market.mark_price("DOGEUSDT") * Decimal("0.98")
        )
    )

    def trade() -> dict[str, Any]:
        seen: dict[str, Any] = {}
        session.switch_position_mode(**LINEAR, mode=3)
        for side, index in (("Buy", 1), ("Sell", 2)):
            session.place_order(**LINEAR, side=side, orderType="Market", qty="500", positionIdx=index)
        session.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=1, trailingStop="0.01")
        partial = {"tpslMode": "Partial", "positionIdx": 1, "stopLoss": "0.01", "slSize": "100"}
        session.set_trading_stop(**LINEAR, **partial)
        seen["legs"] = session.get_positions(**LINEAR)["result"]["list"]
        seen["waiting"] = session.get_open_orders(**LINEAR, orderFilter="tpslOrder")["result"]["list"]
        order = {"symbol": "DOGEUSDT", "side": "Buy", "orderType": "Limit", "qty": "100", "price": bid}
        batch = [{**order, "positionIdx": 1, "orderLinkId": f"b{number}"} for number in range(3)]
        seen["made"] = session.place_batch_order(category="linear", request=batch)
        names = [{"symbol": "DOGEUSDT", "orderLinkId": f"b{number}"} for number in range(4)]
        changes = [{**name, "qty": "200"} for name in names[:2]]
        seen["moved"] = session.amend_batch_order(category="linear", request=changes)
        seen["ended"] = session.cancel_batch_order(category="linear", request=names)
        for side, index in (("Sell", 1), ("Buy", 2)):
            session.place_order(**LINEAR, side=side, orderType="Market", qty="500", positionIdx=index)
        session.switch_position_mode(**LINEAR, mode=0)
        seen["log"] = session.get_transaction_log(accountType="UNIFIED")["result"]["list"]
        seen["mode"] = session.set_margin_mode(setMarginMode="REGULAR_MARGIN")["result"]
        return seen

    seen = await asyncio.to_thread(trade)

    legs = {row["positionIdx"]: (row["side"], row["size"]) for row in seen["legs"]}
    assert legs == {1: ("Buy", "500"), 2: ("Sell", "500")}
    assert {row["trailingStop"] for row in seen["legs"]} == {"0.01", "0"}
    assert {row["stopOrderType"] for row in seen["waiting"]} == {"TrailingStop", "PartialStopLoss"}
    assert [row["code"] for row in seen["made"]["retExtInfo"]["list"]] == [0, 0, 0]
    assert [row["code"] for row in seen["moved"]["retExtInfo"]["list"]] == [0, 0]
    assert [row["code"] for row in seen["ended"]["retExtInfo"]["list"]] == [0, 0, 0, 110001]
    assert {row["type"] for row in seen["log"]} == {"TRADE"}
    assert seen["mode"] == {"reasons": []}


async def test_ccxt_trails_hedges_and_sends_batches(replay: Serve) -> None:
    simulator = await replay()
    exchange = ccxt.bybit({"apiKey": "key", "secret": "secret"})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], simulator.client.rest)
    bid = float(
        simulator.market.instruments["DOGEUSDT"].price_down(
            simulator.market.mark_price("DOGEUSDT") * Decimal("0.98")
        )
    )

    def trade() -> dict[str, Any]:
        exchange.load_markets()
        seen: dict[str, Any] = {}
        order = {"symbol": PERPETUAL, "type": "limit", "side": "buy", "amount": 100, "price": bid}
        seen["made"] = exchange.create_orders([order, order, order])
        seen["ended"] = exchange.cancel_orders([one["id"] for one in seen["made"]], PERPETUAL)
        exchange.create_order(PERPETUAL, "market", "buy", 500)
        exchange.create_order(PERPETUAL, "market", "sell", 500, None, {"trailingAmount": "0.01"})
        seen["trailing"] = exchange.fetch_open_orders(PERPETUAL, params={"trigger": True})
        exchange.create_order(PERPETUAL, "market", "sell", 500, None, {"reduceOnly": True})
        exchange.set_position_mode(True, PERPETUAL)
        exchange.create_order(PERPETUAL, "market", "buy", 500, None, {"positionIdx": 1})
        exchange.create_order(PERPETUAL, "market", "sell", 500, None, {"positionIdx": 2})
        seen["legs"] = [p for p in exchange.fetch_positions([PERPETUAL]) if p["contracts"]]
        seen["ledger"] = exchange.fetch_ledger("USDT")
        return seen

    seen = await asyncio.to_thread(trade)

    assert len({one["id"] for one in seen["made"]}) == 3
    assert len(seen["ended"]) == 3
    (trailing,) = seen["trailing"]
    assert trailing["info"]["stopOrderType"] == "TrailingStop"
    assert {(leg["side"], leg["contracts"], leg["hedged"]) for leg in seen["legs"]} == {
        ("long", 500, True),
        ("short", 500, True),
    }
    assert {entry["type"] for entry in seen["ledger"]} == {"trade"}
    assert all(entry["currency"] == "USDT" for entry in seen["ledger"])
