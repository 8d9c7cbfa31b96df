"""FrameRouter: frames to their symbols, everything else to a counter, and nobody disturbed."""

import json

import pytest
from tests.support.configs import make_snapshot
from tests.support.raw_frames import AT_MS, AT_NS, compact, make_instrument, raw_book, raw_trades, trade_row

from tradefleet.core.pipeline import RESYNC_PATIENCE_NS, Output, Resubscribe
from tradefleet.core.pipeline_router import FrameRouter
from tradefleet.domain.signals import Signal
from tradefleet.market.faults import Fault
from tradefleet.market.frames import ControlFrame, ControlKind
from tradefleet.spec.market import BookDepth
from tradefleet.spec.strategies import Breakout, Imbalance

BIDS, ASKS = [("10.0", "9")], [("10.1", "1")]


def make_router(depth: BookDepth = BookDepth.LEVELS_50) -> FrameRouter:
    router = FrameRouter(
        [make_instrument("ABCUSDT"), make_instrument("XYZUSDT")],
        make_snapshot(imbalance=Imbalance(enabled=True), depth=depth),
        shard=0,
        instance="i",
    )
    router.set_owner(1)
    return router


def synced_router() -> FrameRouter:
    router = make_router()
    for symbol in ("ABCUSDT", "XYZUSDT"):
        router.feed(raw_book("snapshot", 1, BIDS, ASKS, symbol=symbol), AT_NS)
    return router


def is_stale(router: FrameRouter) -> dict[str, bool]:
    return {symbol: pipeline.book.is_stale for symbol, pipeline in router.pipelines.items()}


def test_the_topics_are_the_book_the_trades_and_the_minute_candles_of_each_symbol() -> None:
    assert make_router(BookDepth.LEVELS_200).topics() == {
        "ABCUSDT": ("orderbook.200.ABCUSDT", "publicTrade.ABCUSDT", "kline.1.ABCUSDT"),
        "XYZUSDT": ("orderbook.200.XYZUSDT", "publicTrade.XYZUSDT", "kline.1.XYZUSDT"),
    }


def test_a_frame_reaches_its_symbol_alone() -> None:
    router = make_router()

    router.feed(raw_book("snapshot", 1, BIDS, ASKS, symbol="XYZUSDT"), AT_NS)

    assert is_stale(router) == {"ABCUSDT": True, "XYZUSDT": False}


def test_a_frame_with_its_keys_in_another_order_reaches_its_symbol_too() -> None:
    router = make_router()
    frame = json.loads(raw_book("snapshot", 1, BIDS, ASKS))

    router.feed(json.dumps({key: frame[key] for key in reversed(frame)}).encode(), AT_NS)

    assert not router.pipelines["ABCUSDT"].book.is_stale


NO_ONES = [
    (b"no json at all", Fault.NOT_JSON),
    (b"", Fault.NOT_JSON),
    (b"[1,2]", Fault.UNEXPECTED_SHAPE),
    (b'{"a":1}', Fault.UNEXPECTED_SHAPE),
    (b'{"op":"auth"}', Fault.UNEXPECTED_SHAPE),
    (b'{"topic":"liquidation.ABCUSDT","data":{}}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"tickers.ABCUSDT","data":{}}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"orderbook.200.ABCUSDT","data":{}}', Fault.UNKNOWN_TOPIC),
    (raw_book("delta", 2, BIDS, ASKS, symbol="NOPEUSDT"), Fault.UNKNOWN_SYMBOL),
    (raw_trades(trade_row(AT_MS, "1", "1", symbol="NOPEUSDT"), symbol="NOPEUSDT"), Fault.UNKNOWN_SYMBOL),
]


@pytest.mark.parametrize(("raw", "fault"), NO_ONES)
def test_a_frame_of_no_one_is_counted_and_disturbs_no_one(raw: bytes, fault: Fault) -> None:
    router = synced_router()

    outputs = router.feed(raw, AT_NS)

    assert list(outputs) == []
    assert router.faults == {fault: 1}
    assert is_stale(router) == {"ABCUSDT": False, "XYZUSDT": False}


BREAKING = [
    (raw_book("delta", 3, [], []), Fault.GAP),
    (raw_book("delta", 2, [("10.1", "1")], []), Fault.CROSSED),
    (raw_book("delta", 2, [("10.0", "-1")], []), Fault.NEGATIVE_SIZE),
    (raw_book("delta", 2, [("10.0", "1" + "0" * 20)], []), Fault.ABSURD_SIZE),
    (raw_book("delta", 2, [], [])[:-7], Fault.NOT_JSON),
]


@pytest.mark.parametrize(("raw", "fault"), BREAKING)
def test_a_frame_that_breaks_a_book_resynchronises_that_book_alone(raw: bytes, fault: Fault) -> None:
    router = synced_router()

    outputs = router.feed(raw, AT_NS)

    assert list(outputs) == [Resubscribe("orderbook.50.ABCUSDT", fault)]
    assert is_stale(router) == {"ABCUSDT": True, "XYZUSDT": False}
    assert router.statuses(AT_NS)[0].faults == {fault.value: 1}


def test_a_contract_whose_tick_changes_goes_on_with_the_new_one_and_the_others_do_not_notice() -> None:
    router = synced_router()
    finer = [("10.00", "9")], [("10.01", "1")]
    router.feed(raw_book("snapshot", 1, *finer), AT_NS)
    assert is_stale(router) == {"ABCUSDT": True, "XYZUSDT": False}
    assert router.off_grid == 1

    outputs = router.refresh([make_instrument("ABCUSDT", tick="0.01"), make_instrument("XYZUSDT")], AT_NS)
    router.feed(raw_book("snapshot", 1, *finer), AT_NS)

    assert outputs == [Resubscribe("orderbook.50.ABCUSDT", Fault.OFF_GRID)]
    assert is_stale(router) == {"ABCUSDT": False, "XYZUSDT": False}
    assert router.pipelines["ABCUSDT"].book.best() == (1000, 1001)
    assert router.off_grid == 1
    assert router.statuses(AT_NS)[0].faults == {"off_grid": 1}


def test_rules_that_are_the_same_restart_no_book() -> None:
    router = synced_router()

    assert router.refresh([make_instrument("ABCUSDT"), make_instrument("NOPEUSDT", tick="9")], AT_NS) == []

    assert is_stale(router) == {"ABCUSDT": False, "XYZUSDT": False}


def test_a_book_that_is_good_begins_anew_when_its_step_changes() -> None:
    router = synced_router()

    outputs = router.refresh([make_instrument("XYZUSDT", step="0.001")], AT_NS)

    assert outputs == [Resubscribe("orderbook.50.XYZUSDT", Fault.OFF_GRID)]
    assert is_stale(router) == {"ABCUSDT": False, "XYZUSDT": True}
    assert router.off_grid == 0


def test_answers_of_the_exchange_are_handed_on() -> None:
    message = "error:handler not found,topic:orderbook.50.ABCUSDT"
    raw = compact({"success": False, "ret_msg": message, "conn_id": "c", "req_id": "7", "op": "subscribe"})

    (answer,) = make_router().feed(raw, AT_NS)

    assert isinstance(answer, ControlFrame)
    assert (answer.kind, answer.request_id, answer.topic) == (
        ControlKind.REFUSED,
        "7",
        "orderbook.50.ABCUSDT",
    )


def test_losing_a_connection_touches_the_topics_that_it_carried() -> None:
    router = synced_router()

    router.lost(["orderbook.50.XYZUSDT", "publicTrade.XYZUSDT", "kline.1.XYZUSDT", "unheard.of"], AT_NS)

    assert is_stale(router) == {"ABCUSDT": False, "XYZUSDT": True}


def test_a_tick_reaches_every_symbol() -> None:
    router = make_router()
    router.tick(AT_NS)

    outputs = router.tick(AT_NS + RESYNC_PATIENCE_NS)

    assert outputs == [
        Resubscribe("orderbook.50.ABCUSDT", Fault.NO_SNAPSHOT),
        Resubscribe("orderbook.50.XYZUSDT", Fault.NO_SNAPSHOT),
    ]


def test_ownership_and_configuration_reach_every_symbol() -> None:
    router = synced_router()
    router.set_owner(4)
    router.configure(make_snapshot(imbalance=Imbalance(enabled=True), generation=9))

    outputs: list[Output] = []
    for symbol in ("ABCUSDT", "XYZUSDT"):
        for update_id, at_ms in ((2, 0), (3, 500)):
            raw = raw_book("delta", update_id, BIDS, [], symbol=symbol, at_ms=AT_MS + at_ms)
            outputs.extend(router.feed(raw, AT_NS))

    signals = [output for output in outputs if isinstance(output, Signal)]
    assert [(signal.symbol, signal.owner_epoch, signal.generation) for signal in signals] == [
        ("ABCUSDT", 4, 9),
        ("XYZUSDT", 4, 9),
    ]


def test_the_router_is_warm_when_every_symbol_is() -> None:
    router = make_router()

    router.feed(raw_book("snapshot", 1, BIDS, ASKS), AT_NS)
    half = router.is_warm
    router.feed(raw_book("snapshot", 1, BIDS, ASKS, symbol="XYZUSDT"), AT_NS)

    assert (half, router.is_warm) == (False, True)


def test_history_is_asked_for_by_symbol() -> None:
    router = make_router()
    router.configure(make_snapshot(breakout=Breakout(enabled=True)))

    assert {request.symbol for request in router.needs(AT_NS)} == {"ABCUSDT", "XYZUSDT"}
    with pytest.raises(KeyError):
        router.seed("NOPEUSDT", [], AT_NS)
