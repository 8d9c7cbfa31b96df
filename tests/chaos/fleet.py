"""Two executors between real stores and the simulator, with a hand on every wire between them.

`Stores` live as long as the run; `fleet_of` makes a new account, database, market and two processes for
each schedule. Every wire goes through a relay or the proxy, so that a test can break it and mend it:

    executor -- TcpRelay --> Postgres        executor -- ExchangeProxy --> simulator, REST
    executor -- TcpRelay --> Valkey          executor -- TcpRelay -------> simulator, private stream
"""

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import asyncpg
import msgspec
from aiohttp import web
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP
from tests.chaos.books import Books
from tests.chaos.reading import LOG, name_of, read_books
from tests.support.exchange_proxy import ExchangeProxy
from tests.support.executor_world import BOT, KEY, SECRET, ExecutorProcess, RunningPostgres, World, can_open
from tests.support.tcp_relay import TcpRelay
from tests.support.valkey_server import RunningValkey, running_valkey

from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.orders.client_order_id import is_way_out
from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording
from tradefleet.simulation.server.app import build_app
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import Exchange, PositionMode, Universe
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment
from tradefleet.spec.strategies import Imbalance, Strategies
from tradefleet.spec.trading import Exits, Risk

TEMPLATE = "chaos-template"


class Stores(msgspec.Struct, frozen=True):
    """What all schedules of a run share."""

    postgres: RunningPostgres
    valkey: RunningValkey
    recording: Recording


@contextlib.contextmanager
def running_stores() -> Iterator[Stores]:
    """Servers for the length of a block, and a database with all tables to copy from."""
    # Not below a private folder: as root the database runs as nobody, who cannot enter that.
    folder = Path(tempfile.mkdtemp(prefix="tradefleet-chaos-stores-"))
    folder.chmod(0o755)
    (folder / "postgres").mkdir()
    postgres = RunningPostgres(folder / "postgres")
    try:
        with running_valkey(folder / "valkey") as valkey:
            postgres.create(TEMPLATE)
            asyncio.run(_tables(postgres.dsn(TEMPLATE)))
            yield Stores(postgres, valkey, load_recording())
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _tables(dsn: str) -> None:
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(LOG)
    await connection.close()


class Wires:
    """A wire for each executor to one server, and a hand on all of them at once."""

    NAMES = ("a", "b", "")

    def __init__(self, wires: dict[str, TcpRelay]) -> None:
        self._wires = wires

    @classmethod
    async def before(cls, port: int) -> Self:
        """Wires that listen."""
        return cls({name: await TcpRelay.before(port) for name in cls.NAMES})

    def of(self, name: str) -> TcpRelay:
        """The wire of one executor."""
        return self._wires.get(name, self._wires[""])

    def cut(self) -> None:
        """All of them: see `TcpRelay`."""
        for wire in self._wires.values():
            wire.cut()

    def silence(self) -> None:
        """All of them: see `TcpRelay`."""
        for wire in self._wires.values():
            wire.silence()

    def heal(self) -> None:
        """All of them: see `TcpRelay`."""
        for wire in self._wires.values():
            wire.heal()

    async def close(self) -> None:
        """All of them."""
        for wire in self._wires.values():
            await wire.close()


class Fleet(World):
    """A `World` of two executors whose wires can be broken. Made by `fleet_of`."""

    postgres_wire: Wires
    valkey_wire: TcpRelay
    stream_wire: TcpRelay
    proxy: ExchangeProxy

    def __init__(self, folder: Path, stores: Stores, symbols: tuple[str, ...]) -> None:
        super().__init__(folder, stores.postgres, stores.valkey)
        self.symbols = symbols
        self.naked: list[str] = []
        self.raised: list[str] = []
        self._leverage: dict[str, Decimal] = {}
        self.publications: list[Publication] = []
        self.by_hand: list[str] = []
        self.late_flat: list[str] = []
        self.ahead_ns = 0
        self.variables: dict[str, str] = {}
        self.generation = 0
        self._spec: dict[str, Any] = {"strategies": Strategies(imbalance=Imbalance(enabled=True))}

    def configure(self, generation: int = 0, **spec: Any) -> None:
        """A newer generation with these sections changed, and all others as they were."""
        self.generation = generation or self.generation + 1
        self._spec |= spec
        snapshot = ConfigSnapshot(
            generation=self.generation,
            uid=BOT,
            name="bot",
            namespace="default",
            spec=BotSpec(
                universe=Universe(symbols=list(self.symbols)),
                **self._spec,
            ),
            shards=(ShardAssignment(0, self.symbols),),
        )
        half = self.folder / "snapshot.part"
        half.write_bytes(snapshot.encode())
        half.replace(self.folder / "snapshot.json")

    @property
    def hedged(self) -> bool:
        """Whether account and bot hold two legs a symbol."""
        return self._spec.get("exchange", Exchange()).position_mode is PositionMode.HEDGE

    @property
    def per_symbol(self) -> int:
        """So many entries may make one position."""
        risk: Risk = self._spec.get("risk", Risk())
        return risk.max_positions_per_symbol

    def begin(self, name: str, failpoint: str = "", **settings: Any) -> ExecutorProcess:
        """An executor of that name; one that was there before goes on in the same folder."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        values = {
            "postgres": self.dsn.replace(f":{self.postgres.port}/", f":{self.postgres_wire.of(name).port}/"),
            "redis": f"redis://127.0.0.1:{self.valkey_wire.port}",
            "snapshot_path": str(self.folder / "snapshot.json"),
            "status_path": str(folder / "status.json"),
            "decisions_folder": str(folder / "decisions"),
            "holder": name,
            "rest": self.proxy.url,
            "public_stream": f"ws://{self.address}/v5/public/linear",
            "private_stream": f"ws://127.0.0.1:{self.stream_wire.port}/v5/private",
            "status_period_s": 0.05,
            "owners_period_s": 0.2,
            "latches_period_s": 0.2,
            "retry_s": 0.1,
            "instruments_period_s": 2.0,
            **settings,
        }
        held = f"{self.folder}:{failpoint}" if failpoint else ""
        module = "tests.chaos.scaled_executor" if self.variables else "tradefleet.services.executor"
        executor = ExecutorProcess(folder, values, held, module=module, variables=self.variables)
        self.executors.append(executor)
        return executor

    async def two(self, failpoint: str = "") -> tuple[ExecutorProcess, ExecutorProcess]:
        """The leader, which may open, and a standby that waits for the lease."""
        first, second = self.begin("a", failpoint), self.begin("b", failpoint)
        while True:
            for leader, standby in ((first, second), (second, first)):
                waits = standby.status().get("state") == "waiting_for_lease"
                if waits and can_open(leader.status()) and self.owner is not None:
                    return leader, standby
            for executor in (first, second):
                assert executor.process.poll() is None, "\n".join(executor.lines()[-20:])
            await asyncio.sleep(0.02)

    def why_not_ready(self) -> str:
        """What the executors say of themselves."""
        seen = [executor.status() for executor in self.executors]
        words = ("state", "why_not", "errors", "leverage")
        return "; ".join(str({word: status.get(word) for word in words}) for status in seen)

    def exchange_size(self, symbol: str) -> Decimal:
        """What the exchange holds, without a request; signed."""
        position = self.exchange.engine.state.positions.get(symbol)
        return Decimal(0) if position is None else position.size

    def refusal(self, method: str, **body: Any) -> int:
        """The code with which the exchange refuses this; blocks, so call it in a thread."""
        client = HTTP(api_key=KEY, api_secret=SECRET)
        client.endpoint = f"http://{self.address}"
        try:
            getattr(client, method)(category="linear", **body)
        except InvalidRequestError as refused:
            return int(refused.status_code)
        return 0

    def say_again(self, publication: Publication) -> None:
        """The exchange repeats rows on its private streams."""
        for subscriber in tuple(self.exchange._subscribers):
            subscriber(publication)

    def heal(self) -> None:
        """Every wire is whole."""
        self.proxy.heal()
        for wire in (self.postgres_wire, self.valkey_wire, self.stream_wire):
            wire.heal()

    async def books(self) -> Books:
        """What is to be judged, as it is now. The way out of an executor without its journal makes orders
        that only reduce, without intents: they are judged by the positions that they leave."""
        creates = [c for c in self.proxy.creates if not (c.reduces and is_way_out(c.client_order_id))]
        exits: Exits = self._spec.get("exits", Exits())
        shares = [part.share for part in exits.partial_close.parts] if exits.partial_close.enabled else []
        return await read_books(
            self.address,
            self.dsn,
            creates,
            naked=self.naked,
            raised=self.raised,
            by_hand=self.by_hand,
            late_flat=self.late_flat,
            off_grid=self.proxy.off_grid,
            per_symbol=self.per_symbol,
            ahead_ns=self.ahead_ns,
            shares=shares,
            hedged=self.hedged,
        )

    def watch(self, publication: Publication) -> None:
        """Told by the exchange after each of its steps: a position without a stop is remembered, and one
        whose leverage was raised."""
        self.publications.append(publication)
        rows = publication.rows.get("position", [])
        for row in rows:
            name, leverage = name_of(row["symbol"], row["positionIdx"]), Decimal(row["leverage"])
            if row["side"] and leverage > self._leverage.get(name, leverage):
                self.raised.append(name)
            if row["side"]:
                self._leverage[name] = leverage
            else:
                self._leverage.pop(name, None)
        last = {name_of(row["symbol"], row["positionIdx"]): row for row in rows}
        self.naked += [s for s, row in last.items() if row["side"] and row["stopLoss"] in ("", "0")]

    async def end(self) -> None:
        """Nothing of it goes on."""
        for executor in self.executors:
            if executor.process.poll() is None:
                executor.process.send_signal(signal.SIGKILL)
                await asyncio.to_thread(executor.process.wait)
        with contextlib.suppress(Exception):
            await self.bus.close()


@contextlib.asynccontextmanager
async def fleet_of(
    folder: Path,
    stores: Stores,
    symbols: tuple[str, ...],
    *,
    copies: int = 0,
    ahead_ns: int = 0,
    forgets: bool = False,
    **spec: Any,
) -> AsyncIterator[Fleet]:
    """A fresh account with fresh tables; no process yet. copies: of each recorded symbol, for more names.
    ahead_ns: by so much the clocks of this process, and so of its executors, are ahead of Postgres'. forgets:
    executors remember for seconds only."""
    await _fresh(stores)
    fleet = Fleet(folder, stores, symbols)
    fleet.ahead_ns = ahead_ns
    fleet.variables |= {"CHAOS_AHEAD_NS": str(ahead_ns)} if ahead_ns else {}
    fleet.variables |= {"CHAOS_FORGETS": "1"} if forgets else {}
    fleet.dsn = await _database(stores)
    fleet.configure(**spec)
    fleet.market = ReplayMarket(stores.recording, start_ns=time.time_ns(), clock=time.time_ns, copies=copies)
    fleet.exchange = SimulatedExchange(fleet.market, folder / "state", api_key=KEY, api_secret=SECRET)
    if fleet.hedged:
        fleet.exchange.switch_mode({"category": "linear", "coin": "USDT", "mode": 3})
    fleet.exchange.subscribe(fleet.watch)
    async with _served(fleet):
        announcing = asyncio.create_task(fleet.announce())
        try:
            yield fleet
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)
            await fleet.end()
            fleet.exchange.close()


@contextlib.asynccontextmanager
async def _served(fleet: Fleet) -> AsyncIterator[None]:
    runner = web.AppRunner(build_app(fleet.market, fleet.exchange), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    fleet.address = f"{host}:{port}"
    fleet.proxy = await ExchangeProxy.before(f"http://{fleet.address}", time.time_ns)
    fleet.stream_wire = await TcpRelay.before(port)
    fleet.postgres_wire = await Wires.before(fleet.postgres.port)
    fleet.valkey_wire = await TcpRelay.before(fleet.valkey.port)
    try:
        yield
    finally:
        for wire in (fleet.stream_wire, fleet.postgres_wire, fleet.valkey_wire):
            await wire.close()
        await fleet.proxy.close()
        await runner.cleanup()


async def _database(stores: Stores) -> str:
    name = f"chaos-{time.time_ns()}"
    connection = await asyncpg.connect(stores.postgres.dsn())
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    finally:
        await connection.close()
    return stores.postgres.dsn(name)


async def _fresh(stores: Stores) -> None:
    """The bus remembers nothing of the schedule before: it has the same bot."""
    await asyncio.to_thread(stores.valkey.kill)
    await asyncio.to_thread(stores.valkey.start_again)
