"""The machine that decides about orders: events a second, and the comparison of 500 open orders.

The order machine takes the rows of 200 orders (acknowledgement, order row, execution, terminal row) through
`orders.tracked`; AccountCore takes the same orders from signal to flat, and a stream of marks with ten
positions held. Beside each stands writing the same events into the decision log, which every one of them is
as well. The comparison is of 500 orders with their intents, as a new leader does it: the pure part, and with
everything read from the simulated exchange over its own wire.
"""

import asyncio
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import msgspec
from aiohttp import web
from tests.support.account_harness import SYMBOL, Harness
from tests.support.executor_world import KEY, SECRET

from bench.report import Row, rates
from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.core import events as ev
from tradefleet.core.digest import encode
from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.reconcile import compare
from tradefleet.orders.tracked import Tracked, with_fill, with_order, with_outcome
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_recording
from tradefleet.simulation.server.app import build_app

ORDERS = 200
OPEN_ORDERS = 500
ROUNDS = 5
MARKS = 2000


def run() -> list[Row]:
    """Rates, and milliseconds."""
    one = _one_order()
    marks = _marks()
    log = [ev.OrderSeen(now_ns=0, order=one[1])] * (ORDERS * 4)
    taken = rates(
        {
            "orders": lambda: _order_machine(*one),
            "core": _core_from_signal_to_flat,
            "marks": lambda: _core_takes(marks),
            "log": lambda: len([encode(event, ()) for event in log]),
            "compare": _compare,
        },
        ROUNDS,
    )
    peer = "of writing them into the decision log"
    read_s = asyncio.run(_read_over_the_wire())
    compared_ms = 1000 / taken["compare"]
    return [
        Row(name="order machine", value=taken["orders"], unit="events/s",
            ratio=taken["orders"] / taken["log"], peer=peer,
            note="acknowledgement, order, execution, end of each order"),
        Row(name="AccountCore, signal to flat", value=taken["core"], unit="events/s",
            ratio=taken["core"] / taken["log"], peer=peer, note="one strategy, entry and close by turns"),
        Row(name="AccountCore, marks", value=taken["marks"], unit="events/s",
            ratio=taken["marks"] / taken["log"], peer=peer, note="a position held, its stop watched"),
        Row(name=f"comparing {OPEN_ORDERS} orders", value=compared_ms, unit="ms",
            ratio=compared_ms / (read_s * 1000), peer="of reading them from the exchange"),
        Row(name=f"reading {OPEN_ORDERS} orders", value=read_s * 1000, unit="ms",
            note="orders, positions, wallet, executions to the last page, over loopback"),
    ]  # fmt: skip


def _one_order() -> tuple[Tracked, ExchangeOrder]:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    (intent,) = harness.submitted
    harness.send()
    order = harness.exchange.orders[intent.client_order_id]
    return Tracked(record=IntentRecord(intent=intent, state=IntentState.WRITTEN)), order


def _order_machine(tracked: Tracked, order: ExchangeOrder) -> int:
    part = order.cum_exec_qty / 2
    resting = msgspec.structs.replace(order, status=OrderStatus.NEW, cum_exec_qty=Decimal(0))
    for _ in range(ORDERS):
        state = with_outcome(tracked, Outcome.ACCEPTED, order.order_id, 0, "", 1)
        state = with_order(state, resting)
        state = with_fill(state, part, order.order_id)
        state = with_order(state, order)
        state = with_fill(state, part, order.order_id)
        assert state.is_final
    return ORDERS * 5


def _core_from_signal_to_flat() -> int:
    harness = Harness().ready()
    told = 0
    tell = harness.tell

    def counted(event: ev.AnyEvent) -> None:
        nonlocal told
        told += 1
        tell(event)

    harness.tell = counted  # type: ignore[method-assign]
    for number in range(20):
        harness.announce()
        harness.signal(f"signal-{number}", Target.FLAT if number % 2 else Target.LONG)
        harness.send()
        harness.deliver()
        harness.wait(0.1)
    return told


def _marks() -> tuple[Harness, list[ev.AnyEvent]]:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=36000)
    harness.settle()
    assert harness.size
    moved = [Decimal(100) + Decimal(number % 50) / 100 for number in range(MARKS)]
    return harness, [
        ev.MarketMoved(now_ns=harness.now_ns, symbol=SYMBOL, mark=mark, bid=mark, ask=mark, last=mark)
        for mark in moved
    ]


def _core_takes(given: tuple[Harness, list[ev.AnyEvent]]) -> int:
    harness, events = given
    for event in events:
        harness.core.handle(event)
    return len(events)


def _compare() -> int:
    tracked, order = _one_order()
    view = Harness().exchange.view(10**19)
    names = [f"tf1-{number:032d}" for number in range(OPEN_ORDERS)]
    orders = tuple(
        msgspec.structs.replace(
            order, client_order_id=name, order_id=name, status=OrderStatus.NEW, cum_exec_qty=Decimal(0)
        )
        for name in names
    )
    records = dict.fromkeys(names, tracked.record)
    found = compare(records, set(), msgspec.structs.replace(view, open_orders=orders))
    assert len(found.orders) == OPEN_ORDERS
    return 1


async def _read_over_the_wire() -> float:
    """Seconds for one complete view of an account with 500 open orders."""
    with tempfile.TemporaryDirectory(prefix="tradefleet-bench-") as folder:
        market = ReplayMarket(load_recording(), start_ns=time.time_ns(), clock=time.time_ns)
        exchange = SimulatedExchange(market, Path(folder), api_key=KEY, api_secret=SECRET)
        for number in range(OPEN_ORDERS):
            symbol = sorted(market.instruments)[number % len(market.instruments)]
            rules, mark = market.instruments[symbol], market.mark_price(symbol)
            qty = rules.min_qty
            while qty * mark < rules.min_notional * 2:
                qty *= 2
            price = rules.price_down(mark * 97 / 100)
            exchange.create(
                {"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Limit",
                 "qty": f"{qty:f}", "price": f"{price:f}", "timeInForce": "GTC"}
            )  # fmt: skip
        runner = web.AppRunner(build_app(market, exchange), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            async with AccountReads(f"http://{host}:{port}", KEY, SECRET) as reads:
                began = time.perf_counter()
                view = await reads.account_view((), time.time_ns() - 10**12, time.time_ns())
                assert len(view.open_orders) == OPEN_ORDERS
                return time.perf_counter() - began
        finally:
            await runner.cleanup()
            exchange.close()
