"""Processes that the fleet keeps alive.

A child has a session of its own, so that Ctrl-C reaches the supervisor alone, which then stops its
children in order; and the kernel signals it when the supervisor dies. Its stderr goes to a log file.
A child that dies is started again after a back-off, unless it ended with status 2: a configuration
that a restart cannot mend. One that hangs is killed by whoever sees it (`liveness`), and so starts again.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tradefleet.services.fleet.back_off import BackOff

CONFIGURATION_STATUS: Final = 2
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_TAIL_BYTES: Final = 8192

Say = Callable[[str], None]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """How to start and how to stop one process.

    environment: added to ours. uid: another user to run as, None for ours. folder: its working
    directory. stop_signal asks it to end; after grace_s seconds it is killed. orphan_signal comes
    from the kernel when the supervisor dies.
    """

    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = {}
    uid: int | None = None
    folder: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    grace_s: float = 2.5


class Kept:
    """One process that is started again whenever it ends by itself.

    say: told of every start and death. on_refused: told the child's last line when it ends with
    status 2, or when `attempts` in a row have failed before it has ever been `proven`.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Command],
        *,
        say: Say,
        on_refused: Callable[[str, str], None],
        back_off: BackOff | None = None,
        attempts: int = 1,
    ) -> None:
        self.name = name
        self.restarts = 0
        self.proven = False
        self._command = command
        self._say = say
        self.on_refused = on_refused
        self._back_off = back_off or BackOff()
        self._attempts = attempts
        self._process: asyncio.subprocess.Process | None = None
        self._current: Command | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """True while there is a process that has not ended."""
        return self._process is not None and self._process.returncode is None

    def start(self) -> None:
        """Begin to keep it."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    def kill(self, why: str) -> None:
        """End it at once, since it hangs; it starts again. Whatever it was in the middle of, it could have
        died there by itself."""
        if self._process is not None and self.running and not self._stopping:
            self._say(f"{self.name} hangs: {why}; it is killed")
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """Ask it to end, kill it when its grace is over, and keep it no more."""
        self._stopping = True
        process, command = self._process, self._current
        if process is not None and command is not None and process.returncode is None:
            await _end(process, command)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        deaths = 0
        while True:
            command = self._current = self._command()
            log_start = command.log.stat().st_size if command.log.exists() else 0
            started = time.monotonic()
            try:
                process = self._process = await _spawn(command)
            except OSError as error:
                self.on_refused(self.name, f"cannot be started: {error}")
                return
            status = await process.wait()
            self._process = None
            if self._stopping:
                return
            deaths = self._back_off.deaths_after(deaths, time.monotonic() - started)
            hopeless = status > 0 and not self.proven and deaths >= self._attempts
            told = last_line(command.log, log_start)
            if status == CONFIGURATION_STATUS or hopeless:
                self.on_refused(self.name, told or ending(status))
                return
            wait_s = self._back_off.wait_s(deaths)
            self.restarts += 1
            why = f" ({told})" if status > 0 and told else ""
            self._say(f"{self.name} {ending(status)}{why}; it starts again in {wait_s:g} s")
            await asyncio.sleep(wait_s)


async def run_once(command: Command) -> int:
    """Run a process to its end; its exit status (below 0: minus the signal)."""
    process = await _spawn(command)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            await _end(process, command)


async def stop_all(kept: Sequence[Kept]) -> None:
    """Stop several at once."""
    await asyncio.gather(*(one.stop() for one in kept))


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float, every_s: float = 0.05) -> bool:
    """Ask until the condition holds; False when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(every_s)
    return True


def ending(status: int) -> str:
    """How a process ended, for a person."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def last_line(log: Path, start: int) -> str:
    """What a process said last since byte `start` of its log; of a JSON record, what it says."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _TAIL_BYTES))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return ""
    try:
        record = msgspec.json.decode(lines[-1], type=dict[str, object])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return lines[-1]
    told = [str(record[key]) for key in ("event", "kind", "error", "detail") if record.get(key)]
    return ": ".join(told) or lines[-1]


async def _spawn(command: Command) -> asyncio.subprocess.Process:
    orphan_signal = int(command.orphan_signal)

    def die_with_the_supervisor() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, orphan_signal)

    as_user: dict[str, object] = {}
    if command.uid is not None:
        as_user = {"user": command.uid, "group": command.uid, "extra_groups": []}
    log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *command.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=command.folder,
            env={**os.environ, **command.environment},
            start_new_session=True,
            # Runs after the change of user, which would clear what prctl sets.
            preexec_fn=die_with_the_supervisor,
            **as_user,  # type: ignore[arg-type]
        )
    finally:
        os.close(log)


async def _end(process: asyncio.subprocess.Process, command: Command) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(command.stop_signal)
    try:
        async with asyncio.timeout(command.grace_s):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
