"""The snapshot file, by which a configuration reaches a process of the local fleet.

The supervisor replaces the file in one step; processes look at its modification time. A file that
is no snapshot is said, and the reader keeps the last good one.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from tradefleet.adapters.config_source import BadSnapshot, Change
from tradefleet.spec.snapshot import ConfigSnapshot

_Mark = tuple[int, int, int] | None


class SnapshotFile:
    """One file and what was last seen of it."""

    trouble = ""
    """A file is always there to be looked at."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._seen: _Mark = None

    @property
    def address(self) -> str:
        """The file's path."""
        return str(self.path)

    def begin(self, snapshot: ConfigSnapshot) -> None:
        """The supervisor hands a process nothing that it may not apply."""

    async def close(self) -> None:
        """Nothing is held."""

    async def read(self) -> ConfigSnapshot:
        """What the file says now; raises BadSnapshot."""
        # The mark is older than the bytes: a change between the two is read again, never missed.
        self._seen = self._mark()
        try:
            return ConfigSnapshot.decode(self.path.read_bytes())
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise BadSnapshot(self.address, f"cannot be read ({reason})") from error
        except msgspec.DecodeError as error:
            raise BadSnapshot(self.address, f"is no configuration: {error}") from error

    async def changes(self, period: float = 0.1) -> AsyncIterator[Change]:
        """Each change since the last `read`, for ever. period: seconds between two looks."""
        while True:
            if self._mark() != self._seen:
                try:
                    yield await self.read()
                except BadSnapshot as bad:
                    yield bad
            await asyncio.sleep(period)

    def _mark(self) -> _Mark:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)
