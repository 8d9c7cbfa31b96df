"""The adapter on spot, against the simulator's spot market over real sockets."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.eventually import eventually
from tests.support.simulated_account import BTC, KEY, SECOND_NS, SECRET, WallClock, intent
from tests.support.spot_account import spot_market

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.bodies import Amendment, OrderFilter, OrderName, Scope
from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.adapters.bybit.private_stream import PrivateStream, PrivateValue
from tradefleet.adapters.bybit.public_rest import instruments
from tradefleet.adapters.bybit.public_stream import MOST_SPOT_ARGS, PublicStream, StreamSettings
from tradefleet.core.events import QueryAnswer
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import (
    ExchangeOrder,
    OrderStatus,
    OrderType,
    PriceKind,
    Side,
    TimeInForce,
    Trigger,
    TriggerDirection,
)
from tradefleet.domain.positions import PositionKey
from tradefleet.market.bybit_codec import BybitCodec
from tradefleet.market.faults import BadFrame
from tradefleet.market.frames import BookFrame, TickerFrame
from tradefleet.orders.exchange_view import Wallet
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.faults import Fault, FaultKind
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_recording, load_spot_recording
from tradefleet.simulation.server import account_rest, private_stream
from tradefleet.simulation.server.app import build_public_app
from tradefleet.simulation.server.envelope import refusals_in_envelopes

SPOT = PositionKey("spot", "BTCUSDT")


class Served:
    def __init__(self, exchange: SimulatedExchange, market: HandMarket, address: str) -> None:
        self.exchange = exchange
        self.market = market
        self.rest = f"http://{address}"
        self.stream = f"ws://{address}/v5/private"


@contextlib.asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """10,000 USDT and 1 BTC; a pair at 60,000 beside a contract of the same name."""
    linear, spot = HandMarket([BTC], time.time_ns), spot_market(time.time_ns)
    linear.mark("BTCUSDT", "60000")
    linear.replace("BTCUSDT", {"59999.9": "1"}, {"60000.1": "1"})
    exchange = SimulatedExchange(linear, tmp_path / "state", api_key=KEY, api_secret=SECRET, spot=spot)
    exchange.transfer(Decimal(1), "BTC")
    app = web.Application(middlewares=[refusals_in_envelopes(linear.now_ns)])
    account_rest.add_routes(app, exchange)
    private_stream.add_routes(app, exchange)
    async with running(app) as address:
        yield Served(exchange, spot, address)
    exchange.close()


@pytest.fixture
async def client(served: Served) -> AsyncIterator[OrderClient]:
    async with OrderClient(served.rest, KEY, SECRET, WallClock()) as ours:
        yield ours


@pytest.fixture
async def reads(served: Served) -> AsyncIterator[AccountReads]:
    async with AccountReads(served.rest, KEY, SECRET) as ours:
        yield ours


def spot_intent(signal_id: str = "signal", **changes: Any) -> Intent:
    plain = {"key": SPOT, "stop_loss": None, "take_profit": None, "reduce_only": False}
    return intent(signal_id, **(plain | changes))


def resting(signal_id: str = "rest", price: str = "59000", **changes: Any) -> Intent:
    limit = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "price": Decimal(price)}
    return spot_intent(signal_id, **(limit | changes))


def yes(_: Intent) -> str | None:
    return None


async def test_a_spot_create_is_accepted_and_found_with_its_executions_and_their_fees(
    client: OrderClient,
) -> None:
    entry = spot_intent()

    sent = await client.create(entry, yes)
    answer, order, executions = await client.query(entry.client_order_id, "BTCUSDT", entry.created_ns, "spot")

    assert (sent.outcome, sent.ret_code) == (Outcome.ACCEPTED, 0)
    assert answer is QueryAnswer.FOUND
    assert order is not None
    assert (order.category, order.status, order.cum_exec_qty) == ("spot", OrderStatus.FILLED, entry.qty)
    assert [(one.category, one.fee_coin) for one in executions] == [("spot", "BTC")]
    assert sum(one.fee for one in executions) == entry.qty * Decimal("0.001")


async def test_an_order_of_the_other_category_is_not_found(client: OrderClient) -> None:
    entry = spot_intent()
    await client.create(entry, yes)

    answer, _, _ = await client.query(entry.client_order_id, "BTCUSDT", entry.created_ns)

    assert answer is QueryAnswer.ABSENT


async def test_a_lost_answer_is_ambiguous_and_its_repeat_a_duplicate(
    served: Served, client: OrderClient
) -> None:
    entry = spot_intent()
    served.exchange.faults.add(Fault(kind=FaultKind.LOST_ANSWER))

    sent = await client.create(entry, yes)
    again = await client.create(entry, yes)
    answer, order, _ = await client.query(entry.client_order_id, "BTCUSDT", entry.created_ns, "spot")

    assert (sent.outcome, again.outcome) == (Outcome.AMBIGUOUS, Outcome.AMBIGUOUS)
    assert again.ret_code == 170141
    assert answer is QueryAnswer.FOUND
    assert order is not None
    assert served.exchange.spot is not None
    assert served.exchange.spot.engine.balance("BTC") == 1 + Decimal("0.1") * Decimal("0.999")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"qty": Decimal(5)}, 170131),
        ({"qty": Decimal("0.00001")}, 170140),
        ({"qty": Decimal("0.0000001")}, 170137),
    ],
)
async def test_what_spot_refuses_is_rejected_with_its_code(
    client: OrderClient, changes: dict[str, Any], code: int
) -> None:
    sent = await client.create(spot_intent(**changes), yes)

    assert (sent.outcome, sent.ret_code) == (Outcome.REJECTED, code)


async def test_a_price_outside_the_band_is_rejected_and_not_moved(client: OrderClient) -> None:
    sent = await client.create(resting(price="60400"), yes)

    assert (sent.outcome, sent.ret_code) == (Outcome.REJECTED, 170193)


async def test_spot_orders_are_amended_read_and_cancelled(client: OrderClient, reads: AccountReads) -> None:
    entry = resting()
    sent = await client.create(entry, yes)
    name = OrderName(symbol="BTCUSDT", client_order_id=entry.client_order_id, category="spot")

    amended = await client.amend(name, Amendment(qty=Decimal("0.05"), price=Decimal("58000")))
    (order,) = await reads.open_orders("spot")
    coins = {held.coin: held for held in await reads.coins(time.time_ns())}
    cancelled = await client.cancel(name)

    assert (amended.outcome, cancelled.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert (order.order_id, order.qty, order.price) == (sent.order_id, Decimal("0.05"), 58000)
    assert coins["USDT"].locked == Decimal("0.05") * 58000
    assert coins["BTC"].wallet_balance == 1
    assert await reads.open_orders("spot") == ()
    assert (await client.cancel(name)).outcome is Outcome.GONE


async def test_a_waiting_order_is_cancelled_by_its_kind(client: OrderClient, reads: AccountReads) -> None:
    trigger = Trigger(price=Decimal(58000), direction=TriggerDirection.FALL, by=PriceKind.LAST)
    stop = spot_intent("stop", leg=Leg.CLOSE, side=Side.SELL, trigger=trigger, reduce_only=False)
    await client.create(stop, yes)
    name = OrderName(symbol="BTCUSDT", client_order_id=stop.client_order_id, category="spot")

    blind = await client.cancel(name)
    (order,) = await reads.open_orders("spot")
    named = await client.cancel(
        OrderName(
            symbol="BTCUSDT",
            client_order_id=stop.client_order_id,
            category="spot",
            orders=OrderFilter.TPSL,
        )
    )

    assert blind.outcome is Outcome.GONE
    assert (order.status, order.stop_order_type) == (OrderStatus.UNTRIGGERED, "tpslOrder")
    assert named.outcome is Outcome.ACCEPTED
    (ended,) = await reads.order_history(time.time_ns() - 60 * SECOND_NS)
    assert ended.status is OrderStatus.DEACTIVATED


async def test_cancel_all_takes_every_pair(client: OrderClient, reads: AccountReads) -> None:
    for number in range(3):
        await client.create(resting(f"rest-{number}", qty=Decimal("0.01")), yes)

    taken = await client.cancel_all(Scope(category="spot"))

    assert len(taken.order_ids) == 3
    assert await reads.open_orders("spot") == ()


async def test_a_partial_fill_that_is_cancelled_has_spots_own_status(
    served: Served, client: OrderClient, reads: AccountReads
) -> None:
    await client.create(resting(price="60000.1", time_in_force=TimeInForce.IOC, qty=Decimal("0.1")), yes)
    served.market.replace("BTCUSDT", {"59990": "5"}, {"60000.1": "0.04"})
    await client.create(
        spot_intent(
            "more",
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC,
            price=Decimal("60000.1"),
            qty=Decimal("0.06"),
        ),
        yes,
    )

    orders = await reads.order_history(time.time_ns() - 60 * SECOND_NS)
    executions = await reads.executions(time.time_ns() - 60 * SECOND_NS, time.time_ns())

    assert {order.status for order in orders} == {
        OrderStatus.FILLED,
        OrderStatus.PARTIALLY_FILLED_CANCELLED,
    }
    assert sum(one.qty for one in executions) == Decimal("0.14")
    assert {one.fee_coin for one in executions} == {"BTC"}


async def follow(served: Served, categories: tuple[str, ...]) -> AsyncIterator[Any]:
    heard: list[PrivateValue] = []
    up, downs = asyncio.Event(), []
    stream = PrivateStream(
        served.stream, KEY, SECRET, WallClock(), heard.append, up.set, downs.append, categories=categories
    )
    task = asyncio.create_task(stream.run())
    async with asyncio.timeout(20):
        await up.wait()
    yield heard
    assert downs == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_spot_rows_come_with_their_category_when_they_are_asked_for(
    served: Served, client: OrderClient
) -> None:
    async for heard in follow(served, ("linear", "spot")):
        await client.create(spot_intent(), yes)
        await client.create(intent("contract"), yes)
        await eventually(
            lambda heard=heard: (
                {one.category for one in heard if isinstance(one, Execution)} == {"linear", "spot"}
            )
        )
        orders = [one for one in heard if isinstance(one, ExchangeOrder)]
        assert {order.category for order in orders} == {"linear", "spot"}


async def test_spot_rows_stay_away_from_who_trades_contracts_only(
    served: Served, client: OrderClient
) -> None:
    async for heard in follow(served, ("linear",)):
        await client.create(spot_intent(), yes)
        await client.create(intent("contract"), yes)
        await eventually(lambda heard=heard: any(isinstance(one, Execution) for one in heard))
        rows = [one for one in heard if isinstance(one, (ExchangeOrder, Execution))]
        assert {row.category for row in rows} == {"linear"}
        assert sum(isinstance(one, Wallet) for one in heard) >= 1


async def test_spot_trades_count_as_transfers_of_the_settle_coin(
    client: OrderClient, reads: AccountReads
) -> None:
    before = await reads.transfers(time.time_ns() - 60 * SECOND_NS)

    await client.create(spot_intent(), yes)

    spent = Decimal("0.1") * Decimal("60000.1")
    assert await reads.transfers(time.time_ns() - 60 * SECOND_NS) == before - spent


async def test_the_public_side_of_spot_is_followed(tmp_path: Path) -> None:
    linear, spot = (
        ReplayMarket(recording, start_ns=time.time_ns(), clock=time.time_ns)
        for recording in (load_recording(), load_spot_recording())
    )
    async with running(build_public_app(linear, spot=spot)) as address:
        pairs = await instruments(f"http://{address}", "spot", ["BTCUSDT", "ETHUSDT"])
        codec = BybitCodec(pairs)
        topics = [
            f"{stream}.{pair.symbol}"
            for pair in pairs
            for stream in (
                "orderbook.1",
                "orderbook.50",
                "orderbook.200",
                "tickers",
                "publicTrade",
                "kline.1",
            )
        ]
        frames: list[Any] = []
        stream = PublicStream(
            f"ws://{address}/v5/public/spot",
            lambda raw, seen_ns: frames.append(codec.decode(raw, seen_ns)),
            lambda _: None,
            lambda *_: None,
            StreamSettings(topics_per_request=MOST_SPOT_ARGS),
        )
        task = asyncio.create_task(stream.run([topics]))
        wanted = {(kind, pair.symbol) for kind in (BookFrame, TickerFrame) for pair in pairs}
        await eventually(
            lambda: wanted <= {(type(frame), frame.symbol) for frame in frames if hasattr(frame, "symbol")}
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert len(topics) > MOST_SPOT_ARGS
    assert [frame for frame in frames if isinstance(frame, BadFrame)] == []
