"""One client's socket, with a bounded queue in front of it.

Senders never wait: `send` queues, a writer task empties the queue. A client that reads too slowly
fills the kernel's buffers, then the queue; at the bound it is cut off, as any exchange does, because
a market that waits for its slowest reader is late for everybody.
"""

import asyncio
import secrets
from collections import deque
from typing import Final

from aiohttp import WSMsgType, web

CUT_SLOW: Final = "slow consumer"


class Connection:
    """A WebSocket and what waits to be written to it.

    topics: names subscribed, in order; a dict serves as an ordered set. said_hello: has subscribed
    or pinged at least once. cut_reason: why the server ended it, None while it lives.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, max_queued: int
    ) -> None:
        """max_queued: bytes."""
        self.id = f"{secrets.token_hex(10)}-{secrets.token_hex(3)[:5]}"
        self.topics: dict[str, None] = {}
        self.said_hello = False
        self.cut_reason: str | None = None
        self._socket = socket
        self._transport = transport
        self._max_queued = max_queued
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._wake = asyncio.Event()

    def send(self, payload: bytes) -> None:
        """Queue one text frame; cuts the connection when the queue is full."""
        if self.cut_reason is not None:
            return
        self._queued += len(payload)
        if self._queued > self._max_queued:
            self.cut(CUT_SLOW)
            return
        self._queue.append(payload)
        self._wake.set()

    def cut(self, reason: str) -> None:
        """End it at once, without a close frame (a client sees 1006)."""
        if self.cut_reason is None:
            self.cut_reason = reason
            self._queue.clear()
            if self._transport is not None:
                self._transport.abort()

    async def write(self) -> None:
        """Write what is queued until cancelled or the client is gone."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    payload = self._queue.popleft()
                    await self._socket.send_frame(payload, WSMsgType.TEXT)
                    self._queued -= len(payload)
        except ConnectionResetError:
            return  # the reader sees the end of the socket and cleans up

    async def close(self) -> None:
        """Say goodbye: the server is going away (1001)."""
        await self._socket.close(code=1001, message=b"server shutting down")
