"""The loop around the plan: a dirty bot is looked at, planned, applied, and its status said.

One bot at a time by one worker, several bots by several workers. A failure marks the bot dirty again
after a growing pause; it never stops the others. Nothing is remembered between two looks but the pause.
"""

import asyncio
import datetime
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from tradefleet_operator.api import ApiAway, Unacceptable
from tradefleet_operator.dirty import DirtyKeys
from tradefleet_operator.objects import Object, Ref, is_being_deleted
from tradefleet_operator.plan import Plan, plan
from tradefleet_operator.status import bot_status, dead_pods, shard_status
from tradefleet_operator.store import Store

log = structlog.get_logger(__name__)

BotKey = tuple[str, str]

WORKERS: Final = 4
AT_ONCE: Final = 8
"""Applies in flight for one bot: the server takes them side by side, and 20 shards are 80 objects."""
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 60.0


class Writes(Protocol):
    """What the reconciler does to the cluster; in a process the Api."""

    async def apply(self, value: Object) -> dict[str, Any]:
        """Make the object so."""
        ...

    async def apply_status(self, ref: Ref, status: Mapping[str, Any], manager: str = ...) -> dict[str, Any]:
        """Own this part of its status."""
        ...

    async def delete(self, ref: Ref) -> None:
        """Delete it."""
        ...


class Reconciler:
    """Keeps every bot as it should be."""

    def __init__(
        self,
        store: Store,
        writes: Writes,
        image: str,
        pull_secrets: Sequence[str] = (),
        clock: Callable[[], str] | None = None,
    ) -> None:
        """image: of the runtime. pull_secrets: it is pulled with. clock: the time as Kubernetes writes it."""
        self.store = store
        self._writes = writes
        self._image = image
        self._pull_secrets = pull_secrets
        self._clock = clock or now_text
        self._dirty: DirtyKeys[BotKey] = DirtyKeys()
        self._woken = asyncio.Event()
        self._failures: dict[BotKey, int] = {}
        self._pauses: set[asyncio.Task[None]] = set()
        self.applied = 0
        self.failed = 0

    def mark(self, key: BotKey) -> None:
        """Something about this bot may have changed."""
        self._dirty.mark(key)
        self._woken.set()

    def mark_all(self) -> None:
        """Look at every bot again."""
        for ref in list(self.store.bots()):
            self.mark((ref.namespace, ref.name))

    @property
    def idle(self) -> bool:
        """Nothing is left to do."""
        return self._dirty.idle

    async def work(self) -> None:
        """One worker, until cancelled."""
        while True:
            key = self._dirty.take()
            if key is None:
                self._woken.clear()
                await self._woken.wait()
                continue
            try:
                await self.look_at(key)
            finally:
                self._dirty.done(key)
                self._woken.set()

    async def look_at(self, key: BotKey) -> None:
        """Plan and apply once; what fails is tried again later."""
        namespace, name = key
        ref = Ref("TradingBot", namespace, name)
        bot = self.store.get(ref)
        if bot is None:
            self._failures.pop(key, None)
            return
        observed = self.store.of_bot(namespace, name)
        planned = plan(bot, observed, self._image, self._pull_secrets)
        try:
            await self._carry_out(planned)
            await self._say(ref, planned)
        except ApiAway as error:
            self._try_again(key, error)
        else:
            self._failures.pop(key, None)

    # ---- doing

    async def _carry_out(self, planned: Plan) -> None:
        """Kind after kind; objects of one kind side by side."""
        for kind in dict.fromkeys(value["kind"] for value in planned.apply):
            await _side_by_side([self._apply(value) for value in planned.apply if value["kind"] == kind])
        await _side_by_side([self._delete(ref) for ref in planned.delete])

    async def _apply(self, value: Object) -> None:
        self.store.put(await self._writes.apply(value))
        self.applied += 1

    async def _delete(self, ref: Ref) -> None:
        await self._writes.delete(ref)
        log.info("deleted", kind=ref.kind, namespace=ref.namespace, name=ref.name)
        self.store.remove(ref)

    async def _say(self, ref: Ref, planned: Plan) -> None:
        bot = self.store.get(ref)
        if bot is None or is_being_deleted(bot):
            return
        observed = self.store.of_bot(ref.namespace, ref.name)
        now = self._clock()
        await self._say_one(ref, bot, bot_status(bot, planned, observed, now))
        shards = {ref: value for ref, value in observed.items() if ref.kind == "SymbolShard"}
        await _side_by_side(
            [self._say_one(ref, one, shard_status(one, observed, now)) for ref, one in shards.items()]
        )
        await _side_by_side(
            [self._forget(ref, pod) for ref, one in shards.items() for pod in dead_pods(one, observed)]
        )

    async def _say_one(self, ref: Ref, there: Object, status: Mapping[str, Any]) -> None:
        if not _says(there.get("status") or {}, status):
            self.store.put(await self._writes.apply_status(ref, status))

    async def _forget(self, shard: Ref, pod: str) -> None:
        """An empty status under the dead pod's name takes back what it had said."""
        self.store.put(await self._writes.apply_status(shard, {}, f"tradefleet-pod-{pod}"))

    # ---- trying again

    def _try_again(self, key: BotKey, error: ApiAway) -> None:
        self.failed += 1
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait_s = max(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures - 1, 10)), error.wait_s)
        say = log.error if isinstance(error, Unacceptable) or failures == 3 else log.warning
        say("not_applied", namespace=key[0], bot=key[1], failures=failures, reason=str(error))
        # Jitter: when the server comes back not every bot asks at once.
        pause = asyncio.create_task(self._mark_later(key, wait_s * random.uniform(0.8, 1.2)))
        self._pauses.add(pause)
        pause.add_done_callback(self._pauses.discard)

    async def _mark_later(self, key: BotKey, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        self.mark(key)


def now_text() -> str:
    """The time as Kubernetes writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _says(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a status holds this part already; conditions by their type."""
    for key, value in wanted.items():
        if key == "conditions":
            found = {one["type"]: one for one in there.get("conditions") or ()}
            if any(dict(found.get(one["type"], {})) != one for one in value):
                return False
        elif there.get(key) != value:
            return False
    return True


async def _side_by_side(work: list[Coroutine[Any, Any, None]]) -> None:
    """All of it, a few at once; the first failure is raised when all have ended."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(step: Coroutine[Any, Any, None]) -> None:
        async with turn:
            await step

    ended = await asyncio.gather(*map(one, work), return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
