"""The audit: every act on money as an entry of one chain an account, and the check of that chain.

Pure: an entry is a value, its canonical bytes are unambiguous, and each link's hash covers the link
before it. So nobody can change, remove, insert or exchange entries without `verify` finding the first
place; the head (count and hash), kept apart, shows a tail that was cut off. What an action's entry is says
`core.audit`; sentences for people are made by `orders.audit_story`; docs/audit.md.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec


class Act(StrEnum):
    """What was done, or is about to be done."""

    INTENT = "intent"
    """An order is meant; written before it is sent."""
    ANSWER = "answer"
    """What the one attempt to send it has come to."""
    EXECUTION = "execution"
    """An execution was counted."""
    END = "end"
    """Nothing can come of an intent any more."""
    CANCEL = "cancel"
    CANCELLED = "cancelled"
    ORDER_CANCEL = "order-cancel"
    """One order of ours is meant to go."""
    ORDER_CANCELLED = "order-cancel-answer"
    AMEND = "amend"
    """A resting order is meant to have this price and size."""
    AMENDED = "amend-answer"
    STOP = "stop"
    """A stop or target is meant to stand at a price."""
    STOP_ANSWER = "stop-answer"
    LEVERAGE = "leverage"
    """A symbol's leverage is meant to be a value."""
    LEVERAGE_ANSWER = "leverage-answer"
    LATCH_ENGAGED = "latch-engaged"
    LATCH_CLEARED = "latch-cleared"
    ADOPTED = "adopted"
    """A position was taken over from the exchange, against the sum of our executions."""
    LIMITS = "limits"
    """A generation of the configuration changes a limit."""
    ACCOUNT = "account"
    """What the exchange has said of the account, for a start while it does not say it: which account a key
    opens, which taker fee it pays."""
    FLATTEN = "flatten"
    """A step of `tradefleet flatten`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One act. account: venue/environment/uid. at_ns: when it was decided, int64 ns UTC.

    epoch: of the leader, None for those who need none. actor: a program, or "cli:" and a user. act: a word
    of `Act` (text, so that a newer release's word can be read). subject: a client order id, a latch's id,
    a symbol, or what is told of the account. why: for a person. what: the act as JSON. origin: "" when
    written at once, else the spool's name, a colon and the number of the entry in it.
    """

    account: str
    at_ns: int
    epoch: int | None
    actor: str
    act: str
    subject: str
    why: str
    what: str
    origin: str = ""


class Link(msgspec.Struct, frozen=True):
    """An entry at its place in the chain. seq: from 1, without gaps."""

    seq: int
    entry: Entry
    hash: bytes


class Head(msgspec.Struct, frozen=True):
    """How long a chain is, and its last hash. Written as COUNT:HASH."""

    count: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.count}:{self.hash.hex()}"

    @staticmethod
    def parse(text: str) -> "Head":
        """The inverse of str; raises ValueError naming the text."""
        count, _, digits = text.partition(":")
        try:
            head = Head(int(count), bytes.fromhex(digits))
        except ValueError:
            head = Head(0, b"")
        if head.count < 1 or len(head.hash) != hashlib.sha256().digest_size:
            raise ValueError(f"{text!r} is no head of a chain; write COUNT:HASH, as `audit verify` prints it")
        return head


class Break(msgspec.Struct, frozen=True):
    """The first place at which a chain is not what it was. seq: the number expected there."""

    seq: int
    why: str


_VERSION: Final = "tradefleet audit 1"


def plain(text: str) -> str:
    """Text as every store takes it: Postgres knows no U+0000."""
    return text.replace("\x00", "\ufffd")


def json_of(value: object) -> str:
    """The canonical JSON of an act: sorted keys, decimals as strings."""
    return _ENCODER.encode(value).decode()


def canonical(seq: int, entry: Entry) -> bytes:
    """The bytes that a hash covers: each part after its length, so no two entries give the same."""
    epoch = "" if entry.epoch is None else str(entry.epoch)
    return _joined(
        *(entry.account, str(seq), str(entry.at_ns), epoch, entry.actor, entry.act, entry.subject),
        *(entry.why, entry.what, entry.origin),
    )


def first_hash(account: str) -> bytes:
    """What stands before the first link: a chain cannot be passed off as another account's."""
    return hashlib.sha256(_joined(_VERSION, account)).digest()


def link(previous: bytes, seq: int, entry: Entry) -> Link:
    """The entry behind `previous`, the hash of the link before it. The database computes the same."""
    return Link(seq, entry, hashlib.sha256(previous + canonical(seq, entry)).digest())


class Verifier:
    """Checks links one after the other, so that a long chain need not be in memory."""

    def __init__(self, account: str, known: Head | None = None) -> None:
        """known: a head that was noted earlier, and must still be in the chain."""
        self._account = account
        self._known = known
        self._hash = first_hash(account)
        self.count = 0

    @property
    def head(self) -> Head:
        """Of what was good so far."""
        return Head(self.count, self._hash)

    def take(self, found: Link) -> Break | None:
        """The next link in the order of numbers; what is wrong with it, or None."""
        expected = self.count + 1
        if found.seq != expected:
            return Break(expected, f"entry {expected} is missing; entry {found.seq} follows")
        if found.entry.account != self._account:
            return Break(expected, f"it belongs to {found.entry.account}, not to {self._account}")
        if found.hash != link(self._hash, expected, found.entry).hash:
            return Break(expected, "its hash does not fit: it, or the order of entries, was changed")
        if self._known is not None and self._known.count == expected and self._known.hash != found.hash:
            return Break(expected, "the head that was noted had another hash here: the chain was rewritten")
        self.count, self._hash = expected, found.hash
        return None

    def end(self, head: Head | None) -> Break | None:
        """After the last link; head: as it is kept apart, None when it is not there."""
        if self._known is not None and self._known.count > self.count:
            return Break(
                self.count + 1, f"the head that was noted has {self._known.count} entries: the tail was cut"
            )
        if head is None:
            return Break(1, "the chain's head is gone") if self.count else None
        if head.count > self.count:
            return Break(self.count + 1, f"the head counts {head.count} entries: the tail was cut")
        if head.count < self.count:
            return Break(head.count + 1, f"the head counts {head.count} entries: this one was put behind it")
        if head.hash != self._hash:
            return Break(self.count, "the head has another hash")
        return None


def verify(account: str, links: Iterable[Link], head: Head | None, known: Head | None = None) -> Break | None:
    """The first place where the chain was changed, cut, filled up or put in another order; None if good."""
    verifier = Verifier(account, known)
    for found in links:
        if (broken := verifier.take(found)) is not None:
            return broken
    return verifier.end(head)


def _joined(*parts: str) -> bytes:
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


_ENCODER = msgspec.json.Encoder(order="deterministic")
