"""What a pod answers when it is asked how it is: startup, readiness, liveness, metrics.

    /startupz  200 once the program is prepared
    /readyz    200 while it may be counted on; 503 with the reason
    /livez     200 while its main loop turns; it never asks about exchange, stores or the API server,
               since killing a process mends none of those
    /metrics   Prometheus' text format, see `metrics`

The server shares the program's event loop, on purpose: a loop that is stuck cannot answer either.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

import msgspec
from aiohttp import web

from tradefleet.services.process_main import ProgramFailed

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Reason = Callable[[], str]


class Probes(msgspec.Struct, frozen=True, kw_only=True):
    """The questions; each answers why not, "" for yes."""

    started: Reason
    ready: Reason
    alive: Reason
    metrics: Callable[[], bytes]


class Heartbeat:
    """Whether a loop still turns, and gets on. silent_s: how long it may not. waited_s: for how long the
    first of what it has to do has waited; a loop that turns and never comes to it is as good as dead."""

    def __init__(
        self, silent_s: float, clock: Callable[[], float], waited_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._silent_s = silent_s
        self._clock = clock
        self._turned_s: float | None = None
        self.waited_s = waited_s

    def turned(self) -> None:
        """The loop has turned once more."""
        self._turned_s = self._clock()

    def why_dead(self) -> str:
        """ "" while it turns, and before it has begun: that is the startup probe's business."""
        if self._turned_s is None:
            return ""
        silent_s, waited_s = self._clock() - self._turned_s, self.waited_s()
        if silent_s > self._silent_s:
            return f"the main loop has not turned for {silent_s:.1f} s"
        return f"the oldest event has waited for {waited_s:.1f} s" if waited_s > self._silent_s else ""


@contextlib.asynccontextmanager
async def served(port: int, probes: Probes, routes: Iterable[web.RouteDef] = ()) -> AsyncIterator[None]:
    """Serve for the length of a block; port 0: do not. routes: beside the probes. Raises ProgramFailed."""
    if port == 0:
        yield
        return
    app = _app(probes)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, None, port).start()
        except OSError as error:
            raise ProgramFailed(
                f"cannot serve probes on port {port} ({error.strerror}); name a free one in the settings"
            ) from error
        yield
    finally:
        await runner.cleanup()


def _app(probes: Probes) -> web.Application:
    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=probes.metrics(), headers={"Content-Type": METRICS_TYPE})

    app = web.Application()
    app.router.add_get("/startupz", _answer(probes.started))
    app.router.add_get("/readyz", _answer(probes.ready))
    app.router.add_get("/livez", _answer(probes.alive))
    app.router.add_get("/metrics", metrics)
    return app


def _answer(reason: Reason) -> Callable[[web.Request], asyncio.Future[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        why_not = reason()
        return web.Response(status=503 if why_not else 200, text=(why_not or "ok") + "\n")

    return answer  # type: ignore[return-value]
