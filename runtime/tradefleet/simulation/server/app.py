"""The simulator's aiohttp application: every route on one port, and the market's driver behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec
from aiohttp import web

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.listing import CATEGORY, SPOT
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
HUBS: web.AppKey[Sequence[PublicHub]] = web.AppKey("public_hubs")
DRIVER = web.AppKey("driver", asyncio.Task[None])
"""Ends only when it is cancelled or when the simulation broke; whoever runs the app watches it."""


def build_app(
    market: ReplayMarket,
    exchange: SimulatedExchange,
    options: ServerOptions | None = None,
    spot: ReplayMarket | None = None,
) -> web.Application:
    """Market, spot market if there is one, and account. The caller closes `exchange` when the
    application has stopped."""
    app = build_public_app(market, options, spot)
    account_rest.add_routes(app, exchange)
    private_stream.add_routes(app, exchange, options)
    return app


def build_public_app(
    market: ReplayMarket, options: ServerOptions | None = None, spot: ReplayMarket | None = None
) -> web.Application:
    """The markets alone. They are driven by the wall clock from the application's start on."""
    options = ServerOptions() if options is None else options
    app = web.Application(middlewares=[refusals_in_envelopes(market.now_ns)])
    hub = PublicHub(market)
    hubs = {CATEGORY: hub}
    app[HUB] = hub
    public_rest.add_routes(app, market, spot)
    public_stream.add_routes(app, hub, options)
    if spot is not None:
        hubs[SPOT] = PublicHub(spot)
        public_stream.add_routes(app, hubs[SPOT], options, public_stream.SPOT_PATH)
    app[HUBS] = tuple(hubs.values())
    _add_simulator_routes(app, market, hubs)
    app.cleanup_ctx.append(_driven(app[HUBS]))
    app.on_shutdown.append(_close_connections)
    return app


def _driven(hubs: Sequence[PublicHub]) -> Callable[[web.Application], AsyncIterator[None]]:
    async def driven(app: web.Application) -> AsyncIterator[None]:
        app[DRIVER] = asyncio.create_task(drive(*hubs))
        yield
        app[DRIVER].cancel()
        await asyncio.wait({app[DRIVER]})  # does not raise: a failure belongs to whoever watches it

    return driven


async def _close_connections(app: web.Application) -> None:
    connections = [connection for hub in app[HUBS] for connection in hub.connections]
    await asyncio.gather(*(connection.close() for connection in connections))


def _add_simulator_routes(app: web.Application, market: ReplayMarket, hubs: Mapping[str, PublicHub]) -> None:
    async def inject(request: web.Request) -> web.Response:
        hub = _hub_of(hubs, request)
        try:
            hub.inject(msgspec.json.decode(await request.read(), type=PublicFault))
        except (FaultError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise parameter_error(str(error)) from error
        return respond(hub.status(), now_ns=market.now_ns())

    async def status(request: web.Request) -> web.Response:
        hub = _hub_of(hubs, request)
        return respond(hub.status(), now_ns=market.now_ns())

    app.router.add_post(FAULTS_PATH, inject)
    app.router.add_get(STATUS_PATH, status)


def _hub_of(hubs: Mapping[str, PublicHub], request: web.Request) -> PublicHub:
    """The hub of `?category=`, linear when it is not given."""
    category = request.query.get("category", CATEGORY)
    if category not in hubs:
        raise parameter_error(f"category {category!r} is not served; {', '.join(hubs)}")
    return hubs[category]
