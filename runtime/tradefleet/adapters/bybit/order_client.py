"""The order path: the one function that signs an order, and the queries that resolve it.

A create is sent once: no retry, no redirect, no second signature, no wider window. What the answer
does not prove is AMBIGUOUS, and then asked for by its id. Each step is explained in
docs/order-path.md. Source: Bybit V5, "create-order", "open-order", "order-list", "execution".
"""

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from tradefleet.adapters.bybit.clock import Clock
from tradefleet.adapters.bybit.errors import BadRow, ClockNotMeasured, Unreadable
from tradefleet.adapters.bybit.rows import MILLISECOND_NS, Row, execution_of, order_of
from tradefleet.adapters.bybit.signing import request_headers
from tradefleet.adapters.failpoints import failpoint
from tradefleet.core.events import QueryAnswer
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder, OrderType, TimeInForce
from tradefleet.domain.quantities import plain
from tradefleet.orders.codes import Reason
from tradefleet.orders.intents import Intent
from tradefleet.orders.outcome import Operation, Outcome, classify

CREATE: Final = "/v5/order/create"
OPEN_ORDERS: Final = "/v5/order/realtime"
ORDER_HISTORY: Final = "/v5/order/history"
EXECUTIONS: Final = "/v5/execution/list"

PAGE: Final = 100
MOST_PAGES: Final = 100
"""Of one order's executions: ten thousand. More means that the cursor does not advance."""

TRIGGER: Final = "MarkPrice"
"""Stops and targets go by the mark, which no single trade in a thin book can move."""

MaySign = Callable[[Intent], str | None]
"""None when the intent may be signed now, else why not (the lease is lost, ...)."""


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the one attempt came to. reason: one word of the table of codes, or of what forbade it;
    message: a sentence. ret_code: None when there was no readable answer."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    order_id: str = ""
    ret_code: int | None = None
    message: str = ""


class _Ids(msgspec.Struct):
    orderId: str = ""  # noqa: N815 - the exchange's names
    orderLinkId: str = ""  # noqa: N815


class _CreateAnswer(msgspec.Struct):
    retCode: int  # noqa: N815
    retMsg: str = ""  # noqa: N815
    result: msgspec.Raw = msgspec.Raw(b"{}")


class _List(msgspec.Struct):
    list: list[dict[str, Any]]
    nextPageCursor: str = ""  # noqa: N815


class _ListAnswer(msgspec.Struct):
    retCode: int  # noqa: N815
    retMsg: str = ""  # noqa: N815
    result: msgspec.Raw = msgspec.Raw(b"{}")


def create_body(intent: Intent) -> dict[str, Any]:
    """The body of POST /v5/order/create. Numbers travel as plain decimal strings.

    A stop or target is never put on an order that only reduces: the exchange refuses the pair.
    """
    market = intent.order_type is OrderType.MARKET
    body: dict[str, Any] = {
        "category": intent.key.category,
        "symbol": intent.key.symbol,
        "side": intent.side.value,
        "orderType": intent.order_type.value,
        "qty": plain(intent.qty),
        "timeInForce": (TimeInForce.IOC if market else intent.time_in_force).value,
        "orderLinkId": intent.client_order_id,
        "positionIdx": intent.key.position_idx,
        "reduceOnly": intent.reduce_only,
    }
    if intent.price is not None and not market:
        body["price"] = plain(intent.price)
    if intent.take_profit is not None and not intent.reduce_only:
        body |= {"takeProfit": plain(intent.take_profit), "tpTriggerBy": TRIGGER, "tpslMode": "Full"}
    if intent.stop_loss is not None and not intent.reduce_only:
        body |= {"stopLoss": plain(intent.stop_loss), "slTriggerBy": TRIGGER, "tpslMode": "Full"}
    return body


def read_create_answer(status: int, body: bytes, client_order_id: str) -> SendResult:
    """What an answer proves. Anything but an envelope with a known code proves nothing."""
    if status != 200:
        return _ambiguous(f"HTTP {status}")
    try:
        answer = msgspec.json.decode(body, type=_CreateAnswer)
        verdict = classify(Operation.CREATE, answer.retCode, answer.retMsg)
        if verdict.outcome is not Outcome.ACCEPTED:
            return SendResult(
                outcome=verdict.outcome,
                reason=verdict.reason,
                ret_code=answer.retCode,
                message=answer.retMsg,
            )
        ids = msgspec.json.decode(answer.result, type=_Ids)
    except msgspec.DecodeError as error:
        return _ambiguous(f"the answer is no envelope of Bybit: {error}")
    # A success that names no order, or another one, is an answer to something else.
    if not ids.orderId or ids.orderLinkId != client_order_id:
        return _ambiguous(f"accepted orderId {ids.orderId!r} orderLinkId {ids.orderLinkId!r}", 0)
    return SendResult(outcome=verdict.outcome, order_id=ids.orderId, ret_code=0, message=answer.retMsg)


def _ambiguous(message: str, ret_code: int | None = None) -> SendResult:
    return SendResult(outcome=Outcome.AMBIGUOUS, ret_code=ret_code, message=message)


def _not_sent(message: str) -> SendResult:
    return SendResult(outcome=Outcome.NOT_SENT, message=message)


class OrderClient:
    """Creates orders and asks for them, over connections of its own. Close it when done."""

    def __init__(
        self,
        rest_url: str,
        key: str,
        secret: str,
        clock: Clock,
        recv_window_ms: int = 5000,
        *,
        timeout_s: float = 5.0,
    ) -> None:
        """recv_window_ms: of queries; a create's window comes of its intent. timeout_s: of a request."""
        self._rest = rest_url.rstrip("/")
        self._key = key
        self._secret = secret
        self._clock = clock
        self._recv_window_ms = recv_window_ms
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. A create in flight becomes ambiguous."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def create(self, intent: Intent, may_sign: MaySign) -> SendResult:
        """Sign the intent and send it, once. Never raises for anything the exchange or network does.

        NOT_SENT only when it is proven that no byte of the request has left.
        """
        window_ms = (intent.valid_until_ns - intent.sign_by_ns) // MILLISECOND_NS
        if window_ms <= 0:
            return _not_sent("valid_until_ns is not a millisecond after sign_by_ns")
        body = msgspec.json.encode(create_body(intent))
        http = self._session()
        # From here to the signature nothing awaits. The clock is read before the lease is asked: if
        # the process is paused between the two, the lease is judged when we wake, and the
        # exchange judges the timestamp.
        try:
            now_ns = self._clock.now_ns()
        except ClockNotMeasured as error:
            return _not_sent(str(error))
        if now_ns > intent.sign_by_ns:
            return _not_sent(f"sign_by is past by {(now_ns - intent.sign_by_ns) / 1e6:.1f} ms")
        refusal = may_sign(intent)
        if refusal is not None:
            return _not_sent(refusal)
        headers = request_headers(
            self._key,
            self._secret,
            timestamp_ms=now_ns // MILLISECOND_NS,
            recv_window_ms=window_ms,
            payload=body.decode(),
        )
        failpoint("order.signed")
        return await self._send_once(http, intent.client_order_id, body, headers)

    async def _send_once(
        self, http: aiohttp.ClientSession, client_order_id: str, body: bytes, headers: Mapping[str, str]
    ) -> SendResult:
        try:
            async with http.post(
                URL(self._rest + CREATE, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await response.read()
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Both come of opening the connection: the request had nowhere to be written to.
            return _not_sent(f"{type(error).__name__}: {error}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _ambiguous(f"{type(error).__name__}: {error}")
        failpoint("order.answered")
        return read_create_answer(status, answer, client_order_id)

    async def query(
        self, client_order_id: str, symbol: str, created_ns: int
    ) -> tuple[QueryAnswer, ExchangeOrder | None, tuple[Execution, ...]]:
        """Ask for one order by our id: open and recent orders, then history, then its executions.

        ABSENT only when all three lists answered and none knows the id; UNKNOWN when any answer is
        missing. It is for the caller to decide from when on absence counts. created_ns: of the
        intent; history and executions are read from a minute before it.
        """
        ids = {"category": "linear", "symbol": symbol, "orderLinkId": client_order_id}
        # A minute of slack: nothing of this order is older, whatever the two clocks think.
        since = {**ids, "startTime": str(max(0, created_ns // MILLISECOND_NS - 60_000))}
        try:
            order = await self._find_order(OPEN_ORDERS, ids, client_order_id)
            if order is None:
                order = await self._find_order(ORDER_HISTORY, since, client_order_id)
            executions = await self._executions(since, client_order_id)
        except (Unreadable, BadRow):
            return QueryAnswer.UNKNOWN, None, ()
        known = order is not None or bool(executions)
        return (QueryAnswer.FOUND if known else QueryAnswer.ABSENT), order, executions

    async def _find_order(self, path: str, query: Mapping[str, str], link_id: str) -> ExchangeOrder | None:
        page = await self._get(path, query)
        found = [order for order in map(order_of, page.list) if order.client_order_id == link_id]
        return max(found, key=lambda order: order.at_ns, default=None)

    async def _executions(self, query: Mapping[str, str], link_id: str) -> tuple[Execution, ...]:
        found: list[Row] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            page = await self._get(EXECUTIONS, {**query, "limit": str(PAGE), "cursor": cursor})
            found += [row for row in page.list if row.get("orderLinkId") == link_id]
            if not page.list or not page.nextPageCursor:
                return tuple(map(execution_of, found))
            cursor = page.nextPageCursor
        raise Unreadable(f"{EXECUTIONS}: more than {MOST_PAGES} pages for {link_id}")

    async def _get(self, path: str, query: Mapping[str, str]) -> _List:
        """A signed GET; raises Unreadable for anything but a good list."""
        raw = urlencode({name: value for name, value in query.items() if value}, quote_via=quote)
        try:
            headers = request_headers(
                self._key,
                self._secret,
                timestamp_ms=self._clock.now_ns() // MILLISECOND_NS,
                recv_window_ms=self._recv_window_ms,
                payload=raw,
            )
            # encoded: what is signed is what is sent, escapes included.
            async with self._session().get(
                URL(f"{self._rest}{path}?{raw}", encoded=True), headers=headers, allow_redirects=False
            ) as response:
                body = await response.read()
                if response.status != 200:
                    raise Unreadable(f"GET {path}: HTTP {response.status}")
            answer = msgspec.json.decode(body, type=_ListAnswer)
            if answer.retCode != 0:
                raise Unreadable(f"GET {path}: retCode {answer.retCode}: {answer.retMsg}")
            return msgspec.json.decode(answer.result, type=_List)
        except ClockNotMeasured as error:
            raise Unreadable(str(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
            raise Unreadable(f"GET {path}: {type(error).__name__}: {error}") from error

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_tell_when_sent()],
            )
        return self._http


def _tell_when_sent() -> aiohttp.TraceConfig:
    """Reaches the failpoint order.sent when a body has left the process; only creates have one."""

    async def about_to_write(_: aiohttp.ClientSession, __: SimpleNamespace, ___: Any) -> None:
        # aiohttp calls before it writes, and uvloop flushes at the end of the turn: two turns later
        # the bytes are with the kernel.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, failpoint, "order.sent")

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(about_to_write)
    return trace
