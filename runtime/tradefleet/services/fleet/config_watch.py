"""Edits of the user's YAML become numbered snapshots, or a sentence that says why they do not.

`judge_edit` is pure: what runs now and what the file says give what is to be done. `EditWatch`
notices edits by reading the file again whenever its stat changes. Generations only rise, also over
restarts of the fleet: the newest is kept in the data folder.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from tradefleet.spec.bot import BotSpec, TradingBot
from tradefleet.spec.decode import load_bot
from tradefleet.spec.fields import Reload
from tradefleet.spec.problems import SpecError, shown
from tradefleet.spec.reload import Change, changes, worst
from tradefleet.spec.sharding import TooManyShards, assign
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment


class Refused(msgspec.Struct, frozen=True):
    """An edit that cannot be applied; what runs goes on as it was."""

    reason: str


class Unchanged(msgspec.Struct, frozen=True):
    """An edit that changes no field."""


class ApplyHot(msgspec.Struct, frozen=True):
    """Running processes take it up themselves."""

    snapshot: ConfigSnapshot
    changed: tuple[str, ...]


class Replace(msgspec.Struct, frozen=True):
    """Processes have to be replaced.

    simulator, executor: whether that process is. shards: indices whose process is replaced or begun;
    gone: indices whose process ends.
    """

    snapshot: ConfigSnapshot
    changed: tuple[str, ...]
    simulator: bool
    executor: bool
    shards: tuple[int, ...]
    gone: tuple[int, ...]


_SIMULATOR = "spec.exchange.simulator."
_PLACEMENT = ("spec.universe.", "spec.sharding.", "spec.executor.")

Edit = Refused | Unchanged | ApplyHot | Replace


def first_snapshot(
    uid: str,
    bot: TradingBot,
    *,
    generation: int,
    previous: BotSpec | None,
    shards: tuple[ShardAssignment, ...],
) -> ConfigSnapshot | Refused:
    """The snapshot a fleet starts with.

    generation, previous, shards: the last good ones of an earlier fleet on the same folder. The
    number rises only when something has changed since.
    """
    if previous is not None:
        refusal = _immutable(changes(previous, bot.spec))
        if refusal is not None:
            return refusal
    try:
        assigned = assign(bot.spec.universe.symbols, shards, bot.spec.sharding)
    except TooManyShards as error:
        return Refused(str(error))
    same = previous is not None and not changes(previous, bot.spec) and assigned == shards
    return ConfigSnapshot(
        generation=generation if same else generation + 1,
        uid=uid,
        name=bot.metadata.name,
        namespace=bot.metadata.namespace,
        spec=bot.spec,
        shards=assigned,
    )


def judge_edit(current: ConfigSnapshot, bot: TradingBot, *, newest_generation: int) -> Edit:
    """What to do about an edited bot.

    newest_generation: the highest number ever given, also to an edit that failed later.
    """
    if (bot.metadata.namespace, bot.metadata.name) != (current.namespace, current.name):
        return Refused(
            f"metadata.name: {shown(bot.metadata.name)} in namespace {shown(bot.metadata.namespace)} is "
            f"another bot than {current.namespace}/{current.name}; start a fleet of its own for it"
        )
    found = changes(current.spec, bot.spec)
    if not found:
        return Unchanged()
    refusal = _immutable(found)
    if refusal is not None:
        return refusal
    try:
        assigned = assign(bot.spec.universe.symbols, current.shards, bot.spec.sharding)
    except TooManyShards as error:
        return Refused(str(error))
    snapshot = msgspec.structs.replace(
        current, generation=newest_generation + 1, spec=bot.spec, shards=assigned
    )
    changed = tuple(change.path for change in found)
    if worst(found) is Reload.HOT and assigned == current.shards:
        return ApplyHot(snapshot, changed)
    return _replacement(current, snapshot, found)


def _replacement(current: ConfigSnapshot, snapshot: ConfigSnapshot, found: list[Change]) -> Replace:
    restarting = [change.path for change in found if change.reload is Reload.RESTART]
    of_processes = [path for path in restarting if not path.startswith(_SIMULATOR)]
    # What only says which symbols run where leaves a shard that keeps its symbols in peace.
    of_every_shard = [path for path in of_processes if not path.startswith(_PLACEMENT)]
    before = {shard.index: shard.symbols for shard in current.shards}
    after = {shard.index: shard.symbols for shard in snapshot.shards}
    return Replace(
        snapshot=snapshot,
        changed=tuple(change.path for change in found),
        simulator=len(of_processes) < len(restarting),
        executor=bool(of_processes),
        shards=tuple(i for i in sorted(after) if of_every_shard or before.get(i) != after[i]),
        gone=tuple(sorted(before.keys() - after.keys())),
    )


def _immutable(found: list[Change]) -> Refused | None:
    for change in found:
        if change.reload is Reload.IMMUTABLE:
            return Refused(
                f"{change.path}: {shown(change.old)} cannot become {shown(change.new)} while the bot "
                "lives; make a new bot, or put the old value back"
            )
    return None


class EditWatch:
    """The user's file: read again when its stat differs from that of the last reading."""

    def __init__(self, path: Path, period_s: float = 0.2) -> None:
        self.path = path
        self._period_s = period_s
        self._seen = self._stat()

    def read(self) -> TradingBot | Refused:
        """The bot as the file has it now."""
        self._seen = self._stat()
        try:
            return load_bot(self.path)
        except SpecError as error:
            return Refused(str(error))

    async def edits(self) -> AsyncIterator[TradingBot | Refused]:
        """Every edit from now on. A file that is being replaced is waited for, then read."""
        while True:
            await asyncio.sleep(self._period_s)
            if self._stat() != self._seen:
                yield self.read()

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
