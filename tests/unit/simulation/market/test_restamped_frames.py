"""What is sent is what was recorded, but for the stamps: keys, their order, text forms and content."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradefleet.simulation.market.replay import ReplayMarket

Play = Callable[[ReplayMarket, int], list[dict[str, Any]]]
MakeMarket = Callable[..., ReplayMarket]

PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "market"
EIGHT_HOURS_MS = 8 * 3_600_000


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def by_topic(frames: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for frame in frames:
        grouped[frame["topic"]].append(frame)
    return grouped


def key_order(frame: dict[str, Any]) -> tuple[Any, ...]:
    data = frame["data"][0] if isinstance(frame["data"], list) else frame["data"]
    return list(frame), [] if "tickers" in frame["topic"] else list(data)


@pytest.fixture
def one_lap(make_market: MakeMarket, play: Play, lap_ns: int) -> dict[str, list[dict[str, Any]]]:
    """The second lap by topic (the first began before anybody could listen)."""
    frames = play(make_market("orderbook.200", "publicTrade", "tickers", "kline.1"), 2 * lap_ns - 1)
    start_of_second = frames[0]["ts"] - frames[0]["ts"] % 1000 + lap_ns // 1_000_000
    return by_topic([frame for frame in frames if frame["ts"] >= start_of_second])


@pytest.mark.parametrize("stream", ["orderbook.200", "publicTrade", "tickers", "kline.1"])
def test_frames_have_the_recorded_keys_in_the_recorded_order(
    one_lap: dict[str, list[dict[str, Any]]], recorded_frames: list[dict[str, Any]], stream: str
) -> None:
    recorded = {str(key_order(frame)) for frame in recorded_frames if frame["topic"].startswith(stream)}

    served = {
        str(key_order(frame))
        for topic, chain in one_lap.items()
        if topic.startswith(stream)
        for frame in chain
    }

    assert served == recorded


def test_books_trades_and_tickers_say_what_was_recorded_in_the_recorded_text(
    one_lap: dict[str, list[dict[str, Any]]], recorded_frames: list[dict[str, Any]]
) -> None:
    for topic, recorded in by_topic(recorded_frames).items():
        if topic.startswith("kline"):
            continue
        served = one_lap[topic]
        assert len(served) == len(recorded)
        for ours, theirs in zip(served, recorded, strict=True):
            assert content(ours) == content(theirs)
            assert ours["type"] == theirs["type"]


def content(frame: dict[str, Any]) -> Any:
    data = frame["data"]
    if frame["topic"].startswith("orderbook"):
        return data["s"], data["b"], data["a"]
    if frame["topic"].startswith("tickers"):
        return {name: value for name, value in data.items() if name != "nextFundingTime"}
    return [{name: row[name] for name in "sSvpL"} for row in data]


def test_frames_are_compact_json(make_market: MakeMarket, start_ns: int, lap_ns: int) -> None:
    market = make_market("orderbook.200", "orderbook.50", "orderbook.1", "publicTrade", "tickers", "kline.1")

    for frame in market.advance_to(start_ns + lap_ns):
        text = frame.payload.decode()
        assert text == json.dumps(json.loads(text), separators=(",", ":"))


def test_spacing_is_that_of_the_frames_own_stamps(
    one_lap: dict[str, list[dict[str, Any]]], recorded_frames: list[dict[str, Any]], lap_ns: int
) -> None:
    recorded = by_topic(recorded_frames)["orderbook.200.ETHUSDT"]
    served = one_lap["orderbook.200.ETHUSDT"]

    # The snapshot is moved to the start of the lap; from the first delta on, every distance is kept.
    shift = served[1]["ts"] - recorded[1]["ts"]
    for ours, theirs in zip(served[1:], recorded[1:], strict=True):
        assert ours["ts"] - theirs["ts"] == shift
        assert ours["cts"] - theirs["cts"] == shift


def test_the_next_funding_time_lies_ahead_on_a_boundary(
    make_market: MakeMarket, play: Play, start_ns: int
) -> None:
    # START_NS is itself a boundary: the market crosses the next one eight hours later.
    market = make_market("tickers.BTCUSDT", start_ns=start_ns + 8 * 3_600_000_000_000 - 10_000_000_000)
    topic = market.topic("tickers.BTCUSDT")
    assert topic is not None
    first = int(json.loads(market.snapshot(topic) or b"")["data"]["nextFundingTime"])
    told = [
        (frame["ts"], int(frame["data"]["nextFundingTime"]))
        for frame in play(market, 8 * 3_600_000_000_000 + 60_000_000_000)
        if "nextFundingTime" in frame["data"]
    ]

    assert first % EIGHT_HOURS_MS == 0
    assert told[0][1] == first + EIGHT_HOURS_MS
    assert 0 <= told[0][0] - first < 1000
    assert all(funding > ts for ts, funding in told)


def test_a_new_subscribers_ticker_is_everything_told_so_far(
    make_market: MakeMarket, play: Play, lap_ns: int
) -> None:
    market = make_market("tickers.SOLUSDT")
    topic = market.topic("tickers.SOLUSDT")
    assert topic is not None
    merged = json.loads(market.snapshot(topic) or b"")["data"]

    for frame in play(market, lap_ns // 3):
        merged = frame["data"] if frame["type"] == "snapshot" else {**merged, **frame["data"]}

    now = json.loads(market.snapshot(topic) or b"")
    assert now["type"] == "snapshot"
    assert now["data"] == merged


def test_frames_have_the_keys_of_frames_seen_elsewhere(
    make_market: MakeMarket, play: Play, lap_ns: int
) -> None:
    market = make_market("orderbook.50", "orderbook.1", "tickers", "publicTrade")
    served = by_topic(play(market, lap_ns))

    delta = payload("real_2026_linear_orderbook50_delta")
    assert all(
        key_order(frame) == key_order(delta)
        for frame in served["orderbook.50.BTCUSDT"]
        if frame["type"] == "delta"
    )
    topic = market.topic("tickers.BTCUSDT")
    assert topic is not None
    snapshot = json.loads(market.snapshot(topic) or b"")
    seen_snapshot, seen_delta = payload("real_2026_linear_ticker_snapshot_delta")
    assert list(snapshot) == list(seen_snapshot)
    assert list(snapshot["data"]) == list(seen_snapshot["data"])
    assert list(served["tickers.BTCUSDT"][0]) == list(seen_delta)
    (trade,) = payload("net_Linear_Trades")[-1]["frame"]["data"]
    assert trade.keys() <= served["publicTrade.BTCUSDT"][0]["data"][0].keys()
