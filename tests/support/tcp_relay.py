"""A TCP relay before a store or a stream, with which a test breaks the network and not the server.

relay = await TcpRelay.before(5432)
relay.cut()       # everybody is thrown out, and whoever comes is thrown out again
relay.silence()   # connections stand, nothing passes; what was said is delivered at `heal`
relay.heal()
"""

import asyncio
import contextlib
from typing import Self

CHUNK = 65536


class TcpRelay:
    """One listening port on loopback, one port behind it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @classmethod
    async def before(cls, target: int) -> Self:
        """A relay that listens."""
        relay = cls(target)
        relay._server = await asyncio.start_server(relay._serve, "127.0.0.1", 0)
        relay.port = relay._server.sockets[0].getsockname()[1]
        return relay

    def cut(self) -> None:
        """As if a cable were pulled: resets, now and for whoever comes."""
        self._cut = True
        self.drop()

    def drop(self) -> None:
        """The connections of now are reset; new ones are welcome."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def silence(self) -> None:
        """As if packets were lost: nothing passes, nobody is told."""
        self._flows.clear()

    def heal(self) -> None:
        """Everything passes again."""
        self._cut = False
        self._flows.set()

    async def close(self) -> None:
        """End the server and every connection."""
        self.cut()
        self._flows.set()
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            if self._cut:
                return
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(there)
            await self._both_ways(reader, writer, back, there)
        except (OSError, asyncio.CancelledError):
            pass  # either end has gone: the other one is told below
        finally:
            for end in (writer, there):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()
            self._tasks.discard(task)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        pumps = {
            asyncio.create_task(self._pump(reader, there)),
            asyncio.create_task(self._pump(back, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
