"""Bybit V5 public frames: bytes in, typed values out; no I/O, nothing raised.

There is one decoder for each (topic, instrument); `BybitCodec` finds it by the frame's topic. What a
decoder cannot use comes back as a `BadFrame` with the reason, before any book is touched: a frame is
good as a whole or not at all.
Source: Bybit V5, "Public Topics"; shapes and key orders held against the recording by tests.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Generic, TypeVar

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.market.bybit_wire import (
    BOOK_DEPTHS,
    KLINE_LENGTH_MS,
    LATEST_MS,
    BookWire,
    ControlWire,
    Head,
    KlineWire,
    KlineWireRow,
    TickerWire,
    TradeRow,
    TradesWire,
)
from tradefleet.market.faults import BadFrame, BadValue, Fault
from tradefleet.market.frames import (
    BookFrame,
    ControlFrame,
    ControlKind,
    Frame,
    KlineFrame,
    KlineRow,
    Level,
    TickerFrame,
    Trade,
    TradesFrame,
)
from tradefleet.market.grid import plain_decimal, price_units, size_units
from tradefleet.market.sequence import FrameKind

MAX_CLOCK_DISTANCE_NS: Final = 3600 * 10**9
"""A frame dated further than this from our clock is not believed.

A corrupt time would end holds and close minutes ahead of their time. No working machine is an hour
wrong: the exchange refuses its orders at one second.
"""

_MS: Final = 1_000_000
_FAST_HEAD: Final = b'{"topic":"'
_LONGEST_TOPIC: Final = 64

_HEAD: Final = msgspec.json.Decoder(Head)
_BOOK_WIRE: Final = msgspec.json.Decoder(BookWire)
_TRADES_WIRE: Final = msgspec.json.Decoder(TradesWire)
_TICKER_WIRE: Final = msgspec.json.Decoder(TickerWire)
_KLINE_WIRE: Final = msgspec.json.Decoder(KlineWire)
_CONTROL_WIRE: Final = msgspec.json.Decoder(ControlWire)

_Wire = TypeVar("_Wire")
_Value = TypeVar("_Value", bound=msgspec.Struct)


def fast_topic(raw: bytes) -> bytes:
    """The topic when it is the frame's first key, as Bybit writes it; else b"".

    A guess to find a decoder by: each decoder compares the topic that it reads.
    """
    if not raw.startswith(_FAST_HEAD):
        return b""
    start = len(_FAST_HEAD)
    return raw[start : raw.find(b'"', start, start + _LONGEST_TOPIC)]


class TopicDecoder(Generic[_Wire, _Value]):
    """Frames of one topic. `read` makes the value and raises BadValue; `decode` never raises."""

    def __init__(self, topic: str, symbol: str, wire: msgspec.json.Decoder[_Wire]) -> None:
        self.topic = topic
        self.symbol = symbol
        self._wire = wire

    def decode(self, raw: bytes, seen_ns: int) -> _Value | BadFrame:
        """The frame's value. seen_ns: our clock when the bytes arrived."""
        try:
            return self.read(self._wire.decode(raw), seen_ns)
        except _UNREADABLE as error:
            return _bad_frame(error, self.topic, seen_ns)

    def read(self, wire: _Wire, seen_ns: int) -> _Value:
        """The value of a well-formed frame; raises BadValue."""
        raise NotImplementedError

    def check_origin(self, topic: str, symbol: str) -> None:
        """Raise BadValue unless the frame is this topic's."""
        if topic != self.topic or symbol != self.symbol:
            raise BadValue(Fault.UNEXPECTED_SHAPE, f"{topic} of {symbol}")


class BookDecoder(TopicDecoder[BookWire, BookFrame]):
    """orderbook.{depth}.{symbol}."""

    def __init__(self, topic: str, instrument: Instrument, depth: int) -> None:
        super().__init__(topic, instrument.symbol, _BOOK_WIRE)
        self.depth = depth
        self._ticks = price_units(instrument.tick_size)
        self._steps = size_units(instrument.qty_step)

    def read(self, wire: BookWire, seen_ns: int) -> BookFrame:
        data = wire.data
        self.check_origin(wire.topic, data.s)
        bids = self._levels(data.b)
        asks = self._levels(data.a)
        if wire.type is FrameKind.SNAPSHOT:
            _check_snapshot(bids, descending=True)
            _check_snapshot(asks, descending=False)
        at_ns = _time(wire.cts, seen_ns)
        return BookFrame(data.s, wire.type, data.u, data.seq, bids, asks, at_ns, seen_ns)

    def _levels(self, rows: list[tuple[str, str]]) -> tuple[Level, ...]:
        ticks, steps = self._ticks, self._steps
        return tuple([(ticks[price], steps[size]) for price, size in rows])


def _check_snapshot(levels: tuple[Level, ...], *, descending: bool) -> None:
    prices = [price for price, _ in levels]
    if prices != sorted(set(prices), reverse=descending):
        raise BadValue(Fault.UNEXPECTED_SHAPE, "a snapshot's levels are out of order")
    if not all(size for _, size in levels):
        raise BadValue(Fault.UNEXPECTED_SHAPE, "a snapshot's level has no size")


class TradesDecoder(TopicDecoder[TradesWire, TradesFrame]):
    """publicTrade.{symbol}."""

    def __init__(self, topic: str, instrument: Instrument) -> None:
        super().__init__(topic, instrument.symbol, _TRADES_WIRE)
        self._ticks = price_units(instrument.tick_size)
        self._steps = size_units(instrument.qty_step)

    def read(self, wire: TradesWire, seen_ns: int) -> TradesFrame:
        trades = tuple([self._trade(row, wire.topic, seen_ns) for row in wire.data])
        self.check_origin(wire.topic, self.symbol)
        return TradesFrame(self.symbol, trades, _time(wire.ts, seen_ns), seen_ns)

    def _trade(self, row: TradeRow, topic: str, seen_ns: int) -> Trade:
        self.check_origin(topic, row.s)
        ticks, steps = self._ticks[row.p], self._steps[row.v]
        if steps == 0:
            raise BadValue(Fault.ABSURD_SIZE, row.v)
        return Trade(_time(row.T, seen_ns), ticks, steps, row.S, row.i, row.BT, row.RPI, row.seq)


class TickerDecoder(TopicDecoder[TickerWire, TickerFrame]):
    """tickers.{symbol}."""

    def __init__(self, topic: str, instrument: Instrument) -> None:
        super().__init__(topic, instrument.symbol, _TICKER_WIRE)

    def read(self, wire: TickerWire, seen_ns: int) -> TickerFrame:
        data = wire.data
        self.check_origin(wire.topic, data.symbol)
        return TickerFrame(
            symbol=data.symbol,
            kind=wire.type,
            last_price=_price(data.last_price),
            mark_price=_price(data.mark_price),
            index_price=_price(data.index_price),
            bid_price=_price(data.bid1_price),
            bid_size=_size(data.bid1_size),
            ask_price=_price(data.ask1_price),
            ask_size=_size(data.ask1_size),
            funding_rate=_optional(data.funding_rate),
            next_funding_ns=_far_time(data.next_funding_time),
            at_ns=_time(wire.ts, seen_ns),
            seen_ns=seen_ns,
        )


class KlineDecoder(TopicDecoder[KlineWire, KlineFrame]):
    """kline.{interval}.{symbol}."""

    def __init__(self, topic: str, instrument: Instrument, interval: str) -> None:
        super().__init__(topic, instrument.symbol, _KLINE_WIRE)
        self.interval = interval
        self._length_ms = KLINE_LENGTH_MS[interval]

    def read(self, wire: KlineWire, seen_ns: int) -> KlineFrame:
        self.check_origin(wire.topic, self.symbol)
        rows = tuple([self._row(row, seen_ns) for row in wire.data])
        return KlineFrame(self.symbol, self.interval, rows, _time(wire.ts, seen_ns), seen_ns)

    def _row(self, row: KlineWireRow, seen_ns: int) -> KlineRow:
        prices = [_required(_price(text), text) for text in (row.open, row.high, row.low, row.close)]
        opened, high, low, close = prices
        if row.interval != self.interval or high != max(prices) or low != min(prices):
            raise BadValue(Fault.UNEXPECTED_SHAPE, row)
        length_ms = row.end + 1 - row.start
        if (
            length_ms != (self._length_ms or length_ms)
            or length_ms <= 0
            or row.start % (self._length_ms or 1)
        ):
            raise BadValue(Fault.UNEXPECTED_SHAPE, row)
        if row.start * _MS > seen_ns + MAX_CLOCK_DISTANCE_NS:
            raise BadValue(Fault.ABSURD_TIME, row.start)
        return KlineRow(
            start_ns=row.start * _MS,
            end_ns=(row.end + 1) * _MS,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=_required(_size(row.volume), row.volume),
            turnover=_required(_size(row.turnover), row.turnover),
            confirmed=row.confirm,
        )


class BybitCodec:
    """Every public topic of a set of instruments."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._decoders: dict[bytes, AnyDecoder] = {}

    def decode(self, raw: bytes, seen_ns: int) -> Frame | BadFrame:
        """The value of any frame. seen_ns: our clock when the bytes arrived, ns UTC."""
        decoder = self._decoders.get(fast_topic(raw))
        if decoder is not None:
            frame = decoder.decode(raw, seen_ns)
            if not isinstance(frame, BadFrame):
                return frame
        # Also for a bad frame: should a key be repeated, the last one counts, whatever was guessed.
        head = read_head(raw, seen_ns)
        if isinstance(head, BadFrame):
            return head
        if head.topic:
            found = self.decoder(head.topic)
            if isinstance(found, Fault):
                return BadFrame(found, head.topic, f"no decoder for {head.topic!r}", seen_ns)
            return found.decode(raw, seen_ns)
        return decode_answer(raw, seen_ns)

    def decoder(self, topic: str) -> "AnyDecoder | Fault":
        """The decoder of a topic, or why there is none."""
        stream, _, symbol = topic.rpartition(".")
        name, _, argument = stream.partition(".")
        known = (
            (name == "orderbook" and argument in _DEPTH_NAMES)
            or (name == "kline" and argument in KLINE_LENGTH_MS)
            or stream in ("publicTrade", "tickers")
        )
        if not known:
            return Fault.UNKNOWN_TOPIC
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return Fault.UNKNOWN_SYMBOL
        key = topic.encode()
        found = self._decoders.get(key)
        if found is None:
            found = self._decoders[key] = _MAKERS[name](topic, instrument, argument)
        return found


AnyDecoder = BookDecoder | TradesDecoder | TickerDecoder | KlineDecoder

_DEPTH_NAMES: Final = frozenset(str(depth) for depth in BOOK_DEPTHS)

_MAKERS: Final[dict[str, Callable[[str, Instrument, str], AnyDecoder]]] = {
    "orderbook": lambda topic, instrument, depth: BookDecoder(topic, instrument, int(depth)),
    "publicTrade": lambda topic, instrument, _: TradesDecoder(topic, instrument),
    "tickers": lambda topic, instrument, _: TickerDecoder(topic, instrument),
    "kline": lambda topic, instrument, interval: KlineDecoder(topic, instrument, interval),
}

# RecursionError: msgspec skips unknown fields recursively, so nested brackets exhaust its depth.
_UNREADABLE: Final = (BadValue, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_head(raw: bytes, seen_ns: int) -> Head | BadFrame:
    """What a frame is, whatever the order of its keys."""
    try:
        return _HEAD.decode(raw)
    except _UNREADABLE as error:
        return _bad_frame(error, "", seen_ns)


def decode_answer(raw: bytes, seen_ns: int) -> ControlFrame | BadFrame:
    """The value of a frame without a topic: an answer to a request of ours."""
    try:
        return _control_frame(_CONTROL_WIRE.decode(raw), seen_ns)
    except _UNREADABLE as error:
        return _bad_frame(error, "", seen_ns)


def _bad_frame(error: Exception, topic: str, seen_ns: int) -> BadFrame:
    if isinstance(error, BadValue):
        fault = error.fault
    elif isinstance(error, msgspec.ValidationError | RecursionError):
        fault = Fault.UNEXPECTED_SHAPE
    else:
        fault = Fault.NOT_JSON
    return BadFrame(fault, topic, str(error), seen_ns)


def _time(at_ms: int, seen_ns: int) -> int:
    at_ns = at_ms * _MS
    if abs(at_ns - seen_ns) > MAX_CLOCK_DISTANCE_NS:
        raise BadValue(Fault.ABSURD_TIME, at_ms)
    return at_ns


def _far_time(text: str) -> int | None:
    """A time that may lie far ahead; "" and "0" are none."""
    at_ms = int(_optional(text) or 0)
    if not 0 <= at_ms <= LATEST_MS:
        raise BadValue(Fault.ABSURD_TIME, text)
    return at_ms * _MS or None


def _optional(text: str) -> Decimal | None:
    return plain_decimal(text) if text else None


def _price(text: str) -> Decimal | None:
    value = _optional(text)
    if value is not None and value <= 0:
        raise BadValue(Fault.ABSURD_PRICE, text)
    return value


def _size(text: str) -> Decimal | None:
    value = _optional(text)
    if value is not None and value < 0:
        raise BadValue(Fault.NEGATIVE_SIZE, text)
    return value


def _required(value: Decimal | None, text: str) -> Decimal:
    if value is None:
        raise BadValue(Fault.UNEXPECTED_SHAPE, text)
    return value


_REFUSED_TOPIC: Final = ",topic:"


def _control_frame(wire: ControlWire, seen_ns: int) -> ControlFrame:
    _, _, topic = wire.ret_msg.partition(_REFUSED_TOPIC)
    return ControlFrame(_control_kind(wire), wire.req_id, topic, wire.ret_msg, seen_ns)


def _control_kind(wire: ControlWire) -> ControlKind:
    # Futures answer a ping with op "ping" and ret_msg "pong", other endpoints with op "pong".
    if wire.op in ("ping", "pong"):
        return ControlKind.PONG
    if not wire.success:
        already = wire.ret_msg.startswith("error:already subscribed")
        return ControlKind.ALREADY_SUBSCRIBED if already else ControlKind.REFUSED
    if wire.op == "subscribe":
        return ControlKind.SUBSCRIBED
    if wire.op == "unsubscribe":
        return ControlKind.UNSUBSCRIBED
    raise BadValue(Fault.UNEXPECTED_SHAPE, wire.op)
