"""The account over real HTTP: envelopes, headers, limits, and faults on order."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tradefleet.simulation.account.exchange import Timing

Serve = Callable[..., Awaitable[Any]]
PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "account"


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


async def test_an_accepted_order_is_acknowledged_with_its_ids_and_the_limit_headers(hand: Serve) -> None:
    client = (await hand()).client

    headers, body = await client.answer(
        "POST",
        "/v5/order/create",
        json.dumps(
            {
                "category": "linear",
                "symbol": "BTCUSDT",
                "side": "Buy",
                "orderType": "Limit",
                "price": "59000",
                "qty": "0.1",
                "orderLinkId": "first",
            }
        ),
    )

    assert (body["retCode"], body["retMsg"]) == (0, "OK")
    assert set(body["result"]) == set(recorded("ccxt_create_order")["result"])
    assert body["result"]["orderLinkId"] == "first"
    assert (headers["X-Bapi-Limit"], headers["X-Bapi-Limit-Status"]) == ("10", "9")
    assert int(headers["X-Bapi-Limit-Reset-Timestamp"]) <= body["time"]
    assert abs(body["time"] - time.time() * 1000) < 60_000


async def test_cancel_and_cancel_all_answer_as_recorded(hand: Serve) -> None:
    client = (await hand()).client
    for link in ("one", "two", "three"):
        await client.create("0.01", "59000", orderLinkId=link)

    cancelled = await client.post("/v5/order/cancel", symbol="BTCUSDT", orderId=None, orderLinkId="one")
    rest = await client.post("/v5/order/cancel-all", settleCoin="USDT", symbol=None)

    assert set(cancelled["result"]) == set(recorded("ccxt_cancel_order")["result"])
    like = recorded("net_Trading_CancelAllOrder")["response"]["result"]
    assert set(rest["result"]) == set(like)
    assert rest["result"]["success"] == like["success"]
    assert [order["orderLinkId"] for order in rest["result"]["list"]] == ["two", "three"]


async def test_the_eleventh_create_of_a_second_is_refused_as_recorded_and_told_when_to_return(
    hand: Serve,
) -> None:
    client = (await hand()).client
    error = recorded("real_error_10006_too_many_visits")
    body = json.dumps({"category": "linear", "symbol": "BTCUSDT", "orderId": "none"})

    # Cancels of nothing count like any other call.
    answers = await asyncio.gather(*(client.answer("POST", "/v5/order/cancel", body) for _ in range(25)))

    refused = [(h, b) for h, b in answers if b["retCode"] == error["retCode"]]
    assert len([b for _, b in answers if b["retCode"] == 110001]) >= 10
    assert refused
    for headers, answer in refused:
        assert answer["retMsg"] == error["retMsg"]
        assert headers["X-Bapi-Limit-Status"] == "0"
        assert int(headers["X-Bapi-Limit-Reset-Timestamp"]) > answer["time"]


async def test_a_wrong_signature_a_stale_stamp_and_missing_headers_are_refused(hand: Serve) -> None:
    client = (await hand()).client
    query = "category=linear&symbol=BTCUSDT"
    hour_ago = int(time.time() * 1000) - 3_600_000

    _, wrong = await client.answer("GET", "/v5/order/realtime", query, secret="other")
    _, stale = await client.answer("GET", "/v5/order/realtime", query, stamp_ms=hour_ago)
    async with client.http.get(f"{client.rest}/v5/order/realtime?{query}") as unsigned:
        status = unsigned.status

    assert (wrong["retCode"], stale["retCode"], status) == (10004, 10002, 401)
    assert query in wrong["retMsg"]


async def test_the_signature_is_checked_over_the_raw_query(hand: Serve) -> None:
    client = (await hand()).client
    await client.create("0.01", "59000")

    # As pybit sends a cursor back: its escapes untouched, in lower case even.
    odd = "symbol=BTCUSDT&category=linear&cursor=page_args%3a99&limit=5"
    found = await client.get("/v5/order/realtime", odd)

    assert found["retCode"] == 0
    assert len(found["result"]["list"]) == 1


@pytest.mark.parametrize("body", ["", "[]", "not json", '{"category":'])
async def test_a_body_that_is_no_object_is_10001(hand: Serve, body: str) -> None:
    client = (await hand()).client

    _, answer = await client.answer("POST", "/v5/order/create", body)

    assert answer["retCode"] == 10001


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v5/position/add-margin"), ("GET", "/v5/position/closed-pnl")]
)
async def test_what_is_not_simulated_says_so(hand: Serve, method: str, path: str) -> None:
    client = (await hand()).client

    _, answer = await client.answer(method, path, "{}")

    assert (answer["retCode"], answer["retMsg"]) == (10017, f"not simulated: {method} {path}")


# ---- order and delay of ack and rows


async def test_rows_come_after_the_ack_by_default_and_before_it_when_asked(hand: Serve) -> None:
    late = await hand(timing=Timing(ack_ms=300.0, rows_ms=0.0))
    listener = await late.listen("order")

    create = asyncio.create_task(late.client.create("0.01", "59000", orderLinkId="x"))
    frame = await listener.until("order")

    assert not create.done()
    assert frame["data"][0]["orderLinkId"] == "x"
    assert (await create)["result"]["orderId"] == frame["data"][0]["orderId"]


# ---- faults


async def test_a_lost_answer_cuts_the_connection_and_keeps_the_order(hand: Serve) -> None:
    simulator = await hand()
    client = simulator.client
    await client.fault(kind="lost_answer", endpoint="/v5/order/create", count=1)

    with pytest.raises(aiohttp.ClientError):
        await client.create("0.01", "59000", orderLinkId="ghost")

    assert [order["orderStatus"] for order in await client.order("ghost")] == ["New"]
    again = await client.create("0.01", "59000", orderLinkId="ghost")
    assert again["retCode"] == 110072


async def test_a_late_answer_comes_after_the_order_is_visible(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="late_answer", delay_ms=600)

    create = asyncio.create_task(client.create("0.1", orderLinkId="late"))
    while not (seen := await client.order("late")):
        assert not create.done()

    assert seen[0]["orderStatus"] == "Filled"
    assert not create.done()
    assert (await create)["retCode"] == 0


async def test_a_reject_does_nothing_and_answers_the_ordered_code(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="reject", ret_code=10016, ret_msg="Server error", count=1)

    refused = await client.create("0.1", orderLinkId="x")

    assert (refused["retCode"], refused["retMsg"]) == (10016, "Server error")
    assert await client.order("x") == []
    assert (await client.create("0.1", orderLinkId="x"))["retCode"] == 0


async def test_dropped_rows_never_come_and_delayed_ones_come_after_later_ones(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order")
    client = simulator.client

    await client.fault(kind="drop_rows", count=1)
    await client.create("0.01", "59000", orderLinkId="dropped")
    await client.fault(kind="delay_rows", delay_ms=500)
    await client.create("0.01", "59000", orderLinkId="delayed")
    await client.create("0.01", "59000", orderLinkId="plain")

    links = [(await listener.until("order"))["data"][0]["orderLinkId"] for _ in range(2)]
    assert links == ["plain", "delayed"]


async def test_faults_are_listed_forgotten_and_checked(hand: Serve) -> None:
    client = (await hand()).client
    path = f"{client.rest}/simulator/faults/account"

    added = await client.fault(kind="lost_answer", count=3)
    wrong = await client.fault(kind="earthquake")
    unknown = await client.fault(kind="reject", colour="red")
    async with client.http.delete(path) as response:
        cleared = await response.json()

    assert added["result"]["list"][0]["count"] == 3
    assert (wrong["retCode"], unknown["retCode"]) == (10001, 10001)
    assert "earthquake" in wrong["retMsg"]
    assert cleared["result"]["list"] == []
    assert (await client.create("0.01", "59000"))["retCode"] == 0


# ---- what the exchange does on command


async def command(client: Any, name: str, **body: Any) -> Any:
    async with client.http.post(f"{client.rest}/simulator/account/{name}", json=body) as response:
        return await response.json()


async def test_funding_transfers_and_deleveraging_come_on_command(hand: Serve) -> None:
    client = (await hand()).client
    await client.create("0.5")

    funded = await command(client, "funding", symbol="BTCUSDT", rate="0.0001")
    moved = await command(client, "transfer", amount="-500")
    taken = await command(client, "adl", symbol="BTCUSDT", qty="0.1")
    listed = await client.get("/v5/execution/list", "category=linear&symbol=BTCUSDT")
    log = await client.get("/v5/account/transaction-log", "accountType=UNIFIED")

    assert funded["result"]["executions"][0]["execFee"] == "3"
    assert moved["result"]["executions"] == []
    assert taken["result"]["executions"][0]["execType"] == "AdlTrade"
    types = [row["execType"] for row in listed["result"]["list"]]
    assert types == ["AdlTrade", "Funding", "Trade"]
    kinds = [row["type"] for row in log["result"]["list"]]
    assert kinds == ["TRADE", "TRANSFER_OUT", "SETTLEMENT", "TRADE"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("funding", {"symbol": "NOPE", "rate": "0.1"}),
        ("funding", {"symbol": "BTCUSDT"}),
        ("transfer", {"amount": "lots"}),
        ("adl", {"symbol": "BTCUSDT"}),
        ("adl", {"symbol": "BTCUSDT", "colour": "red"}),
    ],
)
async def test_a_command_that_makes_no_sense_is_10001(hand: Serve, name: str, body: dict[str, Any]) -> None:
    client = (await hand()).client

    assert (await command(client, name, **body))["retCode"] == 10001


async def test_a_key_can_be_told_to_expire_or_to_only_read(hand: Serve) -> None:
    client = (await hand()).client

    await command(
        client, "key", expiredAt="2026-12-01T00:00:00Z", readOnly=True, permissions={"Wallet": ["x"]}
    )
    told = (await client.get("/v5/user/query-api", ""))["result"]
    refused = await client.create("0.1")

    assert (told["expiredAt"], told["readOnly"]) == ("2026-12-01T00:00:00Z", 1)
    assert told["permissions"]["Wallet"] == ["x"]
    assert told["permissions"]["ContractTrade"] == []
    assert refused["retCode"] == 10005


# ---- batches


async def test_a_batch_is_answered_one_by_one(hand: Serve) -> None:
    client = (await hand()).client
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "59000"}

    made = await client.post(
        "/v5/order/create-batch",
        request=[
            {**order, "orderLinkId": "a"},
            {**order, "orderLinkId": "b", "qty": "0"},
            {**order, "orderLinkId": "a"},
            {**order, "orderLinkId": "c"},
        ],
    )
    moved = await client.post(
        "/v5/order/amend-batch",
        request=[{"symbol": "BTCUSDT", "orderLinkId": "a", "qty": "0.02"}],
    )
    ended = await client.post(
        "/v5/order/cancel-batch",
        request=[{"symbol": "BTCUSDT", "orderLinkId": name} for name in ("a", "none", "c")],
    )

    assert [row["code"] for row in made["retExtInfo"]["list"]] == [0, 10001, 110072, 0]
    assert [bool(row["orderId"]) for row in made["result"]["list"]] == [True, False, False, True]
    assert [row["orderLinkId"] for row in made["result"]["list"]] == ["a", "b", "a", "c"]
    assert moved["retExtInfo"]["list"] == [{"code": 0, "msg": "OK"}]
    assert [row["code"] for row in ended["retExtInfo"]["list"]] == [0, 110001, 0]
    assert made["retCode"] == moved["retCode"] == ended["retCode"] == 0


async def test_a_batch_costs_one_call_an_order_of_its_own_quota(hand: Serve) -> None:
    client = (await hand()).client
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "59000"}

    whole = await client.post("/v5/order/create-batch", request=[order] * 6)
    half = await client.post("/v5/order/create-batch", request=[order] * 6)
    none = await client.post("/v5/order/create-batch", request=[order])
    single = await client.create("0.01", "59000")

    codes = [[row["code"] for row in answer["retExtInfo"]["list"]] for answer in (whole, half)]
    assert codes == [[0] * 6, [0] * 4 + [10006] * 2]
    assert (half["retCode"], none["retCode"], single["retCode"]) == (0, 10006, 0)


@pytest.mark.parametrize("request_list", [[], [{}] * 21, "x", [1], None])
async def test_a_batch_that_is_none_is_10001(hand: Serve, request_list: Any) -> None:
    client = (await hand()).client

    assert (await client.post("/v5/order/create-batch", request=request_list))["retCode"] == 10001


# ---- margin mode


async def test_another_margin_mode_is_shown_and_opens_nothing(hand: Serve) -> None:
    client = (await hand()).client
    await client.create("0.1", orderLinkId="before")
    held = await client.post("/v5/account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")
    await client.create("0.1", side="Sell", reduceOnly=True)

    changed = await client.post("/v5/account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")
    refused = await client.create("0.1", orderLinkId="after")
    info = await client.get("/v5/account/info", "")
    wrong = await client.post("/v5/account/set-margin-mode", setMarginMode="MAGIC")

    assert (held["retCode"], changed["retCode"], wrong["retCode"]) == (3400045, 0, 10001)
    assert (refused["retCode"], refused["retMsg"]) == (10017, "not simulated: opening in ISOLATED_MARGIN")
    assert info["result"]["marginMode"] == "ISOLATED_MARGIN"


# ---- more than five hundred


async def test_cancel_all_takes_a_random_five_hundred_and_the_rest_the_next_time(hand: Serve) -> None:
    simulator = await hand()
    body = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.001"}
    for _ in range(500):
        simulator.exchange.create({**body, "orderType": "Limit", "price": "59000"})
    for number in range(10):
        simulator.exchange.create(
            {**body, "orderType": "Market", "triggerPrice": str(61000 + number), "triggerDirection": 1}
        )
    oldest = list(simulator.exchange.engine.state.orders)

    first = await simulator.client.post("/v5/order/cancel-all", settleCoin="USDT")
    left = list(simulator.exchange.engine.state.orders)
    second = await simulator.client.post("/v5/order/cancel-all", settleCoin="USDT")

    assert (len(first["result"]["list"]), len(second["result"]["list"])) == (500, 10)
    assert left != oldest[500:]
    assert simulator.exchange.engine.state.orders == {}
