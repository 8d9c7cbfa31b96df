"""The two stores of a fleet: embedded ones that it keeps alive, or the user's own that it only watches."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tradefleet.services.fleet import embedded_postgres, embedded_valkey
from tradefleet.services.fleet.data_folder import DataFolder, FleetState
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import Command, Kept, Say, until

START_PATIENCE_S = 30.0
GIVEN_PATIENCE_S = 3.0
ASK_EVERY_S = 0.5
# An embedded store may find its predecessor still on its way out: its port, its lock.
ATTEMPTS = 6


def usable_port(wanted: int) -> int:
    """The wanted loopback port when it is free, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise FleetFailed("no port of 127.0.0.1 is free; end some programs")


def without_password(address: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


class Stores:
    """Both stores. `postgres_up`, `redis_up`: the last answers to the question each half second."""

    def __init__(
        self,
        data: DataFolder,
        *,
        postgres: str | None,
        redis: str | None,
        say: Say,
        on_refused: Callable[[str, str], None],
    ) -> None:
        self.postgres = postgres or ""
        self.redis = redis or ""
        self.postgres_up = False
        self.redis_up = False
        self._data = data
        self._say = say
        self._on_refused = on_refused
        self._kept_postgres: Kept | None = None
        self._kept_valkey: Kept | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The embedded ones."""
        return tuple(one for one in (self._kept_postgres, self._kept_valkey) if one is not None)

    async def start(self, state: FleetState, healthy: Callable[[], None]) -> FleetState:
        """Start what is not given and wait for both; the state with the ports they have.

        healthy: raises FleetFailed when something else has failed meanwhile.
        """
        if self.postgres:
            await self._given("postgres", self.postgres, embedded_postgres.answers)
        else:
            programs = await embedded_postgres.prepare(self._data)
            state = msgspec.structs.replace(state, postgres_port=usable_port(state.postgres_port))
            await self._start_postgres(programs, state.postgres_port, healthy)
        if self.redis:
            await self._given("redis", self.redis, embedded_valkey.answers)
        else:
            state = msgspec.structs.replace(state, valkey_port=usable_port(state.valkey_port))
            await self._start_valkey(state.valkey_port, healthy)
        self.postgres_up = self.redis_up = True
        self._watching = asyncio.create_task(self._watch(), name="watch the stores")
        return state

    async def stop(self) -> None:
        """Valkey first, then Postgres."""
        if self._watching is not None:
            self._watching.cancel()
        for kept in (self._kept_valkey, self._kept_postgres):
            if kept is not None:
                await kept.stop()

    async def _start_postgres(self, programs: Path, port: int, healthy: Callable[[], None]) -> None:
        self.postgres = embedded_postgres.address(port)
        kept = self._kept_postgres = self._keep(
            "postgres", lambda: embedded_postgres.command(self._data, programs, port)
        )
        await self._wait(kept, lambda: embedded_postgres.answers(self.postgres), healthy)

    async def _start_valkey(self, port: int, healthy: Callable[[], None]) -> None:
        self.redis = embedded_valkey.address(port)
        command = embedded_valkey.command(self._data, port)
        kept = self._kept_valkey = self._keep("valkey", lambda: command)
        await self._wait(kept, lambda: embedded_valkey.answers(self.redis), healthy)

    def _keep(self, name: str, command: Callable[[], Command]) -> Kept:
        return Kept(
            name,
            command,
            say=lambda sentence: self._died(name, sentence),
            on_refused=self._on_refused,
            attempts=ATTEMPTS,
        )

    def _died(self, name: str, sentence: str) -> None:
        """Said at once: a store may be back before anybody asks it again."""
        self._say(sentence)
        if name == "postgres":
            self._notice(False, self.redis_up)
        else:
            self._notice(self.postgres_up, False)

    def _notice(self, postgres_up: bool, redis_up: bool) -> None:
        if postgres_up is not self.postgres_up:
            self._say("postgres is back" if postgres_up else "postgres is down; orders are held back")
        if redis_up is not self.redis_up:
            self._say("redis is back" if redis_up else "redis is down; signals do not arrive")
        self.postgres_up, self.redis_up = postgres_up, redis_up

    async def _wait(
        self, kept: Kept, answers: Callable[[], Awaitable[bool]], healthy: Callable[[], None]
    ) -> None:
        async def ready() -> bool:
            healthy()
            return await answers()

        kept.start()
        if not await until(ready, within_s=START_PATIENCE_S):
            raise FleetFailed(
                f"{kept.name}: does not answer after {START_PATIENCE_S:g} s; see "
                f"{self._data.root / 'logs' / f'{kept.name}.log'}"
            )
        kept.proven = True

    async def _given(self, name: str, address: str, answers: Callable[[str], Awaitable[bool]]) -> None:
        if not await until(lambda: answers(address), within_s=GIVEN_PATIENCE_S, every_s=0.2):
            raise FleetFailed(
                f"{name}: {without_password(address)} does not answer; start it, or leave out --{name} "
                "to use the embedded one"
            )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            postgres_up, redis_up = await asyncio.gather(
                embedded_postgres.answers(self.postgres), embedded_valkey.answers(self.redis)
            )
            self._notice(postgres_up, redis_up)
