"""The kernels keep what their docstrings promise."""

from decimal import Decimal
from math import isnan, nan

from hypothesis import given
from hypothesis import strategies as st
from tests.support.raw_frames import AT_NS, make_instrument, raw_book

from tradefleet.features.book import (
    PlainBookView,
    book_imbalance,
    mid_price,
    quoted_spread,
    weighted_mid,
)
from tradefleet.market.book import PlainBook
from tradefleet.market.bybit_codec import BookDecoder

SIZES = st.lists(st.integers(min_value=0, max_value=10**15), max_size=10)
LEVELS = st.integers(min_value=1, max_value=12)


def test_the_imbalance_is_the_signed_share_of_the_bid_side() -> None:
    assert book_imbalance([8, 100], [2, 900], 1) == 0.6
    assert book_imbalance([8, 100], [2, 900], 2) == (108 - 902) / 1010


def test_an_empty_side_gives_all_the_weight_to_the_other() -> None:
    assert book_imbalance([], [5], 3) == -1.0
    assert book_imbalance([5], [], 3) == 1.0


def test_two_empty_sides_have_no_imbalance() -> None:
    assert isnan(book_imbalance([], [], 1))
    assert isnan(book_imbalance([0], [0], 1))


@given(SIZES, SIZES, LEVELS)
def test_the_imbalance_lies_between_minus_one_and_one_and_turns_with_the_sides(
    bids: list[int], asks: list[int], levels: int
) -> None:
    value = book_imbalance(bids, asks, levels)

    if sum(bids[:levels]) + sum(asks[:levels]):
        assert -1.0 <= value <= 1.0
        assert book_imbalance(asks, bids, levels) == -value
        assert book_imbalance([2 * size for size in bids], [2 * size for size in asks], levels) == value
    else:
        assert isnan(value)


def test_mid_and_spread_are_those_of_the_best_prices() -> None:
    assert mid_price(100, 101) == 100.5
    assert quoted_spread(100, 101) == 1
    assert isnan(mid_price(nan, 101))
    assert isnan(quoted_spread(100, nan))


def test_the_weighted_mid_leans_to_the_thinner_side() -> None:
    assert weighted_mid(100, 3, 101, 1) == 100.75
    assert weighted_mid(100, 1, 101, 1) == 100.5
    assert isnan(weighted_mid(100, 0, 101, 0))


def a_view(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> tuple[PlainBook, PlainBookView]:
    instrument = make_instrument()
    book = PlainBook(BookDecoder("orderbook.50.ABCUSDT", instrument, 50))
    book.apply(raw_book("snapshot", 1, bids, asks), AT_NS)
    return book, PlainBookView(book, instrument)


def test_a_view_reads_the_book_in_ticks_and_in_money() -> None:
    _, view = a_view([("10.0", "3")], [("10.3", "1")])

    assert (view.mid, view.spread, view.mid_money) == (101.5, 3, Decimal("10.15"))
    assert view.imbalance(1) == 0.5


def test_a_stale_book_has_no_values() -> None:
    book, view = a_view([("10.0", "3")], [("10.3", "1")])

    book.apply(raw_book("delta", 9, [], []), AT_NS)

    assert view.is_stale
    assert isnan(view.mid)
    assert isnan(view.spread)
    assert isnan(view.imbalance(1))
    assert view.mid_money is None


def test_a_one_sided_book_has_an_imbalance_but_no_price() -> None:
    _, view = a_view([("10.0", "3")], [])

    assert view.imbalance(1) == 1.0
    assert isnan(view.mid)
    assert view.mid_money is None
