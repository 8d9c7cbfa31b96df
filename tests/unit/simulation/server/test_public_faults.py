"""Each kind of bad frame, and that the market behind it stays right."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tradefleet.domain.orders import Side
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording
from tradefleet.simulation.server.faults import FaultError, FaultPlan, Kind, PublicFault

START_NS = 1_800_000_000_000_000_000
BOOK = "orderbook.50.DOGEUSDT"
TRADES = "publicTrade.SOLUSDT"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return load_recording()


@pytest.fixture
def market(recording: Recording) -> ReplayMarket:
    market = ReplayMarket(recording, start_ns=START_NS)
    for name in (BOOK, TRADES):
        topic = market.topic(name)
        assert topic is not None
        market.watch(topic)
    return market


def sent(market: ReplayMarket, plan: FaultPlan, topic: str, seconds: float) -> list[bytes]:
    frames = market.advance_to(market.now_ns() + int(seconds * 1e9))
    return [payload for frame in frames if frame.topic == topic for payload in plan.alter(frame)]


def ids(payloads: list[bytes]) -> list[int]:
    return [json.loads(payload)["data"]["u"] for payload in payloads]


def test_a_gap_is_a_delta_that_is_not_sent(market: ReplayMarket) -> None:
    plan = FaultPlan(market)
    before = ids(sent(market, plan, BOOK, 2))

    plan.arm(PublicFault("gap", BOOK, count=2))
    after = ids(sent(market, plan, BOOK, 2))

    assert after[0] == before[-1] + 3
    assert after == list(range(after[0], after[0] + len(after)))
    assert plan.injected == {"gap": 2}
    assert plan.idle


def test_a_gap_waits_for_a_delta(market: ReplayMarket, recording: Recording) -> None:
    plan = FaultPlan(market)
    lap_s = recording.length_ms / 1000
    market.advance_to(START_NS + int((lap_s - 0.001) * 1e9))

    plan.arm(PublicFault("gap", BOOK))
    around_the_lap = [json.loads(payload) for payload in sent(market, plan, BOOK, 1)]

    assert around_the_lap[0]["type"] == "snapshot"
    assert around_the_lap[1]["data"]["u"] == around_the_lap[0]["data"]["u"] + 2


@pytest.mark.parametrize("topic", [BOOK, "orderbook.200.DOGEUSDT"])
def test_a_restart_is_the_whole_book_with_u_one_and_a_new_count(market: ReplayMarket, topic: str) -> None:
    watched = market.topic(topic)
    assert watched is not None
    market.watch(watched)
    plan = FaultPlan(market)
    sent(market, plan, topic, 2)

    plan.arm(PublicFault("restart", topic))
    after = [json.loads(payload) for payload in sent(market, plan, topic, 3)]
    snapshot = market.snapshot(watched)
    assert snapshot is not None
    again = json.loads(plan.renumbered(topic, snapshot) or b"")

    assert (after[0]["type"], after[0]["data"]["u"]) == ("snapshot", 1)
    assert {frame["type"] for frame in after[1:]} <= {"delta"}
    numbers = [frame["data"]["u"] for frame in after]
    assert numbers == list(range(1, len(after) + 1))
    assert again["data"]["u"] == numbers[-1]
    assert plan.injected == {"restart": 1}
    # The book that a client keeps from these frames is the market's.
    bids = dict(after[0]["data"]["b"])
    for frame in after[1:]:
        bids |= dict(frame["data"]["b"])
    kept = {price for price, size in bids.items() if size != "0"}
    depth = int(topic.split(".")[1])
    assert kept == {price for price, _ in market.book("DOGEUSDT").top(Side.BUY, depth)}


def test_a_frame_that_is_not_json_comes_beside_the_right_one(market: ReplayMarket) -> None:
    plan = FaultPlan(market)
    plan.arm(PublicFault("not_json", BOOK))

    broken, *right = sent(market, plan, BOOK, 1)

    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    assert ids(right) == list(range(ids(right)[0], ids(right)[0] + len(right)))


def test_an_unknown_symbol_comes_beside_the_right_frame(market: ReplayMarket) -> None:
    plan = FaultPlan(market)
    plan.arm(PublicFault("unknown_symbol", TRADES))

    stray, right = (json.loads(payload) for payload in sent(market, plan, TRADES, 3.8))

    assert stray["topic"] == "publicTrade.NOSUCHCOINUSDT"
    assert stray["data"][0]["s"] == "NOSUCHCOINUSDT"
    assert right["topic"] == TRADES


def test_a_crossed_frame_bids_above_the_best_ask(market: ReplayMarket) -> None:
    plan = FaultPlan(market)
    plan.arm(PublicFault("crossed", BOOK))

    first, *rest = (json.loads(payload) for payload in sent(market, plan, BOOK, 1))

    best_ask = market.book("DOGEUSDT").levels(Side.SELL)[0][0]
    assert Decimal(first["data"]["b"][0][0]) > best_ask
    assert all(not frame["data"]["b"] or Decimal(frame["data"]["b"][0][0]) < best_ask for frame in rest)


@pytest.mark.parametrize(("kind", "size"), [("negative_size", -1), ("absurd_size", 10**15)])
@pytest.mark.parametrize("topic", [BOOK, TRADES])
def test_sizes_can_be_negative_or_absurd(market: ReplayMarket, kind: Any, size: int, topic: str) -> None:
    plan = FaultPlan(market)
    plan.arm(PublicFault(kind, topic))

    bad, *_ = (json.loads(payload) for payload in sent(market, plan, topic, 4))

    said = bad["data"]["b"][0][1] if topic == BOOK else bad["data"][0]["v"]
    assert Decimal(said) == size


def test_silence_lasts_so_many_seconds_and_leaves_a_gap(market: ReplayMarket) -> None:
    plan = FaultPlan(market)
    (*_, last) = ids(sent(market, plan, BOOK, 1))
    plan.arm(PublicFault("silence", BOOK, seconds=2))

    # Step by step: the end of the silence is read from the market's clock.
    heard = [payload for _ in range(30) for payload in sent(market, plan, BOOK, 0.1)]

    assert 5 < len(heard) < 15
    assert ids(heard)[0] > last + 5
    assert plan.idle


def test_the_market_behind_a_fault_stays_right(market: ReplayMarket, recording: Recording) -> None:
    plan = FaultPlan(market)
    kinds: tuple[Kind, ...] = ("gap", "crossed", "negative_size", "absurd_size")
    for kind in kinds:
        plan.arm(PublicFault(kind, BOOK))
    sent(market, plan, BOOK, 5)

    untouched = ReplayMarket(recording, start_ns=START_NS)
    untouched.advance_to(market.now_ns())
    for side in Side:
        assert market.book("DOGEUSDT").levels(side) == untouched.book("DOGEUSDT").levels(side)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (PublicFault("gap", "orderbook.50.NOPEUSDT"), "does not exist"),
        (PublicFault("gap"), "topic: None does not exist"),
        (PublicFault("crossed", TRADES), "crossed needs an orderbook topic"),
        (PublicFault("negative_size", "tickers.BTCUSDT"), "needs an orderbook or publicTrade topic"),
        (PublicFault("gap", BOOK, count=0), r"count: 0 is not in 1\.\.100000"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    market: ReplayMarket, fault: PublicFault, reason: str
) -> None:
    plan = FaultPlan(market)

    with pytest.raises(FaultError, match=reason):
        plan.arm(fault)
    assert plan.idle
