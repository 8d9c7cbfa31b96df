"""Depths 50 and 1 are windows of the 200, each with its own chain of update ids.

The reference here is a dict of Decimals fed with json.loads; it shares no code with the simulator.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.market.track import BookStep, build_track
from tradefleet.simulation.market.wire import BookData, BookFrame, TickerFrame

Play = Callable[[ReplayMarket, int], list[dict[str, Any]]]


class ReferenceBook:
    """What a careful client keeps: text levels by price, and the last update id."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[Decimal, list[str]]] = {"b": {}, "a": {}}
        self.update_id: int | None = None

    def apply(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = {"b": {}, "a": {}}
        else:
            assert self.update_id is not None
            assert data["u"] == self.update_id + 1
        self.update_id = data["u"]
        for side, levels in self.sides.items():
            for price, size in data[side]:
                if Decimal(size) == 0:
                    del levels[Decimal(price)]  # raises for a level that the client does not have
                else:
                    levels[Decimal(price)] = [price, size]

    def top(self, depth: int) -> tuple[list[list[str]], list[list[str]]]:
        bids = sorted(self.sides["b"].items(), reverse=True)
        asks = sorted(self.sides["a"].items())
        return [row for _, row in bids[:depth]], [row for _, row in asks[:depth]]


def test_the_window_of_fifty_is_the_top_of_the_two_hundred_after_every_frame(
    make_market: Callable[..., ReplayMarket], play: Play, lap_ns: int
) -> None:
    market = make_market("orderbook.200", "orderbook.50", "orderbook.1")
    books: defaultdict[str, ReferenceBook] = defaultdict(ReferenceBook)
    for symbol in market.symbols:
        for depth in (200, 50, 1):
            topic = market.topic(f"orderbook.{depth}.{symbol}")
            assert topic is not None
            books[topic.name].apply(json.loads(market.snapshot(topic) or b""))
    sent: Counter[str] = Counter()
    stamped: dict[str, int] = {}

    for frame in play(market, 3 * lap_ns + lap_ns // 2):
        topic = frame["topic"]
        symbol = topic.rpartition(".")[2]
        sent[topic] += 1
        before = books[topic].top(200)
        books[topic].apply(frame)
        if not topic.startswith("orderbook.1."):
            assert books[topic].top(200) != before or frame["type"] == "snapshot"
        stamped[topic] = frame["ts"]
        if stamped.get(f"orderbook.200.{symbol}") == frame["ts"] and topic.startswith("orderbook.200."):
            whole = books[topic]
            assert len(whole.sides["b"]) == len(whole.sides["a"]) == 200
            assert books[f"orderbook.50.{symbol}"].top(50) == whole.top(50)
            assert books[f"orderbook.1.{symbol}"].top(1) == whole.top(1)
        if topic.startswith("orderbook.50."):
            assert len(books[topic].sides["b"]) == len(books[topic].sides["a"]) == 50

    for symbol in market.symbols:
        assert sent[f"orderbook.200.{symbol}"] > sent[f"orderbook.50.{symbol}"] > 1000
        assert sent[f"orderbook.50.{symbol}"] > sent[f"orderbook.1.{symbol}"] > 100


def test_a_window_that_did_not_change_is_not_sent(
    make_market: Callable[..., ReplayMarket], play: Play, lap_ns: int
) -> None:
    market = make_market("orderbook.50")

    frames = play(market, lap_ns - 1)

    assert frames
    assert all(frame["data"]["b"] or frame["data"]["a"] for frame in frames)


@settings(max_examples=40, deadline=None)
@given(
    at_share=st.floats(0, 2.5),
    depth=st.sampled_from([50, 200]),
    symbol=st.sampled_from(["BTCUSDT", "SOLUSDT"]),
)
def test_whoever_subscribes_at_any_time_follows_from_the_snapshot_on(
    recording: Any, start_ns: int, at_share: float, depth: int, symbol: str
) -> None:
    market = ReplayMarket(recording, start_ns=start_ns)
    at_ns = start_ns + int(at_share * recording.length_ms * 1e6)
    market.advance_to(at_ns)
    topic = market.topic(f"orderbook.{depth}.{symbol}")
    assert topic is not None
    client = ReferenceBook()

    market.watch(topic)
    snapshot = json.loads(market.snapshot(topic) or b"")
    client.apply(snapshot)
    frames = [json.loads(frame.payload) for frame in market.advance_to(at_ns + 5_000_000_000)]
    for frame in frames:
        client.apply(frame)

    assert snapshot["type"] == "snapshot"
    assert len(snapshot["data"]["b"]) == depth
    assert all(frame["ts"] >= snapshot["ts"] for frame in frames)
    replay = market.symbols[symbol]
    stand = json.loads(replay.snapshot(topic.stream, 0) or b"")["data"]
    assert [stand["b"], stand["a"]] == list(client.top(depth))
    assert stand["u"] == client.update_id


def test_a_chain_goes_on_while_nobody_listens(
    make_market: Callable[..., ReplayMarket], start_ns: int, lap_ns: int
) -> None:
    listened = make_market("orderbook.50.ETHUSDT")
    ignored = make_market()
    topic = listened.topic("orderbook.50.ETHUSDT")
    assert topic is not None

    last = json.loads(listened.advance_to(start_ns + lap_ns * 2)[-1].payload)
    ignored.advance_to(start_ns + lap_ns * 2)
    ignored.watch(topic)

    assert json.loads(ignored.snapshot(topic) or b"")["data"]["u"] == last["data"]["u"]


def test_depth_one_is_always_a_snapshot_and_repeats_itself_with_the_same_u_after_three_quiet_seconds(
    make_market: Callable[..., ReplayMarket], play: Play, lap_ns: int
) -> None:
    # At a tenth of the speed the recorded pauses of the best prices outlast three seconds.
    market = make_market("orderbook.1", speed=0.1)
    last: dict[str, dict[str, Any]] = {}
    repeats = 0

    for frame in play(market, 10 * lap_ns):
        before = last.get(frame["topic"])
        last[frame["topic"]] = frame
        assert frame["type"] == "snapshot"
        assert list(frame) == ["topic", "ts", "type", "data", "cts"]
        if before is None:
            continue
        if frame["data"]["u"] == before["data"]["u"]:
            repeats += 1
            assert frame["data"] == before["data"]
            assert frame["ts"] - before["ts"] == 3000
        else:
            assert frame["data"]["u"] == before["data"]["u"] + 1
            assert frame["ts"] - before["ts"] <= 3000

    assert repeats > 10


CHANGES = st.dictionaries(
    st.tuples(st.sampled_from("ba"), st.integers(1, 30)), st.integers(0, 3), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(deltas=st.lists(CHANGES, max_size=25), snapshots=st.sets(st.integers(0, 24), max_size=3))
def test_windows_follow_any_book_even_a_thin_one(
    deltas: list[dict[tuple[str, int], int]], snapshots: set[int]
) -> None:
    sides = {"b": {str(100 + at): "1" for at in range(60)}, "a": {str(200 + at): "1" for at in range(60)}}
    frames = [book_frame(0, "snapshot", sides)]
    for number, changes in enumerate(deltas, start=1):
        said: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        for (side, offset), size in changes.items():
            price = str((160 if side == "b" else 199) + (-offset if side == "b" else offset))
            if size:
                sides[side][price] = said[side][price] = str(size)
            elif sides[side].pop(price, None):
                said[side][price] = "0"
        kind = "snapshot" if number in snapshots else "delta"
        frames.append(book_frame(number, kind, sides if kind == "snapshot" else said))

    track = build_track("XUSDT", [*frames, ticker()], 0)

    whole, client = ReferenceBook(), ReferenceBook()
    serial = 0
    for step, frame in zip([step for step in track.steps if isinstance(step, BookStep)], frames, strict=True):
        whole.apply(
            {
                "type": frame.type,
                "data": {"b": frame.data.bids, "a": frame.data.asks, "u": frame.data.update_id},
            }
        )
        window = step.windows.get(50)
        if window is not None:
            serial += 1
            data = {"b": json.loads(window.bids), "a": json.loads(window.asks), "u": serial}
            client.apply({"type": frame.type, "data": data})
        assert step.serials[50] == serial
        assert client.top(60) == tuple([list(row) for row in side] for side in whole.top(50))


def book_frame(number: int, kind: Any, sides: dict[str, dict[str, str]]) -> BookFrame:
    data = BookData("XUSDT", list(sides["b"].items()), list(sides["a"].items()), 7 + number, 100 + number)
    return BookFrame(kind, number, data, number)


def ticker() -> TickerFrame:
    return TickerFrame(
        "snapshot", {"symbol": "XUSDT", "lastPrice": "1", "markPrice": "1", "indexPrice": "1"}, 1, 0
    )


def test_a_client_that_knows_no_such_level_would_notice() -> None:
    client = ReferenceBook()
    client.apply({"type": "snapshot", "data": {"b": [], "a": [], "u": 1}})

    with pytest.raises(KeyError):
        client.apply({"type": "delta", "data": {"b": [["1", "0"]], "a": [], "u": 2}})
