"""`imbalance` with its default parameters over the whole recording, through FrameRouter.

Known: 8 entries and 7 flat targets in 42 s, none in BTCUSDT. They were computed by the reference
below (json.loads, Decimal and Fraction over tests/reference/plain_book.py) and are written down here.
"""

import json
from fractions import Fraction

import msgspec
from tests.reference.plain_book import ReferenceBook
from tests.support.configs import make_snapshot
from tests.support.recorded import SYMBOLS, recorded_frames, recorded_frames_of, recorded_instruments

from tradefleet.core.pipeline import Output
from tradefleet.core.pipeline_router import TICK_PERIOD_NS, FrameRouter
from tradefleet.domain.signals import Signal, Target, book_signal_id
from tradefleet.market.frames import ControlFrame
from tradefleet.spec.market import BookDepth
from tradefleet.spec.strategies import Imbalance

KNOWN = [
    (1786310818078, "DOGEUSDT", "long"),
    (1786310818229, "ETHUSDT", "long"),
    (1786310823651, "SOLUSDT", "long"),
    (1786310828169, "DOGEUSDT", "flat"),
    (1786310828321, "ETHUSDT", "flat"),
    (1786310831876, "DOGEUSDT", "long"),
    (1786310831926, "ETHUSDT", "long"),
    (1786310833751, "SOLUSDT", "flat"),
    (1786310840044, "SOLUSDT", "short"),
    (1786310841965, "DOGEUSDT", "flat"),
    (1786310842025, "ETHUSDT", "flat"),
    (1786310850051, "SOLUSDT", "flat"),
    (1786310850976, "DOGEUSDT", "long"),
    (1786310853951, "SOLUSDT", "long"),
    (1786310861075, "DOGEUSDT", "flat"),
]


def run(*, with_timer: bool) -> list[Signal]:
    """Every signal of the recording; frames arrive as recorded, the timer as a shard calls it."""
    router = FrameRouter(
        recorded_instruments().values(),
        make_snapshot(imbalance=Imbalance(enabled=True), depth=BookDepth.LEVELS_200),
        shard=0,
        instance="test",
    )
    router.set_owner(1)
    outputs: list[Output] = []
    next_tick_ns = recorded_frames()[0][0]
    for seen, raw in recorded_frames():
        while with_timer and next_tick_ns <= seen:
            outputs.extend(router.tick(next_tick_ns))
            next_tick_ns += TICK_PERIOD_NS
        outputs.extend(router.feed(raw, seen))
    # Tickers were recorded too; a shard does not subscribe to them.
    assert {fault.value: count for fault, count in router.faults.items()} == {"unknown_topic": 758}
    assert all(status.faults == {} for status in router.statuses(seen))
    assert not [o for o in outputs if not isinstance(o, Signal | ControlFrame)]
    return [output for output in outputs if isinstance(output, Signal)]


def reference_signals(symbol: str) -> list[tuple[int, str, str]]:
    """The rules of the strategy's docstring, once more."""
    book = ReferenceBook()
    found: list[tuple[int, str, str]] = []
    side, since, flat_due, idle_until = "none", 0, None, 0
    for _, raw in recorded_frames_of(f"orderbook.200.{symbol}"):
        book.apply(raw)
        now = json.loads(raw)["cts"]
        if flat_due is not None:
            if now >= flat_due:
                found.append((now, symbol, "flat"))
                flat_due, idle_until = None, now + 3000
            continue
        if now < idle_until:
            side = "none"
            continue
        imbalance = book.imbalance(1)
        assert imbalance is not None
        beyond = Fraction(6, 10)
        seen_side = "long" if imbalance > beyond else "short" if imbalance < -beyond else "none"
        if seen_side != side:
            side, since = seen_side, now
        if side != "none" and now - since >= 500:
            found.append((now, symbol, side))
            side, flat_due = "none", now + 10_000
    return found


def test_the_known_signals_come_and_no_others() -> None:
    signals = run(with_timer=False)

    found = [(signal.at_ns // 10**6, signal.symbol, signal.target.value) for signal in signals]
    assert sorted(found) == KNOWN


def test_the_reference_computes_the_known_signals_too() -> None:
    assert sorted(signal for symbol in SYMBOLS for signal in reference_signals(symbol)) == KNOWN


def test_the_timer_brings_flat_at_most_a_tick_late_and_changes_no_entry() -> None:
    signals = run(with_timer=True)

    entries = [
        (signal.at_ns // 10**6, signal.symbol, signal.target.value)
        for signal in signals
        if signal.target is not Target.FLAT
    ]
    assert sorted(entries) == [known for known in KNOWN if known[2] != "flat"]
    opened = dict.fromkeys(SYMBOLS, 0)
    for signal in signals:
        if signal.target is Target.FLAT:
            late_ns = signal.at_ns - opened[signal.symbol] - 10 * 10**9
            assert 0 <= late_ns <= TICK_PERIOD_NS
        else:
            opened[signal.symbol] = signal.at_ns


def test_ids_count_the_signals_of_each_symbol() -> None:
    signals = [signal for signal in run(with_timer=False) if signal.symbol == "SOLUSDT"]

    assert [signal.signal_id for signal in signals] == [
        book_signal_id("bot-uid", "bybit", "SOLUSDT", "imbalance", 1, counter) for counter in (1, 2, 3, 4, 5)
    ]


def test_replaying_twice_gives_the_same_bytes() -> None:
    assert msgspec.json.encode(run(with_timer=True)) == msgspec.json.encode(run(with_timer=True))
