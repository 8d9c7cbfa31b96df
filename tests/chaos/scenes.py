"""What named scenarios do again and again: hold positions, pause a process, wait for good books."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.fleet import Fleet, Stores, fleet_of, running_stores
from tests.chaos.judge import judge
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.executor_world import ExecutorProcess, can_open

from tradefleet.domain.signals import Target

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
MakeFleet = Callable[..., AbstractAsyncContextManager[Fleet]]


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    """Postgres and Valkey for all scenarios of a run."""
    with running_stores() as stores:
        yield stores


@pytest.fixture
async def fleet(tmp_path: Path, stores: Stores) -> AsyncIterator[Fleet]:
    """Four symbols, default limits, no process yet."""
    async with fleet_of(tmp_path, stores, SYMBOLS) as fleet:
        yield fleet


async def calm(fleet: Fleet, patience_s: float = 40.0) -> None:
    """Both books are good, and somebody leads with nothing under way; else what is wrong."""
    deadline = time.monotonic() + patience_s
    while True:
        rests = [
            executor.status()
            for executor in fleet.executors
            if executor.process.poll() is None and executor.status().get("leading")
        ]
        findings = judge(await fleet.books())
        if rests and rests[0]["open_intents"] == 0 and not findings:
            return
        assert time.monotonic() < deadline, (findings, rests)
        await asyncio.sleep(0.2)


async def hold(fleet: Fleet, *symbols: str, target: Target = Target.LONG) -> None:
    """Positions in these symbols, opened below the exchange's ten creates a second.

    What a signal has not opened after two seconds (refused while the account was compared) is wished again.
    """
    deadline = time.monotonic() + PATIENCE_S
    while missing := [symbol for symbol in symbols if not fleet.exchange_size(symbol)]:
        assert time.monotonic() < deadline, f"never opened: {missing}"
        for symbol in missing:
            await fleet.bus.publish(fleet.signal(target, symbol))
            await asyncio.sleep(0.15)
        again = time.monotonic() + 2.0
        while time.monotonic() < again and not all(map(fleet.exchange_size, missing)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await eventually(lambda: _counted(fleet, len(symbols)))


async def _counted(fleet: Fleet, number: int) -> bool:
    return len(await fleet.rows("SELECT 1 FROM positions WHERE size <> 0")) >= number


def pause(executor: ExecutorProcess) -> None:
    """SIGSTOP."""
    executor.process.send_signal(signal.SIGSTOP)


def wake(fleet: Fleet, executor: ExecutorProcess, failpoint: str) -> None:
    """It passes its failpoint, and SIGCONT."""
    (fleet.folder / f"{failpoint}.go").touch()
    executor.process.send_signal(signal.SIGCONT)


async def takes_over(executor: ExecutorProcess, opens: bool = True) -> dict[str, Any]:
    """It leads, and may open."""
    return await executor.until(can_open if opens else lambda status: status["leading"])


async def flat(fleet: Fleet, symbols: tuple[str, ...], within_s: float) -> float:
    """Seconds until every position is closed; each has its stop until then (`Fleet.watch` looks)."""
    began = time.monotonic()
    while any(fleet.exchange_size(symbol) for symbol in symbols):
        assert time.monotonic() - began < within_s, "not flat in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def while_true(ask: Callable[[], bool], do: Callable[[], Awaitable[None]], period_s: float) -> int:
    """Do it again and again while `ask` says so; how often."""
    number = 0
    while ask():
        await do()
        number += 1
        await asyncio.sleep(period_s)
    return number
