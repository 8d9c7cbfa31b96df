"""The processes of one fleet: started in order, kept alive, replaced when an edit asks for it.

Stores first, then the simulated exchange, then the executor and the shards. A restart-class edit
starts a shard's new process beside the old one, waits until its books are synchronised, and only then
stops the old one; the executor, which alone may trade, is stopped before its successor starts. Every
process watches a snapshot file of its own, so that an old process never sees an edit it cannot apply.
One that hangs is killed and starts again (`liveness`).
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable

import msgspec

from tradefleet.adapters.files.status import Unreadable, read_json
from tradefleet.services.fleet import children
from tradefleet.services.fleet.config_watch import ApplyHot, Edit, Refused, Replace, Unchanged
from tradefleet.services.fleet.data_folder import DataFolder, FleetState
from tradefleet.services.fleet.liveness import LOOK_S, SILENT_S, Liveness
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import Command, Kept, Say, stop_all, until
from tradefleet.services.fleet.stores import Stores, usable_port
from tradefleet.services.fleet.view import (
    FleetView,
    fresh_status,
    shard_view,
    troubles_of,
    written_status,
)
from tradefleet.spec.addresses import endpoints_of
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import Endpoints
from tradefleet.spec.snapshot import ConfigSnapshot

READY_PATIENCE_S = 30.0
WARM_PATIENCE_S = 60.0


class Fleet:
    """All processes of one bot on this machine."""

    def __init__(
        self,
        data: DataFolder,
        state: FleetState,
        snapshot: ConfigSnapshot,
        stores: Stores,
        say: Say,
        silent_s: float = SILENT_S,
    ) -> None:
        """silent_s: a process whose status is older hangs."""
        self.data = data
        self.state = state
        self.snapshot = snapshot
        self.stores = stores
        self.endpoints = Endpoints()
        self.failure: FleetFailed | None = None
        self.newest_generation = snapshot.generation
        self._say = say
        self._simulator: Kept | None = None
        self._executor: Kept | None = None
        self._shards: dict[int, Kept] = {}
        self._silent_s = silent_s
        self._liveness: dict[str, Liveness] = {}
        self._watching: asyncio.Task[None] | None = None

    # --- the life of the fleet ---------------------------------------------------------------

    async def start(self) -> None:
        """Start everything; raises FleetFailed. What was started is stopped by `stop`."""
        self._clear_statuses()
        self._remember(await self.stores.start(self.state, self.check))
        if self.snapshot.spec.exchange.simulator.enabled:
            await self._start_simulator(self.snapshot.spec)
        else:
            self.endpoints = endpoints_of(self.snapshot.spec)  # none is empty: a rule of the spec
        self._remember(self.state)
        self._executor = self._start_executor("executor", self.snapshot)
        for assignment in self.snapshot.shards:
            process = f"shard-{assignment.index}"
            self._shards[assignment.index] = self._start_shard(
                process, assignment.index, self.snapshot, self.refuse
            )
        self._watching = asyncio.create_task(self._watch(), name="watch who hangs")

    async def stop_shards(self) -> None:
        """No more signals."""
        await stop_all(list(self._shards.values()))

    async def stop(self) -> None:
        """Shards, executor, simulator, then the stores; nothing that was started is left."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self.stop_shards()
        for kept in (self._executor, self._simulator):
            if kept is not None:
                await kept.stop()
        await self.stores.stop()

    def refuse(self, process: str, reason: str) -> None:
        """A process that the fleet cannot do without cannot run: the fleet ends with its words."""
        if self.failure is None:
            self.failure = FleetFailed(f"{process}: {reason}")

    def check(self) -> None:
        """Raise the failure when there is one."""
        if self._watching is not None and self._watching.done():
            self._watching.result()
        if self.failure is not None:
            raise self.failure

    async def spawned(self) -> bool:
        """True when every process has been started at least once."""
        return None not in self.pids().values()

    async def _watch(self) -> None:
        """For ever: end what hangs."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._end_what_hangs()

    def _end_what_hangs(self) -> None:
        running = self._running()
        self._liveness = {
            kept.name: self._liveness.get(kept.name) or Liveness(self._silent_s) for kept in running
        }
        for kept in running:
            file = children.status_path(self.data, kept.name)
            status, written = written_status(file)
            why = self._liveness[kept.name].look(kept.pid, status, written, time.monotonic())
            if why:
                kept.kill(why)

    # --- what it shows -----------------------------------------------------------------------

    def view(self) -> FleetView:
        """What every process says of itself now."""
        shards = tuple(
            shard_view(index, kept.name, self._status(kept)) for index, kept in sorted(self._shards.items())
        )
        executor = {} if self._executor is None else self._status(self._executor)
        troubles = troubles_of(
            shards, executor, postgres_up=self.stores.postgres_up, redis_up=self.stores.redis_up
        )
        return FleetView(shards=shards, executor=executor, troubles=troubles)

    def pids(self) -> dict[str, int | None]:
        """Process ids by process."""
        kept = [self._simulator, self._executor, *self._shards.values(), *self.stores.kept]
        return {one.name: one.pid for one in kept if one is not None}

    def credentials(self) -> tuple[str, str]:
        """Key and secret of the account."""
        exchange = self.snapshot.spec.exchange
        if exchange.simulator.enabled:
            key = self.data.simulated_key()
            return key.api_key, key.api_secret
        names = exchange.credentials
        return os.environ[names.api_key_variable], os.environ[names.api_secret_variable]

    # --- edits -------------------------------------------------------------------------------

    async def apply(self, edit: Edit) -> None:
        """Do what an edit asks for and say so; a refused one changes nothing."""
        match edit:
            case Refused(reason):
                self._say(f"edit refused, generation {self.snapshot.generation} stays: {reason}")
            case Unchanged():
                self._say(f"edit changes no field; generation {self.snapshot.generation} stays")
            case ApplyHot(snapshot, changed):
                self._adopt(snapshot)
                self._hand_out(snapshot, self._running())
                self._say(
                    f"generation {snapshot.generation} applies in the running processes: {_list(changed)}"
                )
            case Replace():
                await self._replace(edit)

    async def _replace(self, edit: Replace) -> None:
        snapshot = edit.snapshot
        self.newest_generation = snapshot.generation
        self._remember(self.state)
        self._say(f"generation {snapshot.generation} replaces processes: {_list(edit.changed)}")
        if edit.simulator:
            await self._replace_simulator(snapshot.spec)
        refused: list[str] = []
        new = {
            index: self._start_shard(
                f"shard-{index}-g{snapshot.generation}",
                index,
                snapshot,
                lambda process, reason: refused.append(f"{process}: {reason}"),
            )
            for index in edit.shards
        }
        if not await self._become_warm(new.values(), refused):
            await stop_all(list(new.values()))
            if edit.simulator:
                await self._replace_simulator(self.snapshot.spec)
            reason = refused[0] if refused else f"its books are not synchronised after {WARM_PATIENCE_S:g} s"
            self._say(f"edit refused, generation {self.snapshot.generation} stays: {reason}")
            return
        for kept in new.values():
            kept.on_refused = self.refuse
        await self._take_over(edit, new)
        self._say(f"generation {snapshot.generation} runs")

    async def _become_warm(self, new: Iterable[Kept], refused: list[str]) -> bool:
        waiting = list(new)

        async def settled() -> bool:
            return bool(refused) or all(self._status(kept).get("warm") for kept in waiting)

        return await until(settled, within_s=WARM_PATIENCE_S, every_s=0.1) and not refused

    async def _take_over(self, edit: Replace, new: dict[int, Kept]) -> None:
        self._adopt(edit.snapshot)
        leaving = [self._shards.pop(index) for index in {*edit.gone, *new} if index in self._shards]
        staying = list(self._shards.values())
        self._shards.update(new)
        await stop_all(leaving)
        if edit.executor and self._executor is not None:
            # Never two that may trade: the lease would keep the second from it anyway.
            await self._executor.stop()
            self._executor = self._start_executor("executor", edit.snapshot)
        elif self._executor is not None:
            staying.append(self._executor)
        self._hand_out(edit.snapshot, staying)

    async def _replace_simulator(self, spec: BotSpec) -> None:
        if self._simulator is not None:
            await self._simulator.stop()
        if spec.exchange.simulator.enabled:
            await self._start_simulator(spec)

    def _adopt(self, snapshot: ConfigSnapshot) -> None:
        """Persist first: a generation that a process has seen is never given to another spec."""
        self.snapshot = snapshot
        self.newest_generation = max(self.newest_generation, snapshot.generation)
        self._remember(self.state)

    def _remember(self, state: FleetState) -> None:
        self.state = msgspec.structs.replace(
            state,
            generation=self.newest_generation,
            spec=self.snapshot.spec,
            shards=self.snapshot.shards,
        )
        self.data.keep(self.state)

    def _hand_out(self, snapshot: ConfigSnapshot, to: Iterable[Kept]) -> None:
        for kept in to:
            children.write_snapshot(self.data, kept.name, snapshot)

    def _running(self) -> list[Kept]:
        return [*self._shards.values(), *([] if self._executor is None else [self._executor])]

    # --- starting ----------------------------------------------------------------------------

    async def _start_simulator(self, spec: BotSpec) -> None:
        port = usable_port(self.state.simulator_port)
        self.state = msgspec.structs.replace(self.state, simulator_port=port)
        key = self.data.simulated_key()
        command = children.simulator(self.data, spec.exchange, port, key)
        ready_file = children.ready_path(self.data)
        ready_file.unlink(missing_ok=True)
        kept = self._simulator = self._keep("simulator", lambda: command, self.refuse)

        async def ready() -> bool:
            self.check()
            with contextlib.suppress(Unreadable):
                said = read_json(ready_file)
                return said is not None and said["pid"] == kept.pid
            return False

        # Every copy has a history to be played before it begins.
        patience_s = READY_PATIENCE_S + 3 * spec.exchange.simulator.copies
        if not await until(ready, within_s=patience_s):
            raise FleetFailed(f"simulator: not ready after {patience_s:g} s; see {command.log}")
        kept.proven = True
        said = read_json(ready_file)
        given = spec.exchange.endpoints
        self.endpoints = given if given.rest else msgspec.convert(said, Endpoints)

    def _start_executor(self, process: str, snapshot: ConfigSnapshot) -> Kept:
        children.write_snapshot(self.data, process, snapshot)
        exchange = snapshot.spec.exchange
        key = self.data.simulated_key() if exchange.simulator.enabled else None
        if key is None:
            _require(exchange.credentials.api_key_variable, exchange.credentials.api_secret_variable)
        joints = self._joints()

        def command() -> Command:
            holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
            return children.executor(self.data, process, joints, exchange.credentials, key, holder)

        return self._keep(process, command, self.refuse)

    def _start_shard(
        self, process: str, index: int, snapshot: ConfigSnapshot, on_refused: Callable[[str, str], None]
    ) -> Kept:
        children.write_snapshot(self.data, process, snapshot)
        command = children.shard(self.data, process, index, self._joints())
        return self._keep(process, lambda: command, on_refused)

    def _keep(
        self, name: str, command: Callable[[], Command], on_refused: Callable[[str, str], None]
    ) -> Kept:
        kept = Kept(name, command, say=self._say, on_refused=on_refused, attempts=3)
        kept.start()
        return kept

    def _joints(self) -> children.Joints:
        return children.Joints(
            postgres=self.stores.postgres, redis=self.stores.redis, endpoints=self.endpoints
        )

    def _status(self, kept: Kept) -> dict[str, object]:
        status = fresh_status(children.status_path(self.data, kept.name))
        if status.get("pid") != kept.pid:
            return {}  # of a process that died, not of the one that took its place
        kept.proven = kept.proven or bool(status.get("warm") or status.get("leading"))
        return status

    def _clear_statuses(self) -> None:
        for old in (self.data.root / "run").glob("*.status.json"):
            old.unlink(missing_ok=True)


def _require(*variables: str) -> None:
    for name in variables:
        if not os.environ.get(name):
            raise FleetFailed(
                f"environment variable {name} is missing; it holds the exchange's credentials "
                "(see spec.exchange.credentials)"
            )


def _list(paths: tuple[str, ...]) -> str:
    return ", ".join(paths) or "symbols move between shards"
