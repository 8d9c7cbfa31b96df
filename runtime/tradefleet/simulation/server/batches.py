"""Several orders in one request: what is asked, done one by one, and how each one went.

A batch is no transaction: each order is accepted or refused alone, in its order, and what the rate
limit does not allow is refused alone too. Source: reference B4, C3, C5 (create-batch).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tradefleet.simulation.account import wire
from tradefleet.simulation.account.orders import Order, Refused
from tradefleet.simulation.account.spot.wire import is_spot

Body = Mapping[str, Any]

MOST: Final = 20
"""Orders a batch, linear contracts."""
MOST_SPOT: Final = 10

RATE_LIMITED: Final = 10006
RATE_LIMITED_TEXT: Final = "Too many visits. Exceeded the API Rate Limit."
MILLISECOND_NS: Final = 1_000_000


class BatchResult(msgspec.Struct, frozen=True):
    """The two lists of the answer, in the order of the request: what became of each, and its code."""

    result: dict[str, list[dict[str, str]]]
    ext_info: dict[str, list[dict[str, Any]]]


def batch_size(raw_body: str) -> int:
    """How many orders a body asks for, for the rate limit; 1 when it cannot be read."""
    try:
        asked = msgspec.json.decode(raw_body, type=dict[str, Any]).get("request")
    except msgspec.DecodeError:
        return 1
    return max(1, min(len(asked), MOST)) if isinstance(asked, list) else 1


def batch_of(body: Body, *, has_spot: bool = False) -> list[Body]:
    """The orders of a batch, each as a body of its own. has_spot: there is a spot market. Raises Refused."""
    most = MOST
    if has_spot and is_spot(body):
        most = MOST_SPOT
    else:
        wire.require_linear(body)
    asked = body.get("request")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise wire.bad("params error: request must be a list of orders")
    if not 1 <= len(asked) <= most:
        raise wire.bad(f"The number of orders in a batch must be 1 to {most}")
    return [{**one, "category": body["category"]} for one in asked]


def run_batch(bodies: list[Body], granted: int, write: Callable[[Body], Order]) -> BatchResult:
    """Carries out the first `granted` orders; the rest is over the rate limit."""
    rows, codes = [], []
    for place, body in enumerate(bodies):
        order: Order | None = None
        code, text = 0, "OK"
        try:
            if place >= granted:
                raise Refused(RATE_LIMITED, RATE_LIMITED_TEXT)
            order = write(body)
        except Refused as refused:
            code, text = refused.code, refused.text
        rows.append(_row(body, order))
        codes.append({"code": code, "msg": text})
    return BatchResult({"list": rows}, {"list": codes})


def _row(body: Body, order: Order | None) -> dict[str, str]:
    return {
        "category": str(body["category"]),
        "symbol": str(body.get("symbol") or ""),
        "orderId": order.order_id if order else "",
        "orderLinkId": order.order_link_id if order else str(body.get("orderLinkId") or ""),
        "createAt": str(order.created_ns // MILLISECOND_NS) if order else "",
    }
