"""Everything that changes the account besides a create: cancels, amends, stops, leverage, mode.

Each call says how things shall be and comes back as a typed result; none raises for what the network or
the exchange does. A cancel of the way out is repeated with backoff while its patience lasts, whatever became
of the request before; one that has a time to be signed by is sent once. Everything else is sent once: what is
ambiguous is read back by the caller, who then knows whether the wish is still right (a position may have
turned).
Source: Bybit V5, "amend-order", "cancel-order", "cancel-all", "trading-stop", "leverage",
"position-mode".
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.adapters.bybit import bodies
from tradefleet.adapters.bybit.bodies import Amendment, Body, OrderName, Protection, Scope
from tradefleet.adapters.bybit.clock import Clock
from tradefleet.adapters.bybit.errors import ClockNotMeasured
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.quotas import pool
from tradefleet.adapters.bybit.results import CallResult, no_reply, read_call_answer
from tradefleet.adapters.bybit.rows import MILLISECOND_NS
from tradefleet.adapters.bybit.transport import NoReply, SignedHttp
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.backoff import wait_s
from tradefleet.orders.breaker import Breaker, Seen
from tradefleet.orders.budget import Lane
from tradefleet.orders.client_order_id import WAY_OUT
from tradefleet.orders.codes import Reason
from tradefleet.orders.outcome import Operation, Outcome

PATHS: Final = {
    Operation.CREATE: "/v5/order/create",
    Operation.AMEND: "/v5/order/amend",
    Operation.CANCEL: "/v5/order/cancel",
    Operation.CANCEL_ALL: "/v5/order/cancel-all",
    Operation.TRADING_STOP: "/v5/position/trading-stop",
    Operation.SET_LEVERAGE: "/v5/position/set-leverage",
    Operation.SWITCH_MODE: "/v5/position/switch-mode",
}

PATIENCE_S: Final = 5.0
"""How long a call may wait for room and be repeated; the caller looks again afterwards."""

Permit = Callable[[], str | None]
"""None when the change may be signed now, else why not."""


def _always() -> str | None:
    return None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One change on its way. name: of the one order that it is about. sign_by_ns: not signed after this
    (exchange time); None for no such bound. window_ms: so long after it was signed it may be taken; None for
    the client's own."""

    operation: Operation
    body: bytes
    lane: Lane
    name: OrderName | None = None
    sign_by_ns: int | None = None
    window_ms: int | None = None
    category: str = bodies.LINEAR


def way_out_name() -> str:
    """A name for a close without an intent."""
    return f"{WAY_OUT}{uuid.uuid4().hex}"


class AccountChanges:
    """The calls, over connections, budgets and a breaker that the order path shares."""

    def __init__(
        self,
        http: SignedHttp,
        clock: Clock,
        recv_window_ms: int,
        governor: Governor,
        breaker: Breaker,
        draw: Callable[[], float],
    ) -> None:
        self._http = http
        self._clock = clock
        self._recv_window_ms = recv_window_ms
        self.governor = governor
        self.breaker = breaker
        self._draw = draw

    async def cancel(
        self,
        name: OrderName,
        *,
        sign_by_ns: int | None = None,
        may_sign: Permit = _always,
        patience_s: float = PATIENCE_S,
    ) -> CallResult:
        """Take one order away. GONE: it is over already, and may have filled. sign_by_ns: then it is sent
        once, since a repeat is for whoever decides to say."""
        wish = _wish(
            Operation.CANCEL, bodies.cancel_body(name), Lane.REDUCING, name=name, sign_by_ns=sign_by_ns
        )
        return await self._cancelled(wish, may_sign, patience_s)

    async def cancel_all(
        self,
        scope: Scope,
        *,
        sign_by_ns: int | None = None,
        may_sign: Permit = _always,
        patience_s: float = PATIENCE_S,
    ) -> CallResult:
        """Take away what the scope names, at most 500 orders at once: read, and call again if any is left.
        sign_by_ns: as of a cancel."""
        wish = _wish(
            Operation.CANCEL_ALL, bodies.cancel_all_body(scope), Lane.REDUCING, sign_by_ns=sign_by_ns
        )
        return await self._cancelled(wish, may_sign, patience_s)

    async def _cancelled(self, wish: Wish, may_sign: Permit, patience_s: float) -> CallResult:
        if wish.sign_by_ns is not None:
            return await self._once(wish, may_sign, patience_s)
        return await self._until_done(wish, may_sign, patience_s)

    async def close_at_market(
        self, key: PositionKey, side: Side, qty: Decimal, *, patience_s: float = PATIENCE_S
    ) -> CallResult:
        """A reduce-only market order without an intent, once: for the way out, when no journal is left.

        Its name says what it is, so that whoever reads the account later takes it for no stranger's.
        """
        wish = _wish(Operation.CREATE, bodies.close_body(key, side, qty, way_out_name()), Lane.REDUCING)
        return await self._once(wish, _always, patience_s)

    async def amend(
        self,
        name: OrderName,
        shall_be: Amendment,
        *,
        reduces: bool = False,
        sign_by_ns: int | None = None,
        may_sign: Permit = _always,
        patience_s: float = PATIENCE_S,
    ) -> CallResult:
        """Set size, price or trigger of an open order, once. reduces: it cannot add to the exposure; an
        amend that can is refused while the breaker is open, as a create is."""
        wish = _wish(
            Operation.AMEND,
            bodies.amend_body(name, shall_be),
            Lane.REDUCING if reduces else Lane.OPENING,
            name=name,
            sign_by_ns=sign_by_ns,
        )
        if reduces:
            return await self._once(wish, may_sign, patience_s)
        if not self.breaker.allows(True, time.monotonic_ns()):
            return _not_sent(Operation.AMEND, Reason.CIRCUIT_OPEN, Reason.CIRCUIT_OPEN)
        try:
            return await self._once(wish, may_sign, patience_s)
        finally:
            self.breaker.saw(Seen.NOTHING, time.monotonic_ns())  # as in a create

    async def trading_stop(
        self,
        key: PositionKey,
        shall_be: Protection,
        *,
        sign_by_ns: int | None = None,
        may_sign: Permit = _always,
        patience_s: float = PATIENCE_S,
    ) -> CallResult:
        """Set stop, target and trailing of a whole position, once. Read back what is ambiguous."""
        wish = _wish(
            Operation.TRADING_STOP,
            bodies.trading_stop_body(key, shall_be),
            Lane.REDUCING,
            sign_by_ns=sign_by_ns,
        )
        return await self._once(wish, may_sign, patience_s)

    async def set_leverage(
        self,
        symbol: str,
        leverage: Decimal,
        *,
        sign_by_ns: int | None = None,
        window_ms: int | None = None,
        may_sign: Permit = _always,
        patience_s: float = PATIENCE_S,
    ) -> CallResult:
        """Set the leverage of a symbol, once. ALREADY: it is so."""
        wish = msgspec.structs.replace(
            _wish(Operation.SET_LEVERAGE, bodies.leverage_body(symbol, leverage), Lane.OPENING),
            sign_by_ns=sign_by_ns,
            window_ms=window_ms,
        )
        return await self._once(wish, may_sign, patience_s)

    async def switch_mode(self, symbol: str, *, hedge: bool, patience_s: float = PATIENCE_S) -> CallResult:
        """One-way or hedge mode of a symbol, once. Refused while it has a position or orders."""
        wish = _wish(Operation.SWITCH_MODE, bodies.mode_body(symbol, hedge=hedge), Lane.OPENING)
        return await self._once(wish, _always, patience_s)

    async def _until_done(self, wish: Wish, may_sign: Permit, patience_s: float) -> CallResult:
        """Repeat what may be repeated until the exchange says something definite or patience ends."""
        deadline_s = time.monotonic() + patience_s
        sent: CallResult | None = None
        tries = 0
        while True:
            result = await self._once(wish, may_sign, max(0.0, deadline_s - time.monotonic()))
            tries += result.tries
            if result.outcome is not Outcome.NOT_SENT or sent is None:
                # A request that has left stays on the record: that the last one did not leave does
                # not mean that nothing has been sent.
                sent = result
            pause_s = wait_s(max(1, tries), self._draw())
            over = time.monotonic() + pause_s >= deadline_s
            if not result.again or not wish.operation.may_repeat or over:
                return msgspec.structs.replace(sent, tries=tries)
            await asyncio.sleep(pause_s)

    async def _once(self, wish: Wish, may_sign: Permit, patience_s: float) -> CallResult:
        operation = wish.operation
        path = PATHS[operation]
        budget = pool(path, wish.category)
        if not await self.governor.admitted(budget, wish.lane, patience_s):
            return _not_sent(operation, Reason.RATE_BUDGET, Reason.RATE_BUDGET)
        # As in a create: nothing awaits between this reading of the clock and the signature.
        try:
            now_ns = self._clock.now_ns()
        except ClockNotMeasured as error:
            return _not_sent(operation, Reason.CLOCK, str(error))
        if wish.sign_by_ns is not None and now_ns > wish.sign_by_ns:
            return _not_sent(operation, Reason.TOO_LATE, "sign_by is past")
        refusal = may_sign()
        if refusal is not None:
            return _not_sent(operation, Reason.FORBIDDEN, refusal)
        window_ms = self._recv_window_ms if wish.window_ms is None else wish.window_ms
        headers = self._http.headers(
            wish.body.decode(), timestamp_ms=now_ns // MILLISECOND_NS, recv_window_ms=window_ms
        )
        reply = await self._http.post(path, wish.body, headers, pool=budget)
        if not isinstance(reply, NoReply):
            return read_call_answer(operation, reply, wish.name)
        sent = no_reply(reply)
        return CallResult(
            operation=operation,
            outcome=sent.outcome,
            reason=sent.reason,
            message=sent.message,
            again=operation is not Operation.CREATE,
        )


def _wish(
    operation: Operation,
    body: Body,
    lane: Lane,
    *,
    name: OrderName | None = None,
    sign_by_ns: int | None = None,
) -> Wish:
    encoded = msgspec.json.encode(body)
    return Wish(
        operation=operation,
        body=encoded,
        lane=lane,
        name=name,
        sign_by_ns=sign_by_ns,
        category=body["category"],
    )


def _not_sent(operation: Operation, reason: Reason, message: str) -> CallResult:
    return CallResult(operation=operation, outcome=Outcome.NOT_SENT, reason=reason, message=message, tries=0)
