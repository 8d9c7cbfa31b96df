"""What happens where one lap ends and the next begins, at any speed, in any run."""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording

Play = Callable[[ReplayMarket, int], list[dict[str, Any]]]
MakeMarket = Callable[..., ReplayMarket]

STREAMS = ("orderbook.200", "orderbook.50", "orderbook.1", "publicTrade", "tickers", "kline.1")


def by_topic(frames: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for frame in frames:
        grouped[frame["topic"]].append(frame)
    return grouped


def test_each_lap_begins_with_a_snapshot_and_the_chain_goes_on(
    make_market: MakeMarket, play: Play, lap_ns: int, start_ns: int
) -> None:
    frames = play(make_market("orderbook.200", "orderbook.50"), 3 * lap_ns)

    for chain in by_topic(frames).values():
        assert [frame["data"]["u"] for frame in chain] == list(
            range(chain[0]["data"]["u"], chain[0]["data"]["u"] + len(chain))
        )
        snapshots = [frame["ts"] for frame in chain if frame["type"] == "snapshot"]
        assert snapshots == [(start_ns + lap * lap_ns) // 1_000_000 for lap in (1, 2, 3)]


def test_the_cross_sequence_rises_within_and_across_laps(
    make_market: MakeMarket, play: Play, lap_ns: int
) -> None:
    frames = play(make_market(*STREAMS), 3 * lap_ns)

    for topic, chain in by_topic(frames).items():
        if topic.startswith(("orderbook.200", "orderbook.50")):
            seqs = [frame["data"]["seq"] for frame in chain]
            assert all(one < next_ for one, next_ in pairwise(seqs))
        if topic.startswith("tickers"):
            seqs = [frame["cs"] for frame in chain]
            assert all(one < next_ for one, next_ in pairwise(seqs))
        if topic.startswith("publicTrade"):
            seqs = [row["seq"] for frame in chain for row in frame["data"]]
            assert seqs == sorted(seqs)


@pytest.mark.parametrize("speed", [0.3, 1.0, 10.0, 77.7])
def test_stamps_never_go_back_at_any_speed(
    make_market: MakeMarket, play: Play, lap_ns: int, speed: float
) -> None:
    frames = play(make_market(*STREAMS, speed=speed), int(3 * lap_ns / speed))

    published = [frame["ts"] for frame in frames]
    assert published == sorted(published)
    for topic, chain in by_topic(frames).items():
        if topic.startswith("orderbook"):
            cut = [frame["cts"] for frame in chain]
            assert cut == sorted(cut)
            assert all(frame["cts"] <= frame["ts"] for frame in chain)
        if topic.startswith("publicTrade"):
            traded = [row["T"] for frame in chain for row in frame["data"]]
            assert traded == sorted(traded)
            assert all(row["T"] <= frame["ts"] for frame in chain for row in frame["data"])


def test_ten_times_the_speed_is_a_tenth_of_the_time(
    make_market: MakeMarket, play: Play, lap_ns: int, start_ns: int
) -> None:
    slow = play(make_market("orderbook.200"), 2 * lap_ns)
    fast = play(make_market("orderbook.200", speed=10.0), 2 * lap_ns // 10)

    assert len(slow) == len(fast)
    start_ms = start_ns // 1_000_000
    for one, other in zip(slow, fast, strict=True):
        assert one["data"] == other["data"]
        assert abs((one["ts"] - start_ms) / 10 - (other["ts"] - start_ms)) <= 1


def test_a_speed_of_nothing_is_refused(recording: Recording) -> None:
    with pytest.raises(ValueError, match=r"speed: 0\.0 is not above 0"):
        ReplayMarket(recording, start_ns=0, speed=0.0)


def test_trade_ids_are_new_in_every_lap_and_every_run(
    make_market: MakeMarket, play: Play, lap_ns: int, recorded_frames: list[dict[str, Any]]
) -> None:
    first = play(make_market("publicTrade", run_id="first"), 3 * lap_ns)
    second = play(make_market("publicTrade", run_id="second"), 3 * lap_ns)

    ids = [row["i"] for frame in [*first, *second] for row in frame["data"]]
    recorded = {
        row["i"] for frame in recorded_frames if "publicTrade" in frame["topic"] for row in frame["data"]
    }
    assert len(ids) == len(set(ids)) == 2 * 3 * len(recorded)
    assert recorded.isdisjoint(ids)


def test_the_same_run_is_the_same_bytes(make_market: MakeMarket, start_ns: int, lap_ns: int) -> None:
    whole = make_market(*STREAMS).advance_to(start_ns + lap_ns)
    stepped = make_market(*STREAMS)

    pieces = [
        frame for part in range(1, 1001) for frame in stepped.advance_to(start_ns + lap_ns * part // 1000)
    ]

    assert pieces == whole


def test_what_is_postponed_happens_later_and_keeps_its_order(
    make_market: MakeMarket, start_ns: int, lap_ns: int
) -> None:
    market = make_market("orderbook.200.BTCUSDT")
    before = market.advance_to(start_ns + lap_ns // 2)

    market.postpone(60_000_000_000)
    silent = market.advance_to(start_ns + lap_ns // 2 + 59_000_000_000)
    after = market.advance_to(start_ns + lap_ns // 2 + 65_000_000_000)

    assert not silent
    last, first = json.loads(before[-1].payload), json.loads(after[0].payload)
    assert first["data"]["u"] == last["data"]["u"] + 1
    assert first["ts"] - last["ts"] >= 60_000


def test_what_was_published_keeps_its_stamps_when_the_rest_is_postponed(
    make_market: MakeMarket, start_ns: int, lap_ns: int
) -> None:
    market = make_market()
    market.advance_to(start_ns + lap_ns // 2)
    replay = market.symbols["SOLUSDT"]
    before = replay.recent_trades(1000), replay.book_stamp()

    market.postpone(60_000_000_000)

    assert (replay.recent_trades(1000), replay.book_stamp()) == before
