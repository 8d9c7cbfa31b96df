"""One symbol by itself: the proof that nothing is held there, or that it cannot be had."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from tests.support.simulated_account import KEY, SECRET, SimulatedAccount

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.order_client import OPEN_ORDERS
from tradefleet.adapters.bybit.symbol_reads import SymbolReads

POSITIONS = "/v5/position/list"


@pytest.fixture
async def reads(served: SimulatedAccount) -> AsyncIterator[SymbolReads]:
    async with SymbolReads(served.rest, KEY, SECRET) as ours:
        yield ours


def create(served: SimulatedAccount, **body: Any) -> None:
    asked = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.01", "orderType": "Market"}
    served.exchange.create({**asked, **body})


async def test_a_flat_symbol_has_a_row_that_says_so(served: SimulatedAccount, reads: SymbolReads) -> None:
    shown = await reads.read("BTCUSDT")

    assert [(row.key.symbol, row.size) for row in shown.positions] == [("BTCUSDT", 0)]
    assert (shown.orders, shown.unclear) == ((), ())


async def test_what_is_held_and_its_orders_are_shown(served: SimulatedAccount, reads: SymbolReads) -> None:
    create(served, stopLoss="59000")

    shown = await reads.read("BTCUSDT")

    assert [row.size > 0 for row in shown.positions] == [True]
    assert [(o.symbol, o.reduce_only, o.stop_order_type) for o in shown.orders] == [
        ("BTCUSDT", True, "StopLoss")
    ]


async def test_orders_are_read_before_the_position_beside_which_they_stand(
    served: SimulatedAccount, reads: SymbolReads
) -> None:
    await reads.read("BTCUSDT")

    assert served.paths() == [OPEN_ORDERS, POSITIONS]


@pytest.mark.parametrize("broken", [OPEN_ORDERS, POSITIONS])
async def test_half_a_reading_is_none(served: SimulatedAccount, reads: SymbolReads, broken: str) -> None:
    served.trouble = lambda request: web.Response(status=503) if request.path == broken else None

    with pytest.raises(Unreadable):
        await reads.read("BTCUSDT")


@pytest.mark.parametrize("row", [{"symbol": "BTCUSDT", "size": "one"}, {"symbol": "BTCUSDT"}])
async def test_a_position_that_is_not_understood_proves_nothing(
    served: SimulatedAccount, reads: SymbolReads, row: dict[str, str]
) -> None:
    answer = {"retCode": 0, "retMsg": "OK", "result": {"list": [row]}, "retExtInfo": {}, "time": 1}
    served.trouble = lambda request: web.json_response(answer) if request.path == POSITIONS else None

    with pytest.raises(Unreadable, match="position of BTCUSDT"):
        await reads.read("BTCUSDT")


async def test_an_order_that_is_not_understood_is_named(served: SimulatedAccount, reads: SymbolReads) -> None:
    row = {"symbol": "BTCUSDT", "orderId": "odd", "reduceOnly": True, "timeInForce": "RPI"}
    answer = {"retCode": 0, "retMsg": "OK", "result": {"list": [row]}, "retExtInfo": {}, "time": 1}
    served.trouble = lambda request: web.json_response(answer) if request.path == OPEN_ORDERS else None

    shown = await reads.read("BTCUSDT")

    assert [(row.order_id, row.reduce_only) for row in shown.unclear] == [("odd", True)]
