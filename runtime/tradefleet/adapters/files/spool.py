"""The spool's file: what the executor writes down before it acts, while Postgres is away.

    spool = Spool.create(folder)             # one file a process; others' are left alone
    spool.append(Spooled(entry=...))         # on the disk when it returns: only then act
    ...                                      # Postgres is back:
    for waiting in spools(folder):           # oldest first, those of dead processes too
        merged = await journal.merge(waiting.name, waiting.records())
        waiting.mark_merged(merged)          # so that it is not read again; merging again is harmless

`append` syncs and so takes as long as the disk does (a few milliseconds); it may be called in the event
loop or in a thread, by one caller at a time. The chain and torn lines: `core.spool`.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tradefleet.adapters.failpoints import failpoint
from tradefleet.core.spool import Content, Spooled, first_hash, line, read

_ENDING: Final = ".spool"


class SpoolFailed(Exception):
    """The disk does not take it: what was to be written is not safe, so it must not be done."""


class SpoolBroken(Exception):
    """A line within the file is not what was written, or of a newer release; those before it are good."""


class Spool:
    """One file. Made by `create`, for writing, or by `spools`, for merging."""

    def __init__(self, path: Path, content: Content) -> None:
        self._path = path
        self._hash = content.last_hash
        self._size = content.good_bytes
        self._descriptor: int | None = None
        self.name = path.stem

    @staticmethod
    def create(folder: Path) -> "Spool":
        """A new, empty one; its name sorts by time. Raises SpoolFailed."""
        path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{_ENDING}"
        spool = Spool(path, Content(records=(), good_bytes=0, last_hash=first_hash(path.stem)))
        with _refusals(path):
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            spool._descriptor = os.open(path, flags, 0o600)
            _sync_folder(folder)
        return spool

    def append(self, record: Spooled) -> None:
        """Write it and wait for the disk. Raises SpoolFailed: then it is not there, and this spool takes no
        more (after a failed sync nobody knows what the disk has); make another one."""
        if self._descriptor is None:
            raise SpoolFailed(f"{self._path}: it is closed, or has failed; make another one")
        whole, own = line(self._hash, record)
        with _refusals(self._path):
            try:
                # In two parts, so that a test can stop us between them: a disk may do the same.
                _write(self._descriptor, whole[: len(whole) // 2])
                failpoint("spool.half_written")
                _write(self._descriptor, whole[len(whole) // 2 :])
                os.fsync(self._descriptor)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                os.close(self._descriptor)
                self._descriptor = None
                raise
        self._hash, self._size = own, self._size + len(whole)

    def records(self) -> tuple[Spooled, ...]:
        """Everything in it that is whole, merged or not. Raises SpoolBroken, SpoolFailed."""
        with _refusals(self._path):
            content = read(self.name, self._path.read_bytes())
        if content.broken:
            raise SpoolBroken(f"{self._path}: line {content.broken} is not what was written")
        return content.records

    @property
    def merged(self) -> int:
        """How many records Postgres has, as far as this file's marker knows."""
        try:
            return int(self._marker.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def mark_merged(self, count: int) -> None:
        """Postgres has so many of the records. Raises SpoolFailed."""
        # Several executors may share the folder, and merge at once.
        half = self._marker.with_suffix(f".{secrets.token_hex(4)}.part")
        with _refusals(self._marker):
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write(descriptor, str(count).encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            half.replace(self._marker)
            _sync_folder(self._path.parent)

    def close(self) -> None:
        """Let go of the file; one that was never written to is removed."""
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None
        if self._size == 0:
            self._path.unlink(missing_ok=True)

    @property
    def _marker(self) -> Path:
        return self._path.with_suffix(".merged")


def spools(folder: Path) -> list[Spool]:
    """Those with records that are not marked as merged, oldest first. Raises SpoolFailed.

    One that is broken is among them: its `records` says so.
    """
    found = []
    with _refusals(folder):
        paths = sorted(folder.glob(f"*{_ENDING}")) if folder.exists() else []
        for path in paths:
            content = read(path.stem, path.read_bytes())
            spool = Spool(path, content)
            if content.broken or len(content.records) > spool.merged:
                found.append(spool)
    return found


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolFailed(f"{path}: {error.strerror or error}; is the disk full?") from error
