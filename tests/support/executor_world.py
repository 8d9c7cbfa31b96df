"""An executor as a real process between a real Postgres, a real Valkey and the simulator's server.

`world` holds all of them; the test plays the shard: it announces itself and publishes signals.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
from pybit.unified_trading import HTTP
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.postgres_server import RunningPostgres
from tests.support.valkey_server import RunningValkey

from tradefleet.adapters.redis.messages import BusDown
from tradefleet.adapters.redis.shard_bus import ShardBus
from tradefleet.core.events import ShardOwner
from tradefleet.domain.signals import Signal, SignalKind, Target, book_signal_id
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import Universe
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment
from tradefleet.spec.strategies import Imbalance, Strategies
from tradefleet.spec.trading import FirstRung, Trailing

__all__ = ["ExecutorProcess", "RunningPostgres", "World", "eventually"]

KEY, SECRET = "key", "secret"
BOT = "bot-uid"
INSTANCE = "instance-a"
SYMBOL = "ETHUSDT"
SECOND_NS = 1_000_000_000


CLOSE_BEHIND = Trailing(
    enabled=True, activation=Decimal(0), first=FirstRung(profit=Decimal(0), distance=Decimal("0.0005"))
)
"""A stop that follows the price from the first moment, as close as the spec allows."""


def can_open(status: dict[str, Any]) -> bool:
    """It leads, and an entry in any of its symbols would be taken."""
    return bool(status and status["leading"] and status["may_open"] and not status["leverage"]["waiting"])


class ExecutorProcess:
    """`python -m tradefleet.services.executor` with settings of its own."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        failpoints: str,
        *,
        module: str = "tradefleet.services.executor",
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.status_file = Path(settings["status_path"])
        self.status_file.unlink(missing_ok=True)
        self.errors_file = folder / "stderr.log"
        settings_file = folder / "settings.json"
        settings_file.write_text(json.dumps(settings))
        environment = {**os.environ, "TRADEFLEET_API_KEY": KEY, "TRADEFLEET_API_SECRET": SECRET, **variables}
        if failpoints:
            environment["TRADEFLEET_FAILPOINTS"] = failpoints
        with self.errors_file.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(settings_file)],
                stderr=errors,
                env=environment,
            )

    def status(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            value: dict[str, Any] = json.loads(self.status_file.read_text())
            return value
        return {}

    def lines(self) -> list[str]:
        return self.errors_file.read_text().splitlines()

    async def until(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first status of which `wanted` is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not ((status := self.status()) and wanted(status)):
            assert self.process.poll() is None, "\n".join(self.lines()[-20:])
            assert time.monotonic() < deadline, (status, self.lines()[-20:])
            await asyncio.sleep(0.02)
        return status

    async def ends(self) -> int:
        """The exit status."""
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class World:
    """Stores, exchange, executor, and the test as shard."""

    def __init__(self, folder: Path, postgres: RunningPostgres, valkey: RunningValkey) -> None:
        self.folder = folder
        self.postgres = postgres
        self.valkey = valkey
        self.executors: list[ExecutorProcess] = []
        self.bus = ShardBus(valkey.url, BOT)
        self.owner: ShardOwner | None = None
        self.dsn = ""
        self.exchange: SimulatedExchange
        self.market: ReplayMarket
        self.address = ""
        self._counter = 0

    def configure(
        self, generation: int = 1, symbols: tuple[str, ...] = (SYMBOL, "SOLUSDT"), **spec: Any
    ) -> None:
        """Write the snapshot file."""
        spec.setdefault("strategies", Strategies(imbalance=Imbalance(enabled=True)))
        snapshot = ConfigSnapshot(
            generation=generation,
            uid=BOT,
            name="bot",
            namespace="default",
            spec=BotSpec(
                universe=Universe(symbols=list(symbols)),
                **spec,
            ),
            shards=(ShardAssignment(0, symbols),),
        )
        half = self.folder / "snapshot.part"
        half.write_bytes(snapshot.encode())
        half.replace(self.folder / "snapshot.json")

    def start(self, *failpoints: str, **settings: Any) -> ExecutorProcess:
        values = {
            "postgres": self.dsn,
            "redis": self.valkey.url,
            "snapshot_path": str(self.folder / "snapshot.json"),
            "status_path": str(self.folder / "status.json"),
            "decisions_folder": str(self.folder / "decisions"),
            "holder": f"executor-{len(self.executors)}",
            "rest": f"http://{self.address}",
            "public_stream": f"ws://{self.address}/v5/public/linear",
            "private_stream": f"ws://{self.address}/v5/private",
            "status_period_s": 0.05,
            "owners_period_s": 0.2,
            "latches_period_s": 0.2,
            "retry_s": 0.1,
            **settings,
        }
        held = f"{self.folder}:{','.join(failpoints)}" if failpoints else ""
        executor = ExecutorProcess(self.folder, values, held)
        self.executors.append(executor)
        return executor

    async def announce(self) -> None:
        """Play the shard for ever."""
        while True:
            with contextlib.suppress(BusDown):
                self.owner = await self.bus.announce(0, INSTANCE, 1, True) or self.owner
            await asyncio.sleep(0.1)

    async def ready(self, executor: ExecutorProcess) -> None:
        """The executor may open, and has chosen us."""
        await executor.until(can_open)
        await eventually(lambda: self.owner is not None)

    def signal(self, target: Target, symbol: str = SYMBOL, strategy: str = "imbalance") -> Signal:
        """The next wish of a strategy, fresh."""
        assert self.owner is not None
        epoch = self.owner.owner_epoch
        self._counter += 1
        now_ns = time.time_ns()
        return Signal(
            signal_id=book_signal_id(BOT, "bybit", symbol, strategy, self.owner.owner_epoch, self._counter),
            bot_uid=BOT,
            venue="bybit",
            symbol=symbol,
            strategy=strategy,
            kind=SignalKind.BOOK,
            target=target,
            strength=0.8,
            price=self.market.mark_price(symbol),
            hold_ns=3600 * SECOND_NS,
            reason="by hand",
            at_ns=now_ns,
            seen_ns=now_ns,
            expires_ns=now_ns + 5 * SECOND_NS,
            shard=0,
            instance=INSTANCE,
            owner_epoch=epoch,
            generation=1,
        )

    async def hit(self, failpoint: str) -> None:
        """The executor stands at the failpoint."""
        await eventually((self.folder / f"{failpoint}.hit").exists)

    async def rows(self, query: str) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    # ---- what the exchange holds, by a client that is not ours

    async def ask(self, method: str, **query: Any) -> list[dict[str, Any]]:
        """A list of the exchange's, by pybit's method of that name."""

        def answer() -> list[dict[str, Any]]:
            client = HTTP(api_key=KEY, api_secret=SECRET)
            client.endpoint = f"http://{self.address}"
            rows: list[dict[str, Any]] = getattr(client, method)(category="linear", **query)["result"]["list"]
            return rows

        return await asyncio.to_thread(answer)

    async def say(self, method: str, **body: Any) -> None:
        """What a person does by hand, by pybit's method of that name."""

        def do() -> None:
            client = HTTP(api_key=KEY, api_secret=SECRET)
            client.endpoint = f"http://{self.address}"
            getattr(client, method)(category="linear", **body)

        await asyncio.to_thread(do)

    async def orders(self) -> list[dict[str, Any]]:
        """Orders that we made: stops and targets have no id of ours."""
        return [row for row in await self.ask("get_order_history") if row["orderLinkId"]]

    async def position(self, symbol: str = SYMBOL) -> Decimal:
        """Signed size, base currency."""
        (row,) = await self.ask("get_positions", symbol=symbol)
        return Decimal(row["size"]) * (-1 if row["side"] == "Sell" else 1)
