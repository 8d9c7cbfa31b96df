"""Where the ordered faults strike REST requests, and the routes by which a test orders them.

A middleware around every `/v5/` route: it lets the request through, or not, and alters what comes
back. `account.faults` decides what strikes; this is only the carrying out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from tradefleet.simulation.account.faults import Asked, Fault, FaultError, FaultKind, FaultPlan
from tradefleet.simulation.server.envelope import (
    MILLISECOND_NS,
    RateLimit,
    Refusal,
    parameter_error,
    respond,
)
from tradefleet.simulation.server.rate_limits import PER_SECOND

FAULTS_PATH: Final = "/simulator/faults/account"
STRUCK: Final = web.RequestKey("fault", Fault)
"""The fault that the account's own handlers carry out: LATE_ORDER and CANCEL_RACE."""

RATE_LIMITED: Final = 10006
TIME_PATH: Final = "/v5/market/time"
IP_LIMIT: Final = 600
SECOND_NS: Final = 1_000_000_000

PAGE: Final = "<html><head><title>Maintenance</title></head><body><h1>We'll be back</h1></body></html>"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def faults_strike(plan: FaultPlan, now_ns: Callable[[], int]) -> Any:
    """The middleware. now_ns: the simulator's true clock."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if plan.idle or not request.path.startswith("/v5/"):
            return await handler(request)
        fault = plan.strike_request(await _asked(request))
        response = await (handler(request) if fault is None else _struck(request, handler, fault, now_ns))
        return _altered(plan, request.path, response)

    return middleware


async def _asked(request: web.Request) -> Asked:
    """What the request names. A body that cannot be read names nothing: the handler will say so."""
    named: list[Any] = [request.query]
    if request.method == "POST":
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except msgspec.DecodeError:
            body = {}
        inner = body.get("request")
        named = [body, *(inner if isinstance(inner, list) else ())]
    rows = [row for row in named if hasattr(row, "get")]
    return Asked(
        request.path,
        symbols=frozenset(str(row.get("symbol")) for row in rows if row.get("symbol")),
        link_ids=frozenset(str(row.get("orderLinkId")) for row in rows if row.get("orderLinkId")),
        has_cursor=bool(request.query.get("cursor")),
    )


async def _struck(
    request: web.Request, handler: Handler, fault: Fault, now_ns: Callable[[], int]
) -> web.StreamResponse:
    """The answer to a request that a fault strikes."""
    match fault.kind:
        case FaultKind.LOST_ANSWER:
            await _carried_out(request, handler)
            return lose_answer(request)
        case FaultKind.LATE_ANSWER:
            response = await handler(request)
            await asyncio.sleep(fault.lateness_s)
            return response
        case FaultKind.SLOW:
            await asyncio.sleep(fault.lateness_s)
            return await handler(request)
        case FaultKind.HALF_BODY:
            return await _half(request, await handler(request))
        case FaultKind.INCOMPLETE_PAGE:
            return _without_cursor(await handler(request))
        case FaultKind.LATE_ORDER | FaultKind.CANCEL_RACE:
            request[STRUCK] = fault
            return await handler(request)
        case _:
            if fault.processed:
                await _carried_out(request, handler)
            return _error(request.path, fault, now_ns())


async def _carried_out(request: web.Request, handler: Handler) -> None:
    """Nobody will hear the answer, be it yes or no."""
    try:
        await handler(request)
    except Refusal:
        return


def _error(path: str, fault: Fault, now_ns: int) -> web.Response:
    """The error in place of an answer."""
    if fault.kind is FaultKind.HTML:
        return web.Response(text=PAGE, content_type="text/html")
    if fault.kind is FaultKind.HTTP_STATUS:
        text = "access too frequent" if fault.status == 403 else PAGE
        return web.Response(status=fault.status, text=text, content_type="text/html")
    limit = PER_SECOND.get(path, IP_LIMIT)
    reset_ms = now_ns // MILLISECOND_NS + fault.reset_ms if fault.ret_code == RATE_LIMITED else None
    rate = RateLimit(limit=limit, remaining=0 if reset_ms else limit - 1, reset_ms=reset_ms)
    return respond({}, now_ns=now_ns, code=fault.ret_code, message=fault.ret_msg, rate=rate)


def lose_answer(request: web.Request) -> web.StreamResponse:
    """Cut the connection: the client knows only that it has sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # never leaves: there is no connection any more


async def _half(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The whole length promised, half of it sent, then the end of the connection."""
    whole = _body(response)
    half = web.StreamResponse(status=200, headers={"Content-Type": "application/json"})
    half.content_length = len(whole)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


# ---- what an answer says, changed


def _altered(plan: FaultPlan, path: str, response: web.StreamResponse) -> web.StreamResponse:
    """The answer as the conditions that hold let it be seen."""
    hiding = [fault for fault in plan.holding(FaultKind.MISSING_ORDER) if fault.strikes_path(path)]
    skew_ns = plan.skew_ns
    if not hiding and not skew_ns:
        return response
    if not isinstance(response, web.Response) or response.content_type != "application/json":
        return response
    answer = msgspec.json.decode(_body(response))
    if hiding:
        answer = hidden(answer, hiding)
    return _rewritten(response, skewed(answer, path, skew_ns) if skew_ns else answer)


def hidden(answer: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """A list without the orders that these faults hide."""
    rows = (answer.get("result") or {}).get("list")
    if not isinstance(rows, list):
        return answer
    shown = [
        row
        for row in rows
        if not any(
            (not fault.symbol or row["symbol"] == fault.symbol)
            and (not fault.order_link_id or row["orderLinkId"] == fault.order_link_id)
            for fault in faults
        )
    ]
    return {**answer, "result": {**answer["result"], "list": shown}}


def skewed(answer: dict[str, Any], path: str, skew_ns: int) -> dict[str, Any]:
    """An answer stamped by a clock that is ahead by so much."""
    if "time" in answer:
        answer = {**answer, "time": answer["time"] + skew_ns // MILLISECOND_NS}
    if path == TIME_PATH and answer.get("result"):
        told_ns = int(answer["result"]["timeNano"]) + skew_ns
        result = {"timeSecond": str(told_ns // SECOND_NS), "timeNano": str(told_ns)}
        answer = {**answer, "result": result}
    return answer


def _without_cursor(response: web.StreamResponse) -> web.StreamResponse:
    answer = msgspec.json.decode(_body(response))
    if isinstance(answer.get("result"), dict) and "nextPageCursor" in answer["result"]:
        answer["result"]["nextPageCursor"] = ""
    return _rewritten(response, answer)


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return body if isinstance(body, bytes) else b""


def _rewritten(response: web.StreamResponse, answer: Any) -> web.Response:
    headers = {name: value for name, value in response.headers.items() if name.startswith("X-Bapi")}
    return web.Response(
        body=msgspec.json.encode(answer),
        status=response.status,
        content_type="application/json",
        headers=headers,
    )


# ---- the routes


def add_routes(app: web.Application, plan: FaultPlan, now_ns: Callable[[], int]) -> None:
    """POST a fault, GET what is pending, DELETE all; not signed, for tests."""
    app.middlewares.append(faults_strike(plan, now_ns))

    def pending() -> web.Response:
        return respond({"list": plan.pending(), "struck": dict(plan.struck)}, now_ns=now_ns())

    async def add(request: web.Request) -> web.StreamResponse:
        try:
            plan.add(msgspec.json.decode(await request.read(), type=Fault))
        except (msgspec.DecodeError, FaultError) as error:
            raise parameter_error(f"{FAULTS_PATH}: {error}") from error
        return pending()

    async def show(request: web.Request) -> web.StreamResponse:
        return pending()

    async def clear(request: web.Request) -> web.StreamResponse:
        plan.clear()
        return pending()

    app.router.add_post(FAULTS_PATH, add)
    app.router.add_get(FAULTS_PATH, show)
    app.router.add_delete(FAULTS_PATH, clear)
