"""Reads both sides for `verify`: the exchange by pybit, Postgres and the stream by plain queries."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import redis.asyncio
import redis.exceptions
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP
from requests.exceptions import RequestException

from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.verify_sides import ExecutionFact, IntentFact, OrderFact, Origins, Side

MILLISECOND_NS = 1_000_000
_PAGE = 50


class Unread(FleetFailed):
    """One side could not be read completely."""


async def read_exchange(rest: str, key: str, secret: str, category: str) -> Side:
    """Everything the exchange knows of the account; raises Unread."""
    try:
        return await asyncio.to_thread(_read_exchange, rest, key, secret, category)
    except (RequestException, FailedRequestError, InvalidRequestError, KeyError, ArithmeticError) as error:
        raise Unread(f"the exchange at {rest} cannot be read: {error}") from error


def _read_exchange(rest: str, key: str, secret: str, category: str) -> Side:
    session = HTTP(api_key=key, api_secret=secret, force_retry=False, max_retries=1)
    session.endpoint = rest
    about = {"category": category, "settleCoin": "USDT"}
    open_rows = list(_pages(session.get_open_orders, about))
    closed_rows = list(_pages(session.get_order_history, about))
    executions = (_execution(row) for row in _pages(session.get_executions, about))
    positions = {
        _name(row["symbol"], row["positionIdx"]): Decimal(row["size"]) * (1 if row["side"] == "Buy" else -1)
        for row in _pages(session.get_positions, about)
        if Decimal(row["size"] or "0") != 0
    }
    # History last: of an order that was open a moment ago the later row counts.
    orders = (_order(row) for row in [*open_rows, *closed_rows])
    return Side(
        orders={order.order_id: order for order in orders},
        executions={execution.exec_id: execution for execution in executions},
        positions=positions,
    )


def _name(symbol: str, position_idx: Any) -> str:
    """Of a position: a leg of hedge mode has its index behind the symbol."""
    return f"{symbol}/{position_idx}" if int(position_idx) else symbol


def _pages(read: Any, about: dict[str, str]) -> Iterator[dict[str, str]]:
    cursor = ""
    while True:
        result = read(**about, limit=_PAGE, **({"cursor": cursor} if cursor else {}))["result"]
        yield from result["list"]
        cursor = result.get("nextPageCursor") or ""
        if not cursor:
            return


def _order(row: dict[str, str]) -> OrderFact:
    return OrderFact(
        order_id=row["orderId"],
        client_order_id=row["orderLinkId"],
        symbol=row["symbol"],
        side=row["side"],
        qty=Decimal(row["qty"]),
        filled=Decimal(row["cumExecQty"] or "0"),
        status=row["orderStatus"],
    )


def _execution(row: dict[str, str]) -> ExecutionFact:
    return ExecutionFact(
        exec_id=row["execId"],
        order_id=row["orderId"],
        symbol=row["symbol"],
        side=row["side"],
        qty=Decimal(row["execQty"]),
        price=Decimal(row["execPrice"]),
        fee=Decimal(row["execFee"]),
        exec_type=row["execType"],
        at_ns=int(row["execTime"]) * MILLISECOND_NS,
    )


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What Postgres says. accepted, refused (by reason): signals of this run."""

    side: Side
    origins: Origins
    accepted: int
    refused: dict[str, int]


async def read_journal(postgres: str, redis_url: str, bot_uid: str, *, since_ns: int) -> Journal:
    """Everything Postgres and the stream know of a bot; raises Unread."""
    streamed = await _streamed(redis_url, bot_uid)
    try:
        connection = await asyncpg.connect(postgres, timeout=5.0)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await _read_journal(connection, bot_uid, streamed, since_ns)
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unread(f"Postgres cannot be read: {error}") from error


async def _read_journal(connection: Any, bot_uid: str, streamed: dict[str, str], since_ns: int) -> Journal:
    orders = [_journal_order(row) for row in await _payloads(connection, "orders", bot_uid)]
    executions = [_journal_execution(row) for row in await _payloads(connection, "executions", bot_uid)]
    positions = await _payloads(connection, "positions", bot_uid)
    intents = [_intent(row) for row in await _payloads(connection, "intents", bot_uid)]
    signals = await connection.fetch(
        "SELECT signal_id, verdict, reason, payload FROM signals WHERE bot = $1 ORDER BY written_at", bot_uid
    )
    latches = [row["latch_id"] for row in await connection.fetch("SELECT latch_id FROM latches")]
    made = {row["signal_id"]: msgspec.json.decode(row["payload"]) for row in signals}
    verdicts = [row for row in signals if made[row["signal_id"]]["seen_ns"] >= since_ns]
    refused = Counter(row["reason"] or row["verdict"] for row in verdicts if row["verdict"] != "accepted")
    return Journal(
        side=Side(
            orders={order.order_id: order for order in orders},
            executions={execution.exec_id: execution for execution in executions},
            positions={
                _name(row["key"]["symbol"], row["key"]["position_idx"]): Decimal(row["size"])
                for row in positions
                if Decimal(row["size"]) != 0
            },
        ),
        origins=Origins(
            intents={intent.client_order_id: intent for intent in intents},
            signals={signal_id: signal["instance"] for signal_id, signal in made.items()},
            streamed=streamed,
            latches=frozenset(latches),
        ),
        accepted=sum(row["verdict"] == "accepted" for row in verdicts),
        refused=dict(refused),
    )


async def _payloads(connection: Any, table: str, bot_uid: str) -> list[dict[str, Any]]:
    rows = await connection.fetch(f"SELECT payload FROM {table} WHERE bot = $1", bot_uid)
    return [msgspec.json.decode(row["payload"]) for row in rows]


def _journal_order(row: dict[str, Any]) -> OrderFact:
    return OrderFact(
        order_id=row["order_id"],
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        qty=Decimal(row["qty"]),
        filled=Decimal(row["cum_exec_qty"]),
        status=row["status"],
    )


def _journal_execution(row: dict[str, Any]) -> ExecutionFact:
    return ExecutionFact(
        exec_id=row["exec_id"],
        order_id=row["order_id"],
        symbol=row["symbol"],
        side=row["side"],
        qty=Decimal(row["qty"]),
        price=Decimal(row["price"]),
        fee=Decimal(row["fee"]),
        exec_type=row["exec_type"],
        at_ns=row["at_ns"],
    )


def _intent(row: dict[str, Any]) -> IntentFact:
    intent = row["intent"]
    return IntentFact(
        client_order_id=intent["client_order_id"],
        signal_id=intent["signal_id"],
        symbol=intent["key"]["symbol"],
        opens=intent["leg"] == "open",
        state=row["state"],
    )


async def _streamed(redis_url: str, bot_uid: str) -> dict[str, str]:
    client = redis.asyncio.Redis.from_url(redis_url)
    try:
        entries: Any = await client.xrange(f"tradefleet:{bot_uid}:signals")
    except (redis.exceptions.RedisError, OSError) as error:
        raise Unread(f"the signal stream cannot be read: {error}") from error
    finally:
        await client.aclose()
    found = {}
    for _, fields in entries or ():
        signal = msgspec.json.decode(fields[b"signal"])
        found[signal["signal_id"]] = signal["instance"]
    return found
