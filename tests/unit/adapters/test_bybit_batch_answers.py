"""What an answer to a batch proves of each of its orders, and what it does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tradefleet.adapters.bybit.batch_answers import Asked, read_batch_answer
from tradefleet.orders.codes import Reason
from tradefleet.orders.outcome import Outcome

RECORDED = Path("tests/fixtures/bybit-payloads/account")
A, B = Outcome.ACCEPTED, Outcome.AMBIGUOUS
R = Outcome.REJECTED


TWO = [Asked("BTCUSDT", "one"), Asked("ETHUSDT", "two")]
ONE_IS = {"category": "linear", "symbol": "BTCUSDT", "orderId": "11", "orderLinkId": "one", "createAt": "1"}
TWO_IS = {"category": "linear", "symbol": "ETHUSDT", "orderId": "22", "orderLinkId": "two", "createAt": "1"}
TWO_NOT = {**TWO_IS, "orderId": "", "createAt": ""}
NOBODY = {"category": "linear", "symbol": "", "orderId": "", "orderLinkId": "", "createAt": ""}
OK = {"code": 0, "msg": "OK"}
FLAT = {"code": 110017, "msg": "current position is zero, cannot fix reduce-only order qty"}
LIMITED = {"code": 10006, "msg": "Too many visits!"}


def answer(ids: Any, codes: Any, code: int = 0, text: str = "OK") -> bytes:
    body = {
        "retCode": code,
        "retMsg": text,
        "result": {"list": ids},
        "retExtInfo": {"list": codes},
        "time": 1,
    }
    return json.dumps(body).encode()


def outcomes(body: bytes, status: int = 200) -> list[Outcome]:
    return [result.outcome for result in read_batch_answer(status, body, TWO)]


@pytest.mark.parametrize(
    ("ids", "codes", "expected"),
    [
        ([ONE_IS, TWO_IS], [OK, OK], [A, A]),
        ([ONE_IS, TWO_NOT], [OK, FLAT], [A, R]),
        ([ONE_IS, TWO_NOT], [OK, LIMITED], [A, R]),
        # Bybit has been seen to leave our id out of what it refuses.
        ([ONE_IS, NOBODY], [OK, FLAT], [A, R]),
        ([ONE_IS, {}], [OK, FLAT], [A, R]),
        # codes that prove nothing
        ([ONE_IS, TWO_NOT], [OK, {"code": 10016, "msg": "internal"}], [A, B]),
        ([ONE_IS, TWO_NOT], [OK, {"code": 110072, "msg": "duplicate"}], [A, B]),
        ([ONE_IS, TWO_NOT], [OK, {"code": 987654, "msg": "?"}], [A, B]),
        # ids that are none, or another order's
        ([ONE_IS, TWO_NOT], [OK, OK], [A, B]),
        ([ONE_IS, NOBODY], [OK, OK], [A, B]),
        ([TWO_IS, ONE_IS], [OK, OK], [B, B]),
        ([TWO_NOT, ONE_IS], [FLAT, OK], [B, B]),
        ([ONE_IS, {**TWO_IS, "orderLinkId": "three"}], [OK, OK], [A, B]),
        ([ONE_IS, {**TWO_IS, "symbol": "SOLUSDT"}], [OK, OK], [A, B]),
        ([ONE_IS, {**NOBODY, "symbol": "SOLUSDT"}], [OK, FLAT], [A, B]),
        # an order with an id that is refused contradicts itself
        ([ONE_IS, TWO_IS], [OK, FLAT], [A, B]),
        # lists that do not fit the request
        ([ONE_IS], [OK], [B, B]),
        ([ONE_IS, TWO_IS], [OK], [B, B]),
        ([ONE_IS, TWO_IS], [], [B, B]),
        ([], [], [B, B]),
        ([ONE_IS, TWO_IS, TWO_IS], [OK, OK, OK], [B, B]),
        # items that are none: they say nothing, and of their neighbours everything is still said
        ([ONE_IS, None], [OK, OK], [A, B]),
        ([ONE_IS, TWO_IS], [OK, None], [A, B]),
        ([ONE_IS, TWO_IS], [OK, {"msg": "OK"}], [A, B]),
        ([ONE_IS, TWO_IS], [OK, {"code": "0", "msg": "OK"}], [A, B]),
        ([ONE_IS, {**TWO_IS, "orderId": 22}], [OK, OK], [A, B]),
    ],
)  # fmt: skip
def test_each_order_is_read_alone(ids: Any, codes: Any, expected: list[Outcome]) -> None:
    assert outcomes(answer(ids, codes)) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected", "reason"),
    [
        (10006, "Too many visits!", R, Reason.RATE),
        (10002, "invalid request, please check your server timestamp", R, Reason.CLOCK),
        (10032, "Demo trading are not supported.", R, Reason.CONFIGURATION),
        (10001, "params error", R, Reason.PARAMETERS),
        (10005, "Permission denied", R, Reason.AUTH),
        # The request may have been carried out, or the code is about an order, and does not say of which.
        (10016, "server error", B, Reason.SERVER),
        (110007, "ab not enough for new order", B, Reason.FUNDS),
        (110017, "position is zero", B, Reason.REDUCE_ONLY),
        (424242, "?", B, Reason.UNKNOWN_CODE),
    ],
)
def test_a_code_of_the_whole_refuses_all_only_when_it_is_about_the_request(
    code: int, text: str, expected: Outcome, reason: Reason
) -> None:
    body = json.dumps({"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": 1}).encode()

    results = read_batch_answer(200, body, TWO)

    assert [(result.outcome, result.reason, result.ret_code) for result in results] == [
        (expected, reason, code)
    ] * 2


def test_a_refusal_of_the_whole_beside_an_order_is_a_contradiction() -> None:
    assert outcomes(answer([ONE_IS], [OK], 10006, "Too many visits!")) == [B, B]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", 200),
        (b"", 200),
        (b"[]", 200),
        (answer([ONE_IS, TWO_IS], [OK, OK])[:-9], 200),
        (answer("many", [OK, OK]), 200),
        (b'{"retCode":0}', 200),
        (b'{"retCode":0,"result":null,"retExtInfo":null}', 200),
        (b'{"retCode":"0"}', 200),
        (answer([ONE_IS, TWO_IS], [OK, OK]), 502),
        (answer([ONE_IS, TWO_IS], [OK, OK]), 403),
    ],
)
def test_anything_but_an_envelope_proves_nothing(body: bytes, status: int) -> None:
    assert outcomes(body, status) == [B, B]


def test_the_documented_answer_is_read_with_its_ids() -> None:
    body = (RECORDED / "docs_order_batch-place_response.json").read_bytes()
    sent = [Asked("BTCUSDT", "spot-btc-03"), Asked("ATOMUSDT", "spot-atom-03")]

    results = read_batch_answer(200, body, sent)

    assert [(result.outcome, result.order_id) for result in results] == [
        (A, "1666800494330512128"),
        (A, "1666800494330512129"),
    ]


def test_the_documented_shape_of_a_partial_failure_is_read_item_by_item() -> None:
    # The documentation shows one for a cancel: the same two lists.
    body = (RECORDED / "docs_order_batch-cancel_response.json").read_bytes()
    recorded = json.loads(body)
    recorded["result"]["list"][0]["orderLinkId"] = "one"
    recorded["result"]["list"][1]["orderLinkId"] = "two"
    recorded["retExtInfo"]["list"][1] = {"code": 170131, "msg": "Insufficient balance."}
    sent = [Asked("BTCUSDT", "one"), Asked("ATOMUSDT", "two")]

    results = read_batch_answer(200, json.dumps(recorded).encode(), sent)

    assert [(result.outcome, result.reason) for result in results] == [(A, Reason.NONE), (R, Reason.FUNDS)]


def test_an_order_that_was_sent_without_an_id_of_ours_is_known_by_its_place_and_symbol() -> None:
    sent = [Asked("BTCUSDT", ""), Asked("ETHUSDT", "")]
    first, second = {**ONE_IS, "orderLinkId": ""}, {**TWO_IS, "orderLinkId": ""}

    results = read_batch_answer(200, answer([first, second], [OK, OK]), sent)
    crossed = read_batch_answer(200, answer([second, first], [OK, OK]), sent)

    assert [result.outcome for result in results] == [A, A]
    assert [result.outcome for result in crossed] == [B, B]
