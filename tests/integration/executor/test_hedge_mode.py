"""A hedged account in real processes: two strategies hold a long and a short leg of one symbol."""

import asyncio
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import KEY, SECRET, SYMBOL, ExecutorProcess, World

from tradefleet.domain.signals import Target
from tradefleet.services.fleet.latches import engage_kill_switch, until_flat
from tradefleet.spec.market import Exchange, PositionMode
from tradefleet.spec.strategies import Breakout, Imbalance, Strategies
from tradefleet.spec.trading import Risk

pytestmark = pytest.mark.process

SYMBOLS = (SYMBOL, "SOLUSDT")
HEDGED = Exchange(position_mode=PositionMode.HEDGE)
BOTH = Strategies(imbalance=Imbalance(enabled=True), breakout=Breakout(enabled=True))
OPENER = {1: "imbalance", 2: "breakout"}
WISH = {1: Target.LONG, 2: Target.SHORT}


@pytest.fixture
async def hedged(world: World) -> World:
    """The account is in hedge mode, and so is the bot."""
    for symbol in SYMBOLS:
        await world.say("switch_position_mode", symbol=symbol, mode=3)
    world.configure(exchange=HEDGED, strategies=BOTH, risk=Risk(max_positions_per_symbol=2))
    return world


async def command(world: World, what: str, **body: Any) -> None:
    """What the exchange does of itself, at once."""
    url = f"http://{world.address}/simulator/account/{what}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.status == 200, await response.text()


async def legs(world: World) -> dict[int, dict[str, Any]]:
    """The rows of the legs that are open, by their index."""
    rows = await world.ask("get_positions", symbol=SYMBOL)
    return {row["positionIdx"]: row for row in rows if Decimal(row["size"])}


async def held(world: World, *indices: int) -> bool:
    """Exactly these legs are open, each with its stop."""
    found = await legs(world)
    return set(found) == set(indices) and all(Decimal(row["stopLoss"] or 0) for row in found.values())


async def wish(world: World, index: int, target: Target | None = None) -> None:
    """The strategy of this leg wants it opened, or something else."""
    await world.bus.publish(world.signal(target or WISH[index], strategy=OPENER[index]))


async def both(world: World) -> ExecutorProcess:
    """An executor that holds both legs, knows it and has written it."""
    executor = world.start()
    await world.ready(executor)
    for index in OPENER:
        await wish(world, index)
        await eventually(lambda index=index: held(world, *range(1, index + 1)))
    await executor.until(lambda status: len(status["positions"]) == 2)
    await eventually(lambda: agree(world))
    return executor


async def agree(world: World) -> bool:
    """Each leg is the exchange's, and the day's cash is exactly what all executions did to the wallet."""
    executions = await world.ask("get_executions", limit=100)
    cash = sum(Decimal(row.get("execPnl") or 0) - Decimal(row["execFee"]) for row in executions)
    (kept,) = await world.rows("SELECT payload->>'cash' AS cash FROM baselines")
    ours = {
        row["position_idx"]: row["size"]
        for row in await world.rows("SELECT position_idx, size FROM positions WHERE size <> 0")
    }
    theirs = {
        index: Decimal(row["size"]) * (1 if row["side"] == "Buy" else -1)
        for index, row in (await legs(world)).items()
    }
    return Decimal(kept["cash"]) == cash and ours == theirs


async def test_two_strategies_hold_both_legs_and_one_of_them_ends_alone(hedged: World) -> None:
    executor = await both(hedged)

    found = await legs(hedged)
    assert {index: row["side"] for index, row in found.items()} == {1: "Buy", 2: "Sell"}
    assert Decimal(found[1]["stopLoss"]) < Decimal(found[1]["avgPrice"])
    assert Decimal(found[2]["stopLoss"]) > Decimal(found[2]["avgPrice"])
    plans = await hedged.rows(
        "SELECT position_idx, payload->'plan'->>'strategy' AS strategy FROM positions ORDER BY position_idx"
    )
    assert {row["position_idx"]: row["strategy"] for row in plans} == OPENER

    await wish(hedged, 2, Target.FLAT)
    await eventually(lambda: held(hedged, 1))
    await eventually(lambda: agree(hedged))

    await wish(hedged, 1, Target.SHORT)
    await eventually(lambda: held(hedged))
    await eventually(lambda: agree(hedged))
    assert executor.status()["latches"] == []
    assert len(await hedged.orders()) == 4


async def test_a_successor_of_a_killed_leader_keeps_both_legs(hedged: World) -> None:
    executor = await both(hedged)

    executor.kill()
    successor = hedged.start()
    await hedged.ready(successor)

    assert await held(hedged, 1, 2)
    await eventually(lambda: agree(hedged))
    await wish(hedged, 1, Target.FLAT)
    await eventually(lambda: held(hedged, 2))
    assert len(await hedged.orders()) == 3
    assert successor.status()["latches"] == []


@pytest.mark.parametrize("point", ["order.written", "order.sent", "execution.received"])
async def test_a_kill_while_the_second_leg_is_opened_doubles_and_loses_nothing(
    hedged: World, point: str
) -> None:
    first = hedged.start()
    await hedged.ready(first)
    await wish(hedged, 1)
    await eventually(lambda: held(hedged, 1))
    await eventually(lambda: agree(hedged))
    first.kill()
    doomed = hedged.start(point)
    await hedged.ready(doomed)
    await wish(hedged, 2)
    await hedged.hit(point)

    doomed.kill()
    successor = hedged.start()
    await hedged.ready(successor)

    expected = (1,) if point == "order.written" else (1, 2)
    await eventually(lambda: held(hedged, *expected))
    await eventually(lambda: agree(hedged))
    assert len(await hedged.orders()) == len(expected)
    assert successor.status()["latches"] == []


async def test_a_stop_that_somebody_removed_from_one_leg_stands_again_on_that_leg(hedged: World) -> None:
    await both(hedged)
    before = await legs(hedged)

    await hedged.say("set_trading_stop", symbol=SYMBOL, positionIdx=2, tpslMode="Full", stopLoss="0")
    await eventually(lambda: held(hedged, 1, 2))

    assert {i: row["stopLoss"] for i, row in (await legs(hedged)).items()} == {
        i: row["stopLoss"] for i, row in before.items()
    }


async def test_the_kill_switch_closes_both_legs(hedged: World) -> None:
    executor = await both(hedged)

    _, account = await engage_kill_switch(hedged.dsn, "a test", "cli:me", None)
    seconds = await until_flat(hedged.dsn, account, 40.0)

    assert seconds is not None
    assert await legs(hedged) == {}
    await executor.until(lambda found: found["kill_switch"]["seconds_to_flat"] is not None)
    assert await hedged.ask("get_open_orders", settleCoin="USDT") == []
    assert len(await hedged.orders()) == 4
    await eventually(lambda: agree(hedged))
    print(f"\nboth legs flat {seconds:.2f} s after the command")


async def test_flatten_closes_both_legs_with_nothing_but_the_exchange(hedged: World) -> None:
    executor = await both(hedged)
    executor.kill()

    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tradefleet", "flatten", "--rest", f"http://{hedged.address}", "--yes"],
        env={**os.environ, "TRADEFLEET_API_KEY": KEY, "TRADEFLEET_API_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{SYMBOL}/1, reduce-only" in ended.stdout + ended.stderr
    assert f"{SYMBOL}/2, reduce-only" in ended.stdout + ended.stderr
    assert await legs(hedged) == {}
    assert await hedged.ask("get_open_orders", settleCoin="USDT") == []
    successor = hedged.start()
    await hedged.ready(successor)
    await eventually(lambda: agree(hedged))


async def test_the_days_money_is_exact_over_both_legs(hedged: World) -> None:
    executor = await both(hedged)

    await command(hedged, "funding", symbol=SYMBOL, rate="0.001")
    await command(hedged, "adl", symbol=SYMBOL, positionIdx=2, qty="0.01")
    await eventually(lambda: agree(hedged))

    rows = await hedged.rows("SELECT side, exec_type FROM executions")
    assert sorted(row["side"] for row in rows if row["exec_type"] == "Funding") == ["Buy", "Sell"]
    assert [row["side"] for row in rows if row["exec_type"] == "AdlTrade"] == ["Buy"]
    assert executor.status()["latches"] == []
    await executor.until(lambda status: status["may_open"])


async def test_a_loss_beyond_the_limit_closes_both_legs(hedged: World) -> None:
    hedged.configure(
        exchange=HEDGED,
        strategies=BOTH,
        risk=Risk(max_positions_per_symbol=2, max_daily_loss=Decimal("0.0005")),
    )
    executor = await both(hedged)
    short = Decimal((await legs(hedged))[2]["size"])

    # Of equal legs one is paid what the other pays: now the long one pays more.
    await command(hedged, "adl", symbol=SYMBOL, positionIdx=2, qty=f"{short - Decimal('0.01'):f}")
    await command(hedged, "funding", symbol=SYMBOL, rate="0.08")

    await executor.until(lambda found: any(one.startswith("daily-loss") for one in found["latches"]))
    await eventually(lambda: held(hedged))
    await eventually(lambda: agree(hedged))


@pytest.mark.parametrize("bot_is_hedged", [False, True])
async def test_an_account_in_the_other_mode_is_refused_and_stays_as_it_is(
    world: World, bot_is_hedged: bool
) -> None:
    if bot_is_hedged:
        world.configure(exchange=HEDGED)
    else:
        await world.say("switch_position_mode", symbol=SYMBOL, mode=3)
    before = await world.ask("get_positions", symbol=SYMBOL)

    executor = world.start()

    assert await executor.ends() == 1
    said = executor.lines()[-1]
    have, want, mode = ("one-way", "hedge", 3) if bot_is_hedged else ("hedge", "one-way", 0)
    assert f"in {have} mode, but spec.exchange.positionMode is" in said
    assert f"switch to {want} mode (POST /v5/position/switch-mode, mode {mode})" in said
    assert [row["positionIdx"] for row in await world.ask("get_positions", symbol=SYMBOL)] == [
        row["positionIdx"] for row in before
    ]
    assert await world.orders() == []
