"""Raw frames through the plain book, beside what others would do with the same bytes.

One lap of the recorded market at 50 levels (the default depth) and at 200, replayed again and again;
each replay begins with its snapshots. Ours and the two SortedDict programs compute mid, spread and
imbalance(5) after each frame; ccxt and pybit only keep their books (pybit's is unsorted), which
flatters them. All programs end with the same best prices, or the benchmark fails.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import ccxt.pro
import msgspec
from pybit._websocket_stream import _V5WebSocketManager
from sortedcontainers import SortedDict

from bench import recorded
from bench.report import Row, rates
from tradefleet.domain.instruments import Instrument
from tradefleet.features.book import PlainBookView
from tradefleet.market.book import PlainBook
from tradefleet.market.bybit_codec import BookDecoder, fast_topic
from tradefleet.market.bybit_wire import book_topic

ROUNDS = 7
OURS = "plain book"
Best = dict[str, tuple[float, float]]


def run() -> list[Row]:
    """Frames/s of each program at both depths."""
    return [row for depth in (50, 200) for row in _at_depth(depth)]


def _at_depth(depth: int) -> list[Row]:
    instruments, frames = recorded.lap(["book"], depth)
    programs: dict[str, Program] = {
        OURS: Ours(instruments, depth),
        "msgspec + SortedDict": Sorted(msgspec.json.decode),
        "json.loads + SortedDict": Sorted(json.loads),
        "ccxt.pro handle_message": Ccxt(),
        "pybit book": Pybit(),
    }
    # pybit searches its lists from the front for every level: a fifth of the frames is enough of it.
    shares = {"pybit book": frames[: len(frames) // 5]}
    taken = rates(
        {name: replay(program, shares.get(name, frames)) for name, program in programs.items()}, ROUNDS
    )
    _check(programs, frames)
    ours = taken[OURS]
    return [
        Row(
            name=f"{name}, depth {depth}",
            value=rate,
            unit="frames/s",
            ratio=None if name == OURS else ours / rate,
            peer=recorded.describe(frames) if name == OURS else "ours is faster by",
            note=programs[name].note,
        )
        for name, rate in taken.items()
    ]


class Program:
    """A book keeper. take: one raw frame; best: the best (bid, ask) of each symbol."""

    note = ""

    def take(self, raw: bytes, seen_ns: int) -> None:
        raise NotImplementedError

    def best(self) -> Best:
        raise NotImplementedError


def replay(program: Program, frames: recorded.Frames) -> Callable[[], int]:
    take = program.take

    def once() -> int:
        for seen_ns, raw in frames:
            take(raw, seen_ns)
        return len(frames)

    return once


def _check(programs: dict[str, Program], frames: recorded.Frames) -> None:
    for program in programs.values():
        replay(program, frames)()
    results = {name: program.best() for name, program in programs.items()}
    expected = results["json.loads + SortedDict"]
    for name, best in results.items():
        if best != expected:
            raise AssertionError(f"{name} ends with {best}, not with {expected}")


class Ours(Program):
    """PlainBook and its view."""

    note = "book, mid, spread, imbalance(5); gaps, grid and window checked"

    def __init__(self, instruments: Sequence[Instrument], depth: int) -> None:
        self._views: dict[bytes, tuple[PlainBook, PlainBookView]] = {}
        self._ticks: dict[bytes, float] = {}
        for instrument in instruments:
            topic = book_topic(depth, instrument.symbol)
            book = PlainBook(BookDecoder(topic, instrument, depth))
            self._views[topic.encode()] = (book, PlainBookView(book, instrument))
            self._ticks[topic.encode()] = float(instrument.tick_size)

    def take(self, raw: bytes, seen_ns: int) -> None:
        book, view = self._views[fast_topic(raw)]
        book.apply(raw, seen_ns)
        _ = view.mid, view.spread, view.imbalance(5)

    def best(self) -> Best:
        found: Best = {}
        for topic, (book, _) in self._views.items():
            bid, ask = book.best() or (0, 0)
            tick = self._ticks[topic]
            found[topic.rpartition(b".")[2].decode()] = (round(bid * tick, 9), round(ask * tick, 9))
        return found


class Sorted(Program):
    """What one writes first: a decoder, and one SortedDict of floats a side."""

    note = "book, mid, spread, imbalance(5); nothing checked"

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self._books: dict[str, tuple[SortedDict, SortedDict]] = {}

    def take(self, raw: bytes, seen_ns: int) -> None:
        frame = self._decode(raw)
        data = frame["data"]
        if frame["type"] == "snapshot":
            self._books[data["s"]] = (SortedDict(), SortedDict())
        bids, asks = self._books[data["s"]]
        for side, rows in ((bids, data["b"]), (asks, data["a"])):
            for price_text, size_text in rows:
                price, size = float(price_text), float(size_text)
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        bid, ask = bids.keys()[-1], asks.keys()[0]
        bid_size, ask_size = sum(bids.values()[-5:]), sum(asks.values()[:5])
        _ = (bid + ask) / 2, ask - bid, (bid_size - ask_size) / (bid_size + ask_size)

    def best(self) -> Best:
        return {symbol: (bids.keys()[-1], asks.keys()[0]) for symbol, (bids, asks) in self._books.items()}


class Ccxt(Program):
    """ccxt.pro's own handler, with the JSON decoder that its client uses."""

    note = "book only"

    def __init__(self) -> None:
        self._exchange = ccxt.pro.bybit()
        self._client = _CcxtClient()

    def take(self, raw: bytes, seen_ns: int) -> None:
        self._exchange.handle_message(self._client, json.loads(raw))

    def best(self) -> Best:
        return {
            symbol: (book["bids"][0][0], book["asks"][0][0])
            for symbol, book in self._exchange.orderbooks.items()
        }


class _CcxtClient:
    url = "wss://stream.bybit.com/v5/public/linear"

    def resolve(self, result: object, message_hash: str) -> None:
        """Nobody waits."""


class Pybit(Program):
    """pybit's own handler, without its socket."""

    note = "book only, unsorted"

    def __init__(self) -> None:
        self._manager = _V5WebSocketManager.__new__(_V5WebSocketManager)
        self._manager.data = {}

    def take(self, raw: bytes, seen_ns: int) -> None:
        message = json.loads(raw)
        self._manager._process_delta_orderbook(message, message["topic"])

    def best(self) -> Best:
        return {
            topic.rpartition(".")[2]: (
                max(float(row[0]) for row in book["b"]),
                min(float(row[0]) for row in book["a"]),
            )
            for topic, book in self._manager.data.items()
        }
