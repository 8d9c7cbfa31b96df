"""The shard's core on the simulator's market, lap after lap, at every depth: nothing is amiss.

The recording itself ends after 42 s; the replay goes on through minutes, laps and resumed chains, so
here bars close by trades and by the timer and are held against the simulator's own klines.
"""

from collections import Counter

import pytest
from tests.support.configs import make_snapshot
from tests.support.raw_frames import AT_NS, MINUTE_NS

from tradefleet.core.pipeline import Output
from tradefleet.core.pipeline_router import TICK_PERIOD_NS, FrameRouter
from tradefleet.domain.signals import Signal, Target
from tradefleet.market.bars import BarCount
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_recording
from tradefleet.spec.market import BookDepth
from tradefleet.spec.strategies import Breakout, Imbalance, Timeframe

MINUTES = 5
LATENCY_NS = 40_000_000


def play(depth: BookDepth) -> tuple[FrameRouter, list[Output]]:
    """Five minutes of the replayed market, every frame 40 ms under way, a tick each 100 ms."""
    market = ReplayMarket(load_recording(), start_ns=AT_NS - 20 * 10**9)
    breakout = Breakout(enabled=True, timeframe=Timeframe.M1, lookback=10)
    router = FrameRouter(
        market.instruments.values(),
        make_snapshot(imbalance=Imbalance(enabled=True), breakout=breakout, depth=depth),
        shard=0,
        instance="test",
    )
    router.set_owner(1)
    outputs: list[Output] = []
    for names in router.topics().values():
        for name in names:
            topic = market.topic(name)
            assert topic is not None
            market.watch(topic)
            snapshot = market.snapshot(topic)
            if snapshot is not None:
                outputs.extend(router.feed(snapshot, AT_NS - 20 * 10**9 + LATENCY_NS))
    for now_ns in range(AT_NS - 20 * 10**9, AT_NS + MINUTES * MINUTE_NS, TICK_PERIOD_NS):
        for frame in market.advance_to(now_ns):
            outputs.extend(router.feed(frame.payload, now_ns + LATENCY_NS))
        outputs.extend(router.tick(now_ns + LATENCY_NS))
    return router, outputs


@pytest.mark.parametrize("depth", list(BookDepth))
def test_laps_of_the_replayed_market_bring_no_fault_and_equal_candles(depth: BookDepth) -> None:
    router, outputs = play(depth)

    statuses = router.statuses(AT_NS + MINUTES * MINUTE_NS)
    assert router.faults == {}
    assert [status.faults for status in statuses] == [{}] * 4
    assert not any(status.book_stale for status in statuses)
    counted: Counter[str] = Counter()
    for status in statuses:
        counted.update(status.candles)
    # The minute in which the replay began is completed by the exchange's candle, the four after it
    # are ours and equal; the fifth is not confirmed yet.
    assert counted == {BarCount.REPAIRED.value: 4, BarCount.KLINE_EQUAL.value: 4 * (MINUTES - 1)}
    signals = [output for output in outputs if isinstance(output, Signal)]
    assert len(signals) == len(outputs)
    assert {signal.strategy for signal in signals} == {"imbalance"}
    assert {signal.target for signal in signals} == set(Target)
    assert len({signal.signal_id for signal in signals}) == len(signals)
