"""Which recordings are accepted, and what is said about the others."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tradefleet.simulation.market.track import BookStep, TickerStep, TradeStep
from tradefleet.simulation.recording import (
    BUILT_IN,
    INSTRUMENTS_NAME,
    Recording,
    RecordingError,
    load_recording,
)

SNAPSHOT = {
    "topic": "orderbook.200.BTCUSDT",
    "type": "snapshot",
    "ts": 1000,
    "data": {"s": "BTCUSDT", "b": [["1.10", "2.0"]], "a": [["1.20", "3"]], "u": 5, "seq": 9},
    "cts": 999,
}
TICKER = {
    "topic": "tickers.BTCUSDT",
    "type": "snapshot",
    "data": {"symbol": "BTCUSDT", "lastPrice": "1.1", "markPrice": "1.1", "indexPrice": "1.1"},
    "cs": 9,
    "ts": 1000,
}
ACK = {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "", "op": "subscribe"}


def write_folder(folder: Path, frames: list[Any], instruments: bytes | None = None) -> Path:
    lines = "\n".join(f"{number} {json.dumps(frame)}" for number, frame in enumerate(frames))
    (folder / "x.recvns_raw.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    rows = (BUILT_IN / INSTRUMENTS_NAME).read_bytes() if instruments is None else instruments
    (folder / INSTRUMENTS_NAME).write_bytes(rows)
    return folder


def delta(update_id: int, ts: int) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": [["1.10", "4"]], "a": [], "u": update_id, "seq": 10}
    return {**SNAPSHOT, "type": "delta", "ts": ts, "data": data}


def test_the_built_in_recording_holds_four_symbols_of_forty_four_seconds(recording: Recording) -> None:
    assert sorted(recording.tracks) == ["BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT"]
    assert recording.length_ms == 44_146
    assert len(recording.instrument_rows) == 800


def test_every_recorded_frame_becomes_a_step(
    recording: Recording, recorded_frames: list[dict[str, Any]]
) -> None:
    for symbol, track in recording.tracks.items():
        for stream, kind in (
            ("orderbook.200", BookStep),
            ("tickers", TickerStep),
            ("publicTrade", TradeStep),
        ):
            recorded = sum(frame["topic"] == f"{stream}.{symbol}" for frame in recorded_frames)
            assert sum(isinstance(step, kind) for step in track.steps) == recorded


def test_a_folder_of_the_same_shape_is_replayed_and_acks_are_passed_over(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [ACK, SNAPSHOT, ACK, TICKER, delta(6, 1100)])

    recording = load_recording(folder)

    assert list(recording.tracks) == ["BTCUSDT"]
    assert len(recording.tracks["BTCUSDT"].steps) == 3
    assert recording.length_ms == 200


def test_a_missing_folder_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere: is not a folder\. Name a folder with"):
        load_recording(tmp_path / "nowhere")


def test_two_recordings_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, [SNAPSHOT, TICKER])
    (tmp_path / "y.recvns_raw.jsonl.zst").touch()

    with pytest.raises(RecordingError, match="holds 2 files"):
        load_recording(tmp_path)


def test_a_file_that_is_not_zstd_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, [SNAPSHOT, TICKER])
    (tmp_path / "x.recvns_raw.jsonl.zst").write_bytes(b"plain text")

    with pytest.raises(RecordingError, match="is not a zstd file"):
        load_recording(tmp_path)


def test_a_folder_without_instruments_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, [SNAPSHOT, TICKER])
    (tmp_path / INSTRUMENTS_NAME).unlink()

    with pytest.raises(RecordingError, match="cannot be read"):
        load_recording(tmp_path)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([ACK], "holds no frame"),
        ([SNAPSHOT], "tickers.BTCUSDT is missing"),
        ([TICKER], "orderbook.200.BTCUSDT is missing"),
        ([TICKER, delta(6, 1000)], "begins with a delta"),
        ([SNAPSHOT, TICKER, delta(7, 1100)], "has a gap: u 7 follows 5"),
        ([SNAPSHOT, TICKER, {**SNAPSHOT, "data": 1}], "line 3 is no frame"),
        (
            [{**SNAPSHOT, "data": {**SNAPSHOT["data"], "b": [["x", "1"]]}}, TICKER],  # type: ignore[dict-item]
            "not a price and a size",
        ),
        (
            [
                {**SNAPSHOT, "topic": "orderbook.200.NOPEUSDT"},
                {**TICKER, "topic": "tickers.NOPEUSDT"},
            ],
            "does not list NOPEUSDT",
        ),
    ],
)
def test_a_recording_that_cannot_be_replayed_is_refused(
    tmp_path: Path, frames: list[Any], reason: str
) -> None:
    with pytest.raises(RecordingError, match=reason):
        load_recording(write_folder(tmp_path, frames))


def test_a_truncated_answer_of_instruments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is not an answer of instruments-info"):
        load_recording(write_folder(tmp_path, [SNAPSHOT, TICKER], zstandard.compress(b'{"result":{}}')))
