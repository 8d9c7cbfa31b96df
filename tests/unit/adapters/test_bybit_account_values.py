"""Rows become values, intents become bodies, answers become outcomes: the pure half of the adapter."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.simulated_account import intent

from tradefleet.adapters.bybit.bodies import create_body
from tradefleet.adapters.bybit.clock import ExchangeClock, Sample
from tradefleet.adapters.bybit.errors import BadRow, ClockNotMeasured, UnknownValue
from tradefleet.adapters.bybit.results import read_create_answer
from tradefleet.adapters.bybit.rows import execution_of, order_of, position_of, wallet_of
from tradefleet.adapters.bybit.signing import sign
from tradefleet.domain.orders import OrderStatus, OrderType, TimeInForce
from tradefleet.orders.intents import Leg
from tradefleet.orders.outcome import Outcome

RECORDED = Path("tests/fixtures/bybit-payloads/account")

ORDER: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "positionIdx": 0,
    "orderId": "order",
    "orderLinkId": "link",
    "side": "Buy",
    "orderType": "Market",
    "timeInForce": "IOC",
    "orderStatus": "Filled",
    "reduceOnly": False,
    "qty": "0.100",
    "price": "60600.1",
    "cumExecQty": "0.100",
    "avgPrice": "60000.1",
    "stopOrderType": "UNKNOWN",
    "triggerPrice": "",
    "createType": "CreateByUser",
    "cancelType": "UNKNOWN",
    "rejectReason": "EC_NoError",
    "createdTime": "1700000000123",
    "updatedTime": "1700000000456",
}
EXECUTION: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "execId": "execution",
    "orderId": "order",
    "orderLinkId": "",
    "side": "Sell",
    "execType": "Funding",
    "execPrice": "60000",
    "execQty": "0.1",
    "execFee": "-0.6",
    "isMaker": False,
    "closedSize": "0",
    "stopOrderType": "UNKNOWN",
    "createType": "",
    "orderType": "UNKNOWN",
    "seq": 7,
    "execTime": "1700000000456",
}
POSITION: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "positionIdx": 0,
    "side": "Sell",
    "size": "0.1",
    "entryPrice": "60000",
    "markPrice": "60001",
    "stopLoss": "61000",
    "takeProfit": "0",
    "leverage": "10",
    "seq": 8,
    "updatedTime": "1700000000456",
}


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("GET/realtime1795373586527", "71cfc6e48a7cadd1dc26ce6f84aaa83e10ce5e6547b139cfda3739717672d297"),
        (
            "1795373527657K5000category=linear&cursor=page_args%3Dfd43%26symbol%3D6%26&openOnly=0"
            "&symbol=BTCUSDT",
            "54f4aaf68d78e76997ef56f0ec4dc46849a5b575f51ecd4737c05d01aaa4ced4",
        ),
    ],
)
def test_signatures_are_those_of_the_recorded_vectors(text: str, signature: str) -> None:
    assert sign("S", text) == signature


def test_a_market_entry_carries_its_stop_and_target_as_plain_strings() -> None:
    body = create_body(intent(qty=Decimal("1E-1"), stop_loss=Decimal("5.9E+4")))

    assert {name: body[name] for name in body if name != "orderLinkId"} == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.1",
        "timeInForce": "IOC",
        "positionIdx": 0,
        "reduceOnly": False,
        "takeProfit": "62000",
        "tpTriggerBy": "MarkPrice",
        "stopLoss": "59000",
        "slTriggerBy": "MarkPrice",
        "tpslMode": "Full",
    }


def test_an_order_that_reduces_carries_no_stop_even_when_the_intent_names_one() -> None:
    body = create_body(intent(leg=Leg.CLOSE, stop_loss=Decimal("61000")))

    assert body["reduceOnly"] is True
    assert not {"stopLoss", "takeProfit", "tpslMode"} & body.keys()


def test_a_limit_order_keeps_its_price_and_time_in_force() -> None:
    body = create_body(
        intent(order_type=OrderType.LIMIT, time_in_force=TimeInForce.POST_ONLY, price=Decimal("59000.10"))
    )

    assert (body["price"], body["timeInForce"]) == ("59000.1", "PostOnly")


def _envelope(code: int, **result: Any) -> bytes:
    return json.dumps({"retCode": code, "retMsg": "text", "result": result}).encode()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, _envelope(0, orderId="o", orderLinkId="link"), Outcome.ACCEPTED),
        (200, _envelope(0, orderId="o", orderLinkId="another"), Outcome.AMBIGUOUS),
        (200, _envelope(0, orderLinkId="link"), Outcome.AMBIGUOUS),
        (200, _envelope(110017), Outcome.REJECTED),
        (200, _envelope(10002), Outcome.REJECTED),
        (200, _envelope(110072), Outcome.AMBIGUOUS),
        (200, _envelope(10016), Outcome.AMBIGUOUS),
        (200, b'{"retCode":"0","result":{}}', Outcome.AMBIGUOUS),
        (200, b"<html>maintenance</html>", Outcome.AMBIGUOUS),
        (200, b"", Outcome.AMBIGUOUS),
        (200, b'{"retCode":0,"result":null}', Outcome.AMBIGUOUS),
        (403, _envelope(110017), Outcome.AMBIGUOUS),
        (302, b"", Outcome.AMBIGUOUS),
    ],
)
def test_an_answer_proves_only_what_it_says_in_bybits_own_envelope(
    status: int, body: bytes, outcome: Outcome
) -> None:
    assert read_create_answer(status, body, "link").outcome is outcome


def test_an_order_row_becomes_an_order() -> None:
    order = order_of(ORDER)

    assert order.status is OrderStatus.FILLED
    assert (order.avg_price, order.trigger_price, order.stop_order_type) == (Decimal("60000.1"), None, "")
    assert (order.created_ns, order.at_ns) == (1_700_000_000_123_000_000, 1_700_000_000_456_000_000)


def _recorded_rows(name: str, topic: str) -> list[dict[str, Any]]:
    recorded = json.loads((RECORDED / f"{name}.json").read_text())
    if isinstance(recorded, dict):
        answer = recorded.get("response", recorded)
        return list(answer["result"]["list"])
    frames = [entry["frame"] for entry in recorded if entry["dir"] == "server"]
    return [row for frame in frames if frame.get("topic", "").startswith(topic) for row in frame["data"]]


@pytest.mark.parametrize(
    ("name", "topic", "parse"),
    [
        ("net_Private_Order", "order", order_of),
        ("net_Private_UserTrades", "execution", execution_of),
        ("net_Private_Position", "position", position_of),
        ("net_Private_Balance", "wallet", lambda row: wallet_of(row, 1, row["coin"][0]["coin"])),
        ("net_Trading_GetOrders", "", order_of),
        ("net_Trading_GetOrderHistory", "", order_of),
        ("net_Trading_GetPositions", "", position_of),
        ("net_Trading_GetUserTrades", "", execution_of),
        ("real_2024_execution_list_linear_market", "", execution_of),
    ],
)
def test_every_recorded_row_is_understood(name: str, topic: str, parse: Callable[[Any], Any]) -> None:
    rows = _recorded_rows(name, topic)

    assert rows
    for row in rows:
        assert parse(row) is not None


def test_a_funding_row_moves_money_and_no_size() -> None:
    execution = execution_of(EXECUTION)

    assert (execution.signed_qty, execution.fee) == (Decimal(0), Decimal("-0.6"))


def test_a_short_position_has_a_negative_size_and_a_zero_target_is_none() -> None:
    position = position_of(POSITION)

    assert (position.size, position.stop_loss, position.take_profit) == (
        Decimal("-0.1"),
        Decimal("61000"),
        None,
    )


@pytest.mark.parametrize("side", ["", "None"])
def test_a_flat_position_needs_no_side_and_has_no_entry_price(side: str) -> None:
    position = position_of(POSITION | {"side": side, "size": "0", "entryPrice": "0"})

    assert (position.size, position.entry_price) == (Decimal(0), None)


@pytest.mark.parametrize("name", ["entryPrice", "avgPrice"])
def test_the_entry_price_is_read_under_the_streams_name_and_under_rests(name: str) -> None:
    row = {key: value for key, value in POSITION.items() if key != "entryPrice"} | {name: "59000"}

    assert position_of(row).entry_price == Decimal("59000")


@pytest.mark.parametrize(
    ("parse", "row", "field"),
    [
        (order_of, ORDER, "orderStatus"),
        (order_of, ORDER, "side"),
        (order_of, ORDER, "orderType"),
        (order_of, ORDER, "timeInForce"),
        (execution_of, EXECUTION, "execType"),
        (execution_of, EXECUTION, "side"),
        (position_of, POSITION, "side"),
    ],
)
@pytest.mark.parametrize("value", ["Frobnicated", None, 7])
def test_an_unknown_word_is_named_with_its_field(parse: Any, row: Any, field: str, value: object) -> None:
    with pytest.raises(UnknownValue, match=field) as raised:
        parse(row | {field: value})

    assert (raised.value.field, raised.value.value) == (field, value)
    assert repr(value) in str(raised.value)


@pytest.mark.parametrize(
    ("parse", "row", "field", "value"),
    [
        (order_of, ORDER, "qty", ""),
        (order_of, ORDER, "qty", "NaN"),
        (order_of, ORDER, "price", "1_000"),
        (order_of, ORDER, "cumExecQty", 0.1),
        (order_of, ORDER, "orderId", ""),
        (order_of, ORDER, "reduceOnly", "false"),
        (order_of, ORDER, "updatedTime", "yesterday"),
        (execution_of, EXECUTION, "execId", None),
        (execution_of, EXECUTION, "execPrice", "Infinity"),
        (execution_of, EXECUTION, "seq", True),
        (position_of, POSITION, "size", "-1"),
        (position_of, POSITION, "positionIdx", None),
    ],
)
def test_a_value_that_is_no_value_is_named_with_its_field(
    parse: Any, row: Any, field: str, value: object
) -> None:
    with pytest.raises(BadRow) as raised:
        parse(row | {field: value})

    assert (raised.value.field, raised.value.value) == (field, value)


def test_a_wallet_row_is_read_for_one_coin() -> None:
    row = {"coin": [{"coin": "BTC"}, {"coin": "USDT", "walletBalance": "10000", "equity": "10001.5"}]}

    wallet = wallet_of(row, 5)

    assert wallet is not None
    assert (wallet.wallet_balance, wallet.equity, wallet.at_ns) == (Decimal(10000), Decimal("10001.5"), 5)
    assert wallet_of({"coin": []}, 5) is None


def test_the_clock_takes_the_answer_to_be_made_halfway_and_knows_its_error() -> None:
    sample = Sample(sent_ns=100, received_ns=300, server_ns=1_200)

    assert (sample.offset_ns, sample.error_ns) == (1_000, 100)


def test_a_clock_that_was_never_measured_tells_no_time() -> None:
    with pytest.raises(ClockNotMeasured):
        ExchangeClock("http://127.0.0.1:1").now_ns()
