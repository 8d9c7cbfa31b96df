"""The public socket's conversation: what clients may say, and the exchange's own answers to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tradefleet.simulation.server.requests import Request, Undecodable, ack, parse_request, pong

PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "market"


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def said(answer: bytes) -> Any:
    return json.loads(answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"op":"ping"}', Request("ping", "", ())),
        ('{"req_id":"x","op":"subscribe","args":["a","b"]}', Request("subscribe", "x", ("a", "b"))),
        (' {"op":"subscribe","req_id":7,"args":["a"]}', Request("subscribe", "7", ("a",))),
        ('{"op":"unsubscribe","args":null,"req_id":null}', Request("unsubscribe", "", ())),
        ('{"other":1}', Request("", "", ())),
    ],
)
def test_requests_are_understood_and_the_id_becomes_text(text: str, expected: Request) -> None:
    assert parse_request(text) == expected


def test_what_is_not_an_object_is_answered_in_plain_text() -> None:
    with pytest.raises(Undecodable) as answered:
        parse_request("hello")

    assert str(answered.value).startswith(
        "Failed to decode incoming data:readObjectStart: expect { or n, but found h, "
    )


@pytest.mark.parametrize("text", ["", "[]", "{", '{"op":5}', '{"op":"subscribe","args":"a"}'])
def test_nothing_that_a_client_sends_is_worse_than_undecodable(text: str) -> None:
    with pytest.raises(Undecodable, match=r"^Failed to decode incoming data:"):
        parse_request(text)


def test_answers_are_those_that_were_recorded() -> None:
    seen = payload("real_2026_linear_sub_ack_multi")
    assert said(ack(Request("subscribe", "probe-pp", ()), seen["conn_id"])) == seen

    seen = payload("real_2026_linear_pong")
    assert said(pong(Request("ping", "ping-pp", ()), seen["conn_id"])) == seen

    seen = payload("real_2026_sub_unknown_symbol")
    refused = ack(
        Request("subscribe", "e1", ()), seen["conn_id"], "handler not found,topic:orderbook.50.NOPEUSDT"
    )
    assert said(refused) == seen
    assert list(said(refused)) == list(seen)

    seen = payload("real_2026_sub_already_subscribed")
    refused = ack(
        Request("subscribe", "e6", ()), seen["conn_id"], "already subscribed,topic:orderbook.1.ETHUSDT"
    )
    assert said(refused) == seen
