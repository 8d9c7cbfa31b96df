"""The private WebSocket: who may listen, what is said, and to whom."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tradefleet.simulation.server.signing import sign

Serve = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize("as_type", [int, str])
async def test_auth_takes_its_expiry_as_number_or_string(hand: Serve, as_type: type) -> None:
    listener = await (await hand()).listen()

    answer = await listener.authorise(as_type(int(time.time() * 1000) + 10_000))

    assert (answer["success"], answer["ret_msg"], answer["op"]) == (True, "", "auth")
    assert answer["conn_id"]


async def test_auth_that_does_not_hold_is_refused_and_nothing_may_be_subscribed(hand: Serve) -> None:
    listener = await (await hand()).listen()

    wrong = await listener.authorise(secret="other")
    expired = await listener.authorise(int(time.time() * 1000) - 1)
    subscribed = await listener.say(op="subscribe", args=["order"], req_id="7")

    assert [answer["success"] for answer in (wrong, expired, subscribed)] == [False, False, False]
    assert subscribed["ret_msg"] == "Request not authorized"
    assert subscribed["req_id"] == "7"


async def test_requests_are_answered_in_their_order_without_waiting_between(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen()
    expires = int(time.time() * 1000) + 10_000

    await listener.socket.send_json(
        {"op": "auth", "args": ["key", expires, sign("secret", f"GET/realtime{expires}")]}
    )
    await listener.socket.send_json({"op": "subscribe", "args": ["order"], "req_id": 1})
    await listener.socket.send_json({"op": "ping", "req_id": "p"})
    answers = [await listener.hear() for _ in range(3)]

    assert [answer["op"] for answer in answers] == ["auth", "subscribe", "pong"]
    assert answers[1]["success"]
    assert answers[1]["req_id"] == "1"  # integers come back as text


async def test_a_ping_is_answered_with_the_servers_time(hand: Serve) -> None:
    listener = await (await hand()).listen()

    pong = await listener.say(op="ping", req_id="test")

    assert (pong["op"], pong["req_id"]) == ("pong", "test")
    assert abs(int(pong["args"][0]) - time.time() * 1000) < 60_000


async def test_nothing_comes_after_a_subscription_until_something_happens(hand: Serve) -> None:
    simulator = await hand()
    await simulator.client.create("0.1")

    listener = await simulator.listen("order", "execution", "position", "wallet")

    assert await listener.silent()


async def test_a_fill_is_told_on_four_topics_in_their_envelopes(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order", "execution", "position", "wallet")

    await simulator.client.create("1.2", orderLinkId="x", stopLoss="59000")
    frames = [await listener.hear() for _ in range(4)]

    by_topic = {frame["topic"]: frame for frame in frames}
    assert set(by_topic) == {"order", "execution", "position", "wallet"}
    for frame in frames:
        assert set(frame) == {"id", "topic", "creationTime", "data"}
    assert len({frame["id"] for frame in frames}) == 4
    assert [row["execPrice"] for row in by_topic["execution"]["data"]] == ["60000.1", "60000.2"]
    assert [row["orderStatus"] for row in by_topic["order"]["data"]] == ["Filled", "Untriggered"]
    assert [row["size"] for row in by_topic["position"]["data"]] == ["1", "1.2"]
    assert by_topic["position"]["data"][-1]["stopLoss"] == "59000"


async def test_a_position_row_follows_every_order_operation(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("position")

    await simulator.client.create("0.1", "59000", orderLinkId="x")
    await simulator.client.post("/v5/order/amend", symbol="BTCUSDT", orderLinkId="x", qty="0.2")
    await simulator.client.post("/v5/order/cancel", symbol="BTCUSDT", orderLinkId="x")

    sizes = [(await listener.until("position"))["data"][0]["size"] for _ in range(3)]
    assert sizes == ["0", "0", "0"]


async def test_every_connection_gets_everything_it_has_subscribed_to(hand: Serve) -> None:
    simulator = await hand()
    listeners = [await simulator.listen("order", "wallet") for _ in range(3)]
    only_position = await simulator.listen("position")

    await simulator.client.create("0.1", orderLinkId="x")

    for listener in listeners:
        assert (await listener.until("order"))["data"][0]["orderLinkId"] == "x"
        await listener.until("wallet")
    assert (await only_position.hear())["topic"] == "position"
    assert await only_position.silent()


async def test_categorised_topics_carry_linear_rows_and_stay_silent_otherwise(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order.linear", "execution.fast.linear", "order.spot")

    await simulator.client.create("0.1")
    frames = [await listener.hear() for _ in range(2)]

    assert {frame["topic"] for frame in frames} == {"order.linear", "execution.fast.linear"}
    fast = next(frame for frame in frames if frame["topic"].startswith("execution"))
    assert "id" not in fast
    assert await listener.silent()


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["order", "nonsense"], "error:handler not found,topic:nonsense"),
        (["orderbook.50.BTCUSDT"], "error:handler not found,topic:orderbook.50.BTCUSDT"),
        (["wallet", "position"], "error:already subscribed,topic:position"),
        (["order", "order.linear"], "error:all-in-one and categorised in one request,topic:order"),
    ],
)
async def test_one_bad_topic_refuses_its_whole_request(hand: Serve, args: list[str], error: str) -> None:
    simulator = await hand()
    listener = await simulator.listen("position")

    answer = await listener.say(op="subscribe", args=args)
    await simulator.client.create("0.1", "59000")

    assert (answer["success"], answer["ret_msg"]) == (False, error)
    assert (await listener.hear())["topic"] == "position"
    assert await listener.silent()


async def test_what_is_unsubscribed_is_not_sent_any_more(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order", "position")

    await listener.say(op="unsubscribe", args=["order"])
    await simulator.client.create("0.1", "59000")

    assert (await listener.hear())["topic"] == "position"
    assert await listener.silent()


@pytest.mark.parametrize("text", ["hello", '{"op": 5}', "[]", '{"op": "trade"}'])
async def test_a_frame_that_is_no_request_is_answered_and_the_socket_stays(hand: Serve, text: str) -> None:
    listener = await (await hand()).listen()

    await listener.socket.send_str(text)
    answer = await listener.socket.receive_str(timeout=20)

    assert "Failed to decode incoming data" in answer or "error:invalid op" in answer
    assert await listener.silent()


async def test_a_client_that_leaves_does_not_disturb_the_others(hand: Serve) -> None:
    simulator = await hand()
    gone, stays = await simulator.listen("order"), await simulator.listen("order")

    await gone.socket.close()
    await simulator.client.create("0.1", "59000")

    assert (await stays.until("order"))["data"]


async def test_rows_of_one_order_come_in_their_order(hand: Serve) -> None:
    simulator = await hand()
    listener = await simulator.listen("order")
    client = simulator.client

    await asyncio.gather(*(client.create("0.001", "59000", orderLinkId=f"o{n}") for n in range(8)))
    await client.post("/v5/order/cancel-all", symbol="BTCUSDT")
    rows: list[Any] = []
    while len(rows) < 16:
        rows += (await listener.until("order"))["data"]

    for n in range(8):
        statuses = [row["orderStatus"] for row in rows if row["orderLinkId"] == f"o{n}"]
        assert statuses == ["New", "Cancelled"]
