"""Random but valid chains of frames: our book equals the reference after every one of them."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.reference.plain_book import ReferenceBook
from tests.support.raw_frames import AT_MS, AT_NS, make_instrument, raw_book

from tradefleet.market.book import BookChange, PlainBook
from tradefleet.market.bybit_codec import BookDecoder

INSTRUMENT = make_instrument(tick="0.05", step="10")
MIDDLE = 1000
STEPS = st.integers(min_value=0, max_value=10**9)
CHANGES = st.dictionaries(st.integers(min_value=1, max_value=999), STEPS, max_size=12)


@dataclass
class Exchange:
    """What the exchange would send: bids below MIDDLE ticks, asks above it, never crossed."""

    update_id: int = 100
    seq: int = 7
    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))

    def change(self, bids: dict[int, int], asks: dict[int, int]) -> list[list[tuple[str, str]]]:
        """Apply and write the changes; an ask's key is its distance above MIDDLE."""
        rows: list[list[tuple[str, str]]] = []
        for side, changes, place in ((self.sides[0], bids, -1), (self.sides[1], asks, +1)):
            for distance, steps in changes.items():
                if steps:
                    side[MIDDLE + place * distance] = steps
                else:
                    side.pop(MIDDLE + place * distance, None)
            rows.append([self._row(MIDDLE + place * d, steps) for d, steps in changes.items()])
        return rows

    def whole(self) -> list[list[tuple[str, str]]]:
        bids, asks = self.sides
        return [
            [self._row(ticks, bids[ticks]) for ticks in sorted(bids, reverse=True)],
            [self._row(ticks, asks[ticks]) for ticks in sorted(asks)],
        ]

    @staticmethod
    def _row(ticks: int, steps: int) -> tuple[str, str]:
        return (f"{INSTRUMENT.tick_size * ticks:f}", f"{INSTRUMENT.qty_step * steps:f}")


class BooksAgree(RuleBasedStateMachine):
    """Deltas, snapshots, repeats, restarts and gaps in any order. The window is wide enough for all."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.book = PlainBook(BookDecoder("orderbook.1000.ABCUSDT", INSTRUMENT, 1000))
        self.reference = ReferenceBook()

    def send(self, kind: str, rows: list[list[tuple[str, str]]], update_id: int | None = None) -> BookChange:
        exchange = self.exchange
        raw = raw_book(
            kind,
            exchange.update_id if update_id is None else update_id,
            *rows,
            depth=1000,
            seq=exchange.seq,
            at_ms=AT_MS,
        )
        self.reference.apply(raw)
        return self.book.apply(raw, AT_NS)

    @initialize(bids=CHANGES, asks=CHANGES)
    def begin(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.exchange.change(bids, asks)
        assert self.send("snapshot", self.exchange.whole()) is BookChange.UPDATED

    @rule(bids=CHANGES, asks=CHANGES, seq=st.integers(min_value=0, max_value=500))
    def delta(self, bids: dict[int, int], asks: dict[int, int], seq: int) -> None:
        self.exchange.update_id += 1
        self.exchange.seq += seq
        self.send("delta", self.exchange.change(bids, asks))

    @rule(bids=CHANGES)
    def snapshot(self, bids: dict[int, int]) -> None:
        self.exchange.update_id += 3
        self.exchange.change(bids, {})
        assert self.send("snapshot", self.exchange.whole()) is BookChange.UPDATED

    @rule(back=st.integers(min_value=0, max_value=90), bids=CHANGES)
    def repeat(self, back: int, bids: dict[int, int]) -> None:
        if self.exchange.update_id - back > 1:
            rows = [[Exchange._row(d, s) for d, s in bids.items()], []]
            change = self.send("delta", rows, self.exchange.update_id - back)
            assert change in (BookChange.REPEATED, BookChange.WAITING)

    @rule(bids=CHANGES, missed=st.integers(min_value=1, max_value=50))
    def gap(self, bids: dict[int, int], missed: int) -> None:
        self.exchange.update_id += 1 + missed
        self.send("delta", self.exchange.change(bids, {}))
        assert self.book.is_stale

    @rule()
    def restart(self) -> None:
        self.exchange.update_id, self.exchange.seq = 1, 0
        assert self.send("snapshot", self.exchange.whole()) is BookChange.UPDATED

    @invariant()
    def the_books_agree(self) -> None:
        assert self.book.is_stale == self.reference.is_stale
        for ours, theirs in (
            (self.book.bids(2000), self.reference.bids()),
            (self.book.asks(2000), self.reference.asks()),
        ):
            levels: list[Any] = [
                (INSTRUMENT.tick_size * ticks, INSTRUMENT.qty_step * steps)
                for ticks, steps in zip(*ours, strict=True)
            ]
            assert levels == theirs


BooksAgree.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestBooksAgree = BooksAgree.TestCase
