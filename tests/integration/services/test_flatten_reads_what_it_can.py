"""The way out before an exchange with words that we do not know, or half broken: the rest is closed."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable
from tradefleet.services import way_out_rounds
from tradefleet.services.flatten import Flattened, Settings, flatten

ORDER: dict[str, Any] = {
    "symbol": "ETHUSDT",
    "orderId": "o-1",
    "orderLinkId": "",
    "side": "Sell",
    "orderType": "Limit",
    "timeInForce": "GTC",
    "orderStatus": "New",
    "reduceOnly": False,
    "qty": "1",
    "price": "3000",
    "cumExecQty": "0",
    "avgPrice": "",
    "stopOrderType": "",
    "triggerPrice": "",
    "createType": "CreateByUser",
    "cancelType": "UNKNOWN",
    "rejectReason": "EC_NoError",
    "createdTime": "1796086281608",
    "updatedTime": "1796086281608",
    "positionIdx": 0,
    "marketUnit": "",
}
POSITION: dict[str, Any] = {
    "symbol": "ETHUSDT",
    "positionIdx": 0,
    "side": "Buy",
    "size": "1",
    "avgPrice": "2000",
    "markPrice": "2000",
    "stopLoss": "",
    "takeProfit": "",
    "leverage": "10",
    "seq": 1,
    "updatedTime": "1796086281608",
}
OTHER_POSITION = POSITION | {"symbol": "BTCUSDT", "side": "Sell", "size": "0.5"}
BROKEN = {"retCode": 10016, "retMsg": "Server error", "result": {}, "retExtInfo": {}, "time": 1}
MISSING = object()


class Stub:
    """Lists as a test wants them; what is taken away is gone, what changes anything is kept."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.positions: list[dict[str, Any]] = []
        self.broken: set[tuple[str, str]] = set()
        self.refuse_sizes = False
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.address = ""

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/v5/")
        if request.method == "POST":
            return self._post(path, json.loads(await request.text()))
        if path == "market/time":
            return _said({"timeSecond": str(int(time.time())), "timeNano": str(time.time_ns())})
        coin = request.query.get("settleCoin", "")
        if (path, coin) in self.broken:
            return web.json_response(BROKEN)
        symbol = request.query.get("symbol")
        rows = {"order/realtime": self.orders, "position/list": self.positions}.get(path, [])
        if symbol:
            rows = [row for row in rows if row["symbol"] == symbol]
            if path == "position/list" and not rows:
                rows = [POSITION | {"symbol": symbol, "side": "", "size": "0"}]
        return _said({"list": rows if symbol or coin == "USDT" else [], "nextPageCursor": ""})

    def _post(self, path: str, body: dict[str, Any]) -> web.Response:
        self.posts.append((path, body))
        if path == "order/cancel":
            self.orders = [row for row in self.orders if row.get("orderId") != body["orderId"]]
            return _said({"orderId": body["orderId"], "orderLinkId": ""})
        if path == "order/cancel-all":
            taken = [row for row in self.orders if row["orderStatus"] != "Untriggered"]
            self.orders = [row for row in self.orders if row not in taken]
            return _said({"list": [], "success": "1"})
        if path == "order/create":
            if self.refuse_sizes and body["qty"] != "0":
                return web.json_response(BROKEN | {"retCode": 10001, "retMsg": "Qty invalid"})
            self.positions = [row for row in self.positions if row["symbol"] != body["symbol"]]
            return _said({"orderId": "x", "orderLinkId": body["orderLinkId"]})
        return web.json_response(BROKEN | {"retCode": 10016})

    def closed(self) -> set[str]:
        return {body["symbol"] for path, body in self.posts if path == "order/create"}


def _said(result: dict[str, Any]) -> web.Response:
    now = int(time.time() * 1000)
    return web.json_response({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now})


@pytest.fixture
async def stub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stub]:
    async def no_rules(*_: object) -> None:
        raise ExchangeUnreachable("of no interest here")

    monkeypatch.setattr(way_out_rounds, "listed", no_rules)
    found = Stub()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.address = "http://{}:{}".format(*runner.addresses[0][:2])
    yield found
    await runner.cleanup()


async def flattened(stub: Stub, patience_s: float = 6.0) -> tuple[Flattened, list[str]]:
    said: list[str] = []
    settings = Settings(rest=stub.address, key="k", secret="s", patience_s=patience_s, clear_for_s=0.5)
    return await flatten(settings, said.append), said


def changed(row: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    rest = {name: kept for name, kept in row.items() if name != field}
    return rest if value is MISSING else {**rest, field: value}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeInForce", "RPI"),
        ("orderStatus", "PendingNew"),
        ("orderType", "Iceberg"),
        ("side", "Short"),
        ("stopOrderType", MISSING),
        ("stopOrderType", 7),
        ("positionIdx", "three"),
        ("reduceOnly", "false"),
        ("qty", "one"),
        ("qty", MISSING),
        ("price", "1e999999"),
        ("createdTime", "yesterday"),
        ("category", "perpetual"),
    ],
)
async def test_a_word_in_an_order_that_we_do_not_know_keeps_no_position_open(
    stub: Stub, field: str, value: object
) -> None:
    stub.orders = [changed(ORDER, field, value)]
    stub.positions = [POSITION, OTHER_POSITION]

    ended, _ = await flattened(stub, 2.0)

    assert stub.closed() == {"ETHUSDT", "BTCUSDT"}
    assert ended.seconds_to_flat is not None


@pytest.mark.parametrize(
    ("field", "value", "itself"),
    [
        ("avgPrice", "a lot", True),
        ("markPrice", MISSING, True),
        ("leverage", "NaN", True),
        ("seq", "first", True),
        ("updatedTime", MISSING, True),
        ("category", "perpetual", True),
        ("positionIdx", "three", True),
        ("side", "Long", False),
        ("size", "one", False),
        ("size", MISSING, False),
        ("symbol", MISSING, False),
    ],
)
async def test_a_word_in_a_position_that_we_do_not_know_keeps_no_other_open(
    stub: Stub, field: str, value: object, itself: bool
) -> None:
    stub.positions = [changed(POSITION, field, value), OTHER_POSITION]
    if field == "symbol":
        stub.positions[0]["symbol"] = ""

    ended, said = await flattened(stub, 2.0)

    assert "BTCUSDT" in stub.closed()
    assert ("ETHUSDT" in stub.closed()) is itself
    if not itself:
        assert (ended.clear, ended.seconds_to_flat) == (False, None)
        assert any("is not understood" in line for line in said)


async def test_an_entry_that_is_not_understood_is_cancelled_by_its_id_and_the_account_is_clear(
    stub: Stub,
) -> None:
    stub.orders, stub.positions = [ORDER | {"timeInForce": "RPI"}], [POSITION]

    ended, _ = await flattened(stub)

    assert ended.clear
    assert ("order/cancel", "o-1") in [(path, body.get("orderId")) for path, body in stub.posts]


async def test_an_order_that_cannot_be_named_is_said_and_the_account_is_not_clear(stub: Stub) -> None:
    stub.orders, stub.positions = [changed(ORDER, "orderId", MISSING)], [POSITION]

    ended, said = await flattened(stub, 2.0)

    assert stub.closed() == {"ETHUSDT"}
    assert not ended.clear
    assert any("order row of ETHUSDT is not understood" in line for line in said)


@pytest.mark.parametrize("path", ["order/realtime", "position/list"])
async def test_a_list_of_one_coin_that_fails_holds_nothing_of_the_other_back(stub: Stub, path: str) -> None:
    stub.orders, stub.positions = [ORDER], [POSITION]
    stub.broken = {(path, "USDC")}

    ended, said = await flattened(stub, 2.0)

    assert stub.closed() == {"ETHUSDT"}
    assert stub.orders == []
    assert not ended.clear
    assert any("in USDC" in line for line in said)


async def test_without_any_list_of_orders_the_active_ones_are_cancelled_once(stub: Stub) -> None:
    stub.orders, stub.positions = [ORDER], [POSITION]
    stub.broken = {("order/realtime", "USDT")}

    await flattened(stub, 2.5)

    cancels = [body for path, body in stub.posts if path == "order/cancel-all"]
    assert cancels == [{"category": "linear", "settleCoin": "USDT", "orderFilter": "Order"}]
    assert stub.closed() == {"ETHUSDT"}


async def test_what_only_reduces_goes_last_by_its_id_and_beside_a_reading_of_its_symbol(stub: Stub) -> None:
    stop = ORDER | {"orderId": "s", "reduceOnly": True, "orderStatus": "Untriggered", "triggerPrice": "1"}
    target = ORDER | {"orderId": "t", "reduceOnly": True}
    stub.orders, stub.positions = [ORDER, stop, target], [POSITION]

    ended, _ = await flattened(stub)

    assert ended.clear
    order = [(path, body.get("orderId", "")) for path, body in stub.posts]
    assert order == [
        ("order/cancel", "o-1"),
        ("order/create", ""),
        ("order/cancel", "s"),
        ("order/cancel", "t"),
    ]


async def test_a_close_that_is_refused_for_its_size_closes_all_that_is_there(stub: Stub) -> None:
    stub.positions, stub.refuse_sizes = [POSITION | {"size": "0.0004"}], True

    ended, _ = await flattened(stub)

    assert ended.clear
    bodies = [body for path, body in stub.posts if path == "order/create"]
    assert [(body["qty"], body.get("closeOnTrigger")) for body in bodies] == [("0.0004", None), ("0", True)]
    assert all(body["reduceOnly"] for body in bodies)
