"""The simulator's account on a free port, in the test's own event loop, with a hand on its wires."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import Account, OrderType, Side, TimeInForce
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.intents import Intent, Leg
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.server import account_rest, private_stream
from tradefleet.simulation.server.envelope import refusals_in_envelopes

KEY, SECRET = "key", "secret"
SECOND_NS = 1_000_000_000
ACCOUNT = Account("bybit", "paper", "100001")

BTC = Instrument(
    venue="bybit",
    category="linear",
    symbol="BTCUSDT",
    status=InstrumentStatus.TRADING,
    base_coin="BTC",
    quote_coin="USDT",
    settle_coin="USDT",
    tick_size=Decimal("0.1"),
    qty_step=Decimal("0.001"),
    min_qty=Decimal("0.001"),
    max_market_qty=Decimal(150),
    max_limit_qty=Decimal(1500),
    min_notional=Decimal(5),
    max_leverage=Decimal(100),
    price_limit_ratio=Decimal("0.01"),
)

Rewrite = Callable[[str, list[dict[str, Any]]], object]
Trouble = Callable[[web.Request], web.Response | None]


class WallClock:
    """This machine's clock, which the simulator shares; `ahead_ns` sets it wrong."""

    def __init__(self, ahead_ns: int = 0) -> None:
        self.ahead_ns = ahead_ns

    def now_ns(self) -> int:
        return time.time_ns() + self.ahead_ns


class SimulatedAccount:
    """A served account. requests: (method, path) in order; trouble: may answer in its place.

    held_back_s: by path, how long a request waits before it is looked at. rewrite: changes the rows of a list
    (path, rows) that is answered.
    """

    def __init__(self, exchange: SimulatedExchange, market: HandMarket) -> None:
        self.exchange = exchange
        self.market = market
        self.requests: list[tuple[str, str]] = []
        self.trouble: Trouble = lambda request: None
        self.held_back_s: dict[str, float] = {}
        self.rewrite: Rewrite | None = None
        self.sockets: list[Any] = []
        self.rest = ""
        self.stream = ""

    def cut_private_streams(self) -> None:
        """The server drops its private connections without a word."""
        for transport in self.sockets:
            transport.abort()
        self.sockets.clear()

    def paths(self) -> list[str]:
        return [path for _, path in self.requests]


@contextlib.asynccontextmanager
async def simulated_account(folder: Path) -> AsyncIterator[SimulatedAccount]:
    """BTCUSDT at 60,000 with 1 and 5 BTC on the two best asks."""
    market = HandMarket([BTC], time.time_ns)
    market.mark("BTCUSDT", "60000")
    market.replace("BTCUSDT", {"59999.9": "1"}, {"60000.1": "1", "60000.2": "5"})
    exchange = SimulatedExchange(market, folder / "state", api_key=KEY, api_secret=SECRET)
    served = SimulatedAccount(exchange, market)

    @web.middleware
    async def watched(request: web.Request, handler: Any) -> web.StreamResponse:
        served.requests.append((request.method, request.path))
        if request.path == private_stream.PATH:
            served.sockets.append(request.transport)
        await asyncio.sleep(served.held_back_s.get(request.path, 0.0))
        answer = served.trouble(request) or await handler(request)
        if served.rewrite is None or not isinstance(answer, web.Response) or answer.body is None:
            return answer
        body = json.loads(bytes(answer.body))  # type: ignore[arg-type]
        served.rewrite(request.path, body.get("result", {}).get("list") or [])
        return web.json_response(body)

    app = web.Application(middlewares=[watched, refusals_in_envelopes(market.now_ns)])
    account_rest.add_routes(app, exchange)
    private_stream.add_routes(app, exchange)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    served.rest, served.stream = f"http://{host}:{port}", f"ws://{host}:{port}/v5/private"
    try:
        yield served
    finally:
        await runner.cleanup()
        exchange.close()


def intent(signal_id: str = "signal", *, leg: Leg = Leg.OPEN, **changes: Any) -> Intent:
    """A market buy of 0.1 BTC, written now; a leg that reduces is a reduce-only sell without stops."""
    now_ns = time.time_ns()
    fields: dict[str, Any] = {
        "account": ACCOUNT,
        "bot_uid": "bot",
        "epoch": 1,
        "signal_id": signal_id,
        "leg": leg,
        "attempt": 1,
        "client_order_id": client_order_id(ACCOUNT, signal_id, leg, 1),
        "strategy": "imbalance",
        "key": PositionKey("linear", "BTCUSDT"),
        "side": Side.SELL if leg.reduces else Side.BUY,
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.IOC,
        "qty": Decimal("0.1"),
        "price": None,
        "reduce_only": leg.reduces,
        "stop_loss": None if leg.reduces else Decimal("59000"),
        "take_profit": None if leg.reduces else Decimal("62000"),
        "reference_price": Decimal("60000"),
        "hold_ns": 10 * SECOND_NS,
        "created_ns": now_ns,
        "sign_by_ns": now_ns + SECOND_NS // 2,
        "valid_until_ns": now_ns + SECOND_NS // 2 + 2 * SECOND_NS,
    }
    return Intent(**(fields | changes))
