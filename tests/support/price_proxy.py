"""A proxy before the exchange's public stream, with which a test moves the prices that an executor sees.

The market of the simulator goes on as it was recorded: only who listens here believes that the mark, and
all other prices of a symbol's ticker, are `factor` times what they are.
"""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web

PRICES = ("markPrice", "lastPrice", "bid1Price", "ask1Price", "indexPrice")


class PriceProxy:
    """`url` is what an executor takes for the public stream."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._factors: dict[str, Decimal] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._listeners: dict[web.WebSocketResponse, set[str]] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    @classmethod
    async def before(cls, upstream: str) -> Self:
        """A proxy that listens. upstream: such as ws://127.0.0.1:9000/v5/public/linear."""
        proxy = cls(upstream)
        app = web.Application()
        app.router.add_get("/stream", proxy._serve)
        proxy._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await proxy._runner.setup()
        await web.TCPSite(proxy._runner, "127.0.0.1", 0).start()
        host, port = proxy._runner.addresses[0][:2]
        proxy.url = f"ws://{host}:{port}/stream"
        return proxy

    async def move(self, symbol: str, factor: str) -> None:
        """From now on this symbol's prices are so many times what they are; said at once."""
        self._factors[symbol] = Decimal(factor)
        topic = f"tickers.{symbol}"
        known = self._known.get(topic)
        if known is None:
            return
        for listener, topics in tuple(self._listeners.items()):
            if topic in topics:
                await listener.send_str(self._said({**known, "type": "snapshot"}))

    async def close(self) -> None:
        """End the server and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        near = web.WebSocketResponse()
        await near.prepare(request)
        topics = self._listeners.setdefault(near, set())
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(self._upstream) as far:
                up = asyncio.create_task(self._up(near, far))
                try:
                    async for message in far:
                        await near.send_str(self._passed(message.data, topics))
                finally:
                    up.cancel()
        except (aiohttp.ClientError, ConnectionError):
            pass  # either end has gone: the other one is told below
        finally:
            del self._listeners[near]
            with contextlib.suppress(ConnectionError):
                await near.close()
        return near

    @staticmethod
    async def _up(near: web.WebSocketResponse, far: aiohttp.ClientWebSocketResponse) -> None:
        async for message in near:
            await far.send_str(message.data)
        await far.close()

    def _passed(self, text: str, topics: set[str]) -> str:
        frame = msgspec.json.decode(text)
        topic = frame.get("topic", "")
        if not topic.startswith("tickers."):
            return text
        topics.add(topic)
        before = self._known.get(topic, {}).get("data", {})
        self._known[topic] = {**frame, "data": {**before, **frame["data"]}}
        return self._said(frame)

    def _said(self, frame: dict[str, Any]) -> str:
        data = dict(frame["data"])
        factor = self._factors.get(data["symbol"], Decimal(1))
        for name in PRICES:
            if data.get(name):
                data[name] = f"{Decimal(data[name]) * factor:f}"
        return msgspec.json.encode({**frame, "data": data}).decode()
