"""The form of a spool: entries of the audit, and intents, written down while Postgres is away.

Pure: records to lines and back. A line is `HASH JSON`; each hash covers the one before it, the first the
spool's name, so a line that was changed, removed or put elsewhere is found. The last line may be torn: who
wrote it had not been told that it is safe, so nothing was done on it. `adapters.files.spool` keeps the
file; `Journal.merge` brings it into Postgres.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from tradefleet.core.actions import JudgeSignal
from tradefleet.core.events import LatchRecord
from tradefleet.orders.audit import Entry
from tradefleet.orders.intents import Intent


class Spooled(msgspec.Struct, frozen=True, kw_only=True):
    """One record. intent: when the entry is of one, to be written with it; judged: its signal's verdict.
    latch: when the entry engages one. spent: ids of latches whose right without the lease has ended here."""

    entry: Entry
    intent: Intent | None = None
    judged: JudgeSignal | None = None
    latch: LatchRecord | None = None
    spent: tuple[str, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. good_bytes: so long is the file without a torn last line. broken: the number of the
    first line that is not what was written, with good ones behind it; 0 when there is none."""

    records: tuple[Spooled, ...]
    good_bytes: int
    last_hash: bytes
    broken: int = 0


def first_hash(name: str) -> bytes:
    """What stands before the first line."""
    return hashlib.sha256(b"tradefleet spool 1 " + name.encode()).digest()


def line(previous: bytes, record: Spooled) -> tuple[bytes, bytes]:
    """The record behind the hash of the line before it, and its own hash."""
    body = _ENCODER.encode(record)
    own = hashlib.sha256(previous + body).digest()
    return own.hex().encode() + b" " + body + b"\n", own


def read(name: str, raw: bytes) -> Content:
    """Every good record up to the first bad line; a bad last line is a torn one."""
    records: list[Spooled] = []
    before, good_bytes, broken = first_hash(name), 0, 0
    for whole in _lines(raw):
        digits, _, body = whole[:-1].partition(b" ")
        own = hashlib.sha256(before + body).digest()
        if not whole.endswith(b"\n") or digits != own.hex().encode():
            is_torn = good_bytes + len(whole) == len(raw) and not _goes_on(before, whole)
            broken = 0 if is_torn else len(records) + 1
            break
        try:
            records.append(_DECODER.decode(body))
        except msgspec.MsgspecError:
            broken = len(records) + 1  # as it was written, by a newer release
            break
        before, good_bytes = own, good_bytes + len(whole)
    return Content(records=tuple(records), good_bytes=good_bytes, last_hash=before, broken=broken)


def _goes_on(before: bytes, whole: bytes) -> bool:
    """Whether a good line stands at its beginning: then only the line feed behind that is another byte, and
    what looks like one torn line is two records that were safe."""
    digits, _, body = whole.partition(b" ")
    ends = (found.start() + 1 for found in _BETWEEN.finditer(body))
    return any(digits == hashlib.sha256(before + body[:end]).hexdigest().encode() for end in ends)


def _lines(raw: bytes) -> Iterator[bytes]:
    """Each with its line feed; the last may have none."""
    start = 0
    while start < len(raw):
        end = raw.find(b"\n", start) + 1 or len(raw)
        yield raw[start:end]
        start = end


_BETWEEN: Final = re.compile(rb"}.[0-9a-f]{64} {", re.DOTALL)
"""The end of one record, a byte that was a line feed, the beginning of the next."""
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(Spooled)
