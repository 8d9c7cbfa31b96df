"""Bybit's public frames: bytes to values, and every kind of nonsense to its reason."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.raw_frames import (
    AT_MS,
    AT_NS,
    compact,
    kline_row,
    make_instrument,
    raw_book,
    raw_kline,
    raw_trades,
    trade_row,
)
from tests.support.recorded import recorded_frames, recorded_instruments

from tradefleet.domain.orders import Side
from tradefleet.market import bybit_wire as wire
from tradefleet.market.bybit_codec import BybitCodec, fast_topic
from tradefleet.market.faults import BadFrame, Fault
from tradefleet.market.frames import (
    BookFrame,
    ControlFrame,
    ControlKind,
    KlineFrame,
    KlineRow,
    TickerFrame,
    TradesFrame,
)
from tradefleet.market.sequence import FrameKind

PAYLOADS = Path(__file__).parents[2] / "fixtures" / "bybit-payloads" / "market"
GOOD_BOOK = json.loads(raw_book("delta", 7, [("10.0", "1.00")], [("10.1", "0")]))
GOOD_TRADES = json.loads(raw_trades(trade_row(AT_MS, "10.1", "0.05")))
GOOD_KLINE = json.loads(
    raw_kline(
        kline_row(AT_MS, ("10", "10.2", "9.9", "10.1"), "3", "30.3", confirm=True), at_ms=AT_MS + 60_441
    )
)


@pytest.fixture
def codec() -> BybitCodec:
    return BybitCodec([make_instrument()])


def test_every_recorded_frame_is_read() -> None:
    codec = BybitCodec(recorded_instruments().values())

    kinds = Counter(type(codec.decode(raw, seen)).__name__ for seen, raw in recorded_frames())

    assert kinds == {
        "BookFrame": 1598,
        "TickerFrame": 758,
        "TradesFrame": 102,
        "KlineFrame": 71,
        "ControlFrame": 17,
    }


def test_the_order_of_keys_changes_nothing() -> None:
    codec = BybitCodec(recorded_instruments().values())

    for seen, raw in recorded_frames()[::7]:
        frame = json.loads(raw)
        turned = json.dumps({key: frame[key] for key in reversed(frame)}, indent=1).encode()
        assert codec.decode(turned, seen) == codec.decode(raw, seen)


def test_a_book_frame_holds_ticks_and_steps(codec: BybitCodec) -> None:
    raw = raw_book("delta", 7, [("10.0", "1.00"), ("9.90", "0")], [("10.1", "0.05")], seq=99)

    assert codec.decode(raw, AT_NS + 5) == BookFrame(
        symbol="ABCUSDT",
        kind=FrameKind.DELTA,
        update_id=7,
        cross_seq=99,
        bids=((100, 100), (99, 0)),
        asks=((101, 5),),
        at_ns=AT_NS,
        seen_ns=AT_NS + 5,
    )


def test_a_trades_frame_holds_every_trade(codec: BybitCodec) -> None:
    raw = raw_trades(
        trade_row(AT_MS, "10.1", "0.05"), trade_row(AT_MS + 1, "10.0", "2", side="Sell", BT=True, RPI=True)
    )

    frame = codec.decode(raw, AT_NS)

    assert isinstance(frame, TradesFrame)
    first, second = frame.trades
    assert (first.ticks, first.steps, first.taker, first.is_block, first.is_rpi) == (
        101,
        5,
        Side.BUY,
        False,
        False,
    )
    assert (second.ticks, second.steps, second.taker, second.is_block, second.is_rpi) == (
        100,
        200,
        Side.SELL,
        True,
        True,
    )
    assert (first.at_ns, second.at_ns, frame.at_ns) == (AT_NS, AT_NS + 10**6, AT_NS + 10**6)


def test_a_ticker_delta_names_only_what_changed(codec: BybitCodec) -> None:
    raw = compact(
        {
            "topic": "tickers.ABCUSDT",
            "type": "delta",
            "data": {
                "symbol": "ABCUSDT",
                "markPrice": "10.123456",
                "fundingRate": "-0.0001",
                "nextFundingTime": "",
            },
            "cs": 1,
            "ts": AT_MS,
        }
    )

    frame = codec.decode(raw, AT_NS)

    assert isinstance(frame, TickerFrame)
    assert (frame.kind, frame.mark_price, frame.funding_rate) == (
        FrameKind.DELTA,
        Decimal("10.123456"),
        Decimal("-0.0001"),
    )
    unchanged = (frame.last_price, frame.index_price, frame.bid_price, frame.ask_size, frame.next_funding_ns)
    assert unchanged == (None,) * 5


def test_a_kline_frame_says_which_candles_are_final(codec: BybitCodec) -> None:
    frame = codec.decode(compact(GOOD_KLINE), AT_NS)

    assert isinstance(frame, KlineFrame)
    assert frame.interval == "1"
    assert frame.rows == (
        KlineRow(
            start_ns=AT_NS,
            end_ns=AT_NS + 60 * 10**9,
            open=Decimal(10),
            high=Decimal("10.2"),
            low=Decimal("9.9"),
            close=Decimal("10.1"),
            volume=Decimal(3),
            turnover=Decimal("30.3"),
            confirmed=True,
        ),
    )


def changed(frame: dict[str, Any], path: str, value: object) -> bytes:
    """The frame with the field at `path` (dots, digits for list positions) replaced, or dropped."""
    copy = json.loads(json.dumps(frame))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = copy
    for part in parents:
        place = place[part]
    if value is DROPPED:
        del place[last]
    else:
        place[last] = value
    return compact(copy)


DROPPED = object()


def far_kline() -> bytes:
    """A candle that begins two hours from now."""
    start = AT_MS + 7_200_000
    return raw_kline(kline_row(start, ("1", "1", "1", "1"), "1", "1", confirm=True), at_ms=AT_MS)


BAD_CASES = [
    (b"", Fault.NOT_JSON),
    (b"hello", Fault.NOT_JSON),
    (b"{", Fault.NOT_JSON),
    (b"\xff\xfe\x00", Fault.NOT_JSON),
    (b'{"topic":"orderbook.50.ABCUSDT","type":"delta","ts":1', Fault.NOT_JSON),
    (b'{"topic":"orderbook.50.ABCUSDT","type":"\xff"}', Fault.NOT_JSON),
    (b"42", Fault.UNEXPECTED_SHAPE),
    (b"[]", Fault.UNEXPECTED_SHAPE),
    (b"{}", Fault.UNEXPECTED_SHAPE),
    (b'{"op":"auth","success":true}', Fault.UNEXPECTED_SHAPE),
    (b'{"topic":7}', Fault.UNEXPECTED_SHAPE),
    (b'{"topic":"liquidation.ABCUSDT"}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"orderbook.500.ABCUSDT"}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"orderbook.ABCUSDT"}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"kline.2.ABCUSDT"}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"."}', Fault.UNKNOWN_TOPIC),
    (b'{"topic":"orderbook.50.NOPEUSDT"}', Fault.UNKNOWN_SYMBOL),
    (b'{"topic":"publicTrade."}', Fault.UNKNOWN_SYMBOL),
    (b'{"topic":"orderbook.50.ABCUSDT","x":' + b"[" * 100_000, Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data", DROPPED), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.u", DROPPED), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.u", "7"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.u", -7), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.u", 2**80), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "type", "news"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.s", "XYZUSDT"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.b.0", ["10.0"]), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.b.0", ["10.0", "1", "2"]), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.b.0.1", 1.0), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.b.0.1", "one"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_BOOK, "data.b.0.1", "-1"), Fault.NEGATIVE_SIZE),
    (changed(GOOD_BOOK, "data.b.0.1", "1" + "0" * 30), Fault.ABSURD_SIZE),
    (changed(GOOD_BOOK, "data.b.0.1", "0.001"), Fault.OFF_GRID),
    (changed(GOOD_BOOK, "data.a.0.0", "10.15"), Fault.OFF_GRID),
    (changed(GOOD_BOOK, "data.a.0.0", "0"), Fault.ABSURD_PRICE),
    (changed(GOOD_BOOK, "data.a.0.0", "-10.1"), Fault.ABSURD_PRICE),
    (changed(GOOD_BOOK, "data.a.0.0", "9" * 20), Fault.ABSURD_PRICE),
    (changed(GOOD_BOOK, "cts", 0), Fault.ABSURD_TIME),
    (changed(GOOD_BOOK, "cts", AT_MS + 3_700_000), Fault.ABSURD_TIME),
    (changed(GOOD_BOOK, "cts", 10**15), Fault.UNEXPECTED_SHAPE),
    (raw_book("snapshot", 7, [("9.9", "1"), ("10.0", "1")], []), Fault.UNEXPECTED_SHAPE),
    (raw_book("snapshot", 7, [], [("10.0", "1"), ("9.9", "1")]), Fault.UNEXPECTED_SHAPE),
    (raw_book("snapshot", 7, [], [("10.0", "1"), ("10.0", "2")]), Fault.UNEXPECTED_SHAPE),
    (raw_book("snapshot", 7, [("10.0", "0")], []), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_TRADES, "data.0.S", "Both"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_TRADES, "data.0.s", "XYZUSDT"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_TRADES, "data.0.v", "0"), Fault.ABSURD_SIZE),
    (changed(GOOD_TRADES, "data.0.v", "-1"), Fault.NEGATIVE_SIZE),
    (changed(GOOD_TRADES, "data.0.p", "10.05"), Fault.OFF_GRID),
    (changed(GOOD_TRADES, "data.0.T", AT_MS + 4_000_000), Fault.ABSURD_TIME),
    (changed(GOOD_KLINE, "data.0.interval", "5"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_KLINE, "data.0.high", "10.05"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_KLINE, "data.0.low", "10.05"), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_KLINE, "data.0.end", AT_MS - 1), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_KLINE, "data.0.end", AT_MS + 60_000), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_KLINE, "data.0.start", AT_MS + 1), Fault.UNEXPECTED_SHAPE),
    (far_kline(), Fault.ABSURD_TIME),
    (changed(GOOD_KLINE, "data.0.close", ""), Fault.UNEXPECTED_SHAPE),
    (changed(GOOD_KLINE, "data.0.close", "0"), Fault.ABSURD_PRICE),
    (changed(GOOD_KLINE, "data.0.volume", "-3"), Fault.NEGATIVE_SIZE),
]


@pytest.mark.parametrize(("raw", "fault"), BAD_CASES)
def test_a_frame_that_cannot_be_used_becomes_its_reason(codec: BybitCodec, raw: bytes, fault: Fault) -> None:
    frame = codec.decode(raw, AT_NS)

    assert isinstance(frame, BadFrame)
    assert frame.fault is fault
    assert frame.detail


def test_a_repeated_topic_key_deceives_no_one(codec: BybitCodec) -> None:
    # The guess by the first bytes says trades; JSON's last key wins and says a book.
    raw = raw_book("delta", 7, [], []).replace(b"{", b'{"topic":"publicTrade.ABCUSDT",', 1)

    before = codec.decode(raw, AT_NS)
    codec.decode(compact(GOOD_TRADES), AT_NS)
    after = codec.decode(raw, AT_NS)

    assert isinstance(before, BookFrame)
    assert after == before


ANSWERS = [
    ("real_2026_linear_sub_ack_multi.json", ControlKind.SUBSCRIBED, "probe-pp", ""),
    ("real_2026_linear_pong.json", ControlKind.PONG, "ping-pp", ""),
    ("real_2026_sub_unknown_symbol.json", ControlKind.REFUSED, "e1", "orderbook.50.NOPEUSDT"),
    ("real_2026_sub_already_subscribed.json", ControlKind.ALREADY_SUBSCRIBED, "e6", "orderbook.1.ETHUSDT"),
]


@pytest.mark.parametrize(("name", "kind", "request_id", "topic"), ANSWERS)
def test_recorded_answers_say_what_was_answered(
    codec: BybitCodec, name: str, kind: ControlKind, request_id: str, topic: str
) -> None:
    answer = codec.decode((PAYLOADS / name).read_bytes(), AT_NS)

    assert isinstance(answer, ControlFrame)
    assert (answer.kind, answer.request_id, answer.topic) == (kind, request_id, topic)


def test_an_unsubscription_is_answered_too(codec: BybitCodec) -> None:
    answer = codec.decode(
        b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"","op":"unsubscribe"}', AT_NS
    )

    assert isinstance(answer, ControlFrame)
    assert answer.kind is ControlKind.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("request_bytes", "message"),
    [
        (wire.subscribe(["a", "b"], "r1"), {"op": "subscribe", "req_id": "r1", "args": ["a", "b"]}),
        (wire.unsubscribe(["a"], "r2"), {"op": "unsubscribe", "req_id": "r2", "args": ["a"]}),
        (wire.ping(), {"op": "ping"}),
        (wire.ping("p"), {"op": "ping", "req_id": "p"}),
    ],
)
def test_requests_are_written_as_the_exchange_wants_them(request_bytes: bytes, message: object) -> None:
    assert msgspec.json.decode(request_bytes) == message


@pytest.mark.parametrize(
    ("raw", "topic"),
    [
        (b'{"topic":"orderbook.50.X","type"', b"orderbook.50.X"),
        (b'{"ts":1,"topic":"orderbook.50.X"}', b""),
        (b'{"topic": "orderbook.50.X"}', b""),
        (b"", b""),
    ],
)
def test_the_topic_is_guessed_from_the_first_bytes(raw: bytes, topic: bytes) -> None:
    assert fast_topic(raw) == topic
