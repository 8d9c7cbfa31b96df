"""Somebody trades spot on the bot's account: its positions, limits and orders go on as before."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest
from pybit.unified_trading import HTTP
from tests.support.executor_world import KEY, SECRET, SYMBOL, ExecutorProcess, World, eventually

from tradefleet.domain.signals import Target
from tradefleet.services.fleet.latches import engage_kill_switch, until_flat
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_spot_recording
from tradefleet.spec.trading import Risk

pytestmark = pytest.mark.process

PAIR = {"category": "spot", "symbol": "BTCUSDT"}


@pytest.fixture
def spot() -> ReplayMarket | None:
    return ReplayMarket(load_spot_recording(), start_ns=time.time_ns(), clock=time.time_ns)


def somebody(world: World) -> Any:
    """Another user of the account, by hand."""
    session = HTTP(api_key=KEY, api_secret=SECRET)
    session.endpoint = f"http://{world.address}"
    return session


async def holding(world: World) -> ExecutorProcess:
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await executor.until(lambda status: status["positions"])
    return executor


def spent(world: World) -> Decimal:
    return -world.exchange.engine.state.wallet.spot


async def test_a_foreign_spot_purchase_is_no_loss_and_halts_nothing(world: World) -> None:
    world.configure(risk=Risk(max_daily_loss=Decimal("0.05")))
    executor = await holding(world)
    size = await world.position()

    await asyncio.to_thread(somebody(world).place_order, **PAIR, side="Buy", orderType="Market", qty="4000")
    status = await executor.until(lambda found: Decimal(found["transfers_today"] or 0) == -spent(world))

    assert spent(world) > 3000
    assert status["latches"] == []
    assert Decimal(status["daily_loss"]) < Decimal("0.01")
    await executor.until(lambda found: found["may_open"])
    assert await world.position() == size
    assert await world.rows("SELECT DISTINCT symbol, category FROM positions") == [
        {"symbol": SYMBOL, "category": "linear"}
    ]


async def test_foreign_spot_orders_rest_while_the_bot_closes(world: World) -> None:
    executor = await holding(world)
    order = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "60000", "orderLinkId": "theirs"}
    await asyncio.to_thread(somebody(world).place_order, **PAIR, **order)

    await world.bus.publish(world.signal(Target.FLAT))
    await executor.until(lambda found: not found["positions"])

    orders = await asyncio.to_thread(somebody(world).get_open_orders, **PAIR)
    assert [row["orderLinkId"] for row in orders["result"]["list"]] == ["theirs"]
    assert executor.status()["may_open"]


async def test_a_sale_of_coins_hides_no_loss(world: World) -> None:
    world.configure(risk=Risk(max_daily_loss=Decimal("0.0005")))
    world.exchange.transfer(Decimal("0.5"), "BTC")
    executor = await holding(world)
    await asyncio.to_thread(somebody(world).place_order, **PAIR, side="Sell", orderType="Market", qty="0.2")
    await executor.until(lambda found: Decimal(found["transfers_today"] or 0) == -spent(world) > 0)

    world.exchange.fund(SYMBOL, Decimal("0.06"))

    await executor.until(lambda found: any(one.startswith("daily-loss") for one in found["latches"]))


async def test_the_kill_switch_is_flat_while_coins_and_their_orders_stay(world: World) -> None:
    world.exchange.transfer(Decimal("0.5"), "BTC")
    await holding(world)
    order = {"side": "Sell", "orderType": "Market", "qty": "0.2", "triggerPrice": "50000"}
    await asyncio.to_thread(
        somebody(world).place_order, **PAIR, **order, orderFilter="tpslOrder", orderLinkId="theirs"
    )

    _, account = await engage_kill_switch(world.dsn, "a test", "cli:me", None)

    assert await until_flat(world.dsn, account, 40.0) is not None
    assert await world.position() == 0
    found = await asyncio.to_thread(somebody(world).get_open_orders, **PAIR)
    assert [row["orderLinkId"] for row in found["result"]["list"]] == ["theirs"]
