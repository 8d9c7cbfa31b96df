"""From a signal's XADD to the order's bytes on the executor's socket, the journal's commit included.

Everything is real: Postgres, Valkey, the executor as a process, the simulator as its exchange. The
order path goes through a relay on loopback that notes when the bytes of a create arrive. Beside it
stands the least that any such path needs, in the same run: one entry through Valkey to a blocked
reader, then one committed row in Postgres.

Taken on a Postgres that syncs its log to disk (as in production) and on one that does not; and, with the
sync, by an executor that remembers 5,000 orders of the last hour.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
import redis.asyncio
from aiohttp import web
from tests.support.executor_world import KEY, SECRET, SYMBOL, World
from tests.support.postgres_server import running_postgres
from tests.support.valkey_server import running_valkey

from bench.report import Row
from tradefleet.domain.signals import Target
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_recording
from tradefleet.simulation.server.app import build_app

ORDERS = 200
PAUSE_S = 0.15
"""Below the exchange's ten creates a second."""

REMEMBERED = 5_000

CREATE = b"POST /v5/order/create"


class Relay:
    """Bytes go through unchanged; the time of each create's first bytes is noted."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.arrived: asyncio.Queue[int] = asyncio.Queue()

    async def serve(self) -> str:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(
            self._pass(reader, far_writer, note=True), self._pass(far_reader, writer, note=False)
        )

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if note and data.startswith(CREATE):
                    self.arrived.put_nowait(time.perf_counter_ns())
                writer.write(data)
                await writer.drain()
        writer.close()


def run() -> list[Row]:
    """Median and 99th percentile of `ORDERS` orders, and what the least path takes."""
    return [*_run(fsync=True), *_run(fsync=False)]


def _run(*, fsync: bool) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="tradefleet-bench-") as folder,
        running_postgres(fsync=fsync) as postgres,
        running_valkey(Path(folder) / "valkey") as valkey,
    ):
        world = World(Path(folder), postgres, valkey)
        world.dsn = postgres.dsn()
        world.configure()
        return asyncio.run(_measure(world, "synced" if fsync else "not synced", remembering=fsync))


async def _measure(world: World, disk: str, *, remembering: bool) -> list[Row]:
    world.market = ReplayMarket(load_recording(), start_ns=time.time_ns(), clock=time.time_ns)
    world.exchange = SimulatedExchange(world.market, world.folder / "state", api_key=KEY, api_secret=SECRET)
    runner = web.AppRunner(build_app(world.market, world.exchange), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    world.address = f"{host}:{port}"
    relay = Relay(host, port)
    rest = await relay.serve()
    announcing = asyncio.create_task(world.announce())
    try:
        taken = {disk: await _orders(world, relay, rest)}
        least = sorted(await _least_path(world))
        if remembering:
            await _remember(world, REMEMBERED)
            taken[f"{disk}, {REMEMBERED:,} remembered"] = await _orders(world, relay, rest)
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
        await world.bus.close()
        await runner.cleanup()
        world.exchange.close()
    return [
        *(row for name, found in taken.items() for row in _rows(name, found, least)),
        Row(name=f"Valkey and one commit, p50, {disk}", value=statistics.median(least), unit="ms",
            note="the least such a path needs"),
    ]  # fmt: skip


def _rows(name: str, taken: list[float], least: list[float]) -> list[Row]:
    peer, p99 = "one entry through Valkey and one commit", int(0.99 * ORDERS)
    median, floor = statistics.median(taken), statistics.median(least)
    return [
        Row(name=f"signal to order bytes, p50, {name}", value=median, unit="ms",
            ratio=median / floor, peer=peer,
            note=f"{ORDERS} orders, entries and closes by turns"),
        Row(name=f"signal to order bytes, p99, {name}", value=taken[p99], unit="ms",
            ratio=taken[p99] / least[p99], peer=peer),
    ]  # fmt: skip


async def _orders(world: World, relay: Relay, rest: str) -> list[float]:
    """Milliseconds of `ORDERS` orders of an executor of their own, sorted."""
    executor = world.start(rest=rest)
    try:
        await world.ready(executor)
        while not relay.arrived.empty():
            relay.arrived.get_nowait()
        return sorted([await _one_order(world, relay, number) for number in range(ORDERS)])
    finally:
        executor.kill()


async def _remember(world: World, number: int) -> None:
    """So many finished intents of the last minutes, copies of one that the executor has made."""
    connection = await asyncpg.connect(world.dsn)
    # The tables' own checks are for executors: nobody leads while this is written.
    await connection.execute("SET session_replication_role = replica")
    columns = [
        row["column_name"]
        for row in await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'intents' "
            "AND is_generated = 'NEVER' AND is_identity = 'NO' ORDER BY ordinal_position"
        )
    ]
    changed = {
        "client_order_id": "'tf1-bench' || n",
        "signal_id": "'bench' || n",
        "payload": "jsonb_set(jsonb_set(payload, '{intent,client_order_id}', to_jsonb('tf1-bench' || n)), "
        "'{intent,signal_id}', to_jsonb('bench' || n))",
    }
    chosen = ", ".join(changed.get(name, name) for name in columns)
    await connection.execute(
        f"INSERT INTO intents ({', '.join(columns)}) SELECT {chosen} FROM generate_series(1, {number}) n, "
        "(SELECT * FROM intents WHERE final ORDER BY created_ns DESC LIMIT 1) one"
    )
    await connection.close()


async def _one_order(world: World, relay: Relay, number: int) -> float:
    """Milliseconds from before the XADD to the create's bytes; entries and closes by turns."""
    await asyncio.sleep(PAUSE_S)
    wish = world.signal(Target.FLAT if number % 2 else Target.LONG, SYMBOL)
    start_ns = time.perf_counter_ns()
    await world.bus.publish(wish)
    async with asyncio.timeout(10):
        return (await relay.arrived.get() - start_ns) / 1e6


async def _least_path(world: World) -> list[float]:
    """XADD to a reader that waits for it, which commits one row."""
    sender, reader = (redis.asyncio.Redis.from_url(world.valkey.url) for _ in range(2))
    connection = await asyncpg.connect(world.dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS bench (at bigint)")
    taken = []
    for _ in range(ORDERS):
        waiting = asyncio.create_task(reader.xread({"bench": "$"}, block=2000))
        await asyncio.sleep(0.005)
        start_ns = time.perf_counter_ns()
        await sender.xadd("bench", {"at": start_ns})
        await waiting
        await connection.execute("INSERT INTO bench VALUES ($1)", start_ns)
        taken.append((time.perf_counter_ns() - start_ns) / 1e6)
    await connection.close()
    await sender.aclose()
    await reader.aclose()
    return taken
