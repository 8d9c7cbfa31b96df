"""The recorded spot market."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.support.simulated_account import BTC
from tests.support.spot_account import SpotTrader

from tradefleet.simulation.recording import BUILT_IN_SPOT, FRAMES_PATTERN, Recording, load_spot_recording


@pytest.fixture(scope="session")
def spot_recording() -> Recording:
    return load_spot_recording()


@pytest.fixture(scope="session")
def spot_lines() -> list[tuple[int, bytes]]:
    """(receive time in ns, raw frame) of every recorded spot frame."""
    (path,) = BUILT_IN_SPOT.glob(FRAMES_PATTERN)
    raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb")).read()
    return [(int(seen), frame) for seen, frame in (line.split(b" ", 1) for line in raw.splitlines())]


@pytest.fixture(scope="session")
def spot_frames(spot_lines: list[tuple[int, bytes]]) -> list[dict[str, Any]]:
    """Those with a topic, read with json alone."""
    frames = [json.loads(raw) for _, raw in spot_lines]
    return [frame for frame in frames if "topic" in frame]


@pytest.fixture
def trader(tmp_path: Path) -> Iterator[SpotTrader]:
    """A spot account on markets moved by hand."""
    trader = SpotTrader(tmp_path / "state", BTC)
    yield trader
    trader.exchange.close()
