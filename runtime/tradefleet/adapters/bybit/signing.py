"""Signatures of Bybit V5: lower-case hex HMAC-SHA256 over exactly the bytes that are sent.

Pure. The caller reads the clock, because for an order that one reading is also the check against
`sign_by`. Source: Bybit V5, "Integration Guidance" and "ws/connect"; vectors in reference B1.
"""

import hashlib
import hmac
from typing import Any


def sign(secret: str, text: str) -> str:
    """The signature of `text`."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def request_headers(
    key: str, secret: str, *, timestamp_ms: int, recv_window_ms: int, payload: str
) -> dict[str, str]:
    """Headers of a signed request. payload: the raw query of a GET, the raw body of a POST.

    timestamp_ms: the exchange's clock. The request holds until timestamp + recv window.
    """
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": str(timestamp_ms),
        "X-BAPI-RECV-WINDOW": str(recv_window_ms),
        "X-BAPI-SIGN": sign(secret, f"{timestamp_ms}{key}{recv_window_ms}{payload}"),
        "Content-Type": "application/json",
    }


def auth_request(key: str, secret: str, *, expires_ms: int) -> dict[str, Any]:
    """The private stream's first frame. expires_ms: exchange time, must lie ahead on arrival."""
    return {"op": "auth", "args": [key, expires_ms, sign(secret, f"GET/realtime{expires_ms}")]}
