"""Copies of the recorded symbols under other names."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tradefleet.domain.orders import Side
from tradefleet.simulation.market.listing import NameTaken, copy_name
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording

MakeMarket = Callable[..., ReplayMarket]


def test_copies_have_names_that_cannot_be_mistaken(make_market: MakeMarket, recording: Recording) -> None:
    market = make_market(copies=24)

    assert len(market.symbols) == 100
    assert list(market.symbols) == sorted(market.symbols)
    assert all(re.fullmatch(r"[A-Z0-9]+USDT", symbol) for symbol in market.symbols)
    copies = set(market.symbols) - set(recording.tracks)
    assert len(copies) == 96
    assert copies.isdisjoint(recording.instrument_rows)
    assert copy_name("1000PEPEUSDT", "1000PEPE", 3) == "1000PEPECOPY3USDT"


def test_a_name_that_is_listed_is_not_used_for_a_copy(recording: Recording) -> None:
    rows = {**recording.instrument_rows, "BTCCOPY2USDT": recording.instrument_rows["BTCUSDT"]}
    crowded = msgspec.structs.replace(recording, instrument_rows=rows)

    ReplayMarket(crowded, start_ns=0, copies=1)
    with pytest.raises(NameTaken, match="BTCCOPY2USDT, copy 2 of BTCUSDT"):
        ReplayMarket(crowded, start_ns=0, copies=2)


def test_a_copy_has_the_rules_of_its_original_under_its_own_coin(make_market: MakeMarket) -> None:
    market = make_market(copies=1)
    original, copy = market.instruments["DOGEUSDT"], market.instruments["DOGECOPY1USDT"]

    assert copy == msgspec.structs.replace(original, symbol="DOGECOPY1USDT", base_coin="DOGECOPY1")
    rows = [replay.listing.row for replay in market.symbols.values()]
    assert len({row["symbolId"] for row in rows}) == len(rows)


def test_copies_share_the_decoded_recording(make_market: MakeMarket, recording: Recording) -> None:
    market = make_market(copies=3)

    tracks = {id(replay.listing.track) for replay in market.symbols.values()}
    assert tracks == {id(track) for track in recording.tracks.values()}


def test_a_copy_plays_the_same_market_at_another_place_of_the_lap(
    make_market: MakeMarket, start_ns: int, lap_ns: int
) -> None:
    market = make_market("orderbook.200", copies=2)
    frames: dict[str, list[dict[str, Any]]] = defaultdict(list)

    for frame in market.advance_to(start_ns + 2 * lap_ns - 1):
        body = json.loads(frame.payload)
        frames[body["topic"]].append(body)

    own = whole_lap(frames["orderbook.200.SOLUSDT"])
    for number in (1, 2):
        copied = whole_lap(frames[f"orderbook.200.SOLCOPY{number}USDT"])
        assert [(one["data"]["b"], one["data"]["a"]) for one in copied] == [
            (one["data"]["b"], one["data"]["a"]) for one in own
        ]
        assert {one["data"]["s"] for one in copied} == {f"SOLCOPY{number}USDT"}
        assert copied[0]["ts"] != own[0]["ts"]


def whole_lap(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One symbol's first whole lap: from its first snapshot, 383 frames."""
    start = next(place for place, frame in enumerate(frames) if frame["type"] == "snapshot")
    lap = frames[start : start + 383]
    assert len(lap) == 383
    return lap


def test_a_copy_stands_in_a_full_book_from_the_first_moment(make_market: MakeMarket) -> None:
    market = make_market(copies=5)

    for symbol in market.symbols:
        book = market.book(symbol)
        assert len(book.levels(Side.BUY)) == len(book.levels(Side.SELL)) == 200
        assert book.levels(Side.BUY)[0][0] < book.levels(Side.SELL)[0][0]
        assert market.mark_price(symbol) > 0
