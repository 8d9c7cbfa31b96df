"""One question of the exchange's that is not answered keeps a new leader from nothing but what needs it.

A first executor has opened a position and is gone; the kill switch is engaged; the next one starts while one
path of the exchange is broken. It leads the account that the journal knows and closes the position.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from tests.support.exchange_proxy import ExchangeProxy
from tests.support.executor_world import World, eventually

from tradefleet.domain.signals import Target
from tradefleet.services.fleet.latches import engage_kill_switch

pytestmark = pytest.mark.process


async def _broken() -> web.Response:
    refusal = {"retCode": 10016, "retMsg": "Server error", "result": {}, "retExtInfo": {}}
    return web.json_response({**refusal, "time": time.time_ns() // 1_000_000})


async def _busy() -> web.Response:
    return web.Response(status=503, text="<html>")


async def _hangs() -> web.Response:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits for so long")


def _always(path: str, answer: Callable[[], Awaitable[web.Response]]) -> Any:
    async def instead(asked: str) -> web.Response | None:
        return await answer() if asked == path else None

    return instead


FEE = "/v5/account/fee-rate"
KEY = "/v5/user/query-api"
INFO = "/v5/account/info"
TIME = "/v5/market/time"
RULES = "/v5/market/instruments-info"
POSITIONS = "/v5/position/list"
ORDERS = "/v5/order/realtime"
WALLET = "/v5/account/wallet-balance"
EXECUTIONS = "/v5/execution/list"


def _long(*row: object) -> Any:
    """A row that another one stands for in `make test`."""
    return pytest.param(*row, marks=pytest.mark.long)


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[ExchangeProxy]:
    proxy = await ExchangeProxy.before(f"http://{world.address}", time.time_ns)
    yield proxy
    await proxy.close()


async def _left_with_a_position(world: World, rest: str) -> None:
    first = world.start(rest=rest)
    await world.ready(first)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await first.until(lambda status: status["positions"])
    await asyncio.sleep(0.2)  # the batch that holds the position is written
    first.kill()


async def _is_flat(world: World) -> bool:
    return await world.position() == 0


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        _long(FEE, _broken),
        (FEE, _hangs),
        _long(KEY, _busy),
        (KEY, _hangs),
        _long(INFO, _broken),
        _long(TIME, _hangs),
        (TIME, _broken),
        (RULES, _broken),
        _long(RULES, _hangs),
        _long(POSITIONS, _busy),
        (POSITIONS, _hangs),
        _long(ORDERS, _broken),
        (ORDERS, _hangs),
        (WALLET, _broken),
        _long(WALLET, _hangs),
        _long(EXECUTIONS, _busy),
        (EXECUTIONS, _hangs),
    ],
)
async def test_a_new_leader_closes_while_one_question_is_not_answered(
    world: World, proxy: ExchangeProxy, path: str, answer: Callable[[], Awaitable[web.Response]]
) -> None:
    await _left_with_a_position(world, proxy.url)
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)

    proxy.instead = _always(path, answer)
    second = world.start(rest=proxy.url)

    await eventually(lambda: _is_flat(world))
    status = await second.until(lambda status: not status["positions"])
    assert status["leading"]
    assert not status["may_open"]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        _long(POSITIONS, {"leverage": "ten"}),
        (POSITIONS, {"updatedTime": "yesterday"}),
        (ORDERS, {"orderStatus": "Asleep"}),
        _long(EXECUTIONS, {"execType": "Odd"}),
        _long(WALLET, {"coin": "none"}),
        _long(RULES, {"status": "Settling"}),
        (FEE, {"takerFeeRate": "much"}),
    ],
)
async def test_a_new_leader_closes_while_rows_are_not_understood(
    world: World, proxy: ExchangeProxy, path: str, word: dict[str, Any]
) -> None:
    await _left_with_a_position(world, proxy.url)
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)

    def spoil(asked: str, result: dict[str, Any]) -> None:
        for row in result.get("list", ()) if asked == path else ():
            row |= word

    proxy.rewrite = spoil
    second = world.start(rest=proxy.url)

    await eventually(lambda: _is_flat(world))
    assert (await second.until(lambda status: status["leading"]))["leading"]
