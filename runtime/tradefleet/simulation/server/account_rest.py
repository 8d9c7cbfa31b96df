"""The account over REST: signed requests in, Bybit's envelopes out.

Each request is checked in Bybit's order (headers, key, window, signature, rate limit), then handed
to the exchange; what it refuses comes back as HTTP 200 with its code. Faults that a test has
ordered at POST /simulator/faults/account strike here.
"""

import asyncio
import decimal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from aiohttp import web

from tradefleet.domain.quantities import MONEY
from tradefleet.simulation.account import reads, wire
from tradefleet.simulation.account.engine import GONE
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.faults import FaultKind
from tradefleet.simulation.account.orders import SPOT, Order, Refused
from tradefleet.simulation.account.reads import Params
from tradefleet.simulation.account.spot.rules import NOT_FOUND, NOT_FOUND_TEXT
from tradefleet.simulation.server import account_commands, account_faults
from tradefleet.simulation.server.account_faults import STRUCK, lose_answer
from tradefleet.simulation.server.batches import (
    RATE_LIMITED,
    RATE_LIMITED_TEXT,
    BatchResult,
    batch_of,
    batch_size,
    run_batch,
)
from tradefleet.simulation.server.envelope import RateLimit, Refusal, respond
from tradefleet.simulation.server.rate_limits import PER_SECOND, RollingLimits, spot_pool
from tradefleet.simulation.server.signing import check_request

PERMISSION_DENIED: Final = 10005
PERMISSION_TEXT: Final = "Permission denied, please check your API key permissions."

Body = Mapping[str, Any]
Read = Callable[[SimulatedExchange, Params], object]
Write = Callable[[SimulatedExchange, Body], object]


def _ids(order: Order) -> dict[str, str]:
    return {"orderId": order.order_id, "orderLinkId": order.order_link_id}


def _create(exchange: SimulatedExchange, body: Body) -> object:
    return _ids(exchange.create(body))


def _amend(exchange: SimulatedExchange, body: Body) -> object:
    return _ids(exchange.amend(body))


def _cancel(exchange: SimulatedExchange, body: Body) -> object:
    return _ids(exchange.cancel(body))


def _cancel_all(exchange: SimulatedExchange, body: Body) -> object:
    return {"list": [_ids(order) for order in exchange.cancel_all(body)], "success": "1"}


def _set_leverage(exchange: SimulatedExchange, body: Body) -> object:
    exchange.set_leverage(body)
    return {}


def _switch_mode(exchange: SimulatedExchange, body: Body) -> object:
    exchange.switch_mode(body)
    return {}


def _trading_stop(exchange: SimulatedExchange, body: Body) -> object:
    exchange.set_protection(body)
    return {}


def _set_margin_mode(exchange: SimulatedExchange, body: Body) -> object:
    exchange.set_margin_mode(body)
    return {"reasons": []}


READS: Final[Mapping[str, Read]] = {
    "/v5/order/realtime": reads.open_orders,
    "/v5/order/history": reads.order_history,
    "/v5/execution/list": reads.executions,
    "/v5/position/list": reads.positions,
    "/v5/account/wallet-balance": reads.wallet_balance,
    "/v5/account/info": reads.account_info,
    "/v5/account/transaction-log": reads.transaction_log,
    "/v5/account/fee-rate": reads.fee_rates,
    "/v5/user/query-api": reads.api_key_info,
    "/v5/asset/coin/query-info": reads.coin_info,
}

WRITES: Final[Mapping[str, Write]] = {
    "/v5/order/create": _create,
    "/v5/order/amend": _amend,
    "/v5/order/cancel": _cancel,
    "/v5/order/cancel-all": _cancel_all,
    "/v5/position/set-leverage": _set_leverage,
    "/v5/position/switch-mode": _switch_mode,
    "/v5/position/trading-stop": _trading_stop,
    "/v5/account/set-margin-mode": _set_margin_mode,
}

BATCHES: Final[Mapping[str, Callable[[SimulatedExchange, Body], Order]]] = {
    "/v5/order/create-batch": SimulatedExchange.create,
    "/v5/order/amend-batch": SimulatedExchange.amend,
    "/v5/order/cancel-batch": SimulatedExchange.cancel,
}

NOT_SIMULATED: Final = (
    ("POST", "/v5/order/disconnected-cancel-all"),
    ("POST", "/v5/order/pre-check"),
    ("POST", "/v5/position/add-margin"),
    ("POST", "/v5/position/set-auto-add-margin"),
    ("GET", "/v5/position/closed-pnl"),
    ("GET", "/v5/account/collateral-info"),
)


def add_routes(
    app: web.Application, exchange: SimulatedExchange, per_second: Mapping[str, int] = PER_SECOND
) -> None:
    """Serve the account. per_second: calls allowed in a rolling second, by path."""
    rest = AccountRest(exchange, per_second)
    for path, read in READS.items():
        app.router.add_get(path, rest.reader(path, read))
    for path, write in WRITES.items():
        app.router.add_post(path, rest.writer(path, write))
    for path, one in BATCHES.items():
        app.router.add_post(path, rest.batch_writer(path, one))
    for method, path in NOT_SIMULATED:
        app.router.add_route(method, path, _not_simulated)
    account_commands.add_routes(app, exchange)
    account_faults.add_routes(app, exchange.faults, exchange.market.now_ns)


async def _not_simulated(request: web.Request) -> web.StreamResponse:
    raise Refusal(wire.NOT_SIMULATED, f"not simulated: {request.method} {request.path}")


class AccountRest:
    """Turns the exchange's methods into request handlers."""

    def __init__(self, exchange: SimulatedExchange, per_second: Mapping[str, int]) -> None:
        self._exchange = exchange
        self._limits = RollingLimits(per_second)

    def reader(self, path: str, read: Read) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Handler of a signed GET."""

        async def handle(request: web.Request) -> web.StreamResponse:
            # As sent: yarl would normalise the escapes, and the signature would not fit any more.
            raw_query = request.raw_path.partition("?")[2]
            return await self._serve(request, path, raw_query, lambda _: read(self._exchange, request.query))

        return handle

    def writer(self, path: str, write: Write) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Handler of a signed POST."""

        async def handle(request: web.Request) -> web.StreamResponse:
            raw_body = (await request.read()).decode("utf-8", "replace")

            def act(_: int) -> object:
                self._require_write()
                return write(self._exchange, _json_object(raw_body))

            return await self._serve(request, path, raw_body, act)

        return handle

    def batch_writer(
        self, path: str, write: Callable[[SimulatedExchange, Body], Order]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Handler of a signed POST with several orders: each costs one call and may fail alone."""

        async def handle(request: web.Request) -> web.StreamResponse:
            raw_body = (await request.read()).decode("utf-8", "replace")

            def act(granted: int) -> object:
                self._require_write()
                has_spot = self._exchange.spot is not None
                bodies = batch_of(_json_object(raw_body), has_spot=has_spot)
                return run_batch(bodies, granted, partial(write, self._exchange))

            return await self._serve(request, path, raw_body, act, wanted=batch_size(raw_body))

        return handle

    def _require_write(self) -> None:
        if self._exchange.key.read_only:
            raise Refused(PERMISSION_DENIED, PERMISSION_TEXT)

    async def _serve(
        self,
        request: web.Request,
        path: str,
        payload: str,
        act: Callable[[int], object],
        wanted: int = 1,
    ) -> web.StreamResponse:
        exchange = self._exchange
        now_ns = exchange.market.now_ns()
        check_request(
            request.headers,
            payload,
            now_ms=exchange.server_ms(),
            api_key=exchange.api_key,
            api_secret=exchange.api_secret,
        )
        spot = exchange.spot is not None and _is_of_spot(request, payload)
        granted, rate = self._limits.take_some(spot_pool(path) if spot else path, now_ns, wanted)
        if granted == 0:
            return self._refused(RATE_LIMITED, RATE_LIMITED_TEXT, rate)
        fault = request.get(STRUCK)
        if fault is not None and fault.kind is FaultKind.LATE_ORDER:
            # Judged when it arrived, carried out late: its window does not protect it any more.
            await asyncio.sleep(fault.lateness_s)
        exchange.faults.ack_late_s = 0.0
        try:
            with decimal.localcontext(MONEY):
                if fault is not None and fault.kind is FaultKind.CANCEL_RACE:
                    self._race(payload, fault.lateness_s)
                result = act(granted)
        except Refused as refused:
            if fault is not None and fault.kind is FaultKind.LATE_ORDER:
                return lose_answer(request)
            return self._refused(refused.code, refused.text, rate)
        if fault is not None and fault.kind is FaultKind.LATE_ORDER:
            return lose_answer(request)
        await asyncio.sleep(exchange.timing.ack_ms / 1e3 + exchange.faults.ack_late_s)
        ext_info = result.ext_info if isinstance(result, BatchResult) else None
        told = result.result if isinstance(result, BatchResult) else result
        return respond(told, now_ns=exchange.market.now_ns(), rate=rate, ext_info=ext_info)

    def _race(self, payload: str, late_s: float) -> None:
        """The cancel comes too late: the order fills at its own price, a moment after the refusal."""
        order = self._exchange.resting_order(_json_object(payload))
        asyncio.get_running_loop().call_later(late_s, self._exchange.fill_resting, order.order_id)
        if order.category == SPOT:
            raise Refused(NOT_FOUND, NOT_FOUND_TEXT)
        raise Refused(GONE, "order not exists or too late to cancel")

    def _refused(self, code: int, text: str, rate: RateLimit) -> web.Response:
        return respond({}, now_ns=self._exchange.market.now_ns(), code=code, message=text, rate=rate)


def _is_of_spot(request: web.Request, payload: str) -> bool:
    """Does the request count against spot's own quotas?"""
    if request.method == "GET":
        return request.query.get("category") == SPOT
    try:
        return msgspec.json.decode(payload, type=_Category).category == SPOT
    except msgspec.DecodeError:
        return False


class _Category(msgspec.Struct):
    category: str = ""


def _json_object(raw: str) -> Body:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise wire.bad(f"Request parameter error: {error}") from error
