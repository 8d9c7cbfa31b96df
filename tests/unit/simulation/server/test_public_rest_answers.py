"""Results of the public endpoints, without a server: fields, order, limits, refusals."""

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradefleet.simulation.market.candles import MINUTE_MS
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording
from tradefleet.simulation.server.envelope import Refusal
from tradefleet.simulation.server.public_rest import PublicRest

PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "market"
START_NS = 1_800_000_000_000_000_000
NOW_MS = START_NS // 1_000_000 + 100_000

# Keys of the documentation's examples (no licence to copy the payloads themselves).
DOCUMENTED_TICKER = {
    *("symbol", "lastPrice", "indexPrice", "markPrice", "prevPrice24h", "price24hPcnt", "highPrice24h"),
    *("lowPrice24h", "prevPrice1h", "openInterest", "openInterestValue", "turnover24h", "volume24h"),
    *("fundingRate", "nextFundingTime", "predictedDeliveryPrice", "basisRate", "deliveryFeeRate"),
    *("deliveryTime", "ask1Size", "bid1Price", "ask1Price", "bid1Size", "basis", "preOpenPrice", "preQty"),
    *("curPreListingPhase", "fundingIntervalHour", "basisRateYear", "fundingCap"),
}
DOCUMENTED_TRADE = {
    *("execId", "symbol", "price", "size", "side", "time", "isBlockTrade", "isRPITrade", "seq"),
}
DOCUMENTED_BOOK = {"s", "a", "b", "ts", "u", "seq", "cts"}


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def recording() -> Recording:
    return load_recording()


@pytest.fixture(scope="module")
def market(recording: Recording) -> ReplayMarket:
    """A hundred seconds old, with ten minutes of history and two copies."""
    market = ReplayMarket(recording, start_ns=START_NS, copies=2, history_ns=600_000_000_000)
    market.advance_to(NOW_MS * 1_000_000)
    return market


@pytest.fixture(scope="module")
def rest(market: ReplayMarket) -> PublicRest:
    return PublicRest(market)


def test_time_is_the_simulators_clock(rest: PublicRest) -> None:
    result: Any = rest.time({})

    assert result == {"timeSecond": str(NOW_MS // 1000), "timeNano": str(NOW_MS * 1_000_000)}
    assert result.keys() == payload("ccxt_fetch_time")["result"].keys()


def test_instruments_are_exactly_what_can_be_traded(rest: PublicRest, market: ReplayMarket) -> None:
    result: Any = rest.instruments({"category": "linear"})

    assert [row["symbol"] for row in result["list"]] == list(market.symbols)
    assert len(result["list"]) == 12
    assert result["category"] == "linear"
    assert result["nextPageCursor"] == ""


def test_instrument_rows_have_every_recorded_field(rest: PublicRest, recording: Recording) -> None:
    result: Any = rest.instruments({"category": "linear"})

    recorded = recording.instrument_rows["BTCUSDT"]
    for row in result["list"]:
        assert list(row) == list(recorded)
        assert row["lotSizeFilter"].keys() == recorded["lotSizeFilter"].keys()
    (fixture,) = payload("net_ExchangeData_GetLinearInverseSymbols")["response"]["result"]["list"]
    assert fixture.keys() <= recorded.keys()


def test_instruments_come_in_pages_whose_cursor_survives_being_encoded_again(
    rest: PublicRest, market: ReplayMarket
) -> None:
    seen: list[str] = []
    cursor = ""
    for again in (False, True, False):
        page: Any = rest.instruments({"category": "linear", "limit": "5", "cursor": cursor})
        seen += [row["symbol"] for row in page["list"]]
        cursor = page["nextPageCursor"].replace("%3D", "=") if again else page["nextPageCursor"]

    assert seen == list(market.symbols)
    assert cursor == ""


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"baseCoin": "SOL"}, ["SOLUSDT"]),
        ({"status": "PreLaunch"}, []),
        ({"status": "Trading", "baseCoin": "BTCCOPY1"}, ["BTCCOPY1USDT"]),
    ],
)
def test_instruments_are_filtered(rest: PublicRest, query: dict[str, str], symbols: list[str]) -> None:
    result: Any = rest.instruments({"category": "linear", **query})

    assert [row["symbol"] for row in result["list"]] == symbols


@pytest.mark.parametrize("category", ["spot", "inverse", "option"])
def test_other_categories_exist_and_are_empty(rest: PublicRest, category: str) -> None:
    for result in (rest.instruments({"category": category}), rest.tickers({"category": category})):
        assert result["category"] == category  # type: ignore[index]
        assert result["list"] == []  # type: ignore[index]


def test_tickers_have_every_documented_field(rest: PublicRest, market: ReplayMarket) -> None:
    result: Any = rest.tickers({"category": "linear"})

    assert [row["symbol"] for row in result["list"]] == list(market.symbols)
    (fixture,) = payload("net_ExchangeData_GetLinearInverseTickers")["response"]["result"]["list"]
    for row in result["list"]:
        assert row.keys() == DOCUMENTED_TICKER
        assert fixture.keys() <= row.keys()
        assert all(isinstance(value, str) for value in row.values())
        assert int(row["nextFundingTime"]) > NOW_MS
        assert Decimal(row["markPrice"]) == market.mark_price(row["symbol"])


def test_one_ticker_can_be_asked_for(rest: PublicRest) -> None:
    result: Any = rest.tickers({"category": "linear", "symbol": "DOGECOPY2USDT"})

    assert [row["symbol"] for row in result["list"]] == ["DOGECOPY2USDT"]


def test_the_order_book_is_the_top_of_the_two_hundred(rest: PublicRest, market: ReplayMarket) -> None:
    book: Any = rest.order_book({"category": "linear", "symbol": "BTCUSDT"})
    whole: Any = rest.order_book({"category": "linear", "symbol": "BTCUSDT", "limit": "1000"})

    assert book.keys() == DOCUMENTED_BOOK
    assert payload("real_2024_orderbook_linear")["result"].keys() <= book.keys()
    assert (len(book["b"]), len(book["a"]), len(whole["b"])) == (25, 25, 200)
    assert whole["b"][:25] == book["b"]
    bids = [Decimal(price) for price, _ in whole["b"]]
    assert bids == sorted(bids, reverse=True)
    assert bids[0] < Decimal(whole["a"][0][0])
    assert book["cts"] <= book["ts"] <= NOW_MS
    topic = market.topic("orderbook.200.BTCUSDT")
    assert topic is not None
    assert json.loads(market.snapshot(topic) or b"")["data"]["u"] == book["u"]


def test_klines_come_newest_first_with_seven_texts(rest: PublicRest) -> None:
    result: Any = rest.klines({"category": "linear", "symbol": "SOLUSDT", "interval": "1", "limit": "5"})

    recorded = payload("real_2024_kline_linear")["result"]
    assert result.keys() == recorded.keys()
    rows = result["list"]
    newest = NOW_MS - NOW_MS % MINUTE_MS
    assert [int(row[0]) for row in rows] == [newest - place * MINUTE_MS for place in range(5)]
    assert all(len(row) == len(recorded["list"][0]) for row in rows)
    assert all(isinstance(text, str) for row in rows for text in row)
    for newer, older in itertools.pairwise(rows):
        assert newer[1] == older[4]


def test_klines_are_bounded_by_start_and_end(rest: PublicRest) -> None:
    newest = NOW_MS - NOW_MS % MINUTE_MS

    def starts(**query: object) -> list[int]:
        named = {name: str(value) for name, value in query.items()}
        result: Any = rest.klines({"symbol": "ETHUSDT", "interval": "1", **named})
        return [(int(row[0]) - newest) // MINUTE_MS for row in result["list"]]

    first = newest - 5 * MINUTE_MS
    assert starts(start=first) == [0, -1, -2, -3, -4, -5]
    assert starts(start=first, limit=2) == [-4, -5]
    assert starts(start=first, end=newest, limit=2) == [0, -1]
    assert starts(start=first, end=newest - 3 * MINUTE_MS) == [-3, -4, -5]
    assert starts(end=newest - 4 * MINUTE_MS, limit=1) == [-4]
    assert starts(start=newest, end=newest - MINUTE_MS) == []


def test_recent_trades_come_newest_first(rest: PublicRest, market: ReplayMarket) -> None:
    result: Any = rest.recent_trades({"category": "linear", "symbol": "SOLUSDT", "limit": "50"})

    rows = result["list"]
    assert len(rows) == 50
    (fixture,) = payload("net_ExchangeData_GetTradeHistory")["response"]["result"]["list"]
    assert all(row.keys() == DOCUMENTED_TRADE >= fixture.keys() for row in rows)
    times = [int(row["time"]) for row in rows]
    assert times == sorted(times, reverse=True)
    assert times[0] <= NOW_MS
    assert Decimal(rows[0]["price"]) == market.last_price("SOLUSDT")


@pytest.mark.parametrize(
    ("endpoint", "query", "reason"),
    [
        ("instruments", {}, "category is missing"),
        ("instruments", {"category": "perp"}, "Illegal category"),
        ("instruments", {"category": "linear", "limit": "1001"}, "limit 1001 is not in 1..1000"),
        ("instruments", {"category": "linear", "limit": "many"}, "limit 'many' is not a whole number"),
        ("instruments", {"category": "linear", "symbol": "NOPEUSDT"}, "symbol invalid, NOPEUSDT"),
        ("instruments", {"category": "linear", "status": "Open"}, "status Open is none of"),
        ("instruments", {"category": "linear", "cursor": "page2"}, "cursor 'page2' is not one of ours"),
        ("tickers", {"category": "linear", "symbol": "btcusdt"}, "symbol invalid, btcusdt"),
        ("klines", {"symbol": "BTCUSDT"}, "interval is missing"),
        ("klines", {"symbol": "BTCUSDT", "interval": "2"}, "interval 2 is none of 1, 3, 5"),
        ("klines", {"interval": "1"}, "symbol is missing"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1", "start": "-1"}, "start -1 is not in"),
        (
            "order_book",
            {"category": "linear", "symbol": "BTCUSDT", "limit": "0"},
            "limit 0 is not in 1..1000",
        ),
        ("order_book", {"category": "spot", "symbol": "BTCUSDT"}, r"not traded here \(spot\)"),
        ("recent_trades", {"category": "linear", "symbol": "NOPEUSDT"}, "symbol invalid, NOPEUSDT"),
    ],
)
def test_wrong_parameters_are_refused_with_10001_and_the_reason(
    rest: PublicRest, endpoint: str, query: dict[str, str], reason: str
) -> None:
    with pytest.raises(Refusal, match=reason) as refused:
        getattr(rest, endpoint)(query)

    assert refused.value.code == 10001


def test_an_illegal_category_is_refused_in_the_exchanges_words(rest: PublicRest) -> None:
    with pytest.raises(Refusal) as refused:
        rest.tickers({"category": "swap"})

    seen = payload("real_error_10001_illegal_category")
    assert (refused.value.code, refused.value.message) == (seen["retCode"], seen["retMsg"])
