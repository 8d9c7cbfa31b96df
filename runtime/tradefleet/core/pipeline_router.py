"""FrameRouter: every symbol of a shard behind one call.

The shard's shell hands each raw frame to `feed` and each timer tick to `tick`, and acts on what
comes back. A frame goes by its topic to its pipeline; one that belongs to none is counted by reason
and disturbs no one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from tradefleet.core.pipeline import NOTHING, Handler, Output, PipelineStatus, SymbolFeeds, SymbolPipeline
from tradefleet.domain.instruments import Instrument
from tradefleet.market.bars import MINUTE_INTERVAL, HistoryRequest
from tradefleet.market.book import PlainBook
from tradefleet.market.bybit_codec import (
    BookDecoder,
    BybitCodec,
    KlineDecoder,
    TradesDecoder,
    decode_answer,
    fast_topic,
    read_head,
)
from tradefleet.market.bybit_wire import book_topic, kline_topic, trades_topic
from tradefleet.market.candles import Candle
from tradefleet.market.faults import BadFrame, Fault
from tradefleet.spec.snapshot import ConfigSnapshot

TICK_PERIOD_NS: Final = 100_000_000
"""How often the shell should call `tick`: a target that ends after 10 s ends within 1 % of it."""


def bybit_feeds(instrument: Instrument, depth: int) -> SymbolFeeds:
    """The topics of a symbol on Bybit. depth: levels a side of the book."""
    symbol = instrument.symbol
    return SymbolFeeds(
        book=PlainBook(BookDecoder(book_topic(depth, symbol), instrument, depth)),
        trades=TradesDecoder(trades_topic(symbol), instrument),
        klines=KlineDecoder(kline_topic(MINUTE_INTERVAL, symbol), instrument, MINUTE_INTERVAL),
    )


class FrameRouter:
    """All pipelines of one shard."""

    def __init__(
        self, instruments: Iterable[Instrument], snapshot: ConfigSnapshot, *, shard: int, instance: str
    ) -> None:
        instruments = list(instruments)
        self._depth = depth = int(snapshot.spec.feed.depth)
        self.pipelines: Mapping[str, SymbolPipeline] = {
            instrument.symbol: SymbolPipeline(
                instrument, bybit_feeds(instrument, depth), snapshot, shard=shard, instance=instance
            )
            for instrument in instruments
        }
        self.faults: Counter[Fault] = Counter()
        """Frames that belong to no pipeline, by reason."""
        self._codec = BybitCodec(instruments)
        self._handlers: dict[str, Handler] = {}
        self._owners: dict[str, SymbolPipeline] = {}
        for pipeline in self.pipelines.values():
            for topic, handler in pipeline.routes().items():
                self._handlers[topic] = handler
                self._owners[topic] = pipeline
        # The same by the bytes that usual frames begin with: no decoding before the decoder.
        self._routes = {topic.encode(): handler for topic, handler in self._handlers.items()}

    def topics(self) -> dict[str, tuple[str, ...]]:
        """Topics to subscribe, by symbol: a request for each symbol, since one refusal refuses all."""
        return {symbol: tuple(pipeline.routes()) for symbol, pipeline in self.pipelines.items()}

    def feed(self, raw: bytes, seen_ns: int) -> Sequence[Output]:
        """Take any frame. seen_ns: our clock when it arrived, ns UTC."""
        handler = self._routes.get(fast_topic(raw))
        if handler is not None:
            return handler(raw, seen_ns)
        return self._feed_unusual(raw, seen_ns)

    def tick(self, now_ns: int) -> list[Output]:
        """Time has passed. now_ns: our clock, corrected to the exchange's."""
        return [output for pipeline in self.pipelines.values() for output in pipeline.tick(now_ns)]

    def lost(self, topics: Iterable[str], seen_ns: int) -> None:
        """The connection that carried these topics was lost: frames may have been missed."""
        for topic in topics:
            if topic in self._owners:
                self._owners[topic].lost(topic, seen_ns)

    def configure(self, snapshot: ConfigSnapshot) -> None:
        """Go on with a newer configuration, without dropping a book."""
        for pipeline in self.pipelines.values():
            pipeline.configure(snapshot)

    def refresh(self, instruments: Iterable[Instrument], now_ns: int) -> list[Output]:
        """The rules have been read again: symbols with other ticks or steps begin anew on them. One that
        is not among these keeps its rules."""
        outputs: list[Output] = []
        for instrument in instruments:
            pipeline = self.pipelines.get(instrument.symbol)
            if pipeline is not None and _grid(instrument) != _grid(pipeline.instrument):
                outputs += pipeline.regrid(instrument, bybit_feeds(instrument, self._depth), now_ns)
        if outputs:
            self._codec = BybitCodec(pipeline.instrument for pipeline in self.pipelines.values())
        return outputs

    @property
    def off_grid(self) -> int:
        """Frames, of all symbols, whose numbers were between ticks or steps."""
        return sum(pipeline.off_grid for pipeline in self.pipelines.values())

    def set_owner(self, owner_epoch: int | None) -> None:
        """Hand signals out under this epoch, or (None) only count them."""
        for pipeline in self.pipelines.values():
            pipeline.set_owner(owner_epoch)

    def needs(self, now_ns: int) -> list[HistoryRequest]:
        """The history that is missing, to be fetched by REST and seeded."""
        return [request for pipeline in self.pipelines.values() for request in pipeline.needs(now_ns)]

    def seed(self, symbol: str, candles: Iterable[Candle], now_ns: int) -> None:
        """Closed candles of the past; raises KeyError for a symbol that is not here."""
        self.pipelines[symbol].seed(candles, now_ns)

    @property
    def is_warm(self) -> bool:
        """True when every symbol is."""
        return all(pipeline.is_warm for pipeline in self.pipelines.values())

    def statuses(self, now_ns: int) -> list[PipelineStatus]:
        """A summary of each symbol."""
        return [pipeline.status(now_ns) for pipeline in self.pipelines.values()]

    def _feed_unusual(self, raw: bytes, seen_ns: int) -> Sequence[Output]:
        """Answers, frames with their keys in another order, and frames that belong to no one."""
        head = read_head(raw, seen_ns)
        if isinstance(head, BadFrame):
            return self._count(head.fault)
        if not head.topic:
            answer = decode_answer(raw, seen_ns)
            return self._count(answer.fault) if isinstance(answer, BadFrame) else (answer,)
        handler = self._handlers.get(head.topic)
        if handler is not None:
            return handler(raw, seen_ns)
        found = self._codec.decoder(head.topic)
        return self._count(found if isinstance(found, Fault) else Fault.UNKNOWN_TOPIC)

    def _count(self, fault: Fault) -> Sequence[Output]:
        self.faults[fault] += 1
        return NOTHING


def _grid(instrument: Instrument) -> tuple[Decimal, Decimal]:
    return instrument.tick_size, instrument.qty_step
