"""The account's invariants, read from both sides: what every scenario ends with.

The journal and the simulated exchange are read over forwarded ports by the code of `tradefleet up
--verify`, which does not pass through what traded. They must agree on every order, execution and
position; each intent has at most one order; positions are the sum of fills; every fill leads back to
a signal.
"""

import asyncio
import base64
import contextlib
import time
from collections import Counter
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from tests.e2e import kube

from tradefleet.services.fleet.verify_reads import Journal, read_exchange, read_journal
from tradefleet.services.fleet.verify_sides import FILLS, Side, differences, unexplained

SETTLE_TRIES = 60
_FINAL = frozenset({"done", "rejected", "absent"})
# Nothing new is wanted while both sides are compared; both are hot, and neither is a limit.
QUIET = {"strategies": {"imbalance": {"enabled": False}}}
TRADING = {"strategies": {"imbalance": {"enabled": True}}}


class Account:
    """The bot's account. Its addresses are those of forwarded ports."""

    def __init__(self, postgres: str, redis: str, rest: str, key: tuple[str, str], bot_uid: str) -> None:
        self._postgres, self._redis, self._rest = postgres, redis, rest
        self._key, self._bot_uid = key, bot_uid

    async def exchange(self) -> Side:
        """What the exchange says."""
        return await read_exchange(self._rest, *self._key, "linear")

    async def journal(self) -> Journal:
        """What Postgres says."""
        return await read_journal(self._postgres, self._redis, self._bot_uid, since_ns=0)

    async def rows(self, query: str, *values: Any) -> list[Any]:
        """Of Postgres."""
        connection = await asyncpg.connect(self._postgres, timeout=10)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def complaints(self) -> list[str]:
        """What is wrong now, a sentence each."""
        journal, exchange = await self.journal(), await self.exchange()
        return [
            *_in_flight(journal),
            *differences(journal.side, exchange),
            *unexplained(journal.side, journal.origins, since_ns=time.time_ns()),
            *_sent_twice(exchange),
            *_not_the_sum(exchange),
        ]


@contextlib.asynccontextmanager
async def opened() -> Any:
    """The account of the bot, for the length of a block."""
    stores, key = _secret("tradefleet-stores"), _secret("tradefleet-exchange")
    with contextlib.ExitStack() as ports:
        postgres = ports.enter_context(kube.forwarded("service/tradefleet-postgres", 5432))
        redis = ports.enter_context(kube.forwarded("service/tradefleet-valkey", 6379))
        rest = ports.enter_context(kube.forwarded("service/tradefleet-simulator", 8090))
        yield Account(
            _moved(stores["postgres"], postgres),
            _moved(stores["redis"], redis),
            f"http://127.0.0.1:{rest}",
            (key["TRADEFLEET_API_KEY"], key["TRADEFLEET_API_SECRET"]),
            kube.bot()["metadata"]["uid"],
        )


async def must_be_whole() -> None:
    """Let it come to rest, compare, trade on. An AssertionError says everything that is wrong."""
    kube.patch(QUIET)
    async with opened() as account:
        for _ in range(SETTLE_TRIES):
            if not (wrong := await account.complaints()):
                break
            await asyncio.sleep(1)
    kube.patch(TRADING)
    assert not wrong, "the account is not whole:\n  " + "\n  ".join(wrong[:20])


def _in_flight(journal: Journal) -> list[str]:
    return [
        f"intent {intent.client_order_id} of {intent.symbol} is still {intent.state}"
        for intent in journal.origins.intents.values()
        if intent.state not in _FINAL
    ]


def _sent_twice(exchange: Side) -> list[str]:
    sent = Counter(order.client_order_id for order in exchange.orders.values() if order.client_order_id)
    return [f"{count} orders have the client order id {one}" for one, count in sent.items() if count > 1]


def _not_the_sum(exchange: Side) -> list[str]:
    sums: Counter[str] = Counter()
    for fill in exchange.executions.values():
        if fill.exec_type in FILLS:
            sums[fill.symbol] += fill.qty if fill.side == "Buy" else -fill.qty  # type: ignore[assignment]
    symbols = sums.keys() | exchange.positions.keys()
    return [
        f"position {symbol} is {exchange.positions.get(symbol, 0)}, its fills sum to {sums[symbol]}"
        for symbol in sorted(symbols)
        if Decimal(sums[symbol]) != exchange.positions.get(symbol, Decimal(0))
    ]


def _secret(name: str) -> dict[str, str]:
    data = kube.get("secret", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _moved(address: str, port: int) -> str:
    """The same address on a loopback port."""
    parts = urlsplit(address)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
