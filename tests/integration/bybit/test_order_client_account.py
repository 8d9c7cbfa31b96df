"""The order path against the simulator: what is sent, what is not, and what an answer proves."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.simulated_account import (
    KEY,
    SECOND_NS,
    SECRET,
    SimulatedAccount,
    WallClock,
    intent,
)

from tradefleet.adapters.bybit import order_client
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.order_client import CREATE, EXECUTIONS, OPEN_ORDERS, OrderClient
from tradefleet.core.events import QueryAnswer
from tradefleet.domain.orders import OrderStatus
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.simulation.account.faults import Fault, FaultKind


def yes(_: Intent) -> str | None:
    return None


@pytest.fixture
async def client(served: SimulatedAccount) -> AsyncIterator[OrderClient]:
    async with OrderClient(served.rest, KEY, SECRET, WallClock()) as ours:
        yield ours


async def test_a_create_is_accepted_and_its_order_is_found_with_its_executions(
    served: SimulatedAccount, client: OrderClient
) -> None:
    entry = intent()

    sent = await client.create(entry, yes)
    answer, order, executions = await client.query(entry.client_order_id, "BTCUSDT", entry.created_ns)

    assert (sent.outcome, sent.ret_code) == (Outcome.ACCEPTED, 0)
    assert answer is QueryAnswer.FOUND
    assert order is not None
    assert (order.order_id, order.status, order.cum_exec_qty) == (
        sent.order_id,
        OrderStatus.FILLED,
        entry.qty,
    )
    assert sum(execution.signed_qty for execution in executions) == entry.qty
    position = served.exchange.engine.position("BTCUSDT")
    assert position.stop_loss is not None
    assert (position.stop_loss.price, position.stop_loss.by) == (entry.stop_loss, "MarkPrice")


async def test_a_close_without_a_position_is_rejected_with_the_exchanges_code(client: OrderClient) -> None:
    sent = await client.create(intent(leg=Leg.CLOSE), yes)

    assert (sent.outcome, sent.ret_code) == (Outcome.REJECTED, 110017)


async def test_a_lost_answer_is_ambiguous_sent_once_and_resolved_by_its_id(
    served: SimulatedAccount, client: OrderClient
) -> None:
    entry = intent()
    served.exchange.faults.add(Fault(kind=FaultKind.LOST_ANSWER))

    sent = await client.create(entry, yes)
    answer, order, executions = await client.query(entry.client_order_id, "BTCUSDT", entry.created_ns)

    assert (sent.outcome, sent.ret_code) == (Outcome.AMBIGUOUS, None)
    assert served.paths().count(CREATE) == 1
    assert answer is QueryAnswer.FOUND
    assert order is not None
    assert sum(execution.qty for execution in executions) == entry.qty


async def test_an_answer_that_does_not_come_in_time_is_ambiguous(served: SimulatedAccount) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.LATE_ANSWER, delay_ms=2_000))

    async with OrderClient(served.rest, KEY, SECRET, WallClock(), timeout_s=0.1) as hasty:
        sent = await hasty.create(intent(), yes)

    assert sent.outcome is Outcome.AMBIGUOUS


async def test_a_page_of_html_is_ambiguous(served: SimulatedAccount, client: OrderClient) -> None:
    served.trouble = lambda request: web.Response(text="<html>maintenance</html>", content_type="text/html")

    sent = await client.create(intent(), yes)

    assert (sent.outcome, sent.ret_code) == (Outcome.AMBIGUOUS, None)


async def test_a_redirect_is_not_followed(served: SimulatedAccount, client: OrderClient) -> None:
    served.trouble = lambda request: web.Response(status=307, headers={"Location": "/elsewhere"})

    sent = await client.create(intent(), yes)

    assert sent.outcome is Outcome.AMBIGUOUS
    assert served.paths() == [CREATE]


@contextlib.asynccontextmanager
async def byte_counter() -> AsyncIterator[tuple[str, list[int]]]:
    """An address, and how many bytes came over each connection to it."""
    counts: list[int] = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts.append(len(await reader.read(65_536)))
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}", counts


@pytest.mark.parametrize(
    ("reason", "changes", "clock"),
    [
        ("sign_by is past", {"sign_by_ns": 1, "valid_until_ns": SECOND_NS}, WallClock()),
        ("sign_by is past", {}, WallClock(ahead_ns=SECOND_NS)),
        ("not a millisecond after", {"valid_until_ns": 1}, WallClock()),
        ("has not been measured", {}, ExchangeClock("http://127.0.0.1:1")),
    ],
)
async def test_no_byte_leaves_when_the_clock_forbids_it(
    reason: str, changes: dict[str, Any], clock: Any
) -> None:
    async with byte_counter() as (address, counts), OrderClient(address, KEY, SECRET, clock) as ours:
        sent = await ours.create(intent(**changes), yes)

        assert sent.outcome is Outcome.NOT_SENT
        assert reason in sent.message
    assert counts == []


async def test_no_byte_leaves_when_the_lease_forbids_it() -> None:
    async with byte_counter() as (address, counts), OrderClient(address, KEY, SECRET, WallClock()) as ours:
        sent = await ours.create(intent(), lambda _: "lease_lost")

    assert (sent.outcome, sent.message) == (Outcome.NOT_SENT, "lease_lost")
    assert counts == []


async def test_bytes_that_left_without_an_answer_are_ambiguous() -> None:
    async with byte_counter() as (address, counts), OrderClient(address, KEY, SECRET, WallClock()) as ours:
        sent = await ours.create(intent(), yes)

    assert sent.outcome is Outcome.AMBIGUOUS
    assert len(counts) == 1
    assert counts[0] > 0


async def test_a_refused_connection_means_not_sent() -> None:
    async with byte_counter() as (address, _):
        pass  # the port is free again: nobody listens

    async with OrderClient(address, KEY, SECRET, WallClock()) as ours:
        sent = await ours.create(intent(), yes)

    assert sent.outcome is Outcome.NOT_SENT


async def test_an_order_signed_too_long_ago_is_refused_by_the_exchange(
    served: SimulatedAccount,
) -> None:
    # As if the process had been paused for ten seconds between its signature and its bytes.
    async with OrderClient(served.rest, KEY, SECRET, WallClock(ahead_ns=-10 * SECOND_NS)) as paused:
        sent = await paused.create(intent(), yes)

    assert (sent.outcome, sent.ret_code) == (Outcome.REJECTED, 10002)


async def test_the_exchanges_clock_decides_not_this_machines(served: SimulatedAccount) -> None:
    fast_by_ns = 3_600 * SECOND_NS

    def market_time(request: web.Request) -> web.Response | None:
        now_ns = time.time_ns() + fast_by_ns
        body = {"retCode": 0, "result": {"timeSecond": str(now_ns // SECOND_NS), "timeNano": str(now_ns)}}
        return web.json_response(body) if request.path == "/v5/market/time" else None

    served.trouble = market_time
    clock = ExchangeClock(served.rest)
    await clock.measure()

    off_by_ns = clock.now_ns() - time.time_ns() - fast_by_ns

    assert abs(off_by_ns) <= clock.error_ns + SECOND_NS // 100


@pytest.mark.parametrize("status", [200, 503])
async def test_while_the_time_is_not_told_every_other_answer_tells_it(
    served: SimulatedAccount, status: int
) -> None:
    fast_by_ns = 3_600 * SECOND_NS

    def refused(request: web.Request) -> web.Response:
        if request.path == "/v5/market/time":
            return web.json_response({"retCode": 10016, "retMsg": "", "result": {}}, status=status)
        now_ms = (time.time_ns() + fast_by_ns) // 1_000_000
        return web.json_response({"retCode": 10016, "retMsg": "", "result": {}, "time": now_ms})

    served.trouble = refused
    clock = ExchangeClock(served.rest)
    await clock.measure()

    off_by_ns = clock.now_ns() - time.time_ns() - fast_by_ns

    assert clock.is_measured
    assert abs(off_by_ns) <= clock.error_ns + SECOND_NS // 100


async def test_a_clock_that_cannot_be_measured_again_keeps_its_offset(served: SimulatedAccount) -> None:
    broken = False

    def market_time(request: web.Request) -> web.Response:
        if broken:
            return web.Response(status=500, text="<html>")
        return web.json_response({"retCode": 0, "result": {"timeNano": str(time.time_ns())}})

    served.trouble = market_time
    clock = ExchangeClock(served.rest)
    await clock.measure()
    before_ns = clock.now_ns()

    broken = True
    with pytest.raises(Unreadable):
        await clock.measure()

    assert clock.now_ns() > before_ns


async def test_an_order_nobody_knows_is_absent_only_when_every_list_answered(
    served: SimulatedAccount, client: OrderClient
) -> None:
    never_sent = intent("never")

    assert await client.query(never_sent.client_order_id, "BTCUSDT", never_sent.created_ns) == (
        QueryAnswer.ABSENT,
        None,
        (),
    )
    for path in (OPEN_ORDERS, order_client.ORDER_HISTORY, EXECUTIONS):

        def broken(request: web.Request, path: str = path) -> web.Response | None:
            return web.Response(status=500) if request.path == path else None

        served.trouble = broken
        answer, _, _ = await client.query(never_sent.client_order_id, "BTCUSDT", never_sent.created_ns)
        assert answer is QueryAnswer.UNKNOWN


async def test_the_failpoints_of_a_send_lie_around_its_bytes(
    served: SimulatedAccount, client: OrderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[tuple[str, int]] = []
    handled = served.requests
    monkeypatch.setattr(order_client, "failpoint", lambda name: reached.append((name, len(handled))))

    await client.create(intent(), yes)

    assert [name for name, _ in reached] == ["order.signed", "order.sent", "order.answered"]
    assert reached[0] == ("order.signed", 0)


async def test_at_order_sent_the_bytes_are_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server stands in this loop, so the kernel's buffer is what proves it: at the failpoint the
    # accepted socket is readable although the loop has not turned.

    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    heard: list[bytes] = []

    def stand(name: str) -> None:
        if name == "order.sent":
            connection, _ = listener.accept()
            connection.settimeout(5)
            heard.append(connection.recv(65_536))
            connection.close()

    monkeypatch.setattr(order_client, "failpoint", stand)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async with OrderClient(address, KEY, SECRET, WallClock()) as ours:
        sent = await ours.create(intent(), yes)

    listener.close()
    assert sent.outcome is Outcome.AMBIGUOUS
    assert heard
    assert b"orderLinkId" in heard[0]
