"""Which of two says more of a position's size: a reading of it, or an execution.

A reading (a row of the positions list, or its absence there) includes every execution up to a moment that
nobody names. The exchange's cross sequence orders both within one symbol, and only there; where it is
missing, equal, or has gone back while time went forward, the reading includes what happened two seconds
before it was asked for. Pure; whoever takes a size over from the exchange remembers what it included.
Source: Bybit V5, "Get Position Info" and "execution" (`seq`); reference B2.
"""

from typing import Final

import msgspec

SETTLED_NS: Final = 2_000_000_000
"""So long after an execution every list shows what it did."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One word of the exchange on a position's size.

    seq: of its row, 0 for an absence or a row without one. updated_ns: the row's updatedTime, 0 for an
    absence. asked_ns: when it was asked for; of a row of the stream, its updatedTime.
    """

    seq: int
    updated_ns: int
    asked_ns: int


def includes(reading: Reading, seq: int, at_ns: int) -> bool:
    """Whether a reading is newer than the execution with this sequence and time."""
    settled = at_ns + SETTLED_NS <= reading.asked_ns
    if reading.seq > 0 and seq > 0 and reading.seq != seq:
        return reading.seq > seq or (settled and reading.updated_ns > at_ns)
    return settled


def follows(reading: Reading, seq: int, at_ns: int) -> bool:
    """Whether an execution is surely not in a reading. With one sequence it may be, since the fills of one
    match share theirs: then neither this nor `includes` holds until the next reading."""
    if reading.seq > 0 and seq > 0 and reading.seq != seq:
        return not includes(reading, seq, at_ns)
    return at_ns > reading.asked_ns + SETTLED_NS


def covered(reading: Reading, seq: int, at_ns: int) -> bool:
    """Whether an execution is part of the size that was taken over from this reading. As `includes`, except
    that one with the same sequence is part of it, and that a smaller one which is later is not: the sequence
    went back."""
    if 0 < seq <= reading.seq:
        return at_ns <= reading.asked_ns + SETTLED_NS
    return includes(reading, seq, at_ns)
