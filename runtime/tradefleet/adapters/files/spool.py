"""What must be written down while the database is away: lines in a file, on the disk before they count.

A line is one record with the hash of the line before it, so that a change, a cut or a line put in between
shows. Only the last line may be torn, by a death in the middle of writing it; what it said was never acted
on. `settle` puts a file aside once the database has it all; it is kept for people.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import Any, Final

import msgspec

BEGINNING: Final = hashlib.sha256(b"tradefleet spool 1").hexdigest()


class Spooled(msgspec.Struct, frozen=True, kw_only=True):
    """One record. kind: what the payload is; at_ns: wall clock; before: hash of the line before."""

    kind: str
    at_ns: int
    payload: Any
    before: str


class SpoolBroken(Exception):
    """A line that is not the last one does not follow from the one before it."""


class Spool:
    """One file and those that were put aside beside it."""

    def __init__(self, path: Path) -> None:
        """Nothing is read or made yet; the file appears with the first record."""
        self._path = path
        self._hash = BEGINNING
        self._begun = False

    def append(self, kind: str, payload: Any) -> None:
        """Write a record; when this returns, a power cut cannot take it back. Raises OSError, SpoolBroken."""
        if not self._begun:
            self._begin()
        record = Spooled(kind=kind, at_ns=time.time_ns(), payload=payload, before=self._hash)
        line = msgspec.json.encode(record)
        with self._path.open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._hash = hashlib.sha256(line).hexdigest()

    def pending(self) -> tuple[Spooled, ...]:
        """What has not been put aside, oldest first; raises SpoolBroken, OSError."""
        records, _ = self._read()
        return records

    def settle(self) -> None:
        """The database has it all."""
        if self._path.exists():
            self._path.rename(self._path.with_suffix(f".{time.time_ns()}{self._path.suffix}"))
        self._hash, self._begun = BEGINNING, True

    def _begin(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _, whole = self._read()
        if self._path.exists():
            # A torn line would swallow the one that is written behind it.
            with self._path.open("ab") as file:
                file.truncate(whole)
        else:
            self._path.touch(mode=0o600)
            _sync_folder(self._path.parent)
        self._begun = True

    def _read(self) -> tuple[tuple[Spooled, ...], int]:
        """The records, and how many bytes of the file they are."""
        if not self._path.exists():
            return (), 0
        records: list[Spooled] = []
        known, whole = BEGINNING, 0
        lines = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                record = msgspec.json.decode(line, type=Spooled)
            except msgspec.DecodeError as error:
                raise SpoolBroken(f"{self._path}: line {number} is no record: {error}") from error
            if record.before != known:
                raise SpoolBroken(f"{self._path}: line {number} does not follow from the one before it")
            known = hashlib.sha256(line).hexdigest()
            whole += len(line) + 1
            records.append(record)
        self._hash = known
        return tuple(records), whole


def _sync_folder(folder: Path) -> None:
    """A file is there after a power cut only when its folder says so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
