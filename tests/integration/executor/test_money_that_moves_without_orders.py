"""Funding, deleveraging, take-over, transfers: size, the day's result and the daily loss stay exact."""

import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import SYMBOL, ExecutorProcess, World, can_open

from tradefleet.domain.signals import Target
from tradefleet.services import audit_command
from tradefleet.spec.trading import Risk, Sizing

pytestmark = pytest.mark.process


QUOTIENT = Decimal("1e-20")
"""The entry price of several fills is a quotient, of which we keep 34 digits."""


async def command(world: World, what: str, **body: Any) -> dict[str, Any]:
    """What the exchange does of itself, at once."""
    url = f"http://{world.address}/simulator/account/{what}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def holding(world: World) -> ExecutorProcess:
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await executor.until(lambda status: status["positions"])
    return executor


async def agree(world: World, executor: ExecutorProcess) -> bool:
    """Sizes are the exchange's, and the day's cash is exactly what its executions did to the wallet."""
    executions = await world.ask("get_executions", limit=100)
    cash = sum(Decimal(row.get("execPnl") or 0) - Decimal(row["execFee"]) for row in executions)
    (kept,) = await world.rows("SELECT payload->>'cash' AS cash FROM baselines")
    held = await world.rows(f"SELECT size FROM positions WHERE symbol = '{SYMBOL}'")
    return abs(Decimal(kept["cash"]) - cash) < QUOTIENT and held == [{"size": await world.position()}]


async def test_funding_moves_money_and_no_size(world: World) -> None:
    executor = await holding(world)
    size = await world.position()

    await command(world, "funding", symbol=SYMBOL, rate="0.001")
    await eventually(lambda: agree(world, executor))

    assert await world.position() == size
    funded = await world.rows("SELECT qty, fee FROM executions WHERE exec_type = 'Funding'")
    assert [row["qty"] for row in funded] == [size]
    assert executor.status()["fills"] == 1
    assert executor.status()["may_open"]


async def test_funding_beyond_the_limit_closes_everything(world: World) -> None:
    world.configure(risk=Risk(max_daily_loss=Decimal("0.0005")))
    executor = await holding(world)

    await command(world, "funding", symbol=SYMBOL, rate="0.06")

    status = await executor.until(lambda found: any(one.startswith("daily-loss") for one in found["latches"]))
    await eventually(lambda: flat(world))
    assert Decimal(status["daily_loss"]) >= Decimal("0.0005")
    await eventually(lambda: agree(world, executor))


async def test_a_loss_beyond_the_limit_latches_at_once_without_shards_and_bus(world: World) -> None:
    world.configure(risk=Risk(max_daily_loss=Decimal("0.0005")))
    executor = await holding(world)
    world.valkey.kill()
    await executor.until(lambda found: found["stores"]["redis"] == "down")

    await command(world, "funding", symbol=SYMBOL, rate="0.06")
    began = time.monotonic()

    await executor.until(lambda found: any(one.startswith("daily-loss") for one in found["latches"]))
    print(f"\nlatched {time.monotonic() - began:.2f} s after the loss")
    await eventually(lambda: flat(world))


async def flat(world: World) -> bool:
    return await world.position() == 0


async def test_a_part_that_is_deleveraged_is_counted_once(world: World) -> None:
    executor = await holding(world)
    size = await world.position()

    await command(world, "adl", symbol=SYMBOL, qty="0.01")
    await eventually(lambda: agree(world, executor))

    assert await world.position() == size - Decimal("0.01")
    types = {row["exec_type"] for row in await world.rows("SELECT exec_type FROM executions")}
    assert "AdlTrade" in types


async def test_a_liquidation_is_told_and_size_and_the_days_result_are_exact(world: World) -> None:
    world.configure(sizing=Sizing(equity_fraction=Decimal("0.5")))
    executor = await holding(world)
    size = await world.position()
    paid = Decimal(executor.status()["equity"]) * Decimal("0.999")
    rate = paid / (size * world.market.mark_price(SYMBOL))

    await command(world, "funding", symbol=SYMBOL, rate=f"{rate:.6f}")

    status = await executor.until(lambda found: found["errors"].get("liquidated"))
    assert await world.position() == 0
    await eventually(lambda: agree(world, executor))
    taken = await world.rows("SELECT qty, side FROM executions WHERE exec_type = 'BustTrade'")
    assert taken == [{"qty": size, "side": "Sell"}]
    status = await executor.until(lambda found: any(one.startswith("daily-loss") for one in found["latches"]))
    assert Decimal(status["daily_loss"]) > Decimal("0.99")
    await executor.until(lambda found: found["positions"] == [] and found["open_intents"] == 0)
    # All that is left of the account is what the day did not take.
    last = executor.status()
    begun, result = Decimal(last["baseline"]), Decimal(last["result_today"])
    assert abs(Decimal(last["equity"]) - begun - result) < QUOTIENT
    told = await audit_command.show(world.dsn, SYMBOL)
    assert sum("which took the position over: liquidation" in one for one in told) == 1


async def test_a_liquidation_that_nobody_saw_is_counted_by_the_next_leader(world: World) -> None:
    world.configure(sizing=Sizing(equity_fraction=Decimal("0.5")))
    executor = await holding(world)
    size = await world.position()
    paid = Decimal(executor.status()["equity"]) * Decimal("0.999")
    executor.kill()

    rate = paid / (size * world.market.mark_price(SYMBOL))
    await command(world, "funding", symbol=SYMBOL, rate=f"{rate:.6f}")
    successor = world.start()

    await successor.until(lambda found: found["errors"].get("liquidated"))
    await eventually(lambda: agree(world, successor))
    assert not successor.status()["errors"].get("position_mismatch")


async def test_a_withdrawal_is_a_transfer_and_no_loss(world: World) -> None:
    executor = await holding(world)

    await command(world, "transfer", amount="-4000")
    status = await executor.until(lambda found: found["transfers_today"] == "-4000")

    assert status["latches"] == []
    assert Decimal(status["daily_loss"]) < Decimal("0.001")
    await executor.until(can_open)
    assert Decimal(executor.status()["equity"]) < 6001


async def test_a_deposit_hides_no_loss(world: World) -> None:
    world.configure(risk=Risk(max_daily_loss=Decimal("0.0005")))
    executor = await holding(world)
    await command(world, "transfer", amount="50000")
    await executor.until(lambda found: found["transfers_today"] == "50000")

    await command(world, "funding", symbol=SYMBOL, rate="0.06")

    await executor.until(lambda found: any(one.startswith("daily-loss") for one in found["latches"]))


async def test_the_days_result_goes_on_over_a_restart(world: World) -> None:
    executor = await holding(world)
    await command(world, "funding", symbol=SYMBOL, rate="0.01")
    await eventually(lambda: agree(world, executor))
    (before,) = await world.rows("SELECT payload FROM baselines")
    executor.kill()

    successor = world.start()
    await successor.until(lambda found: found["leading"] and found["result_today"])

    assert await world.rows("SELECT payload FROM baselines") == [before]
    assert Decimal(successor.status()["result_today"]) < 0
    await eventually(lambda: agree(world, successor))
