"""The envelope around every REST answer, and how a refusal travels to it.

A handler returns `respond(...)` or raises `Refusal`; the middleware turns refusals, unknown paths
and wrong methods into Bybit's JSON, so that no client ever meets a page of HTML by accident.
Source: Bybit V5, "Integration Guidance" and "Rate Limit Rules"; reference C2 and C3.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

PARAMETER_ERROR: Final = 10001
ROUTE_NOT_FOUND: Final = 10017

MILLISECOND_NS: Final = 1_000_000


class RateLimit(msgspec.Struct, frozen=True):
    """What the three X-Bapi-Limit headers say.

    limit: requests allowed in the window; remaining: of those, still free; reset_ms: when the
    window opens again, exchange ms, or None for "now" (the quota is not exceeded).
    """

    limit: int
    remaining: int
    reset_ms: int | None = None


MARKET_LIMIT: Final = RateLimit(limit=600, remaining=599)
"""Public reads know only the limit of the IP, 600 in 5 s, which this server does not enforce."""


class Refusal(Exception):
    """A business error: HTTP 200 (or `status`) with a retCode that is not 0."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def parameter_error(message: str) -> Refusal:
    """10001, the exchange's answer to a parameter that is missing or wrong."""
    return Refusal(PARAMETER_ERROR, message)


def respond(
    result: object,
    *,
    now_ns: int,
    code: int = 0,
    message: str = "OK",
    status: int = 200,
    rate: RateLimit = MARKET_LIMIT,
    ext_info: object | None = None,
) -> web.Response:
    """One answer with envelope and headers.

    result: what msgspec can encode. now_ns: the simulator's clock, for `time` and the reset header.
    ext_info: `retExtInfo`, `{}` when None.
    """
    now_ms = now_ns // MILLISECOND_NS
    body = {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": {} if ext_info is None else ext_info,
        "time": now_ms,
    }
    headers = {
        "X-Bapi-Limit": str(rate.limit),
        "X-Bapi-Limit-Status": str(rate.remaining),
        "X-Bapi-Limit-Reset-Timestamp": str(now_ms if rate.reset_ms is None else rate.reset_ms),
    }
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers
    )


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refusals_in_envelopes(now_ns: Callable[[], int]) -> Any:
    """The middleware: `Refusal`, 404 and 405 leave as envelopes; everything else passes."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return respond(
                {}, now_ns=now_ns(), code=refusal.code, message=refusal.message, status=refusal.status
            )
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return respond(
                {},
                now_ns=now_ns(),
                code=ROUTE_NOT_FOUND,
                message=f"Route not found: {request.method} {request.path}",
                status=404,
            )

    return middleware
