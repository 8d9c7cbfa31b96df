"""The recorded market as benchmarks replay it: one lap of the simulator's market, at any depth."""

from collections.abc import Callable, Sequence

from tradefleet.domain.instruments import Instrument
from tradefleet.market.bybit_wire import book_topic, kline_topic, trades_topic
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_recording

START_NS = 1_786_310_820 * 10**9

Frames = list[tuple[int, bytes]]
"""(receive time ns, raw frame) in the order of arrival."""


def lap(topics: Sequence[str], depth: int) -> tuple[list[Instrument], Frames]:
    """The instruments, and one lap's frames of these kinds of topic (book, trades, kline).

    Each symbol's first book frame is a snapshot, so the list can be replayed for ever.
    """
    recording = load_recording()
    market = ReplayMarket(recording, start_ns=START_NS)
    names: dict[str, Callable[[str], str]] = {
        "book": lambda symbol: book_topic(depth, symbol),
        "trades": trades_topic,
        "kline": lambda symbol: kline_topic("1", symbol),
    }
    frames: Frames = []
    for symbol in market.symbols:
        for kind in topics:
            topic = market.topic(names[kind](symbol))
            if topic is not None:
                market.watch(topic)
                snapshot = market.snapshot(topic)
                frames.extend([] if snapshot is None else [(START_NS, snapshot)])
    end_ns = START_NS + recording.length_ms * 10**6
    while market.next_due_ns < end_ns:
        now_ns = market.next_due_ns
        frames.extend((now_ns, frame.payload) for frame in market.advance_to(now_ns))
    return list(market.instruments.values()), frames


def describe(frames: Frames) -> str:
    """How many frames there are and how long they are."""
    size = sum(len(raw) for _, raw in frames) / len(frames)
    return f"{len(frames)} frames of {size:.0f} bytes"
