"""What the pods of a bot say they have applied, as it changes: one watch for the bot, one for its shards."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from lightkube.generic_resource import create_namespaced_resource
from tests.e2e import kube

TradingBot = create_namespaced_resource("tradefleet.dev", "v1alpha1", "TradingBot", "tradingbots")
SymbolShard = create_namespaced_resource("tradefleet.dev", "v1alpha1", "SymbolShard", "symbolshards")


class Watched:
    """The newest of every resource. `until` is told each change as it comes."""

    def __init__(self) -> None:
        self.bot: dict[str, Any] = {}
        self.shards: dict[str, dict[str, Any]] = {}
        self.changes: list[Callable[[], None]] = []
        self._changed = asyncio.Event()

    def see(self, kind: str, resource: Any, *, gone: bool) -> None:
        """One event of a watch."""
        name = resource.metadata.name
        if kind == "TradingBot":
            self.bot = {} if gone else {"status": resource.status or {}, "name": name}
        elif gone:
            self.shards.pop(name, None)
        else:
            self.shards[name] = {"spec": resource["spec"], "status": resource.status or {}}
        for change in self.changes:
            change()
        self._changed.set()

    async def until(self, look: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait; seconds since the call when it became true."""
        began = time.monotonic()
        while not look():
            left = seconds - (time.monotonic() - began)
            assert left > 0, f"{what}: not within {seconds} s; {self.bot} {self.shards}"
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
        return time.monotonic() - began

    def applied(self) -> list[int]:
        """Generations that the leader and every shard's pods run."""
        shards = [
            int(pod.get("appliedGeneration", 0))
            for shard in self.shards.values()
            for pod in shard["status"].get("pods", [{}])
        ]
        return [int(self.executor.get("appliedGeneration", 0)), *shards]

    @property
    def executor(self) -> dict[str, Any]:
        """What the leader says."""
        return dict(self.bot.get("status", {}).get("executor", {}))


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[Watched]:
    """Both watches, begun anew when the server cuts one, until the block ends."""
    client, watched = kube.client(), Watched()

    async def follow(kind: str, resource: Any) -> None:
        while True:
            async for event, seen in client.watch(resource):
                watched.see(kind, seen, gone=event == "DELETED")

    tasks = [
        asyncio.create_task(follow("TradingBot", TradingBot)),
        asyncio.create_task(follow("SymbolShard", SymbolShard)),
    ]
    try:
        await watched.until(lambda: bool(watched.bot and watched.shards), 10, "the first of both watches")
        yield watched
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
