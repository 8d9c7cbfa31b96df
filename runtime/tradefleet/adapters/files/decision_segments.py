"""The files of the decision log: their names, what is in them, and which of them are removed.

    00000012.000001.jsonl.zst     epoch 12, first segment; closed, so it is compressed
    00000012.000002.jsonl         the one that is written, or the last of a process that died
    00000012-2.000001.jsonl       epoch 12 once more: its number was given twice
    00000011.jsonl                of a release that kept one file an epoch

A segment holds whole lines; only the last one of a process that died may end in the middle of a line. A
line that begins with `MISSING` stands where decisions could not be written.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import zstandard

PLAIN: Final = ".jsonl"
PACKED: Final = ".jsonl.zst"
PART: Final = ".part"
"""Being compressed; never read."""

MISSING: Final = b'{"missing":'

_FILE: Final = re.compile(r"(\d{8}(?:-\d+)?)(?:\.(\d{6}))?\.jsonl(\.zst)?(\.part)?")
_LOG: Final = re.compile(r"\d{8}(?:-\d+)?")

MOST_FILES: Final = 10_000
"""A process that begins epoch after epoch fills a folder with files before it fills it with bytes."""
_BLOCK: Final = 512
_READ: Final = 1 << 20


class LogUnreadable(Exception):
    """The log cannot be read on from here; the text says where and why."""


class Segment(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One file. log: epoch, and which time it was given. number: 0 for the only file of an older release.
    taken: bytes of the disk. at_ns: when it was written last."""

    at_ns: int
    log: str
    number: int
    path: Path
    taken: int
    packed: bool


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder may hold. segment_bytes, segment_s: a segment is closed at whichever comes first.
    total_bytes: of all files together, the open one included. days: nothing older is kept. free_bytes: what
    is left of the disk for others; below it nothing is logged."""

    segment_bytes: int
    segment_s: float
    total_bytes: int
    days: float
    free_bytes: int


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that are not in the log, and why."""

    missing: int
    why: str


def segments(folder: Path) -> list[Segment]:
    """Every file of the folder that is part of a log, oldest first; raises OSError."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            named = _FILE.fullmatch(entry.name)
            if named is None or named[4]:
                continue
            try:
                stat = entry.stat()
            except FileNotFoundError:
                continue  # removed, or compressed, meanwhile
            found.append(
                Segment(
                    at_ns=stat.st_mtime_ns,
                    log=named[1],
                    number=int(named[2] or 0),
                    path=Path(entry.path),
                    taken=max(stat.st_blocks * _BLOCK, stat.st_size),
                    packed=bool(named[3]),
                )
            )
    return sorted(found)


def surplus(found: list[Segment], total_bytes: int, days: float, now_ns: int) -> list[Segment]:
    """Which of these (oldest first) are to be removed, so that the rest is within bytes, days and files."""
    oldest_ns = now_ns - int(days * 86_400 * 10**9)
    taken, removed = sum(one.taken for one in found), []
    for position, one in enumerate(found):
        if one.at_ns >= oldest_ns and taken <= total_bytes and len(found) - position <= MOST_FILES:
            break
        removed.append(one)
        taken -= one.taken
    return removed


def new_log(folder: Path, epoch: int) -> str:
    """A name that no file of the folder has: what an earlier process wrote is never written over."""
    names = {one.log for one in segments(folder)}
    name, again = f"{epoch:08d}", 1
    while name in names:
        again += 1
        name = f"{epoch:08d}-{again}"
    return name


def lines_of(path: Path) -> Iterator[bytes]:
    """The decisions of the log that `path` names (`FOLDER/00000012`, or any of its segments), from the first
    on. Raises LogUnreadable where it cannot be read on; a last line that is not whole is left out."""
    files = _files_of(path)
    for file in files:
        yield from _whole_lines(file, is_last=file == files[-1])


def _files_of(path: Path) -> list[Path]:
    """In their order; raises LogUnreadable when one of them is not there any more."""
    log, _, number = path.name.removesuffix(".zst").removesuffix(PLAIN).partition(".")
    if not _LOG.fullmatch(log) or (path.is_file() and not number):
        return [path]
    try:
        # Compressed and plain at once: its process died between the two, and either is whole.
        by_number = {one.number: one.path for one in segments(path.parent) if one.log == log}
    except OSError as error:
        raise LogUnreadable(f"{path.parent}: {error.strerror or error}") from error
    if not by_number:
        raise LogUnreadable(f"{path.parent} has no log {log}")
    first, *_ = numbers = sorted(by_number)
    if first > 1:
        raise LogUnreadable(
            f"the beginning of {log} was removed: its first segment here is {first:06d}. So many bytes and "
            "days are kept (decisions_bytes, decisions_days), and only a whole log can be replayed"
        )
    for wanted, there in enumerate(numbers, start=first):
        if wanted != there:
            raise LogUnreadable(f"segment {wanted:06d} of {log} is not there")
    return [by_number[one] for one in numbers]


def _whole_lines(path: Path, is_last: bool) -> Iterator[bytes]:
    rest = b""
    try:
        for block in _blocks(path):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                _require_there(line, path)
                yield line
    except (OSError, zstandard.ZstdError) as error:
        raise LogUnreadable(f"{path}: {error}") from error
    if rest and not is_last:
        raise LogUnreadable(f"{path} ends in the middle of a line, and another segment follows")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        if path.name.endswith(PACKED):
            yield from zstandard.ZstdDecompressor().read_to_iter(file)
        else:
            while block := file.read(_READ):
                yield block


def _require_there(line: bytes, path: Path) -> None:
    if line.startswith(MISSING):
        gap = msgspec.json.decode(line, type=Missing)
        raise LogUnreadable(
            f"{path}: {gap.missing} decisions are missing here ({gap.why}); what follows cannot be replayed"
        )
