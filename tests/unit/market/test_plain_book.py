"""When a book may be believed: every doubt makes it stale once, and only a snapshot heals it."""

import pytest
from tests.support.raw_frames import AT_MS, AT_NS, Rows, make_instrument, raw_book

from tradefleet.market.book import BookChange, PlainBook
from tradefleet.market.bybit_codec import BookDecoder
from tradefleet.market.bybit_wire import book_topic
from tradefleet.market.faults import BookGap, Fault

BIDS = (("10.0", "1"), ("9.9", "2"))
ASKS = (("10.1", "3"), ("10.2", "4"))


def empty_book(depth: int = 50) -> PlainBook:
    return PlainBook(BookDecoder(book_topic(depth, "ABCUSDT"), make_instrument(), depth))


def good_book(depth: int = 50, bids: Rows = BIDS, asks: Rows = ASKS) -> PlainBook:
    book = empty_book(depth)
    change = book.apply(raw_book("snapshot", 10, bids, asks, depth=depth), AT_NS)
    assert change is BookChange.UPDATED
    return book


def levels(book: PlainBook) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return list(zip(*book.bids(1000), strict=True)), list(zip(*book.asks(1000), strict=True))


def test_a_book_is_stale_before_its_first_snapshot() -> None:
    book = empty_book()

    change = book.apply(raw_book("delta", 10, BIDS, ASKS), AT_NS)

    assert change is BookChange.WAITING
    assert book.is_stale
    assert levels(book) == ([], [])
    assert book.faults == {Fault.NO_SNAPSHOT: 1}


def test_a_delta_sets_inserts_and_deletes_levels() -> None:
    book = good_book()

    book.apply(raw_book("delta", 11, [("10.0", "5"), ("9.9", "0"), ("9.8", "7")], []), AT_NS)

    assert levels(book) == ([(100, 500), (98, 700)], [(101, 300), (102, 400)])
    assert book.update_id == 11


def test_deleting_an_unknown_level_changes_nothing() -> None:
    book = good_book()

    change = book.apply(raw_book("delta", 11, [("9.5", "0")], [("11.0", "0")]), AT_NS)

    assert change is BookChange.UPDATED
    assert levels(book) == ([(100, 100), (99, 200)], [(101, 300), (102, 400)])


def test_the_best_levels_come_first_and_no_more_than_asked_for() -> None:
    book = good_book()

    assert book.bids(1) == ([100], [100])
    assert book.asks(1) == ([101], [300])
    assert book.asks(9) == ([101, 102], [300, 400])


def test_a_gap_makes_the_book_stale_once_and_is_remembered() -> None:
    book = good_book()

    first = book.apply(raw_book("delta", 13, [], [], at_ms=AT_MS + 40), AT_NS + 7)
    second = book.apply(raw_book("delta", 14, [], []), AT_NS + 8)

    assert (first, second) == (BookChange.BROKEN, BookChange.WAITING)
    assert book.gap == BookGap(
        topic="orderbook.50.ABCUSDT",
        fault=Fault.GAP,
        from_update=10,
        to_update=13,
        at_ns=AT_NS + 40 * 10**6,
        seen_ns=AT_NS + 7,
    )
    assert levels(book) == ([], [])
    assert book.update_id is None


def test_the_next_snapshot_heals_the_book() -> None:
    book = good_book()
    book.apply(raw_book("delta", 13, [], []), AT_NS)

    change = book.apply(raw_book("snapshot", 20, BIDS[:1], ASKS), AT_NS + 5)
    then = book.apply(raw_book("delta", 21, [("9.7", "1")], []), AT_NS + 6)

    assert (change, then) == (BookChange.UPDATED, BookChange.UPDATED)
    assert not book.is_stale
    assert levels(book)[0] == [(100, 100), (97, 100)]


def test_a_repeated_delta_is_dropped_and_counted() -> None:
    book = good_book()
    book.apply(raw_book("delta", 11, [("10.0", "5")], []), AT_NS)

    change = book.apply(raw_book("delta", 11, [("10.0", "9")], []), AT_NS + 3)

    assert change is BookChange.REPEATED
    assert book.repeats == 1
    assert book.bids(1) == ([100], [500])


def test_an_update_id_of_one_replaces_the_book_even_in_a_delta() -> None:
    book = good_book()

    change = book.apply(raw_book("delta", 1, [("9.0", "1"), ("9.5", "2"), ("9.2", "0")], [], seq=1), AT_NS)

    assert change is BookChange.UPDATED
    assert levels(book) == ([(95, 200), (90, 100)], [])


BREAKING = [
    (raw_book("delta", 11, [("10.1", "1")], []), Fault.CROSSED),
    (raw_book("delta", 11, [("10.3", "1")], []), Fault.CROSSED),
    (raw_book("snapshot", 11, [("10.1", "1")], [("10.1", "1")]), Fault.CROSSED),
    (raw_book("delta", 11, [("10.0", "-1")], []), Fault.NEGATIVE_SIZE),
    (raw_book("delta", 11, [("10.0", "1" + "0" * 20)], []), Fault.ABSURD_SIZE),
    (raw_book("delta", 11, [("10.05", "1")], []), Fault.OFF_GRID),
    (raw_book("delta", 11, [("0", "1")], []), Fault.ABSURD_PRICE),
    (raw_book("delta", 11, [], [], at_ms=0), Fault.ABSURD_TIME),
    (raw_book("delta", 11, [], [], seq=99), Fault.SEQ_BACKWARDS),
    (raw_book("delta", 11, [], [])[:-1], Fault.NOT_JSON),
    (raw_book("delta", 11, [], [], symbol="XYZUSDT"), Fault.UNEXPECTED_SHAPE),
    (raw_book("delta", 12, [], []), Fault.GAP),
]


@pytest.mark.parametrize(("raw", "fault"), BREAKING)
def test_every_doubt_makes_the_book_stale_with_its_reason(raw: bytes, fault: Fault) -> None:
    book = good_book()

    change = book.apply(raw, AT_NS)

    assert change is BookChange.BROKEN
    assert book.gap is not None
    assert book.gap.fault is fault
    assert book.gap.from_update == 10
    assert levels(book) == ([], [])
    assert book.faults == {fault: 1}


def test_a_crossed_snapshot_leaves_a_stale_book_stale_and_empty() -> None:
    book = empty_book()

    change = book.apply(raw_book("snapshot", 5, [("10.1", "1")], [("10.0", "1")]), AT_NS)

    assert change is BookChange.WAITING
    assert levels(book) == ([], [])
    assert book.faults == {Fault.CROSSED: 1}


def full_side(best: int, step: int, count: int) -> list[tuple[str, str]]:
    return [(f"{(best + step * i) / 10:.1f}", "1") for i in range(count)]


def full_book() -> PlainBook:
    return good_book(bids=full_side(1000, -1, 50), asks=full_side(1001, +1, 50))


def test_a_window_that_moves_keeps_its_size() -> None:
    book = full_book()

    change = book.apply(raw_book("delta", 11, [("100.0", "0"), ("95.0", "1")], []), AT_NS)

    assert change is BookChange.UPDATED
    assert len(book.bids(100)[0]) == 50


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([("100.0", "0")], []),
        ([("95.0", "1")], []),
        ([], [("100.1", "0")]),
        ([], [("105.1", "1")]),
    ],
)
def test_a_full_window_that_loses_or_gains_a_level_is_corrupt(bids: Rows, asks: Rows) -> None:
    book = full_book()

    change = book.apply(raw_book("delta", 11, bids, asks), AT_NS)

    assert change is BookChange.BROKEN
    assert book.faults == {Fault.WINDOW_SIZE: 1}


def test_a_thin_market_may_have_fewer_levels_than_the_window() -> None:
    book = good_book()

    grown = book.apply(raw_book("delta", 11, [("9.8", "1"), ("9.7", "1")], []), AT_NS)
    shrunk = book.apply(raw_book("delta", 12, [("9.8", "0"), ("9.7", "0"), ("9.9", "0")], []), AT_NS)

    assert (grown, shrunk) == (BookChange.UPDATED, BookChange.UPDATED)


def test_a_thin_market_may_not_have_more_levels_than_the_window() -> None:
    book = good_book()

    change = book.apply(raw_book("delta", 11, full_side(99, -1, 50), []), AT_NS)

    assert change is BookChange.BROKEN
    assert book.faults == {Fault.WINDOW_SIZE: 1}


def test_an_empty_side_is_a_market_without_buyers_not_an_error() -> None:
    book = good_book(bids=())

    assert not book.is_stale
    assert book.bids(1) == ([], [])


def test_a_lost_connection_makes_the_book_stale_once() -> None:
    book = good_book()

    first = book.invalidate(Fault.DISCONNECTED, AT_NS + 9)
    second = book.invalidate(Fault.DISCONNECTED, AT_NS + 10)

    assert (first, second) == (True, False)
    assert book.gap is not None
    assert (book.gap.fault, book.gap.at_ns, book.gap.seen_ns) == (Fault.DISCONNECTED, AT_NS, AT_NS + 9)


def test_depth_one_takes_snapshots_with_jumps_and_a_heartbeat_keeps_it_fresh() -> None:
    book = good_book(depth=1, bids=BIDS[:1], asks=ASKS[:1])

    jump = book.apply(raw_book("snapshot", 90, [("10.0", "8")], ASKS[:1], depth=1), AT_NS + 1)
    heartbeat = book.apply(raw_book("snapshot", 90, [("10.0", "8")], ASKS[:1], depth=1), AT_NS + 2)
    delta = book.apply(raw_book("delta", 91, [], [], depth=1), AT_NS + 3)

    assert (jump, heartbeat, delta) == (BookChange.UPDATED, BookChange.REPEATED, BookChange.BROKEN)
    assert book.seen_ns == AT_NS + 2
    assert book.repeats == 1
