"""The log of an epoch's inputs and decisions, and the running digest over both.

A line of the log is one event with the actions it led to, as JSON. The first event of an epoch is
`Restored`, so a fresh AccountCore that is fed the logged events must decide the logged actions:
`replay` proves it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import msgspec

from tradefleet.core.actions import AnyAction
from tradefleet.core.events import AnyEvent

VERSION: Final = 2
"""Raised when the core means to decide otherwise on the same events, or writes them otherwise: digests of two
versions are not to be compared. 2: evidence in steps, entries counted, signals by their times, days."""


class Decision(msgspec.Struct, frozen=True):
    """One event and what was decided on it."""

    event: AnyEvent
    actions: tuple[AnyAction, ...]


class DecisionsDiffer(Exception):
    """A replay decided something else than the log says."""


class Core(Protocol):
    """What can be replayed."""

    def handle(self, event: AnyEvent) -> list[AnyAction]:
        """Decide on one event."""
        ...


class DecisionDigest:
    """SHA-256 chained over the encoded decisions of an epoch."""

    def __init__(self) -> None:
        self._value = hashlib.sha256(b"tradefleet decisions %d" % VERSION).digest()
        self.count = 0

    def add(self, line: bytes) -> None:
        """Take in one encoded decision."""
        self._value = hashlib.sha256(self._value + line).digest()
        self.count += 1

    @property
    def value(self) -> str:
        """64 hexadecimal digits."""
        return self._value.hex()


class DecisionLog:
    """Encodes decisions, sums them up, and hands each line to `write`."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._digest = DecisionDigest()

    def append(self, event: AnyEvent, actions: Sequence[AnyAction]) -> None:
        """Log one decision."""
        line = encode(event, actions)
        self._digest.add(line)
        self._write(line + b"\n")

    @property
    def digest(self) -> str:
        """Digest over everything logged so far."""
        return self._digest.value

    @property
    def count(self) -> int:
        """Decisions logged so far."""
        return self._digest.count


def encode(event: AnyEvent, actions: Sequence[AnyAction]) -> bytes:
    """The canonical bytes of one decision."""
    return _ENCODER.encode(Decision(event, tuple(actions)))


def replay(lines: Iterable[bytes], core: Core) -> DecisionDigest:
    """Feed a log to a fresh core; the digest of what it decided.

    Raises DecisionsDiffer at the first line on which the core decides otherwise.
    """
    digest = DecisionDigest()
    for number, line in enumerate(lines, start=1):
        logged = _DECODER.decode(line)
        decided = encode(logged.event, core.handle(logged.event))
        if decided != line.rstrip(b"\n"):
            raise DecisionsDiffer(f"line {number}: {type(logged.event).__name__} was decided otherwise")
        digest.add(decided)
    return digest


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Decision)
