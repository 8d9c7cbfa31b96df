"""One symbol's recording, decoded once and shared by every copy and every lap.

A track is a tuple of steps on the recording's own time axis (ms since its first frame). What each
step changes in the 200 levels is kept as numbers for the matching engine and as ready JSON for the
three book topics: the windows of 50 and 1 are worked out here, once, so that replaying a step costs
the same with one subscriber or a hundred copies. Since the steps of a lap are always the same, an
update id is arithmetic: first id + lap x frames a lap + place in the lap. No chain can drift.

Time is the frames' `ts`, not the time of receipt: the first 2.3 s of the built-in recording waited
in a socket buffer and arrive within 0.4 s, so receive times would replay them as a burst that the
exchange never sent. Each topic's first snapshot is moved to the start of the lap (up to 1.7 s, they
were subscribed one by one), so that a lap is complete from its first moment.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.simulation.market.book import LevelBook, LevelChange, Row, level_change, window_change
from tradefleet.simulation.market.topics import BOOK_DEPTHS
from tradefleet.simulation.market.wire import BookFrame, TickerFrame, TradeFrame, TradeRow, rows_json

RECORDED_DEPTH: Final = 200

# Each depth has its own chain; on the exchange the narrower topics push more often and stand higher
# (measured: 15 million at depth 200 beside 54 million at depth 50).
_FIRST_ID_ABOVE_RECORDED: Final = {200: 0, 50: 40_000_000, 1: 60_000_000}


class BrokenTrack(ValueError):
    """The frames of one symbol do not make a replayable recording."""


class Window(msgspec.Struct, frozen=True):
    """What one book topic says at a step, as JSON: changes, or the whole window in a snapshot."""

    bids: bytes
    asks: bytes


class BookStep(msgspec.Struct, frozen=True):
    """A frame of the 200 levels.

    at_ms: when published, cut_ms: when matched. windows: the depths that publish at this step.
    serials: per depth, frames of the lap so far, this one included.
    """

    at_ms: int
    cut_ms: int
    seq: int
    replaces: bool
    changes: tuple[LevelChange, ...]
    restated: tuple[tuple[Side, Decimal], ...]
    windows: dict[int, Window]
    serials: dict[int, int]


class RecordedTrade(msgspec.Struct, frozen=True):
    """A trade; ordinal: its place among the lap's trades; row: as recorded."""

    at_ms: int
    ordinal: int
    side: Side
    price: Decimal
    size: Decimal
    row: TradeRow


class TradeStep(msgspec.Struct, frozen=True):
    """One publicTrade frame."""

    at_ms: int
    trades: tuple[RecordedTrade, ...]


class TickerStep(msgspec.Struct, frozen=True):
    """One tickers frame; fields: without the symbol."""

    at_ms: int
    cross_seq: int
    replaces: bool
    fields: dict[str, str]


Step = BookStep | TradeStep | TickerStep
Frame = BookFrame | TradeFrame | TickerFrame


class SymbolTrack(msgspec.Struct, frozen=True):
    """A symbol's lap. steps: by time; the first two are the book's and the ticker's snapshots.

    first_ids, frames_a_lap: per book depth. seq_a_lap: how far the cross sequence moves on each lap.
    """

    symbol: str
    steps: tuple[Step, ...]
    first_ids: dict[int, int]
    frames_a_lap: dict[int, int]
    trades_a_lap: int
    seq_a_lap: int


def build_track(symbol: str, frames: Sequence[Frame], start_ms: int) -> SymbolTrack:
    """Decode one symbol's frames. start_ms: the recording's first `ts`, where laps begin.

    Raises BrokenTrack when a snapshot is missing or the book's update ids have a gap.
    """
    # Stable: frames of one millisecond keep the order of the file.
    ordered = sorted(frames, key=lambda frame: frame.ts)
    books = [frame for frame in ordered if isinstance(frame, BookFrame)]
    tickers = [frame for frame in ordered if isinstance(frame, TickerFrame)]
    trades = [frame for frame in ordered if isinstance(frame, TradeFrame)]
    _require_snapshot_first(symbol, f"orderbook.{RECORDED_DEPTH}", books)
    _require_snapshot_first(symbol, "tickers", tickers)
    _require_chain(symbol, books)
    book_steps = _book_steps(books, start_ms)
    ticker_steps = _ticker_steps(tickers, start_ms)
    # Stable, so that a trade stands before a book of the same millisecond, as the exchange publishes.
    later: list[Step] = [*_trade_steps(trades, start_ms), *book_steps[1:], *ticker_steps[1:]]
    later.sort(key=lambda step: step.at_ms)
    seqs = [
        *(frame.data.seq for frame in books),
        *(frame.cs for frame in tickers),
        *(row.seq for frame in trades for row in frame.data),
    ]
    return SymbolTrack(
        symbol=symbol,
        steps=(book_steps[0], ticker_steps[0], *later),
        first_ids={depth: books[0].data.update_id + _FIRST_ID_ABOVE_RECORDED[depth] for depth in BOOK_DEPTHS},
        frames_a_lap=book_steps[-1].serials,
        trades_a_lap=sum(len(frame.data) for frame in trades),
        seq_a_lap=max(seqs) - min(seqs) + 1,
    )


def _require_snapshot_first(
    symbol: str, topic: str, frames: Sequence[BookFrame] | Sequence[TickerFrame]
) -> None:
    if not frames:
        raise BrokenTrack(f"{topic}.{symbol} is missing")
    if frames[0].type != "snapshot":
        raise BrokenTrack(f"{topic}.{symbol} begins with a {frames[0].type}, not with a snapshot")


def _require_chain(symbol: str, books: Iterable[BookFrame]) -> None:
    last = None
    for frame in books:
        update_id = frame.data.update_id
        if last is not None and frame.type == "delta" and update_id != last + 1:
            raise BrokenTrack(f"orderbook.{RECORDED_DEPTH}.{symbol} has a gap: u {update_id} follows {last}")
        last = update_id


def _book_steps(frames: Iterable[BookFrame], start_ms: int) -> list[BookStep]:
    book = LevelBook()
    serials = dict.fromkeys(BOOK_DEPTHS, 0)
    steps: list[BookStep] = []
    for frame in frames:
        before = {depth: _tops(book, depth) for depth in BOOK_DEPTHS}
        replaces = frame.type == "snapshot"
        changes = (
            *(level_change(Side.BUY, row) for row in frame.data.bids),
            *(level_change(Side.SELL, row) for row in frame.data.asks),
        )
        book.apply(changes, replaces=replaces)
        windows = {
            depth: window
            for depth in BOOK_DEPTHS
            if (window := _window(depth, frame, before[depth], _tops(book, depth))) is not None
        }
        for depth in windows:
            serials[depth] += 1
        first = not steps
        steps.append(
            BookStep(
                at_ms=0 if first else frame.ts - start_ms,
                cut_ms=0 if first else frame.cts - start_ms,
                seq=frame.data.seq,
                replaces=replaces,
                changes=changes,
                restated=tuple((change.side, change.price) for change in changes),
                windows=windows,
                serials=dict(serials),
            )
        )
    return steps


_Tops = tuple[list[Row], list[Row]]


def _tops(book: LevelBook, depth: int) -> _Tops:
    return book.top(Side.BUY, depth), book.top(Side.SELL, depth)


def _window(depth: int, frame: BookFrame, before: _Tops, after: _Tops) -> Window | None:
    """What topic `depth` publishes at this frame; None when its window did not change."""
    if depth == RECORDED_DEPTH:
        return Window(rows_json(frame.data.bids), rows_json(frame.data.asks))
    if frame.type != "snapshot":
        if before == after:
            return None
        if depth > 1:
            bids = window_change(Side.BUY, before[0], after[0])
            asks = window_change(Side.SELL, before[1], after[1])
            return Window(rows_json(bids), rows_json(asks))
    return Window(rows_json(after[0]), rows_json(after[1]))


def _ticker_steps(frames: Iterable[TickerFrame], start_ms: int) -> list[TickerStep]:
    return [
        TickerStep(
            at_ms=0 if place == 0 else frame.ts - start_ms,
            cross_seq=frame.cs,
            replaces=frame.type == "snapshot",
            fields={name: value for name, value in frame.data.items() if name != "symbol"},
        )
        for place, frame in enumerate(frames)
    ]


def _trade_steps(frames: Iterable[TradeFrame], start_ms: int) -> list[TradeStep]:
    steps = []
    ordinal = 0
    for frame in frames:
        trades = []
        for row in frame.data:
            change = level_change(Side(row.side), (row.price, row.size))
            trades.append(
                RecordedTrade(row.at_ms - start_ms, ordinal, change.side, change.price, change.size, row)
            )
            ordinal += 1
        if trades:
            steps.append(TradeStep(frame.ts - start_ms, tuple(trades)))
    return steps
