"""One store in the foreground: what the chart runs for trying out, from the project's own image.

The servers are those of the local fleet, with a password and an address that others reach. A data
folder is all that they write to, so a read-only root and any user will do. SIGTERM and SIGINT end them
cleanly: Postgres by its fast shutdown, which waits for no client.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tradefleet.services.fleet import embedded_postgres, embedded_valkey
from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import Command, ending
from tradefleet.services.process_main import stop_signal

PASSWORD_VARIABLE: Final = "TRADEFLEET_STORE_PASSWORD"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
USUAL_PORTS: Final = {"postgres": 5432, "valkey": 6379}
STOP_PATIENCE_S: Final = 20.0
"""Postgres writes a checkpoint before it ends; a pod's usual grace period is 30 s."""


def main(kind: str, data: Path, listen: str, port: int, password_file: Path | None) -> int:
    """Run the store until it is told to stop; the exit status."""
    try:
        password = _password(password_file, os.environ)
        _check(kind, listen, password)
        asyncio.run(_run(kind, DataFolder(data), listen, port or USUAL_PORTS[kind], password))
    except (FleetFailed, OSError) as error:
        print(f"store: {error}", file=sys.stderr)
        return 1
    return 0


def _password(file: Path | None, environment: Mapping[str, str]) -> str:
    if file is None:
        return environment.get(PASSWORD_VARIABLE, "")
    return file.read_text().strip()


def _check(kind: str, listen: str, password: str) -> None:
    if kind not in USUAL_PORTS:
        raise FleetFailed(f"{kind!r} is no store; write postgres or valkey")
    if kind == "postgres" and not password and listen not in LOOPBACK:
        raise FleetFailed(
            f"--listen {listen} lets others in, and there is no password; set {PASSWORD_VARIABLE} "
            "or name a file with --password-file"
        )


async def _run(kind: str, data: DataFolder, listen: str, port: int, password: str) -> None:
    stop = stop_signal()
    for part in ("logs", kind):
        (data.root / part).mkdir(parents=True, exist_ok=True)
    if kind == "postgres":
        await _postgres(data, listen, port, password, stop)
    else:
        await _valkey(data, listen, port, password, stop)


async def _postgres(data: DataFolder, listen: str, port: int, password: str, stop: asyncio.Event) -> None:
    programs = await embedded_postgres.prepare(data, password)
    if password:
        await _set_password(data, programs, password)
    await _until_stopped("postgres", embedded_postgres.command(data, programs, port, listen), stop)


async def _set_password(data: DataFolder, programs: Path, password: str) -> None:
    """What the Secret says now holds, also for a cluster that was made under another password."""
    cluster = data.root / "postgres" / "cluster"
    process = await asyncio.create_subprocess_exec(
        *(str(programs / "postgres"), "--single", "-D", str(cluster), "postgres"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        cwd="/",
        **_as_user(embedded_postgres.database_uid()),
    )
    quoted = password.replace("'", "''")
    await process.communicate(f"ALTER ROLE {embedded_postgres.USER} PASSWORD '{quoted}';\n".encode())
    status = await process.wait()
    if status != 0:
        raise FleetFailed(f"postgres: cannot set the password, it {ending(status)}; is the folder in use?")


async def _valkey(data: DataFolder, listen: str, port: int, password: str, stop: asyncio.Event) -> None:
    # Its protected mode refuses every stranger when there is no password.
    protected = "yes" if password or listen in LOOPBACK else "no"
    command = embedded_valkey.command(data, port, **{"bind": listen, "protected-mode": protected})
    if not password:
        return await _until_stopped("valkey", command, stop)
    # By stdin, since a list of processes shows arguments to everybody.
    program, *options = command.arguments
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    reading = msgspec.structs.replace(command, arguments=[program, "-", *options])
    return await _until_stopped("valkey", reading, stop, f'requirepass "{quoted}"\n'.encode())


async def _until_stopped(name: str, command: Command, stop: asyncio.Event, text: bytes = b"") -> None:
    """Run it until we are told to stop; raises FleetFailed when it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *command.arguments,
        stdin=asyncio.subprocess.PIPE,
        cwd=command.folder,
        **_as_user(command.uid),
    )
    if process.stdin is not None:
        process.stdin.write(text)
        process.stdin.close()
    ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not stop.is_set():
        raise FleetFailed(f"{name} {ending(await ended)}")
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(command.stop_signal)
    if not (await asyncio.wait({ended}, timeout=STOP_PATIENCE_S))[0]:
        process.kill()
        await ended


def _as_user(uid: int | None) -> dict[str, Any]:
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
