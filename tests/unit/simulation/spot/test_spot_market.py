"""The replayed spot market says what was recorded, in spot's own manner."""

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradefleet.market.bybit_codec import BybitCodec
from tradefleet.market.bybit_instruments import BadInstrument, instrument_of
from tradefleet.market.faults import BadFrame
from tradefleet.market.frames import BookFrame, ControlFrame, TickerFrame, TradesFrame
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording
from tradefleet.simulation.server.public_rest import PublicRest
from tradefleet.simulation.server.requests import Request, ack, pong

START_NS = 1_800_000_000_000_000_000
PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "market"
STREAMS = ("orderbook.200", "orderbook.1", "publicTrade", "tickers", "kline.1")
Frame = dict[str, Any]


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def shape(frame: Frame) -> str:
    data = frame["data"][0] if isinstance(frame["data"], list) else frame["data"]
    return str((list(frame), list(data)))


@pytest.fixture(scope="module")
def market(spot_recording: Recording) -> ReplayMarket:
    market = ReplayMarket(spot_recording, start_ns=START_NS)
    for name in [f"{stream}.{symbol}" for stream in STREAMS for symbol in market.symbols]:
        topic = market.topic(name)
        assert topic is not None
        market.watch(topic)
    return market


@pytest.fixture(scope="module")
def served(market: ReplayMarket, spot_recording: Recording) -> dict[str, list[Frame]]:
    """Two laps by stream."""
    grouped: dict[str, list[Frame]] = defaultdict(list)
    for frame in market.advance_to(START_NS + 2 * spot_recording.length_ms * 1_000_000):
        grouped[frame.topic.rpartition(".")[0]].append(json.loads(frame.payload))
    return grouped


@pytest.mark.parametrize("stream", ["orderbook.200", "publicTrade", "tickers", "kline.1"])
def test_spot_frames_have_the_recorded_keys_in_the_recorded_order(
    served: dict[str, list[Frame]], spot_frames: list[Frame], stream: str
) -> None:
    recorded = {shape(frame) for frame in spot_frames if frame["topic"].startswith(stream)}

    assert {shape(frame) for frame in served[stream]} == recorded


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("orderbook.1", "real_2026_spot_orderbook1"),
        ("publicTrade", "real_2026_spot_publicTrade"),
        ("tickers", "real_2026_spot_ticker"),
    ],
)
def test_spot_frames_have_the_keys_of_other_recordings(
    served: dict[str, list[Frame]], stream: str, name: str
) -> None:
    found = payload(name)
    recorded = found[0] if isinstance(found, list) else found

    assert shape(served[stream][0]) == shape(recorded)


def test_a_lap_says_the_recorded_tickers_and_trades(
    served: dict[str, list[Frame]], spot_frames: list[Frame]
) -> None:
    tickers = [frame["data"] for frame in spot_frames if frame["topic"] == "tickers.BTCUSDT"]
    trades = [
        (row["p"], row["v"], row["S"])
        for frame in spot_frames
        if frame["topic"] == "publicTrade.BTCUSDT"
        for row in frame["data"]
    ]

    said = [frame["data"] for frame in served["tickers"] if frame["topic"] == "tickers.BTCUSDT"]
    sold = [
        (row["p"], row["v"], row["S"])
        for frame in served["publicTrade"]
        if frame["topic"] == "publicTrade.BTCUSDT"
        for row in frame["data"]
    ]

    assert said[: len(tickers) - 1] == tickers[1:]  # the first stood there before anybody listened
    assert sold[: len(trades)] == trades


def test_spot_trade_ids_are_numbers_that_never_repeat(served: dict[str, list[Frame]]) -> None:
    ids = [row["i"] for frame in served["publicTrade"] for row in frame["data"]]

    assert all(one.isdigit() and len(one) == 19 for one in ids)
    assert len(set(ids)) == len(ids)


def test_the_mark_of_a_pair_is_its_last_price(market: ReplayMarket) -> None:
    assert market.mark_price("BTCUSDT") == market.index_price("BTCUSDT") > 0
    assert market.funding("BTCUSDT") is None


def test_every_recorded_spot_frame_is_read_by_the_codec(
    spot_lines: list[tuple[int, bytes]], spot_recording: Recording
) -> None:
    codec = BybitCodec(
        instrument_of(spot_recording.instrument_rows[symbol], "spot") for symbol in spot_recording.tracks
    )

    read = [codec.decode(raw, seen) for seen, raw in spot_lines]

    assert [frame for frame in read if isinstance(frame, BadFrame)] == []
    kinds = {kind: sum(isinstance(frame, kind) for frame in read) for kind in (BookFrame, TradesFrame)}
    assert kinds == {BookFrame: 550, TradesFrame: 18}
    tickers = [frame for frame in read if isinstance(frame, TickerFrame)]
    assert len(tickers) == 81
    assert all(frame.last_price and frame.mark_price is None for frame in tickers)
    assert sum(isinstance(frame, ControlFrame) for frame in read) == 7


def test_the_rules_of_a_pair_are_read(spot_recording: Recording) -> None:
    pair = instrument_of(spot_recording.instrument_rows["BTCUSDT"], "spot")

    assert (pair.category, pair.settle_coin, pair.max_leverage) == ("spot", "USDT", 1)
    assert (pair.qty_step, pair.quote_step) == (Decimal("0.000001"), Decimal("0.0000001"))
    assert (pair.min_notional, pair.max_market_qty, pair.max_limit_qty) == (5, 120, 230)


def test_the_band_of_a_pair_ends_on_the_tick_inside(spot_recording: Recording) -> None:
    pair = instrument_of(spot_recording.instrument_rows["BTCUSDT"], "spot")

    assert pair.band(Decimal("65140.5")) == (Decimal("64814.8"), Decimal("65466.2"))


def test_all_recorded_pairs_are_read(spot_recording: Recording) -> None:
    pairs = [instrument_of(row, "spot") for row in spot_recording.instrument_rows.values()]

    assert len(pairs) == 557


def test_a_pair_without_a_grid_is_refused_by_name(spot_recording: Recording) -> None:
    row = spot_recording.instrument_rows["BTCUSDT"]
    broken = {**row, "lotSizeFilter": {**row["lotSizeFilter"], "quotePrecision": "0"}}

    with pytest.raises(BadInstrument, match="BTCUSDT: quotePrecision 0 is not above 0"):
        instrument_of(broken, "spot")


def test_acks_are_those_recorded_of_spot() -> None:
    asked, seen = (each["frame"] for each in payload("real_2026_spot_sub_ack_numeric_reqid"))
    request = Request("subscribe", str(asked["req_id"]), tuple(asked["args"]))
    too_many = payload("real_sub_args_too_many_spot")

    assert json.loads(ack(request, seen["conn_id"], spot=True)) == seen
    many = Request("subscribe", too_many["req_id"], ())
    assert json.loads(ack(many, too_many["conn_id"], "args size >10", spot=True)) == too_many


def test_without_a_request_id_spot_leaves_it_out(spot_lines: list[tuple[int, bytes]]) -> None:
    recorded = json.loads(spot_lines[0][1])
    request = Request("subscribe", "", ())

    assert json.loads(ack(request, recorded["conn_id"], spot=True)) == recorded
    assert list(json.loads(pong(request, "c", spot=True))) == ["success", "ret_msg", "conn_id", "op"]


def test_rest_tickers_of_spot_have_the_documented_fields(market: ReplayMarket) -> None:
    rest = PublicRest(market, market)
    (documented,) = payload("net_ExchangeData_GetSpotTickers")["response"]["result"]["list"]

    answer: Any = rest.tickers({"category": "spot", "symbol": "BTCUSDT"})

    (row,) = answer["list"]
    assert list(row) == list(documented)
    assert Decimal(row["bid1Price"]) < Decimal(row["ask1Price"])


@pytest.mark.usefixtures("served")
def test_rest_lists_pairs_without_pages_and_at_most_sixty_trades(market: ReplayMarket) -> None:
    rest = PublicRest(market, market)

    pairs: Any = rest.instruments({"category": "spot", "limit": "1"})
    trades: Any = rest.recent_trades({"category": "spot", "symbol": "BTCUSDT", "limit": "1000"})
    book: Any = rest.order_book({"category": "spot", "symbol": "BTCUSDT"})

    assert list(pairs) == ["category", "list"]
    assert [row["symbol"] for row in pairs["list"]] == ["BTCUSDT", "ETHUSDT"]
    assert 0 < len(trades["list"]) <= 60
    assert (len(book["b"]), len(book["a"])) == (1, 1)
