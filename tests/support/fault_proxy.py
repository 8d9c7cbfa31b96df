"""A proxy before a real API server that does to requests what networks and busy servers do.

Faults are armed for a number of requests that match; everything else passes. It runs in a thread of its
own, so that the test and the operator's process both wait on real sockets.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from enum import Enum
from typing import Any

import aiohttp
from aiohttp import web
from tests.support.api_server import ApiServer

HANG_S = 60.0


class Fault(Enum):
    """What happens to a request."""

    CONFLICT = 409
    GONE = 410
    UNACCEPTABLE = 422
    TOO_MANY = 429
    BROKEN = 500
    AWAY = 503
    HANGS = "hangs"
    """It is never answered."""
    LOST = "lost"
    """It reaches the server, and the answer is lost."""
    CUT = "cut"
    """A watch ends in the middle without a word."""
    SILENT = "silent"
    """A watch stays open and says nothing."""


class FaultProxy:
    """The proxy; `url` is plain HTTP."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._armed: list[tuple[str, str, Fault]] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.url = ""
        self.struck: list[tuple[str, str, Fault]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def arm(self, fault: Fault, method: str = "PATCH", part: str = "", times: int = 1) -> None:
        """The next requests of that method whose address holds the part. WATCH is a method of its own."""
        with self._lock:
            self._armed += [(method, part, fault)] * times

    @property
    def waiting(self) -> int:
        """Faults that have not struck yet."""
        with self._lock:
            return len(self._armed)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # ---- in the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._start())
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._stop(runner))
        self._loop.close()

    async def _start(self) -> web.AppRunner:
        trust = self._server.trust()
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        self._http = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*runner.addresses[0][:2])
        self._ready.set()
        return runner

    async def _stop(self, runner: web.AppRunner) -> None:
        await runner.cleanup()
        await self._http.close()

    def _fault(self, method: str, address: str) -> Fault | None:
        with self._lock:
            for number, (wanted, part, fault) in enumerate(self._armed):
                if wanted == method and part in address:
                    del self._armed[number]
                    self.struck.append((method, address, fault))
                    return fault
        return None

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        watch = "watch=true" in request.query_string
        fault = self._fault("WATCH" if watch else request.method, request.path_qs)
        if fault is Fault.HANGS:
            await asyncio.sleep(HANG_S)
        if fault is Fault.GONE and watch:
            # As the server says it: once a watch is allowed, what goes wrong is an event of it.
            return web.json_response({"type": "ERROR", "object": _status(410)})
        if fault is not None and isinstance(fault.value, int):
            headers = {"Retry-After": "1"} if fault is Fault.TOO_MANY else {}
            return web.json_response(_status(fault.value), status=fault.value, headers=headers)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with self._http.request(
            request.method,
            self._server.url + request.path_qs,
            headers=headers,
            data=await request.read() or None,
        ) as answer:
            if fault is Fault.LOST:
                await answer.read()
                return _dropped(request)
            response = web.StreamResponse(status=answer.status)
            for name in ("Content-Type", "Content-Encoding", "Retry-After"):
                if name in answer.headers:
                    response.headers[name] = answer.headers[name]
            # The operator may hang up at any moment: it is killed, or makes a watch anew.
            with contextlib.suppress(ConnectionResetError):
                await response.prepare(request)
                if fault is Fault.SILENT:
                    await asyncio.sleep(HANG_S)
                async for part in answer.content.iter_any():
                    await response.write(part)
                    if fault is Fault.CUT:
                        return _dropped(request)
                await response.write_eof()
            return response


def _status(code: int) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"a fault of the test: {code}",
        "reason": "Expired" if code == 410 else "InternalError",
        "code": code,
    }


def _dropped(request: web.Request) -> web.Response:
    """The connection is gone without a goodbye."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


@contextlib.contextmanager
def fault_proxy(server: ApiServer) -> Iterator[FaultProxy]:
    """A proxy for the length of a block."""
    proxy = FaultProxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
