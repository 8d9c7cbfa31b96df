"""Signatures over raw bytes, the time window, and the private socket's auth."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tradefleet.simulation.server.envelope import Refusal
from tradefleet.simulation.server.signing import auth_error, check_request, sign

Payload = Callable[[str], Any]

# Measured with pybit 5.17.0 and ccxt 4.5.90, key K and secret S (reference B1).
VECTORS = [
    (
        "1795373527657",
        "category=linear&cursor=page_args%3Dfd43%26symbol%3D6%26&openOnly=0&symbol=BTCUSDT",
        "54f4aaf68d78e76997ef56f0ec4dc46849a5b575f51ecd4737c05d01aaa4ced4",
    ),
    (
        "1795373527656",
        '{"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", '
        '"price": "60000", "timeInForce": "PostOnly", "orderLinkId": "abc-1", "positionIdx": 0, '
        '"reduceOnly": false}',
        "5a8a100e948e64d7a7efc045d31973eae0b87295ad8f0542d9e37290758df31a",
    ),
    (
        "1795373607883",
        '{"symbol":"BTCUSDT","side":"Buy","orderType":"Limit","timeInForce":"PostOnly",'
        '"orderLinkId":"ccxt-1","price":"60000","category":"linear","qty":"0.01"}',
        "9d83db76c0dcadef2ef7ab195fccdb86f60b5e7a950d54b60c3962a997670641",
    ),
]
NOW_MS = 1_800_000_000_000


def headers(stamp: str, signature: str, window: str = "5000", key: str = "K") -> dict[str, str]:
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": signature,
    }


def check(given: dict[str, str], payload: str = "", now_ms: int = NOW_MS) -> None:
    check_request(given, payload, now_ms=now_ms, api_key="K", api_secret="S")


@pytest.mark.parametrize(("stamp", "payload", "signature"), VECTORS)
def test_the_clients_own_signatures_pass(stamp: str, payload: str, signature: str) -> None:
    check(headers(stamp, signature), payload, now_ms=int(stamp))


def test_the_same_json_written_otherwise_does_not_pass() -> None:
    stamp, payload, signature = VECTORS[1]
    compact = json.dumps(json.loads(payload), separators=(",", ":"))

    with pytest.raises(Refusal, match="10004"):
        check(headers(stamp, signature), compact, now_ms=int(stamp))


def test_a_wrong_signature_is_answered_with_the_origin_string_as_recorded(payload: Payload) -> None:
    error = payload("real_error_10004_bad_sign.json")
    given = headers("1682321990138", "0" * 64, key="dBW7d0xxu8cbXUl5vq")

    with pytest.raises(Refusal) as refusal:
        check_request(
            given,
            "category=linear",
            now_ms=1682321990138,
            api_key="dBW7d0xxu8cbXUl5vq",
            api_secret="S",
        )

    assert (refusal.value.code, refusal.value.message) == (error["retCode"], error["retMsg"])


@pytest.mark.parametrize(
    ("offset_ms", "window_ms", "passes"),
    [
        (0, 5000, True),
        (-5000, 5000, True),
        (-5001, 5000, False),
        (999, 5000, True),
        (1000, 5000, False),
        (1000, 60_000, False),  # no window helps a clock that runs ahead
        (-6000, 7500, True),
        (-1, 0, False),
    ],
)
def test_the_window_reaches_back_by_recv_window_and_forward_by_less_than_a_second(
    offset_ms: int, window_ms: int, passes: bool
) -> None:
    stamp = str(NOW_MS + offset_ms)
    given = headers(stamp, sign("S", f"{stamp}K{window_ms}"), str(window_ms))

    if passes:
        check(given)
    else:
        with pytest.raises(Refusal, match="10002"):
            check(given)


def test_a_request_outside_the_window_is_answered_as_recorded(payload: Payload) -> None:
    error = payload("real_error_10002_recv_window.json")

    with pytest.raises(Refusal) as refusal:
        check(headers("1677853520948", "x"), now_ms=1677853421570)

    assert (refusal.value.code, refusal.value.message) == (error["retCode"], error["retMsg"])


def test_the_window_defaults_to_five_seconds() -> None:
    stamp = str(NOW_MS - 4000)
    given = headers(stamp, sign("S", f"{stamp}K"))
    del given["X-BAPI-RECV-WINDOW"]

    check(given)


@pytest.mark.parametrize("missing", ["X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-SIGN"])
def test_a_request_without_its_headers_is_http_401(missing: str) -> None:
    given = headers(str(NOW_MS), "x")
    del given[missing]

    with pytest.raises(Refusal) as refusal:
        check(given)

    assert refusal.value.status == 401


def test_an_unknown_key_is_10003_before_anything_else() -> None:
    with pytest.raises(Refusal, match=r"10003: API key is invalid\."):
        check(headers("1", "x", key="other"))


@pytest.mark.parametrize("stamp", ["soon", "-5", "1e12", "٣", "9" * 17])
def test_a_timestamp_that_is_no_number_is_10001(stamp: str) -> None:
    with pytest.raises(Refusal, match="10001"):
        check(headers(stamp, "x"))


# ---- the private socket

AUTH_MS = 1795373586527
AUTH = "71cfc6e48a7cadd1dc26ce6f84aaa83e10ce5e6547b139cfda3739717672d297"


@pytest.mark.parametrize("expires", [AUTH_MS, str(AUTH_MS)])
def test_auth_takes_its_expiry_as_number_and_as_string(expires: object) -> None:
    assert auth_error(["K", expires, AUTH], now_ms=AUTH_MS - 1000, api_key="K", api_secret="S") is None


@pytest.mark.parametrize(
    ("args", "now_ms", "text"),
    [
        (["K", AUTH_MS], 0, "Params Error"),
        (["other", AUTH_MS, AUTH], 0, "API key is invalid"),
        (["K", AUTH_MS, AUTH], AUTH_MS, "Request has expired"),
        (["K", "soon", AUTH], 0, "Request has expired"),
        (["K", AUTH_MS, "0" * 64], 0, "error sign"),
    ],
)
def test_auth_that_does_not_hold_says_why(args: list[object], now_ms: int, text: str) -> None:
    error = auth_error(args, now_ms=now_ms, api_key="K", api_secret="S")

    assert error is not None
    assert text in error
