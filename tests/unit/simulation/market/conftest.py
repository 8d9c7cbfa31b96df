"""The built-in recording, decoded once, and markets made of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import BUILT_IN, FRAMES_PATTERN, Recording, load_recording

START_NS = 1_800_000_000_000_000_000
"""2027-01-15 08:00:00 UTC: a full minute, hour and funding time."""

MakeMarket = Callable[..., ReplayMarket]


@pytest.fixture(scope="session")
def recording() -> Recording:
    return load_recording()


@pytest.fixture(scope="session")
def recorded_frames() -> list[dict[str, Any]]:
    """Every recorded frame with a topic, read with json alone, in the order of the file."""
    (path,) = BUILT_IN.glob(FRAMES_PATTERN)
    text = zstandard.ZstdDecompressor().stream_reader(path.open("rb")).read().decode()
    frames = [json.loads(line.split(" ", 1)[1]) for line in text.splitlines()]
    return [frame for frame in frames if "topic" in frame]


@pytest.fixture
def make_market(recording: Recording) -> MakeMarket:
    """A market on the built-in recording; watches the named topics, or streams of every symbol."""

    def make(*watched: str, **options: Any) -> ReplayMarket:
        market = ReplayMarket(recording, **{"start_ns": START_NS, **options})
        for name in watched:
            topics = [name] if market.topic(name) else [f"{name}.{symbol}" for symbol in market.symbols]
            for topic in topics:
                parsed = market.topic(topic)
                assert parsed is not None
                market.watch(parsed)
        return market

    return make


@pytest.fixture(scope="session")
def start_ns() -> int:
    return START_NS


@pytest.fixture
def lap_ns(recording: Recording) -> int:
    """One lap at speed 1."""
    return recording.length_ms * 1_000_000


@pytest.fixture
def play(start_ns: int) -> Callable[[ReplayMarket, int], list[dict[str, Any]]]:
    """Advance a market so many ns past its start and decode what it publishes."""

    def until(market: ReplayMarket, after_ns: int) -> list[dict[str, Any]]:
        return [json.loads(frame.payload) for frame in market.advance_to(start_ns + after_ns)]

    return until
