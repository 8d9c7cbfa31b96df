"""The order path: the one function that signs an order, and the queries that resolve it.

A create is sent once: no retry, no redirect, no second signature, no wider window. What the answer
does not prove is AMBIGUOUS, and then asked for by its id. Each step is explained in
docs/order-path.md. Several at once are in `batch_orders`, the other calls that change the account in
`account_changes`.
Source: Bybit V5, "create-order", "open-order", "order-list", "execution".
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import msgspec

from tradefleet.adapters.bybit.batch_orders import BatchOrders, MaySign
from tradefleet.adapters.bybit.bodies import LINEAR, SPOT, contradiction, create_body
from tradefleet.adapters.bybit.clock import Clock
from tradefleet.adapters.bybit.errors import BadRow, ClockNotMeasured, Unreadable
from tradefleet.adapters.bybit.governor import TOO_MANY_VISITS, Governor
from tradefleet.adapters.bybit.quotas import pool
from tradefleet.adapters.bybit.results import SendResult, no_reply, not_sent, read_create_answer
from tradefleet.adapters.bybit.rows import MILLISECOND_NS, Row, execution_of, order_of
from tradefleet.adapters.bybit.transport import ORDER, Envelope, NoReply, SignedHttp, query_text
from tradefleet.adapters.failpoints import failpoint
from tradefleet.core.events import QueryAnswer
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.orders.breaker import Breaker, Seen
from tradefleet.orders.budget import Lane
from tradefleet.orders.codes import Reason
from tradefleet.orders.intents import Intent

CREATE: Final = "/v5/order/create"
OPEN_ORDERS: Final = "/v5/order/realtime"
ORDER_HISTORY: Final = "/v5/order/history"
EXECUTIONS: Final = "/v5/execution/list"

PAGE: Final = 100
MOST_PAGES: Final = 100
"""Of one order's executions: ten thousand. More means that the cursor does not advance."""

READ_PATIENCE_S: Final = 5.0
"""A question waits so long for room in the budget of reads; afterwards the answer is unknown."""


class _List(msgspec.Struct):
    list: list[dict[str, Any]]
    nextPageCursor: str = ""  # noqa: N815 - the exchange's name


class OrderClient(BatchOrders):
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
        governor: Governor | None = None,
        breaker: Breaker | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """recv_window_ms: of all but creates; a create's window comes of its intent. timeout_s: of a
        request. governor: shared by all who call with this account and address. draw: uniform in
        [0, 1), for the waits before a repeat."""
        self.governor = governor or Governor()
        self.breaker = breaker or Breaker()
        http = SignedHttp(
            rest_url,
            key,
            secret,
            timeout_s=timeout_s,
            governor=self.governor,
            breaker=self.breaker,
            order_sent=lambda: failpoint("order.sent"),
        )
        super().__init__(http, clock, recv_window_ms, self.governor, self.breaker, draw)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. A create in flight becomes ambiguous."""
        await self._http.close()

    async def create(self, intent: Intent, may_sign: MaySign) -> SendResult:
        """Sign the intent and send it, once. Never raises for anything the exchange or network does.

        NOT_SENT only when it is proven that no byte of the request has left.
        """
        if why := contradiction(intent):
            return not_sent(Reason.PARAMETERS, why)
        if _reduces(intent):
            if not await self._room_to_reduce(intent):
                return not_sent(Reason.RATE_BUDGET, Reason.RATE_BUDGET)
            return await self._sign_and_send(intent, may_sign)
        if not self.breaker.allows(True, time.monotonic_ns()):
            return not_sent(Reason.CIRCUIT_OPEN, Reason.CIRCUIT_OPEN)
        try:
            # What opens never waits: an entry that is late is worth less than the room that it takes.
            if self.governor.try_now(pool(CREATE, intent.key.category), Lane.OPENING):
                return not_sent(Reason.RATE_BUDGET, Reason.RATE_BUDGET)
            return await self._sign_and_send(intent, may_sign)
        finally:
            # Whatever ended it, cancellation included: the breaker's one probe must not stay taken. When
            # an answer has closed or opened it before, this says nothing new.
            self.breaker.saw(Seen.NOTHING, time.monotonic_ns())

    async def _room_to_reduce(self, intent: Intent) -> bool:
        try:
            patience_s = max(0, intent.sign_by_ns - self._clock.now_ns()) / 1e9
        except ClockNotMeasured:
            return True  # nothing will be signed; the clock itself says so below
        budget = pool(CREATE, intent.key.category)
        return await self.governor.admitted(budget, Lane.REDUCING, patience_s)

    async def _sign_and_send(self, intent: Intent, may_sign: MaySign) -> SendResult:
        window_ms = (intent.valid_until_ns - intent.sign_by_ns) // MILLISECOND_NS
        if window_ms <= 0:
            return not_sent(Reason.PARAMETERS, "valid_until_ns is not a millisecond after sign_by_ns")
        body = msgspec.json.encode(create_body(intent))
        # From here to the signature nothing awaits. The clock is read before the lease is asked: if
        # the process is paused between the two, the lease is judged when we wake, and the
        # exchange judges the timestamp.
        try:
            now_ns = self._clock.now_ns()
        except ClockNotMeasured as error:
            return not_sent(Reason.CLOCK, str(error))
        if now_ns > intent.sign_by_ns:
            late_ms = (now_ns - intent.sign_by_ns) / 1e6
            return not_sent(Reason.TOO_LATE, f"sign_by is past by {late_ms:.1f} ms")
        refusal = may_sign(intent)
        if refusal is not None:
            return not_sent(Reason.FORBIDDEN, refusal)
        headers = self._http.headers(
            body.decode(), timestamp_ms=now_ns // MILLISECOND_NS, recv_window_ms=window_ms
        )
        failpoint("order.signed")
        budget = pool(CREATE, intent.key.category)
        reply = await self._http.post(CREATE, body, headers, ORDER, pool=budget)
        if isinstance(reply, NoReply):
            return no_reply(reply)
        failpoint("order.answered")
        return read_create_answer(reply.status, reply.body, intent.client_order_id)

    async def query(
        self, client_order_id: str, symbol: str, created_ns: int, category: str = LINEAR
    ) -> tuple[QueryAnswer, ExchangeOrder | None, tuple[Execution, ...]]:
        """Ask for one order by our id: open and recent orders, then history, then its executions.

        ABSENT only when all three lists answered and none knows the id; UNKNOWN when any answer is
        missing. It is for the caller to decide from when on absence counts. created_ns: of the
        intent; history and executions are read from a minute before it.
        """
        ids = {"category": category, "symbol": symbol, "orderLinkId": client_order_id}
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
        envelope = await self._asked(path, query)
        if envelope.retCode == TOO_MANY_VISITS:
            # Refused before it was looked at; once the endpoint has rested, it may be asked again.
            envelope = await self._asked(path, query)
        if envelope.retCode != 0:
            raise Unreadable(f"GET {path}: retCode {envelope.retCode}: {envelope.retMsg}")
        try:
            page = msgspec.json.decode(envelope.result, type=_List)
        except msgspec.DecodeError as error:
            raise Unreadable(f"GET {path}: {type(error).__name__}: {error}") from error
        # Recorded rows lack the category that the answer has.
        rows = [{"category": query["category"], **row} for row in page.list]
        return _List(rows, page.nextPageCursor)

    async def _asked(self, path: str, query: Mapping[str, str]) -> Envelope:
        raw = query_text(query)
        budget = pool(path, query["category"])
        if not await self.governor.admitted(budget, Lane.RESOLVING, READ_PATIENCE_S):
            raise Unreadable(f"GET {path}: no room in the budget of reads within {READ_PATIENCE_S} s")
        try:
            timestamp_ms = self._clock.now_ns() // MILLISECOND_NS
        except ClockNotMeasured as error:
            raise Unreadable(str(error)) from error
        headers = self._http.headers(raw, timestamp_ms=timestamp_ms, recv_window_ms=self._recv_window_ms)
        reply = await self._http.get(path, raw, headers, pool=budget)
        if isinstance(reply, NoReply):
            raise Unreadable(f"GET {path}: {reply.text}")
        if reply.status != 200 or reply.envelope is None:
            raise Unreadable(f"GET {path}: HTTP {reply.status}, or no envelope of Bybit")
        return reply.envelope


def _reduces(intent: Intent) -> bool:
    """May it pass where only what makes exposure smaller may? On spot nothing but its leg says so."""
    return intent.reduce_only or (intent.key.category == SPOT and intent.leg.reduces)
