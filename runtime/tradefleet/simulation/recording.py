"""Recorded markets on disk: what the simulator replays.

A folder holds `*.recvns_raw.jsonl.zst` (a line `<receive time ns> <raw frame>`, frames as they came
from Bybit's public WebSocket of one category: orderbook.200, publicTrade, tickers; acks and other
topics are passed over) and `instruments_<category>.json.zst` (the answer of instruments-info). One of
linear and one of spot come with the package. Decoding happens once; laps and copies share the result.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import zstandard

from tradefleet.simulation.market.topics import TICKERS, TRADES
from tradefleet.simulation.market.track import RECORDED_DEPTH, BrokenTrack, Frame, SymbolTrack, build_track
from tradefleet.simulation.market.wire import BookFrame, FrameHead, TickerFrame, TradeFrame

BUILT_IN: Final = Path(__file__).parent / "recordings" / "bybit-v5-linear"
BUILT_IN_SPOT: Final = BUILT_IN.with_name("bybit-v5-spot")
FRAMES_PATTERN: Final = "*.recvns_raw.jsonl.zst"
INSTRUMENTS_NAME: Final = "instruments_linear.json.zst"
SPOT_INSTRUMENTS_NAME: Final = "instruments_spot.json.zst"

LAP_PAUSE_MS: Final = 100
"""Between a lap's last frame and the next lap's first: the push interval of the 200 levels."""

_FRAME_TYPES: Final[Mapping[str, type[Frame]]] = {
    f"orderbook.{RECORDED_DEPTH}": BookFrame,
    TRADES: TradeFrame,
    TICKERS: TickerFrame,
}


class RecordingError(Exception):
    """A recording cannot be replayed; the text names the file, the reason and the way out."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"recording {path}: {reason}. Name a folder with one {FRAMES_PATTERN} and its "
            f"{INSTRUMENTS_NAME} (or {SPOT_INSTRUMENTS_NAME}), "
            f"or name none to replay the built-in one ({BUILT_IN.name}, {BUILT_IN_SPOT.name})."
        )


class Recording(msgspec.Struct, frozen=True):
    """A decoded recording. length_ms: of one lap; instrument_rows: every listed symbol of the category."""

    folder: Path
    tracks: dict[str, SymbolTrack]
    instrument_rows: dict[str, dict[str, Any]]
    length_ms: int
    category: str = "linear"


def load_recording(folder: Path | None = None) -> Recording:
    """Decode a recording of linear contracts, the built-in one when `folder` is None; raises
    RecordingError."""
    return _load(BUILT_IN if folder is None else folder, INSTRUMENTS_NAME, "linear")


def load_spot_recording(folder: Path | None = None) -> Recording:
    """The same of spot pairs."""
    return _load(BUILT_IN_SPOT if folder is None else folder, SPOT_INSTRUMENTS_NAME, "spot")


def _load(folder: Path, instruments_name: str, category: str) -> Recording:
    frames_path = _frames_path(folder)
    rows = _instrument_rows(folder / instruments_name)
    frames: dict[str, list[Frame]] = defaultdict(list)
    for symbol, frame in _frames(frames_path):
        frames[symbol].append(frame)
    if not frames:
        raise RecordingError(frames_path, "holds no frame of orderbook.200, publicTrade or tickers")
    start_ms = min(frame.ts for of_symbol in frames.values() for frame in of_symbol)
    last_ms = max(frame.ts for of_symbol in frames.values() for frame in of_symbol)
    for symbol in frames:
        if symbol not in rows:
            raise RecordingError(folder / instruments_name, f"does not list {symbol}, which was recorded")
    try:
        tracks = {symbol: build_track(symbol, of_symbol, start_ms) for symbol, of_symbol in frames.items()}
    except ValueError as error:  # BrokenTrack, or a level that is no number
        kind = "cannot be replayed" if isinstance(error, BrokenTrack) else "holds a bad frame"
        raise RecordingError(frames_path, f"{kind}: {error}") from error
    return Recording(folder, tracks, rows, last_ms - start_ms + LAP_PAUSE_MS, category)


def _frames_path(folder: Path) -> Path:
    if not folder.is_dir():
        raise RecordingError(folder, "is not a folder")
    found = sorted(folder.glob(FRAMES_PATTERN))
    if len(found) != 1:
        raise RecordingError(folder, f"holds {len(found)} files {FRAMES_PATTERN}, not one")
    return found[0]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return bytes(zstandard.ZstdDecompressor().stream_reader(file).read())
    except OSError as error:
        raise RecordingError(path, f"cannot be read ({error.strerror})") from error
    except zstandard.ZstdError as error:
        raise RecordingError(path, f"is not a zstd file ({error})") from error


def _frames(path: Path) -> Iterator[tuple[str, Frame]]:
    for number, line in enumerate(_read(path).splitlines(), start=1):
        _, _, raw = line.partition(b" ")
        try:
            head = msgspec.json.decode(raw, type=FrameHead)
            stream, _, symbol = head.topic.rpartition(".")
            frame_type = _FRAME_TYPES.get(stream)
            if frame_type is not None:
                yield symbol, msgspec.json.decode(raw, type=frame_type)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise RecordingError(path, f"line {number} is no frame ({error})") from error


class _InstrumentsResult(msgspec.Struct):
    list: list[dict[str, Any]]


class _InstrumentsAnswer(msgspec.Struct):
    result: _InstrumentsResult


def _instrument_rows(path: Path) -> dict[str, dict[str, Any]]:
    try:
        answer = msgspec.json.decode(_read(path), type=_InstrumentsAnswer)
        return {str(row["symbol"]): row for row in answer.result.list}
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError) as error:
        raise RecordingError(path, f"is not an answer of instruments-info ({error})") from error
