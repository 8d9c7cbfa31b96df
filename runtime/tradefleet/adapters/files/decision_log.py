"""The writer of one epoch's decision log: segments that are closed, compressed and, when old, removed.

    log = DecisionFiles(folder, epoch, bounds)
    log.write(line)          # kept in memory
    for text in log.flush()  # handed to the thread that writes; texts are what a person should know
    log.close()              # waits for the thread

One thread opens, writes, compresses and removes, so no event waits for the disk. What the disk does not take
(it is full, gone, or too slow) stops nothing: the log pauses, counts what it misses, tries again a minute
later and then says in the log itself how many decisions are missing there. Files and bounds:
`decision_segments`.
"""

import contextlib
import fcntl
import os
import queue
import threading
import time
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import zstandard

from tradefleet.adapters.files.decision_segments import (
    PACKED,
    PART,
    PLAIN,
    Bounds,
    Missing,
    new_log,
    segments,
    surplus,
)

RETRY_S: Final = 60.0
"""Between two tries of a log that pauses."""
LOOK_S: Final = 60.0
"""An epoch that writes little still closes its segments and removes what is too old."""
MOST_WAITING: Final = 32 << 20
"""Bytes that wait for the disk; at 100 symbols the disk has then stood for three minutes."""
CLOSE_S: Final = 1.0
"""A disk that hangs must not keep the lease from its successor."""
LEVEL: Final = 3
_NICE: Final = 10

_Chunk = tuple[bytes, int]


class DecisionFiles:
    """Call `write`, `flush` and `close` from one thread."""

    def __init__(self, folder: Path, epoch: int, bounds: Bounds) -> None:
        self._writer = _Writer(folder, epoch, bounds)
        self._lines = bytearray()
        self._count = 0
        self._thread = threading.Thread(target=self._writer.run, name="decision-log", daemon=True)
        self._thread.start()

    @property
    def missing(self) -> int:
        """Decisions of this epoch that are not in the log."""
        return self._writer.missing

    @property
    def paused(self) -> str:
        """Why nothing is logged now; "" while it is."""
        return self._writer.paused

    def write(self, line: bytes) -> None:
        """Take one decision; it ends with a newline."""
        self._lines += line
        self._count += 1

    def flush(self) -> list[str]:
        """Hand over what was taken; what a person should know since the last time."""
        if self._count:
            self._writer.put(bytes(self._lines), self._count)
            self._lines, self._count = bytearray(), 0
        return self._writer.news()

    def close(self) -> list[str]:
        """Write the rest. Its last segment is compressed by whoever writes here next."""
        said = self.flush()
        self._writer.end()
        self._thread.join(CLOSE_S)
        return said + self._writer.news()


class _Writer:
    """What the thread does. Only `put`, `news`, `end` and the two plain values are for others."""

    def __init__(self, folder: Path, epoch: int, bounds: Bounds) -> None:
        self._folder = folder
        self._epoch = epoch
        self._bounds = bounds
        self._chunks: queue.SimpleQueue[_Chunk | None] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._log = ""
        self._number = 0
        self._descriptor: int | None = None
        self._path = folder
        self._size = 0
        self._opened_s = 0.0
        self._try_at_s = 0.0
        self._unsaid = 0
        self._untidy = False
        self.missing = 0
        self.paused = ""

    def put(self, data: bytes, count: int) -> None:
        """Write it, soon; given up when too much waits."""
        with self._waiting_lock:
            fits = self._waiting + len(data) <= MOST_WAITING
            if fits:
                self._waiting += len(data)
        # An empty chunk only says how many are missing.
        self._chunks.put((data if fits else b"", count))

    def news(self) -> list[str]:
        """What was said since the last time."""
        said = []
        with contextlib.suppress(queue.Empty):
            while True:
                said.append(self._news.get_nowait())
        return said

    def end(self) -> None:
        """Write what waits, then end."""
        self._chunks.put(None)

    def run(self) -> None:
        """The thread, until `end`."""
        with contextlib.suppress(OSError):
            # Compressing gives way to the loop that trades.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        self._tidy()
        while True:
            try:
                chunk = self._chunks.get(timeout=LOOK_S)
            except queue.Empty:
                self._close_when_due()
                self._tidy()
                continue
            if chunk is None:
                break
            self._take(*chunk)
            with self._waiting_lock:
                self._waiting -= len(chunk[0])
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, data: bytes, count: int) -> None:
        if not data:
            self._give_up()
            self._miss(count, "the disk does not keep up")
            return
        if self.paused and time.monotonic() < self._try_at_s:
            self._miss(count, self.paused)
            return
        try:
            self._open()
            self._append(data)
        except OSError as error:
            self._give_up()
            self._miss(count, f"{error.strerror or error}: {self._folder}")
            return
        if self.paused:
            self._news.put(f"the decision log goes on; {self._unsaid} decisions are missing in it")
            self.paused, self._unsaid = "", 0
        if self._close_when_due():
            self._tidy()

    def _miss(self, count: int, why: str) -> None:
        self.missing += count
        self._unsaid += count
        now_s = time.monotonic()
        if not self.paused:
            self._news.put(
                f"the decision log pauses ({why}); trading goes on, and what is decided meanwhile cannot be "
                "replayed: make room for it, or lower decisions_bytes"
            )
        if not self.paused or now_s >= self._try_at_s:
            self._try_at_s = now_s + RETRY_S
        self.paused = why

    # ---- the segment that is written

    def _open(self) -> None:
        """Raises OSError. A segment that follows a pause begins with what is missing."""
        if self._descriptor is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._bounds.free_bytes:
            raise OSError(0, f"less than {self._bounds.free_bytes >> 20} MiB are free")
        self._log = self._log or new_log(self._folder, self._epoch)
        path = self._folder / f"{self._log}.{self._number + 1:06d}{PLAIN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o640)
        self._descriptor, self._path, self._size = descriptor, path, 0
        self._number, self._opened_s = self._number + 1, time.monotonic()
        # Held while we live: nobody else compresses what is still written.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._unsaid:
            self._append(msgspec.json.encode(Missing(missing=self._unsaid, why=self.paused)) + b"\n")

    def _append(self, data: bytes) -> None:
        assert self._descriptor is not None
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._size += len(data)

    def _give_up(self) -> None:
        """Of what was written in part nothing stays, so that the segment ends with a whole line."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._size)
            if self._size == 0:
                self._path.unlink()
                self._number -= 1
        os.close(self._descriptor)
        self._descriptor = None

    def _close_when_due(self) -> bool:
        if self._descriptor is None:
            return False
        old = time.monotonic() - self._opened_s >= self._bounds.segment_s
        if not old and self._size < self._bounds.segment_bytes:
            return False
        os.close(self._descriptor)
        self._descriptor = None
        return True

    # ---- the closed ones, of earlier processes too

    def _tidy(self) -> None:
        """Compress what nobody writes any more, and remove what is too much."""
        trouble = ""
        try:
            for one in segments(self._folder) if self._folder.exists() else ():
                if not one.packed and not self._is_written(one.path):
                    trouble = _why_not_compressed(one.path) or trouble
            self._remove()
        except OSError as error:
            trouble = str(error)
        if trouble and not self._untidy:
            self._news.put(f"old segments of the decision log are not compressed or not removed: {trouble}")
        self._untidy = bool(trouble)

    def _remove(self) -> None:
        # Room for what is written next, and for a copy while it is compressed.
        most = max(0, self._bounds.total_bytes - 2 * self._bounds.segment_bytes)
        there = segments(self._folder) if self._folder.exists() else []
        closed = [one for one in there if not self._is_written(one.path)]
        for one in surplus(closed, most, self._bounds.days, time.time_ns()):
            one.path.unlink(missing_ok=True)

    def _is_written(self, path: Path) -> bool:
        return self._descriptor is not None and path == self._path


def _why_not_compressed(path: Path) -> str:
    """Replace a segment by its compressed form; "" when that is done, or another process writes it."""
    try:
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as plain:
            fcntl.flock(plain, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _compress(path, plain)
    except (OSError, zstandard.ZstdError) as error:
        return f"{path}: {error}"
    return ""


def _compress(path: Path, plain: BinaryIO) -> None:
    """The copy is whole, and on the disk, before it gets its name; only then the original goes."""
    packed = path.with_name(path.name.removesuffix(PLAIN) + PACKED)
    part = packed.with_name(packed.name + PART)
    if not packed.exists():
        try:
            with part.open("wb") as target:
                zstandard.ZstdCompressor(level=LEVEL).copy_stream(plain, target)
                target.flush()
                os.fsync(target.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
        was = os.fstat(plain.fileno())
        os.utime(part, ns=(was.st_mtime_ns, was.st_mtime_ns))
        part.replace(packed)
    path.unlink()
