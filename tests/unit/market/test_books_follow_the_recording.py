"""The whole recording, frame by frame, against a book that shares no line with ours."""

import json

import pytest
from tests.reference.plain_book import ReferenceBook
from tests.support.recorded import SYMBOLS, recorded_frames_of, recorded_instruments

from tradefleet.features.book import PlainBookView
from tradefleet.market.book import BookChange, PlainBook
from tradefleet.market.bybit_codec import BookDecoder

FRAMES = {"BTCUSDT": 414, "DOGEUSDT": 380, "ETHUSDT": 421, "SOLUSDT": 383}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_book_equals_the_reference_after_every_recorded_frame(symbol: str) -> None:
    instrument = recorded_instruments()[symbol]
    topic = f"orderbook.200.{symbol}"
    book, reference = PlainBook(BookDecoder(topic, instrument, 200)), ReferenceBook()
    frames = recorded_frames_of(topic)

    for seen, raw in frames:
        change = book.apply(raw, seen)
        reference.apply(raw)

        assert change is BookChange.UPDATED
        for ours, theirs in ((book.bids(1000), reference.bids()), (book.asks(1000), reference.asks())):
            assert [
                (instrument.tick_size * ticks, instrument.qty_step * steps)
                for ticks, steps in zip(*ours, strict=True)
            ] == theirs
        assert len(reference.bids()) == len(reference.asks()) == 200
        assert book.update_id == reference.update_id
        assert book.at_ns == json.loads(raw)["cts"] * 10**6

    assert len(frames) == FRAMES[symbol]
    assert not book.faults
    assert book.repeats == 0


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_values_of_the_book_equal_the_reference_after_every_recorded_frame(symbol: str) -> None:
    instrument = recorded_instruments()[symbol]
    topic = f"orderbook.200.{symbol}"
    book, reference = PlainBook(BookDecoder(topic, instrument, 200)), ReferenceBook()
    view = PlainBookView(book, instrument)

    for seen, raw in recorded_frames_of(topic):
        book.apply(raw, seen)
        reference.apply(raw)

        mid, spread = reference.mid(), reference.spread()
        assert mid is not None
        assert spread is not None
        assert view.mid_money == mid
        assert view.mid == float(mid / instrument.tick_size)
        assert view.spread == int(spread / instrument.tick_size)
        for levels in (1, 5, 200):
            expected = reference.imbalance(levels)
            assert expected is not None
            assert view.imbalance(levels) == float(expected)
