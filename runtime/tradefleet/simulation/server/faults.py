"""Bad frames on demand, so that a client's robustness can be tested over a real socket.

A fault touches only what is sent: the market's own book stays right, and a client that resynchronises
gets the truth. Nothing here runs while no fault is armed.
"""

from collections import Counter, defaultdict
from typing import Any, Final, Literal

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.market.symbol import Frame
from tradefleet.simulation.market.topics import DEPTH_OF, TRADES

Kind = Literal[
    "gap",
    "restart",
    "not_json",
    "crossed",
    "negative_size",
    "absurd_size",
    "unknown_symbol",
    "disconnect",
    "silence",
]

_BOOK_ONLY: Final = frozenset({"gap", "restart", "crossed"})
_SIZED_ONLY: Final = frozenset({"negative_size", "absurd_size"})
_UNKNOWN_SYMBOL: Final = "NOSUCHCOINUSDT"
_ABSURD_SIZE: Final = "1000000000000000"


class PublicFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do wrong. count: frames; seconds: of silence; topic: None only for disconnect."""

    kind: Kind
    topic: str | None = None
    count: int = 1
    seconds: float = 5.0


class FaultError(ValueError):
    """A fault that makes no sense; the text says what would."""


class FaultPlan:
    """Faults armed and not yet spent, by topic."""

    def __init__(self, market: ReplayMarket) -> None:
        self._market = market
        self._armed: defaultdict[str, list[Kind]] = defaultdict(list)
        self._silent_until_ns: dict[str, int] = {}
        self._restarted_at: dict[str, int] = {}
        self.injected: Counter[str] = Counter()

    @property
    def idle(self) -> bool:
        """True when no frame needs to be looked at."""
        return not (self._armed or self._silent_until_ns or self._restarted_at)

    def arm(self, fault: PublicFault) -> None:
        """Arm a fault for the next frames of its topic; raises FaultError."""
        topic = None if fault.topic is None else self._market.topic(fault.topic)
        if topic is None:
            raise FaultError(f"topic: {fault.topic!r} does not exist; name one that can be subscribed")
        if fault.kind in _BOOK_ONLY and topic.stream not in DEPTH_OF:
            raise FaultError(f"kind: {fault.kind} needs an orderbook topic, not {topic.name}")
        if fault.kind in _SIZED_ONLY and topic.stream not in (*DEPTH_OF, TRADES):
            raise FaultError(f"kind: {fault.kind} needs an orderbook or publicTrade topic, not {topic.name}")
        if not 1 <= fault.count <= 100_000:
            raise FaultError(f"count: {fault.count} is not in 1..100000")
        if fault.kind == "silence":
            self._silent_until_ns[topic.name] = self._market.now_ns() + int(fault.seconds * 1e9)
        else:
            self._armed[topic.name] += [fault.kind] * fault.count

    def alter(self, frame: Frame) -> list[bytes]:
        """What to send in place of `frame`."""
        until_ns = self._silent_until_ns.get(frame.topic)
        if until_ns is not None:
            if self._market.now_ns() < until_ns:
                self.injected["silence"] += 1
                return []
            del self._silent_until_ns[frame.topic]
        payload = self.renumbered(frame.topic, frame.payload)
        if payload is None:
            return []
        frame = Frame(frame.topic, payload)
        waiting = self._armed.get(frame.topic)
        if not waiting:
            return [payload]
        body = msgspec.json.decode(frame.payload)
        kind = waiting[0]
        if kind == "gap" and body["type"] != "delta" and DEPTH_OF[_stream(frame.topic)] > 1:
            return [frame.payload]  # only a missing delta is a gap
        waiting.pop(0)
        if not waiting:
            del self._armed[frame.topic]
        self.injected[kind] += 1
        return self._bad(kind, frame, body)

    def _bad(self, kind: Kind, frame: Frame, body: dict[str, Any]) -> list[bytes]:
        if kind == "gap":
            return []
        if kind == "restart":
            return self._restart(frame)
        if kind == "not_json":
            return [frame.payload[: len(frame.payload) // 2], frame.payload]
        stream, _, symbol = frame.topic.rpartition(".")
        if kind == "unknown_symbol":
            return [frame.payload.replace(symbol.encode(), _UNKNOWN_SYMBOL.encode()), frame.payload]
        if stream == TRADES:
            body["data"][0]["v"] = "-1" if kind == "negative_size" else _ABSURD_SIZE
        else:
            body["data"]["b"] = [self._bad_bid(kind, symbol), *body["data"]["b"]]
        return [msgspec.json.encode(body)]

    def _restart(self, frame: Frame) -> list[bytes]:
        """The exchange's service restarts: the whole book with `u` 1, and counts on from there."""
        topic = self._market.topic(frame.topic)
        snapshot = None if topic is None else self._market.snapshot(topic)
        if snapshot is None:
            return [frame.payload]
        self._restarted_at[frame.topic] = msgspec.json.decode(snapshot)["data"]["u"] - 1
        first = self.renumbered(frame.topic, snapshot)
        return [] if first is None else [first]

    def renumbered(self, topic: str, payload: bytes) -> bytes | None:
        """The frame with the numbers that count since the topic's restart; None when it is older."""
        before = self._restarted_at.get(topic)
        if before is None:
            return payload
        body = msgspec.json.decode(payload)
        if body["data"]["u"] <= before or (body["type"] == "delta" and body["data"]["u"] == before + 1):
            return None  # the book that was sent at the restart has it already
        body["data"]["u"] -= before
        return msgspec.json.encode(body)

    def _bad_bid(self, kind: Kind, symbol: str) -> tuple[str, str]:
        book = self._market.book(symbol)
        if kind == "crossed":
            # Not the best ask itself: it may leave the book before the client looks.
            return (book.top(Side.SELL, 3)[-1][0], "1")
        best_bid = book.top(Side.BUY, 1)[0][0]
        return (best_bid, "-1" if kind == "negative_size" else _ABSURD_SIZE)


def _stream(topic: str) -> str:
    return topic.rpartition(".")[0]
