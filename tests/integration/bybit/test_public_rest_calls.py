"""The public REST calls against a server with prepared answers."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tradefleet.adapters.bybit.public_rest import (
    ExchangeUnreachable,
    UnknownSymbols,
    clock_offset_ns,
    instruments,
    klines,
    listed,
    quotes,
)
from tradefleet.market.bars import HistoryRequest
from tradefleet.spec.strategies import Timeframe

Answer = Callable[[web.Request], Any]
Serve = Callable[[Answer], Awaitable[str]]

MINUTE_NS = 60_000_000_000


def row(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "Trading",
        "baseCoin": symbol.removesuffix("USDT"),
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {
            "qtyStep": "0.001",
            "minOrderQty": "0.001",
            "maxOrderQty": "100",
            "maxMktOrderQty": "10",
            "minNotionalValue": "5",
        },
        "leverageFilter": {"maxLeverage": "100"},
        "riskParameters": {"priceLimitRatioX": "0.01"},
    }


def good(result: Any) -> web.Response:
    return web.json_response({"retCode": 0, "retMsg": "OK", "result": result})


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(answer: Answer) -> str:
        async def handle(request: web.Request) -> Any:
            return answer(request)

        app = web.Application()
        app.router.add_get("/{path:.*}", handle)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_contracts_are_found_on_every_page_in_the_order_asked_for(serve: Serve) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.query.get("cursor") == "last=B":
            return good({"list": [row("ETHUSDT")], "nextPageCursor": ""})
        return good({"list": [row("BTCUSDT")], "nextPageCursor": "last%3DB"})

    found = await instruments(await serve(answer), "linear", ["ETHUSDT", "BTCUSDT"])

    assert [(one.symbol, one.category, str(one.tick_size)) for one in found] == [
        ("ETHUSDT", "linear", "0.10"),
        ("BTCUSDT", "linear", "0.10"),
    ]


async def test_symbols_that_are_not_traded_are_all_named_with_the_nearest(serve: Serve) -> None:
    url = await serve(lambda request: good({"list": [row("BTCUSDT"), row("ETHUSDT")]}))

    with pytest.raises(UnknownSymbols) as raised:
        await instruments(url, "linear", ["BTCUSD", "ETHUSDT", "XYZ123"])

    assert raised.value.unknown == ("BTCUSD", "XYZ123")
    assert "BTCUSD is not traded; did you mean BTCUSDT?, XYZ123 is not traded (of 2" in str(raised.value)


async def test_whoever_goes_on_without_a_symbol_hears_which(serve: Serve) -> None:
    url = await serve(lambda request: good({"list": [row("BTCUSDT"), row("ETHUSDT")]}))

    found = await listed(url, "linear", ["BTCUSD", "ETHUSDT"])

    assert [rules.symbol for rules in found.rules] == ["ETHUSDT"]
    assert "BTCUSD is not traded; did you mean BTCUSDT?" in found.unknown
    assert (await listed(url, "linear", ["ETHUSDT"])).unknown == ""


async def test_a_row_that_cannot_be_read_keeps_out_its_own_contract_alone(serve: Serve) -> None:
    rows = [
        row("NEWUSDT") | {"status": "Settling"},
        row("ODDUSDT") | {"priceFilter": {"tickSize": ""}},
        "no row at all",
        {"status": "Trading"},
        row("BTCUSDT"),
    ]
    url = await serve(lambda request: good({"list": rows}))

    found = await listed(url, "linear", ["NEWUSDT", "ODDUSDT", "BTCUSDT"])

    assert [rules.symbol for rules in found.rules] == ["BTCUSDT"]
    assert "instrument NEWUSDT: Invalid enum value 'Settling'" in found.unreadable
    assert "ODDUSDT is not traded until it is readable" in found.unreadable
    assert found.unknown == ""
    assert [(rules.symbol, rules.status.value) for rules in found.closing] == [("NEWUSDT", "unknown")]


async def test_a_contract_without_a_tick_is_not_guessed(serve: Serve) -> None:
    broken = row("BTCUSDT") | {"priceFilter": {"tickSize": "0"}}
    url = await serve(lambda request: good({"list": [broken]}))

    with pytest.raises(ExchangeUnreachable, match="BTCUSDT: tickSize 0 is not above 0"):
        await instruments(url, "linear", ["BTCUSDT"])


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "Settling"},
        {"priceFilter": {"tickSize": ""}},
        {"leverageFilter": None},
        {"lotSizeFilter": {}},
        {"riskParameters": {"priceLimitRatioX": "much"}},
    ],
)
async def test_one_contract_that_is_not_understood_is_named_and_the_others_are_there(
    serve: Serve, broken: dict[str, Any]
) -> None:
    rows = [row("BTCUSDT"), row("NEWUSDT") | broken, "no row", {"status": "Trading"}]
    url = await serve(lambda request: good({"list": rows}))

    found = await listed(url, "linear", ["BTCUSDT", "NEWUSDT", "XYZUSDT"])

    assert [rules.symbol for rules in found.rules] == ["BTCUSDT"]
    assert "NEWUSDT" in found.unreadable
    assert "NEWUSDT" not in found.unknown
    assert "XYZUSDT is not traded" in found.unknown
    assert found.unreadable in found.trouble


async def test_prices_of_all_contracts_come_by_one_call_and_what_is_none_is_left_out(serve: Serve) -> None:
    rows = [
        {"symbol": "A", "markPrice": "1.5", "bid1Price": "1.4", "ask1Price": "1.6", "lastPrice": "1.5"},
        {"symbol": "B", "markPrice": "", "bid1Price": "0", "ask1Price": "-1", "lastPrice": 7},
        "no row",
        {"markPrice": "1"},
    ]
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return good({"list": rows})

    found = await quotes(await serve(answer), "linear")

    assert asked == ["/v5/market/tickers?category=linear"]
    assert sorted(found) == ["A", "B"]
    assert [str(price) for price in (found["A"].mark, found["A"].bid, found["A"].ask, found["A"].last)] == [
        "1.5",
        "1.4",
        "1.6",
        "1.5",
    ]
    assert (found["B"].mark, found["B"].bid, found["B"].ask, found["B"].last) == (None, None, None, None)


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"status": 502, "text": "<html>"}, "HTTP status 502"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "HTTP status 302"),
        ({"text": "<html>"}, "not JSON"),
        ({"text": '{"retCode": 10006, "retMsg": "Too many visits!"}'}, "10006 Too many visits!"),
        ({"text": '{"retCode": 0, "result": {}}'}, "without a list"),
    ],
)
async def test_whatever_is_no_answer_is_said_as_such(
    serve: Serve, response: dict[str, Any], said: str
) -> None:
    url = await serve(lambda request: web.Response(**response))

    with pytest.raises(ExchangeUnreachable, match=said):
        await instruments(url, "linear", ["BTCUSDT"])


async def test_an_address_where_nobody_listens_is_named() -> None:
    with pytest.raises(ExchangeUnreachable, match=r"127\.0\.0\.1:9/v5/market/time"):
        await clock_offset_ns("http://127.0.0.1:9")


async def test_candles_come_oldest_first_and_a_row_that_is_none_is_said(serve: Serve) -> None:
    candles = [["60000", "1", "2", "1", "2", "5", "7"], ["0", "1", "1", "1", "1", "0", "0"]]
    url = await serve(lambda request: good({"list": candles}))
    request = HistoryRequest("BTCUSDT", Timeframe.M1, 0, 2 * MINUTE_NS)

    found = await klines(url, "linear", request)
    candles[0][2] = "0.5"

    assert [candle.start_ns for candle in found] == [0, MINUTE_NS]
    with pytest.raises(ExchangeUnreachable, match="candles of BTCUSDT"):
        await klines(url, "linear", request)


async def test_the_clock_s_offset_is_the_exchange_s_minus_ours(serve: Serve) -> None:
    ahead_ns = 3_600_000_000_000
    url = await serve(lambda request: good({"timeNano": str(time.time_ns() + ahead_ns)}))

    assert abs(await clock_offset_ns(url) - ahead_ns) < 1_000_000_000
