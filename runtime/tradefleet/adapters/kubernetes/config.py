"""The bot's resource as a source of configuration: list once, then watch.

What ends a watch is waited out: one that the server ended goes on from its last version; a cut or
silent one, or a version that is too old (410), means reading again; a server that is away is asked with
growing pauses. Meanwhile the last good configuration stays; `trouble` says that nothing new can be heard.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import msgspec
import structlog

from tradefleet.adapters.config_source import BadSnapshot, BotGone, Change, SourceAway
from tradefleet.adapters.kubernetes.api import CUSTOM, Api, ApiAway, Gone, path_of
from tradefleet.adapters.kubernetes.resources import (
    Kind,
    Object,
    ObjectList,
    assignments_of,
    read_event,
    read_list,
    snapshot_of,
)
from tradefleet.spec.reload import pinned
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

WATCH_S: Final = 55
"""How long the server holds one watch. Shorter than the minute after which it would send a bookmark into
the silence, so that a connection that was lost without a word is noticed within a minute."""
FIRST_PAUSE_S: Final = 0.1
MOST_PAUSE_S: Final = 5.0


class BotResource:
    """One TradingBot with its SymbolShards."""

    def __init__(self, api: Api, namespace: str, bot: str, watch_s: int = WATCH_S) -> None:
        self.address = f"kubernetes://{namespace}/{bot}"
        self.trouble = ""
        self._api = api
        self._bot = bot
        self._bots = path_of(CUSTOM, namespace, "tradingbots")
        self._shards = path_of(CUSTOM, namespace, "symbolshards")
        self._one = {"fieldSelector": f"metadata.name={bot}"}
        self._watch_s = watch_s
        self._begun: ConfigSnapshot | None = None
        self._last: ConfigSnapshot | None = None
        self._seen: tuple[str, int] = ("", 0)
        self._version = ""

    def begin(self, snapshot: ConfigSnapshot) -> None:
        """Until this process is replaced, only hot fields of newer configurations are applied."""
        self._begun = self._begun or snapshot
        self._last = self._last or snapshot

    async def read(self) -> ConfigSnapshot:
        """The resource now; the last good one while the server is away. Raises BadSnapshot, SourceAway."""
        try:
            found = await self._listed()
            if self._begun is None:
                # Only now: until a pod is replaced it carries the symbols with which it began.
                chosen = {"labelSelector": f"tradefleet.dev/bot={self._bot}"}
                shards = read_list(await self._api.get(self._shards, chosen)).items
                self.begin(snapshot_of(self._only(found), assignments_of(shards, self.address), self.address))
        except (ApiAway, msgspec.DecodeError) as error:
            self._lost(str(error))
            if self._last is None:
                raise SourceAway(f"{self.address}: {error}") from error
            return self._last
        return self._applicable(self._only(found))

    async def changes(self) -> AsyncIterator[Change]:
        """Each change of the spec, for ever; a change of somebody's status is none."""
        pause_s = FIRST_PAUSE_S
        while True:
            begun_s = time.monotonic()
            try:
                if not self._version:
                    for change in self._heard(self._only_or_none(await self._listed())):
                        yield change
                async with contextlib.aclosing(self._watch()) as changes:
                    async for change in changes:
                        yield change
            except Gone:
                self._version = ""
            except (ApiAway, msgspec.DecodeError) as error:
                self._version = ""  # one object: reading it again is cheaper than being sure of a version
                self._lost(str(error))
            if time.monotonic() - begun_s > MOST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
                continue
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, MOST_PAUSE_S)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._api.close()

    async def _watch(self) -> AsyncGenerator[Change, None]:
        query = {**self._one, "resourceVersion": self._version}
        async with contextlib.aclosing(self._api.watch(self._bots, query, self._watch_s)) as lines:
            async for line in lines:
                told = read_event(line)
                self._version = told.version or self._version
                match told.kind:
                    case Kind.CHANGED | Kind.REMOVED:
                        gone = told.kind is Kind.REMOVED
                        for change in self._heard(None if gone else told.object):
                            yield change
                    case Kind.GONE:
                        raise Gone(told.detail)
                    case Kind.TROUBLE:
                        raise ApiAway(told.detail)

    async def _listed(self) -> ObjectList:
        found = read_list(await self._api.get(self._bots, self._one))
        self._version = found.metadata.resource_version
        if self.trouble:
            log.info("api_server_back", address=self.address)
        self.trouble = ""
        return found

    def _only_or_none(self, found: ObjectList) -> Object | None:
        return found.items[0] if found.items else None

    def _only(self, found: ObjectList) -> Object:
        if not found.items:
            raise BadSnapshot(self.address, "there is no such TradingBot")
        return found.items[0]

    def _heard(self, bot: Object | None) -> list[Change]:
        """What a look at the bot means: nothing when its spec is the one we know."""
        if bot is None:
            return [BotGone()]
        if (bot.metadata.uid, bot.metadata.generation) == self._seen:
            return []
        try:
            return [self._applicable(bot)]
        except BadSnapshot as bad:
            return [bad]

    def _applicable(self, bot: Object) -> ConfigSnapshot:
        """The bot as this process may apply it; raises BadSnapshot."""
        self._seen = (bot.metadata.uid, bot.metadata.generation)
        begun = self._begun
        shards = () if begun is None else begun.shards
        newest = snapshot_of(bot, shards, self.address)
        if begun is None:
            raise BadSnapshot(self.address, "was not read before its changes")
        try:
            self._last = pinned(begun, newest)
        except ValueError as error:
            raise BadSnapshot(self.address, str(error), newest.generation) from error
        return self._last

    def _lost(self, reason: str) -> None:
        """Said once: an API server that restarts would else fill the log."""
        if not self.trouble:
            log.warning("api_server_away", address=self.address, reason=reason)
        self.trouble = reason
