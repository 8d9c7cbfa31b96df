"""Signatures of REST requests and of the private socket's auth, checked as Bybit checks them.

Over the raw query string or the raw body's bytes, never over a re-serialised form: pybit sorts its
keys and writes JSON with spaces, ccxt does neither, and both must pass. Pure functions; the clock
is passed in. Source: Bybit V5, "Integration Guidance"; reference B1 (vectors), C1.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from tradefleet.simulation.server.envelope import Refusal

DEFAULT_RECV_WINDOW_MS: Final = 5000
AHEAD_MS: Final = 1000
"""A request stamped this much or more ahead of the server is refused, whatever its window."""

_HEADERS: Final = ("X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-SIGN")


def sign(secret: str, text: str) -> str:
    """Lower-case hex HMAC-SHA256."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def check_request(
    headers: Mapping[str, str], payload: str, *, now_ms: int, api_key: str, api_secret: str
) -> None:
    """Raises Refusal unless the request is signed by this key within its window.

    payload: the raw query string of a GET, the raw body of a POST. now_ms: the server's clock.
    HTTP 401 without the headers, then 10003 (key), 10002 (window) and 10004 (signature).
    """
    if any(not headers.get(name) for name in _HEADERS):
        raise Refusal(10003, "API key, timestamp and signature belong into X-BAPI-* headers", status=401)
    key, stamp = headers["X-BAPI-API-KEY"], headers["X-BAPI-TIMESTAMP"]
    window = headers.get("X-BAPI-RECV-WINDOW", "")
    if key != api_key:
        raise Refusal(10003, "API key is invalid.")
    sent_ms, window_ms = _milliseconds(stamp), _milliseconds(window or str(DEFAULT_RECV_WINDOW_MS))
    if not now_ms - window_ms <= sent_ms < now_ms + AHEAD_MS:
        raise Refusal(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{sent_ms}],server_timestamp[{now_ms}],recv_window[{window_ms}]",
        )
    origin = f"{stamp}{key}{window}{payload}"
    if not hmac.compare_digest(sign(api_secret, origin), headers["X-BAPI-SIGN"]):
        raise Refusal(10004, f"error sign! origin_string[{origin}]")


def _milliseconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Refusal(10001, "params error: timestamp or recv_window invalid")
    return int(text)


def auth_error(args: list[object], *, now_ms: int, api_key: str, api_secret: str) -> str | None:
    """Why the private socket's auth fails, None when it holds.

    args: [key, expires in ms (a number or a string), signature]. The texts are ours: the exchange's
    have not been recorded.
    """
    if len(args) != 3:
        return "Params Error"
    key, expires, signature = (str(arg) for arg in args)
    if key != api_key:
        return "API key is invalid."
    if not (expires.isascii() and expires.isdigit()) or int(expires) <= now_ms:
        return f"Request has expired. expires[{expires}],server_timestamp[{now_ms}]"
    if not hmac.compare_digest(sign(api_secret, f"GET/realtime{expires}"), signature):
        return "error sign!"
    return None
