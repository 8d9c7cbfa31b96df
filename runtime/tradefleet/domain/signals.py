"""What a shard tells the executor: a target that expires, never a delta."""

import base64
import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

FLAT_VALID_NS: Final = 300_000_000_000
"""A FLAT is valid for at least so long: leaving late is better than not leaving, and a strategy that has said
it does not say it again. Longer than a failover, a restart of the bus or a rollout takes."""

LONGEST_VALID_NS: Final = 600_000_000_000
"""No signal is valid for longer: what is older can be forgotten by its id, and need not be read again."""


class Target(StrEnum):
    """The position a strategy wants to have."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class SignalKind(StrEnum):
    """BAR signals come of a closed candle, BOOK signals of the order book."""

    BAR = "bar"
    BOOK = "book"


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One wish of one strategy for one symbol.

    signal_id: 32 characters of base32, see `bar_signal_id` and `book_signal_id`. strength: in
    [0, 1]. price: what the strategy saw (mid or close), quote currency. hold_ns: after so long the
    strategy means to be flat again; the executor closes by itself a little later should the flat
    signal never come; 0 for no such wish. reason: names and numbers a person can read.
    at_ns: exchange time of the frame or bar that decided; seen_ns: our clock then; expires_ns:
    after this nothing is opened, closed or cancelled on it.
    """

    signal_id: str
    bot_uid: str
    venue: str
    symbol: str
    strategy: str
    kind: SignalKind
    target: Target
    strength: float
    price: Decimal
    hold_ns: int
    reason: str
    at_ns: int
    seen_ns: int
    expires_ns: int
    shard: int
    instance: str
    owner_epoch: int
    generation: int


def expiry(target: Target, at_ns: int, wished_ns: int) -> int:
    """When a signal of at_ns expires. wished_ns: what its strategy says; a FLAT never sooner than
    FLAT_VALID_NS, nothing later than LONGEST_VALID_NS."""
    expires_ns = min(wished_ns, at_ns + LONGEST_VALID_NS)
    return max(expires_ns, at_ns + FLAT_VALID_NS) if target is Target.FLAT else expires_ns


def bar_signal_id(bot_uid: str, venue: str, symbol: str, strategy: str, timeframe: str, close_ns: int) -> str:
    """The id of a bar's signal: the same for every process that sees the same bar close.

    Side, price, strength and configuration are no part of it: of two opinions on one bar the
    first that arrives wins.
    """
    return _digest("bar", bot_uid, venue, symbol, strategy, timeframe, str(close_ns))


def book_signal_id(
    bot_uid: str, venue: str, symbol: str, strategy: str, owner_epoch: int, counter: int
) -> str:
    """The id of a book's signal: `counter` counts a strategy's signals under one `owner_epoch`."""
    return _digest("book", bot_uid, venue, symbol, strategy, str(owner_epoch), str(counter))


def _digest(*parts: str) -> str:
    # Length before each part: no two different lists of parts give the same bytes.
    joined = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return base64.b32encode(hashlib.sha256(joined).digest()[:20]).decode().lower()
