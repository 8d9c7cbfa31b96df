"""The simulator's aiohttp application: every route on one port, and the market's driver behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import web

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.server import account_rest, private_stream, public_rest, public_stream
from tradefleet.simulation.server.driver import drive
from tradefleet.simulation.server.envelope import parameter_error, refusals_in_envelopes, respond
from tradefleet.simulation.server.faults import FaultError, PublicFault
from tradefleet.simulation.server.hub import PublicHub
from tradefleet.simulation.server.options import ServerOptions

FAULTS_PATH = "/simulator/faults/public"
STATUS_PATH = "/simulator/status"

HUB = web.AppKey("public_hub", PublicHub)
DRIVER = web.AppKey("driver", asyncio.Task[None])
"""Ends only when it is cancelled or when the simulation broke; whoever runs the app watches it."""


def build_app(
    market: ReplayMarket, exchange: SimulatedExchange, options: ServerOptions | None = None
) -> web.Application:
    """Market and account. The caller closes `exchange` when the application has stopped."""
    app = build_public_app(market, options)
    account_rest.add_routes(app, exchange)
    private_stream.add_routes(app, exchange, options)
    return app


def build_public_app(market: ReplayMarket, options: ServerOptions | None = None) -> web.Application:
    """The market alone. The market is driven by the wall clock from the application's start on."""
    options = ServerOptions() if options is None else options
    app = web.Application(middlewares=[refusals_in_envelopes(market.now_ns)])
    hub = PublicHub(market)
    app[HUB] = hub
    public_rest.add_routes(app, market)
    public_stream.add_routes(app, hub, options)
    _add_simulator_routes(app, market, hub)
    app.cleanup_ctx.append(_driven(market, hub))
    app.on_shutdown.append(_close_connections)
    return app


def _driven(market: ReplayMarket, hub: PublicHub) -> Callable[[web.Application], AsyncIterator[None]]:
    async def driven(app: web.Application) -> AsyncIterator[None]:
        app[DRIVER] = asyncio.create_task(drive(market, hub))
        yield
        app[DRIVER].cancel()
        await asyncio.wait({app[DRIVER]})  # does not raise: a failure belongs to whoever watches it

    return driven


async def _close_connections(app: web.Application) -> None:
    await asyncio.gather(*(connection.close() for connection in app[HUB].connections))


def _add_simulator_routes(app: web.Application, market: ReplayMarket, hub: PublicHub) -> None:
    async def inject(request: web.Request) -> web.Response:
        try:
            hub.inject(msgspec.json.decode(await request.read(), type=PublicFault))
        except (FaultError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise parameter_error(str(error)) from error
        return respond(hub.status(), now_ns=market.now_ns())

    async def status(request: web.Request) -> web.Response:
        return respond(hub.status(), now_ns=market.now_ns())

    app.router.add_post(FAULTS_PATH, inject)
    app.router.add_get(STATUS_PATH, status)
