"""The faults over real sockets: what a client gets, and what has become of its order."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from tests.support.eventually import eventually

Serve = Callable[..., Awaitable[Any]]
CREATE, REALTIME = "/v5/order/create", "/v5/order/realtime"


async def plain(client: Any, path: str, **body: Any) -> tuple[int, str, str]:
    """(HTTP status, content type, text) of a signed POST."""
    payload = json.dumps({"category": "linear", "symbol": "BTCUSDT", **body})
    async with client.http.post(
        f"{client.rest}{path}", data=payload, headers=client.headers(payload)
    ) as response:
        return response.status, response.content_type, await response.text()


async def cleared(client: Any) -> Any:
    """Forget all faults."""
    async with client.http.delete(f"{client.rest}/simulator/faults/account") as response:
        return await response.json()


async def rows_have_left(simulator: Any) -> None:
    """What was to be pushed is pushed, or lost."""
    await asyncio.sleep(simulator.exchange.timing.rows_ms * 5 / 1e3)


BODY = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "59000"}


async def test_a_late_order_times_out_and_appears_later(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="late_order", seconds=0.5)

    create = asyncio.create_task(client.create("0.01", "59000", orderLinkId="ghost"))
    before = await client.order("ghost")
    with pytest.raises(aiohttp.ClientError):
        await create

    assert before == []
    assert [order["orderStatus"] for order in await client.order("ghost")] == ["New"]


@pytest.mark.parametrize("kind", ["late_order", "slow", "late_answer"])
async def test_a_client_that_gives_up_stops_nothing(hand: Serve, kind: str) -> None:
    client = (await hand()).client
    await client.fault(kind=kind, seconds=0.3)
    payload = json.dumps({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "ghost", **BODY})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.answer("POST", CREATE, payload)
    await eventually(lambda: client.order("ghost"))


async def test_a_late_order_is_judged_when_it_arrives(hand: Serve) -> None:
    simulator = await hand()
    client = simulator.client
    await client.fault(kind="late_order", seconds=60)
    stale_ms = int(time.time() * 1000) - 6000

    payload = json.dumps({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "old", **BODY})
    _, answer = await client.answer("POST", CREATE, payload, stamp_ms=stale_ms)

    assert answer["retCode"] == 10002


async def test_a_late_order_that_is_refused_in_the_end_is_not_answered_either(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="late_order", seconds=0.01)

    with pytest.raises(aiohttp.ClientError):
        await client.create("0", "59000")


async def test_a_slow_request_is_judged_when_it_is_let_in(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="slow", seconds=0.6)
    nearly_stale_ms = int(time.time() * 1000) - 4500

    payload = json.dumps({"category": "linear", "symbol": "BTCUSDT", **BODY})
    _, answer = await client.answer("POST", CREATE, payload, stamp_ms=nearly_stale_ms)

    assert answer["retCode"] == 10002


async def test_10006_says_in_its_header_when_to_come_back(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="error_code", ret_code=10006, ret_msg="Too many visits!", reset_ms=700)

    payload = json.dumps({"category": "linear", "symbol": "BTCUSDT", **BODY})
    headers, answer = await client.answer("POST", CREATE, payload)

    assert answer["retCode"] == 10006
    assert headers["X-Bapi-Limit-Status"] == "0"
    assert 0 < int(headers["X-Bapi-Limit-Reset-Timestamp"]) - answer["time"] <= 700


@pytest.mark.parametrize("status", [403, 429, 500, 503])
@pytest.mark.parametrize("processed", [False, True])
async def test_an_http_status_says_nothing_of_whether_the_order_lives(
    hand: Serve, status: int, processed: bool
) -> None:
    client = (await hand()).client
    await client.fault(kind="http_status", status=status, processed=processed)

    answered, content_type, _ = await plain(client, CREATE, orderLinkId="x", **BODY)

    assert (answered, content_type) == (status, "text/html")
    assert len(await client.order("x")) == int(processed)


async def test_an_outage_strikes_every_path_until_it_ends(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="http_status", endpoint="*", seconds=300)

    statuses = [(await plain(client, CREATE, **BODY))[0] for _ in range(3)]
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await client.http.ws_connect(client.stream)
    await cleared(client)
    after = await client.create("0.01", "59000")

    assert statuses == [503, 503, 503]
    assert after["retCode"] == 0


async def test_html_comes_with_status_200(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="html")

    status, content_type, text = await plain(client, CREATE, orderLinkId="x", **BODY)

    assert (status, content_type) == (200, "text/html")
    assert text.startswith("<html>")
    assert await client.order("x") == []


async def test_half_a_body_breaks_off_after_the_order_was_accepted(hand: Serve) -> None:
    client = (await hand()).client
    await client.fault(kind="half_body")

    with pytest.raises(aiohttp.ClientError):
        await client.create("0.01", "59000", orderLinkId="x")

    assert len(await client.order("x")) == 1


async def test_pages_lose_their_cursor_or_break_on_the_second(hand: Serve) -> None:
    client = (await hand()).client
    for _ in range(3):
        await client.create("0.01", "59000")
    query = "category=linear&symbol=BTCUSDT&limit=2"

    await client.fault(kind="incomplete_page")
    cut = await client.get(REALTIME, query)
    await client.fault(kind="broken_page", ret_code=10000, ret_msg="Server Timeout")
    first = await client.get(REALTIME, query)
    second = await client.get(REALTIME, f"{query}&cursor={first['result']['nextPageCursor']}")

    assert (len(cut["result"]["list"]), cut["result"]["nextPageCursor"]) == (2, "")
    assert first["retCode"] == 0
    assert second["retCode"] == 10000


async def test_a_missing_order_lives_and_is_not_shown(hand: Serve) -> None:
    simulator = await hand()
    client = simulator.client
    await client.fault(kind="missing_order", order_link_id="x", seconds=60)
    await client.create("0.01", "59000", orderLinkId="x")
    await client.create("0.01", "59000", orderLinkId="y")

    listed = await client.get(REALTIME, "category=linear&symbol=BTCUSDT")
    asked = await client.order("x")
    await cleared(client)

    assert [row["orderLinkId"] for row in listed["result"]["list"]] == ["y"]
    assert asked == []
    assert len(await client.order("x")) == 1


async def test_a_skewed_clock_judges_requests_and_the_sockets_auth(hand: Serve) -> None:
    simulator = await hand()
    client = simulator.client
    await client.fault(kind="clock_skew", skew_ms=-1500)
    ahead = await client.create("0.01", "59000")
    await cleared(client)
    await client.fault(kind="clock_skew", skew_ms=20_000)

    behind = await client.create("0.01", "59000")
    listener = await simulator.listen()
    auth = await listener.authorise()

    assert (ahead["retCode"], behind["retCode"]) == (10002, 10002)
    assert not auth["success"]


async def test_a_cancel_that_races_a_fill_finds_nothing_and_the_fill_comes_after(hand: Serve) -> None:
    simulator = await hand()
    client = simulator.client
    listener = await simulator.listen("order")
    await client.create("0.01", "59000", orderLinkId="x")
    await listener.until("order")
    await client.fault(kind="cancel_race", seconds=0.1)
    await client.fault(kind="double_filled")

    refused = await client.post("/v5/order/cancel", symbol="BTCUSDT", orderLinkId="x")
    rows = [(await listener.until("order"))["data"][-1] for _ in range(2)]

    assert (refused["retCode"], refused["retMsg"]) == (110001, "order not exists or too late to cancel")
    assert [(row["orderStatus"], row["cumExecQty"]) for row in rows] == [("Filled", "0.01")] * 2
    assert [row["rejectReason"] for row in rows] == ["EC_NoError", "EC_OrigClOrdIDDoesNotExist"]


async def test_reordered_rows_come_before_the_answer(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order", "execution", "position", "wallet")
    await simulator.client.fault(kind="reordered")

    create = asyncio.create_task(simulator.client.create("0.1"))
    topics = [(await listener.hear())["topic"] for _ in range(4)]
    answered = create.done()

    assert topics == ["wallet", "position", "order", "execution"]
    assert not answered
    assert (await create)["retCode"] == 0


async def test_a_silent_socket_is_open_and_says_nothing(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order")
    await simulator.client.fault(kind="silent_socket", seconds=60)

    await listener.socket.send_json({"op": "ping"})
    await simulator.client.create("0.01", "59000", orderLinkId="unheard")
    await rows_have_left(simulator)
    await cleared(simulator.client)
    await simulator.client.create("0.01", "59000", orderLinkId="heard")
    frame = await listener.hear()

    assert frame["data"][0]["orderLinkId"] == "heard"


async def test_a_disconnection_cuts_every_private_socket(hand: Serve) -> None:
    simulator = await hand()
    listeners = [await simulator.listen("order") for _ in range(2)]

    told = await simulator.client.fault(kind="disconnect")
    ends = [(await listener.socket.receive()).type for listener in listeners]

    assert told["result"]["struck"] == {"disconnect": 1}
    assert set(ends) <= {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE}


async def test_an_unknown_status_is_sent_and_the_truth_is_in_the_books(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order")
    await simulator.client.fault(kind="unknown_status", word="Pondering")

    await simulator.client.create("0.01", "59000", orderLinkId="x")
    frame = await listener.until("order")

    assert frame["data"][0]["orderStatus"] == "Pondering"
    assert (await simulator.client.order("x"))[0]["orderStatus"] == "New"
