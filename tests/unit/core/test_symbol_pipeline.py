"""SymbolPipeline: from frames to numbered signals, shadow, resync, hot configuration."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from tests.support.configs import make_snapshot
from tests.support.raw_frames import (
    AT_MS,
    AT_NS,
    MINUTE_NS,
    SECOND_NS,
    Rows,
    kline_row,
    make_instrument,
    raw_book,
    raw_kline,
    raw_trades,
    trade_row,
)

from tradefleet.core.pipeline import RESYNC_PATIENCE_NS, Output, Resubscribe, SymbolPipeline
from tradefleet.core.pipeline_router import bybit_feeds
from tradefleet.domain.signals import FLAT_VALID_NS, Signal, SignalKind, Target, book_signal_id
from tradefleet.market.bars import HistoryRequest
from tradefleet.market.candles import LENGTH_NS, Candle
from tradefleet.market.faults import Fault
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.strategies import Breakout, Imbalance, Timeframe

BOOK = "orderbook.50.ABCUSDT"
MS = 10**6
ON = Imbalance(enabled=True)


def make_pipeline(snapshot: ConfigSnapshot | None = None, owner_epoch: int | None = 3) -> SymbolPipeline:
    instrument = make_instrument()
    pipeline = SymbolPipeline(
        instrument,
        bybit_feeds(instrument, 50),
        snapshot or make_snapshot(imbalance=ON, generation=5),
        shard=2,
        instance="i-1",
    )
    pipeline.set_owner(owner_epoch)
    return pipeline


class Script:
    """Plays a book into a pipeline: each step is one delta at a time in ms."""

    def __init__(self, pipeline: SymbolPipeline) -> None:
        self.pipeline = pipeline
        self.update_id = 1
        self.outputs: list[Output] = []
        self._take("snapshot", 0, [("10.0", "1"), ("9.9", "1")], [("10.1", "1"), ("10.2", "1")])

    def book(self, at_ms: int, bid_size: str, ask_size: str) -> list[Output]:
        """Best sizes at a time; what came out."""
        self.update_id += 1
        return self._take("delta", at_ms, [("10.0", bid_size)], [("10.1", ask_size)])

    def tick(self, at_ms: int) -> list[Output]:
        outputs = list(self.pipeline.tick(AT_NS + at_ms * MS))
        self.outputs += outputs
        return outputs

    def enter(self, at_ms: int = 0) -> Signal:
        """Hold an imbalance for 0.5 s from `at_ms`; the signal."""
        self.book(at_ms, "9", "1")
        (signal,) = self.book(at_ms + 500, "9", "1")
        assert isinstance(signal, Signal)
        return signal

    def _take(self, kind: str, at_ms: int, bids: Rows, asks: Rows) -> list[Output]:
        raw = raw_book(kind, self.update_id, bids, asks, at_ms=AT_MS + at_ms)
        outputs = list(self.pipeline.take_book(raw, AT_NS + (at_ms + 100) * MS))
        self.outputs += outputs
        return outputs


def test_a_held_imbalance_becomes_a_numbered_signal() -> None:
    signal = Script(make_pipeline()).enter()

    assert signal == Signal(
        signal_id=book_signal_id("bot-uid", "bybit", "ABCUSDT", "imbalance", 3, 1),
        bot_uid="bot-uid",
        venue="bybit",
        symbol="ABCUSDT",
        strategy="imbalance",
        kind=SignalKind.BOOK,
        target=Target.LONG,
        strength=0.8,
        price=Decimal("10.05"),
        hold_ns=10 * SECOND_NS,
        reason="imbalance +0.800 of 1 level(s) beyond 0.6 for 0.500 s",
        at_ns=AT_NS + 500 * MS,
        seen_ns=AT_NS + 600 * MS,
        expires_ns=AT_NS + 2500 * MS,
        shard=2,
        instance="i-1",
        owner_epoch=3,
        generation=5,
    )


def test_flat_comes_by_the_timer_while_the_book_is_stale() -> None:
    script = Script(make_pipeline())
    script.enter()
    script.update_id += 5
    gap = script.book(700, "1", "1")

    early = script.tick(10_400)
    outputs = script.tick(10_500)

    assert gap == [Resubscribe(BOOK, Fault.GAP)]
    assert [type(output) for output in early] == [Resubscribe]
    (flat,) = outputs
    assert isinstance(flat, Signal)
    assert flat.target is Target.FLAT
    assert flat.signal_id == book_signal_id("bot-uid", "bybit", "ABCUSDT", "imbalance", 3, 2)
    assert flat.expires_ns == flat.at_ns + FLAT_VALID_NS


def test_a_stale_book_yields_no_signal_and_its_run_begins_again_after_the_snapshot() -> None:
    script = Script(make_pipeline())
    script.book(0, "9", "1")
    script.update_id += 1
    script.book(200, "9", "1")

    while_stale = [script.book(at_ms, "9", "1") for at_ms in (400, 600, 800)]
    script._take("snapshot", 900, [("10.0", "9")], [("10.1", "1")])
    too_early = script.book(1300, "9", "1")
    signals = script.book(1400, "9", "1")

    assert while_stale == [[], [], []]
    assert too_early == []
    assert len(signals) == 1


def test_after_a_change_of_the_tick_what_is_held_goes_on_and_prices_are_on_the_new_grid() -> None:
    pipeline = make_pipeline()
    script = Script(pipeline)
    held = script.enter()
    finer = make_instrument(tick="0.001")

    (asked,) = pipeline.regrid(finer, bybit_feeds(finer, 50), AT_NS + 600 * MS)
    raw = raw_book("snapshot", 1, [("10.001", "9")], [("10.002", "1")], at_ms=AT_MS + 700)
    pipeline.take_book(raw, AT_NS + 800 * MS)
    (flat,) = pipeline.tick(held.at_ns + held.hold_ns + SECOND_NS)

    assert asked == Resubscribe(BOOK, Fault.OFF_GRID)
    assert pipeline.book.best() == (10001, 10002)
    assert isinstance(flat, Signal)
    assert (flat.target, flat.price) == (Target.FLAT, Decimal("10.0015"))


def test_shadow_counts_its_signals_and_hands_none_out() -> None:
    script = Script(make_pipeline(owner_epoch=None))
    script.book(0, "9", "1")

    outputs = script.book(500, "9", "1")

    assert outputs == []
    status = script.pipeline.status(AT_NS)
    assert (status.signals, status.shadow) == ({}, {"imbalance": 1})


def test_an_owner_goes_on_where_its_shadow_stood() -> None:
    script = Script(make_pipeline(owner_epoch=None))
    script.book(0, "9", "1")
    script.book(500, "9", "1")

    script.pipeline.set_owner(8)
    (flat,) = script.tick(10_500)

    assert isinstance(flat, Signal)
    assert flat.target is Target.FLAT
    assert flat.signal_id == book_signal_id("bot-uid", "bybit", "ABCUSDT", "imbalance", 8, 1)


def test_the_counter_begins_at_one_in_each_epoch_and_the_same_epoch_keeps_it() -> None:
    script = Script(make_pipeline(owner_epoch=3))
    script.enter()
    script.pipeline.set_owner(None)
    script.pipeline.set_owner(3)
    (second,) = script.tick(10_500)
    script.pipeline.set_owner(4)
    third = script.enter(14_000)

    ids = [output.signal_id for output in (second, third) if isinstance(output, Signal)]
    assert ids == [
        book_signal_id("bot-uid", "bybit", "ABCUSDT", "imbalance", 3, 2),
        book_signal_id("bot-uid", "bybit", "ABCUSDT", "imbalance", 4, 1),
    ]


def test_the_same_inputs_give_the_same_outputs() -> None:
    def play() -> list[Output]:
        script = Script(make_pipeline())
        for at_ms in range(0, 40_000, 50):
            script.book(at_ms, str(1 + at_ms // 700 % 9), str(1 + at_ms // 1100 % 9))
            script.tick(at_ms)
        return script.outputs

    first, second = play(), play()

    assert msgspec.json.encode(first) == msgspec.json.encode(second)
    assert len([output for output in first if isinstance(output, Signal)]) >= 4


def test_a_strategy_is_switched_on_and_off_without_dropping_the_book() -> None:
    script = Script(make_pipeline(make_snapshot()))
    script.book(0, "9", "1")
    off = script.book(600, "9", "1")

    script.pipeline.configure(make_snapshot(imbalance=ON, generation=2))
    script.book(700, "9", "1")
    (signal,) = script.book(1200, "9", "1")

    assert off == []
    assert isinstance(signal, Signal)
    assert signal.generation == 2
    assert not script.pipeline.book.is_stale


def test_a_book_that_gets_no_snapshot_is_asked_for_again() -> None:
    pipeline = make_pipeline()
    times = [
        0,
        RESYNC_PATIENCE_NS - 1,
        RESYNC_PATIENCE_NS,
        2 * RESYNC_PATIENCE_NS - 1,
        2 * RESYNC_PATIENCE_NS,
    ]

    outputs: list[Sequence[Output]] = [pipeline.tick(AT_NS + at_ns) for at_ns in times]

    asked = [Resubscribe(BOOK, Fault.NO_SNAPSHOT)]
    assert [list(output) for output in outputs] == [[], [], asked, [], asked]


def test_a_lost_connection_makes_the_book_stale_and_leaves_subscribing_to_the_shell() -> None:
    script = Script(make_pipeline())

    script.pipeline.lost(BOOK, AT_NS + 900 * MS)

    assert script.pipeline.book.is_stale
    assert script.tick(900) == []
    assert script.pipeline.status(AT_NS).faults == {"disconnected": 1}


def test_every_reason_is_counted_in_the_status() -> None:
    script = Script(make_pipeline())
    routes = script.pipeline.routes()

    routes["publicTrade.ABCUSDT"](raw_trades(trade_row(AT_MS, "10.05", "1")), AT_NS)
    routes["kline.1.ABCUSDT"](b'{"topic":"kline.1.ABCUSDT"', AT_NS)
    script.pipeline.take_book(raw_book("delta", 2, [("10.1", "1")], [], at_ms=AT_MS), AT_NS)

    assert script.pipeline.status(AT_NS).faults == {"off_grid": 1, "not_json": 1, "crossed": 1}


def test_the_book_age_is_the_time_since_it_was_confirmed() -> None:
    script = Script(make_pipeline())

    fresh = script.pipeline.status(AT_NS + 350 * MS)
    script.pipeline.lost(BOOK, AT_NS)
    stale = script.pipeline.status(AT_NS + 350 * MS)

    assert (fresh.book_age_ns, fresh.book_stale) == (250 * MS, False)
    assert (stale.book_age_ns, stale.book_stale) == (None, True)


def bars_until(end_ns: int, count: int, length_ns: int) -> list[Candle]:
    return [
        Candle(
            start_ns=end_ns - n * length_ns,
            length_ns=length_ns,
            open=Decimal(10),
            high=Decimal(10),
            low=Decimal(10),
            close=Decimal(10),
            volume=Decimal(1),
            turnover=Decimal(10),
            complete=True,
        )
        for n in range(count, 0, -1)
    ]


def test_a_pipeline_is_warm_when_its_book_is_good_and_its_history_whole() -> None:
    length_ns = LENGTH_NS[Timeframe.M5]
    script = Script(make_pipeline(make_snapshot(breakout=Breakout(enabled=True, lookback=10))))
    pipeline = script.pipeline
    start_ns = AT_NS - AT_NS % length_ns
    now_ns = AT_NS + 10 * SECOND_NS

    cold = pipeline.is_warm
    needs = pipeline.needs(now_ns)
    pipeline.seed(bars_until(start_ns, 11, length_ns), now_ns)
    warm = pipeline.is_warm
    pipeline.lost(BOOK, now_ns)

    assert (cold, warm, pipeline.is_warm) == (False, True, False)
    assert needs == [
        HistoryRequest("ABCUSDT", Timeframe.M5, start_ns - 11 * length_ns, start_ns),
        HistoryRequest("ABCUSDT", Timeframe.M1, start_ns, AT_NS),
    ]


def test_a_pipeline_without_bar_strategies_needs_no_history() -> None:
    pipeline = Script(make_pipeline()).pipeline

    assert pipeline.is_warm
    assert pipeline.needs(AT_NS) == []


def test_an_enabled_strategy_makes_the_pipeline_ask_for_its_history() -> None:
    pipeline = Script(make_pipeline()).pipeline

    pipeline.configure(make_snapshot(breakout=Breakout(enabled=True), generation=2))

    assert not pipeline.is_warm
    assert {request.timeframe for request in pipeline.needs(AT_NS)} == {Timeframe.M5, Timeframe.M1}


def test_trades_close_the_bar_that_breaks_out() -> None:
    snapshot = make_snapshot(
        breakout=Breakout(
            enabled=True,
            timeframe=Timeframe.M1,
            lookback=10,
            resistance_strength=1,
            volume_multiplier=Decimal(0),
        )
    )
    pipeline = make_pipeline(snapshot)
    routes = pipeline.routes()
    history = bars_until(AT_NS - MINUTE_NS, 10, MINUTE_NS)
    history[5] = msgspec.structs.replace(history[5], high=Decimal("10.5"))
    pipeline.seed(history, AT_NS)

    # The minute before AT began unseen; the exchange's own candle completes it.
    routes["publicTrade.ABCUSDT"](raw_trades(trade_row(AT_MS - 100, "10.0", "1")), AT_NS)
    row = kline_row(AT_MS - 60_000, ("10", "10", "10", "10"), "1", "10", confirm=True)
    routes["kline.1.ABCUSDT"](raw_kline(row, at_ms=AT_MS + 441), AT_NS + 441 * MS)
    routes["publicTrade.ABCUSDT"](raw_trades(trade_row(AT_MS + 1000, "10.6", "4")), AT_NS)
    (signal,) = routes["publicTrade.ABCUSDT"](raw_trades(trade_row(AT_MS + 60_000, "10.6", "1")), AT_NS + 7)

    assert isinstance(signal, Signal)
    assert (signal.strategy, signal.target, signal.price) == ("breakout", Target.LONG, Decimal("10.6"))
    assert (signal.at_ns, signal.seen_ns) == (AT_NS + MINUTE_NS, AT_NS + 7)
