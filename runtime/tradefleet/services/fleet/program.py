"""`tradefleet up`: one fleet from its YAML to the last process's end.

Composition: the data folder is claimed, the fleet started, shown and kept in step with the file until
Ctrl-C, SIGTERM or the end of its time; then, when asked, what Postgres and the exchange say is
compared; then everything is stopped.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections import deque
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.live import Live

from tradefleet.services.fleet import live_table, plain_lines
from tradefleet.services.fleet.config_watch import EditWatch, Refused, first_snapshot, judge_edit
from tradefleet.services.fleet.data_folder import DataFolder, FleetState, default_folder
from tradefleet.services.fleet.liveness import SILENT_S
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import until
from tradefleet.services.fleet.stores import Stores
from tradefleet.services.fleet.supervisor import Fleet
from tradefleet.services.fleet.verify import RunFacts, verify_fleet
from tradefleet.services.loops import set_within
from tradefleet.spec.bot import TradingBot
from tradefleet.spec.snapshot import ConfigSnapshot

LOOK_EVERY_S = 0.2
PLAIN_LINE_EVERY_S = 2.0
SPAWN_PATIENCE_S = 2.0


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was told. seconds: None runs until it is stopped. data: None for the default.
    hung_after_s: a process whose status is older is killed and starts again."""

    file: Path
    data: Path | None = None
    plain: bool = False
    seconds: float | None = None
    verify: bool = False
    postgres: str | None = None
    redis: str | None = None
    hung_after_s: float = SILENT_S


class Screen:
    """Where sentences and the view go: a live table on a terminal, else lines."""

    def __init__(self, plain: bool) -> None:
        self.plain = plain or not sys.stdout.isatty()
        self._began = time.monotonic()
        self._events: deque[str] = deque(maxlen=8)
        self._live: Live | None = None
        self._next_line = 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table until the end of the block."""
        if self.plain:
            yield
            return
        with Live(console=Console(), auto_refresh=False, transient=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def say(self, sentence: str) -> None:
        """One sentence of what happened."""
        text = f"{time.monotonic() - self._began:7.1f} s  {sentence}"
        self._events.append(text)
        if self._live is None:
            print(text, flush=True)

    def show(self, fleet: Fleet) -> None:
        """The view of this moment."""
        now = time.monotonic()
        if self._live is not None:
            title = f"{fleet.snapshot.namespace}/{fleet.snapshot.name}  {fleet.data.root}"
            self._live.update(live_table.render(fleet.view(), title, list(self._events)), refresh=True)
        elif now >= self._next_line:
            self._next_line = now + PLAIN_LINE_EVERY_S
            print(f"{now - self._began:7.1f} s  {plain_lines.line(fleet.view())}", flush=True)


async def up(options: UpOptions) -> int:
    """Run a fleet to its end; the exit status. Raises FleetFailed with one line for a person."""
    screen = Screen(options.plain)
    watch = EditWatch(options.file)
    bot = watch.read()
    if isinstance(bot, Refused):
        raise FleetFailed(bot.reason)
    name = bot.metadata
    data = DataFolder(options.data or default_folder(name.namespace, name.name))
    with data.claimed(), _stop_asked() as stop:
        state = data.state(name.namespace, name.name)
        snapshot = _first(state, bot)
        stores = Stores(
            data,
            postgres=options.postgres,
            redis=options.redis,
            say=screen.say,
            on_refused=lambda process, reason: fleet.refuse(process, reason),
        )
        fleet = Fleet(data, state, snapshot, stores, screen.say, options.hung_after_s)
        try:
            return await _live(fleet, watch, screen, options, stop)
        finally:
            screen.say("stopping")
            await fleet.stop()
            screen.say(f"stopped; the data is in {data.root}")


async def _live(
    fleet: Fleet, watch: EditWatch, screen: Screen, options: UpOptions, stop: asyncio.Event
) -> int:
    run = RunFacts.begin(fleet.data.root / "logs")
    screen.say(f"starting {fleet.snapshot.name}, generation {fleet.snapshot.generation}")
    if not await _unless(stop, fleet.start()):
        return 0
    await until(fleet.spawned, within_s=SPAWN_PATIENCE_S)
    screen.say("processes: " + " ".join(f"{name}={pid}" for name, pid in fleet.pids().items()))
    with screen.shown():
        await _keep_up(fleet, watch, screen, options, stop, run)
    if not options.verify:
        return 0
    screen.say("verifying: no more signals, then every order and fill on both sides")
    report = await verify_fleet(fleet, run)
    print(report.summary(), flush=True)
    return 0 if report.good else 1


async def _keep_up(
    fleet: Fleet, watch: EditWatch, screen: Screen, options: UpOptions, stop: asyncio.Event, run: RunFacts
) -> None:
    """Show the fleet and follow the file until it is time to end."""
    ends = None if options.seconds is None else time.monotonic() + options.seconds
    editing = asyncio.create_task(_follow(fleet, watch), name="follow the file")
    try:
        while not stop.is_set() and (ends is None or time.monotonic() < ends):
            fleet.check()
            if editing.done():
                editing.result()
            run.notice(fleet.view())
            screen.show(fleet)
            await set_within(stop, LOOK_EVERY_S)
    finally:
        editing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await editing


async def _follow(fleet: Fleet, watch: EditWatch) -> None:
    async for bot in watch.edits():
        if isinstance(bot, TradingBot):
            edit = judge_edit(fleet.snapshot, bot, newest_generation=fleet.newest_generation)
        else:
            edit = bot
        await fleet.apply(edit)


def _first(state: FleetState, bot: TradingBot) -> ConfigSnapshot:
    snapshot = first_snapshot(
        state.uid, bot, generation=state.generation, previous=state.spec, shards=state.shards
    )
    if isinstance(snapshot, Refused):
        raise FleetFailed(snapshot.reason)
    return snapshot


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work; False when it was given up because a stop was asked for."""
    task = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False


@contextlib.contextmanager
def _stop_asked() -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
