"""The order book of one symbol, and when it may be believed.

`OrderBook` holds the levels. `PlainBook` stands around it: it decodes a raw frame, asks the sequence
rule, applies, checks the result, and is stale from the first doubt until the next snapshot. It is
the plain implementation of `BookPort`; a faster one (one state, the frame parsed in place) can stand
behind the same port, which is why the port takes raw bytes and hands out plain numbers.

Prices are whole ticks and sizes whole steps. Each side is two parallel lists, best level first:
bisect finds a level in 200 entries within 8 comparisons, and moving 200 pointers costs less than any
tree's bookkeeping (measured in bench/, beside SortedDict).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

from tradefleet.market.faults import BadFrame, BookGap, Fault
from tradefleet.market.frames import BookFrame, Level
from tradefleet.market.sequence import FrameKind, Verdict, judge, judge_top


class BookChange(Enum):
    """What a frame did to a book."""

    UPDATED = "updated"
    """The levels are new."""
    REPEATED = "repeated"
    """A frame seen before, or a heartbeat: nothing changed, the book is fresh."""
    BROKEN = "broken"
    """The book went stale with this frame; its `gap` says why. Said once: ask for a snapshot."""
    WAITING = "waiting"
    """The book was stale and still is."""


class BookPort(Protocol):
    """One symbol's book. While it is stale it hands out no level."""

    topic: str
    depth: int
    gap: BookGap | None
    """The last reason to be stale, kept after recovery."""
    faults: Counter[Fault]
    """Frames that could not be used, by reason."""
    repeats: int
    """Frames that had been seen before."""

    @property
    def is_stale(self) -> bool:
        """True before the first snapshot and from a gap to the next snapshot."""
        ...

    @property
    def update_id(self) -> int | None:
        """u of the last frame in the book; None when stale."""
        ...

    @property
    def at_ns(self) -> int:
        """Exchange time of the last frame in the book; 0 when stale."""
        ...

    @property
    def seen_ns(self) -> int:
        """Our clock at the last frame that confirmed the book, heartbeats included; 0 before any."""
        ...

    def apply(self, raw: bytes, seen_ns: int) -> BookChange:
        """Take one frame of this book's topic."""
        ...

    def invalidate(self, fault: Fault, seen_ns: int) -> bool:
        """Make the book stale for a reason outside its frames; False when it was stale already."""
        ...

    def best(self) -> tuple[int, int] | None:
        """Best bid and best ask in ticks; None when stale or a side is empty."""
        ...

    def sizes(self, levels: int) -> tuple[Sequence[int], Sequence[int]]:
        """Sizes in steps of the best bids and asks, at most `levels` each; empty when stale."""
        ...

    def bids(self, levels: int) -> tuple[Sequence[int], Sequence[int]]:
        """Prices in ticks and sizes in steps, best first, at most `levels`; empty when stale."""
        ...

    def asks(self, levels: int) -> tuple[Sequence[int], Sequence[int]]:
        """Prices in ticks and sizes in steps, best first, at most `levels`; empty when stale."""
        ...


class Side:
    """Levels of one side, best first. sign: -1 for bids (the highest price first), +1 for asks.

    keys: prices in ticks times the sign, so they rise from the best price on. sizes: in steps.
    """

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.keys: list[int] = []
        self.sizes: list[int] = []

    def replace(self, levels: Iterable[Level]) -> None:
        """The whole side, best first."""
        self.keys = [self._sign * ticks for ticks, _ in levels]
        self.sizes = [steps for _, steps in levels]

    def apply(self, changes: Iterable[Level]) -> None:
        """Set each level to its new size; 0 deletes, and deleting what is not there does nothing."""
        keys, sizes, sign = self.keys, self.sizes, self._sign
        for ticks, steps in changes:
            key = sign * ticks
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if steps:
                    sizes[at] = steps
                else:
                    del keys[at], sizes[at]
            elif steps:
                keys.insert(at, key)
                sizes.insert(at, steps)

    def clear(self) -> None:
        """Forget every level."""
        self.keys, self.sizes = [], []

    def top(self, levels: int) -> tuple[list[int], list[int]]:
        """Prices in ticks and sizes in steps of the best `levels`."""
        return [self._sign * key for key in self.keys[:levels]], self.sizes[:levels]


class OrderBook:
    """Both sides of one symbol, and the checks that need both."""

    def __init__(self, depth: int) -> None:
        self.bids = Side(-1)
        self.asks = Side(+1)
        self._depth = depth
        # Sides that the last snapshot filled: only these must stay full, since a thin market has
        # fewer levels than the window and grows and shrinks freely.
        self._full = [False, False]

    def replace(self, frame: BookFrame) -> Fault | None:
        """Take the frame as the whole book; the fault that makes the result unusable, if any."""
        if frame.kind is FrameKind.SNAPSHOT:
            self.bids.replace(frame.bids)
            self.asks.replace(frame.asks)
        else:
            # u == 1 makes even a delta the whole book, but does not promise the order of its levels.
            self.clear()
            self.bids.apply(frame.bids)
            self.asks.apply(frame.asks)
        self._full = [len(side.keys) == self._depth for side in (self.bids, self.asks)]
        return self._fault()

    def apply(self, frame: BookFrame) -> Fault | None:
        """Take the frame as the next delta; the fault that makes the result unusable, if any."""
        self.bids.apply(frame.bids)
        self.asks.apply(frame.asks)
        return self._fault()

    def clear(self) -> None:
        """Forget every level."""
        self.bids.clear()
        self.asks.clear()

    def _fault(self) -> Fault | None:
        bids, asks, depth = self.bids.keys, self.asks.keys, self._depth
        if bids and asks and -bids[0] >= asks[0]:
            return Fault.CROSSED
        # The exchange pushes a window of exactly `depth` levels: one that leaves is deleted, one that
        # enters is inserted. More is a delete that was missed, fewer (once full) an insert.
        if len(bids) != depth and (self._full[0] or len(bids) > depth):
            return Fault.WINDOW_SIZE
        if len(asks) != depth and (self._full[1] or len(asks) > depth):
            return Fault.WINDOW_SIZE
        return None


class BookFrameDecoder(Protocol):
    """What a venue's codec offers for one book topic; `bybit_codec.BookDecoder` is one."""

    topic: str
    depth: int

    def decode(self, raw: bytes, seen_ns: int) -> BookFrame | BadFrame:
        """The frame's value, or why there is none; never raises."""
        ...


class PlainBook:
    """BookPort on plain lists."""

    def __init__(self, decoder: BookFrameDecoder) -> None:
        self.topic = decoder.topic
        self.depth = decoder.depth
        self.gap: BookGap | None = None
        self.faults: Counter[Fault] = Counter()
        self.repeats = 0
        self._decode = decoder.decode
        self._judge = judge_top if decoder.depth == 1 else judge
        self._book = OrderBook(decoder.depth)
        self._last: BookFrame | None = None
        self._is_stale = True
        self._seen_ns = 0

    @property
    def is_stale(self) -> bool:
        return self._is_stale

    @property
    def update_id(self) -> int | None:
        return None if self._last is None else self._last.update_id

    @property
    def at_ns(self) -> int:
        return 0 if self._last is None else self._last.at_ns

    @property
    def seen_ns(self) -> int:
        return self._seen_ns

    def best(self) -> tuple[int, int] | None:
        bids, asks = self._book.bids, self._book.asks
        return (-bids.keys[0], asks.keys[0]) if bids.keys and asks.keys else None

    def sizes(self, levels: int) -> tuple[list[int], list[int]]:
        return self._book.bids.sizes[:levels], self._book.asks.sizes[:levels]

    def bids(self, levels: int) -> tuple[list[int], list[int]]:
        return self._book.bids.top(levels)

    def asks(self, levels: int) -> tuple[list[int], list[int]]:
        return self._book.asks.top(levels)

    def apply(self, raw: bytes, seen_ns: int) -> BookChange:
        frame = self._decode(raw, seen_ns)
        if isinstance(frame, BadFrame):
            return self._refuse(frame.fault, None, seen_ns)
        last = self._last
        verdict = self._judge(None if last is None else last.update_id, frame.kind, frame.update_id)
        if verdict is Verdict.APPLY:
            # A chain implies a frame before this one.
            backwards = last is not None and frame.cross_seq < last.cross_seq
            fault = Fault.SEQ_BACKWARDS if backwards else self._book.apply(frame)
        elif verdict is Verdict.REPLACE:
            fault = self._book.replace(frame)
        elif verdict is Verdict.REPEAT:
            self.repeats += 1
            self._seen_ns = seen_ns
            return BookChange.REPEATED
        else:
            fault = Fault.NO_SNAPSHOT if last is None else Fault.GAP
        if fault is not None:
            return self._refuse(fault, frame, seen_ns)
        self._last = frame
        self._is_stale = False
        self._seen_ns = seen_ns
        return BookChange.UPDATED

    def invalidate(self, fault: Fault, seen_ns: int) -> bool:
        return self._refuse(fault, None, seen_ns) is BookChange.BROKEN

    def _refuse(self, fault: Fault, frame: BookFrame | None, seen_ns: int) -> BookChange:
        self.faults[fault] += 1
        # A broken snapshot must not leave its levels behind in a book that was stale already.
        self._book.clear()
        if self._is_stale:
            return BookChange.WAITING
        self.gap = BookGap(
            topic=self.topic,
            fault=fault,
            from_update=self.update_id,
            to_update=None if frame is None else frame.update_id,
            at_ns=self.at_ns if frame is None else frame.at_ns,
            seen_ns=seen_ns,
        )
        self._is_stale = True
        self._last = None
        return BookChange.BROKEN
