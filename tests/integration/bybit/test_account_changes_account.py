"""Cancels, amends, stops, leverage and mode against the simulator: absolute, typed, and never raising."""

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
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

from tradefleet.adapters.bybit.account_changes import PATHS
from tradefleet.adapters.bybit.bodies import Amendment, OrderFilter, OrderName, Protection, Scope
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.domain.orders import OrderType, Side, TimeInForce, Trigger, TriggerDirection
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.client_order_id import is_way_out
from tradefleet.orders.codes import Reason
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Operation, Outcome
from tradefleet.simulation.account.faults import Fault, FaultKind

BTC = PositionKey("linear", "BTCUSDT")
EVERYTHING = Scope(settle_coin="USDT")
CANCEL, CANCEL_ALL = PATHS[Operation.CANCEL], PATHS[Operation.CANCEL_ALL]


def yes(_: Intent) -> str | None:
    return None


@pytest.fixture
async def client(served: SimulatedAccount) -> AsyncIterator[OrderClient]:
    # A draw of zero: repeats follow one another without a wait.
    async with OrderClient(served.rest, KEY, SECRET, WallClock(), draw=lambda: 0.0) as ours:
        yield ours


def resting(signal_id: str = "resting", **changes: Any) -> Intent:
    """A limit buy of 0.1 BTC far below the market, without stops."""
    fields: dict[str, Any] = {
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price": Decimal(59500),
        "stop_loss": None,
        "take_profit": None,
    }
    return intent(signal_id, **(fields | changes))


def name(order: Intent) -> OrderName:
    return OrderName(symbol="BTCUSDT", client_order_id=order.client_order_id)


def open_orders(served: SimulatedAccount) -> dict[str, Any]:
    """By our id; what the exchange made itself, by its own."""
    orders = served.exchange.engine.state.orders.values()
    return {order.order_link_id or order.order_id: order for order in orders}


async def test_an_order_is_cancelled_by_either_id_and_a_second_time_it_is_gone(
    served: SimulatedAccount, client: OrderClient
) -> None:
    by_ours, by_theirs = resting("a"), resting("b")
    await client.create(by_ours, yes)
    accepted = await client.create(by_theirs, yes)

    first = await client.cancel(name(by_ours))
    second = await client.cancel(OrderName(symbol="BTCUSDT", order_id=accepted.order_id))
    again = await client.cancel(name(by_ours))

    assert [r.outcome for r in (first, second)] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert (again.outcome, again.reason, again.ret_code) == (Outcome.GONE, Reason.ORDER_OVER, 110001)
    assert again.is_done
    assert not open_orders(served)


async def test_a_cancel_whose_answer_was_lost_is_repeated_until_it_is_known(
    served: SimulatedAccount, client: OrderClient
) -> None:
    order = resting()
    await client.create(order, yes)
    served.exchange.faults.add(Fault(kind=FaultKind.LOST_ANSWER, endpoint=CANCEL))

    result = await client.cancel(name(order))

    assert (result.outcome, result.tries) == (Outcome.GONE, 2)
    assert not open_orders(served)


@pytest.mark.parametrize("code", [10016, 10000, 110079, 987654])
async def test_a_cancel_outlives_an_exchange_that_is_not_well(
    served: SimulatedAccount, client: OrderClient, code: int
) -> None:
    order = resting()
    await client.create(order, yes)
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=CANCEL, count=3, ret_code=code))

    result = await client.cancel(name(order))

    assert (result.outcome, result.tries) == (Outcome.ACCEPTED, 4)


async def test_a_cancel_gives_up_when_its_patience_is_over(
    served: SimulatedAccount, client: OrderClient
) -> None:
    served.trouble = lambda request: web.Response(status=503)

    result = await client.cancel(name(resting()), patience_s=0.2)

    assert (result.outcome, result.reason) == (Outcome.AMBIGUOUS, Reason.SERVER)
    assert result.again
    assert result.tries == served.paths().count(CANCEL)


async def test_a_refusal_that_repeating_cannot_mend_is_not_repeated(
    served: SimulatedAccount, client: OrderClient
) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=CANCEL, count=5, ret_code=10005))

    result = await client.cancel(name(resting()))

    assert (result.outcome, result.reason, result.tries) == (Outcome.REJECTED, Reason.AUTH, 1)


async def test_cancel_all_takes_what_its_filter_names_and_leaves_the_stop(
    served: SimulatedAccount, client: OrderClient
) -> None:
    await client.create(intent("position"), yes)
    await client.create(resting(), yes)

    result = await client.cancel_all(Scope(settle_coin="USDT", orders=OrderFilter.ACTIVE))

    assert result.outcome is Outcome.ACCEPTED
    assert len(result.order_ids) == 1
    assert {order.stop_kind.value for order in open_orders(served).values()} == {"StopLoss", "TakeProfit"}


async def test_cancel_all_of_an_empty_account_is_done(client: OrderClient) -> None:
    result = await client.cancel_all(EVERYTHING)

    assert (result.outcome, result.order_ids) == (Outcome.ACCEPTED, ())


async def test_an_amend_sets_price_and_size_and_the_same_amend_again_changes_nothing(
    served: SimulatedAccount, client: OrderClient
) -> None:
    order = resting()
    await client.create(order, yes)
    shall_be = Amendment(qty=Decimal("0.2"), price=Decimal(59400))

    results = [await client.amend(name(order), shall_be) for _ in range(2)]

    assert results[0].outcome is Outcome.ACCEPTED
    assert results[1].is_done
    amended = open_orders(served)[order.client_order_id]
    assert (amended.qty, amended.price) == (Decimal("0.2"), Decimal(59400))


async def test_an_amend_of_an_order_that_is_over_is_rejected_as_that(client: OrderClient) -> None:
    result = await client.amend(name(resting()), Amendment(price=Decimal(59400)))

    assert (result.outcome, result.reason) == (Outcome.REJECTED, Reason.ORDER_OVER)


async def test_an_amend_whose_answer_was_lost_is_ambiguous_and_sent_once(
    served: SimulatedAccount, client: OrderClient
) -> None:
    order = resting()
    await client.create(order, yes)
    path = PATHS[Operation.AMEND]
    served.exchange.faults.add(Fault(kind=FaultKind.LOST_ANSWER, endpoint=path))

    result = await client.amend(name(order), Amendment(price=Decimal(59400)))

    assert (result.outcome, result.reason) == (Outcome.AMBIGUOUS, Reason.TRANSPORT)
    assert served.paths().count(path) == 1


@pytest.mark.parametrize(
    ("permit", "sign_by_ns", "reason"),
    [(lambda: "lease_lost", None, Reason.FORBIDDEN), (lambda: None, 1, Reason.TOO_LATE)],
)
async def test_an_amend_obeys_the_lease_and_its_time(
    served: SimulatedAccount, client: OrderClient, permit: Any, sign_by_ns: int | None, reason: Reason
) -> None:
    result = await client.amend(
        name(resting()), Amendment(price=Decimal(1)), may_sign=permit, sign_by_ns=sign_by_ns
    )

    assert (result.outcome, result.reason) == (Outcome.NOT_SENT, reason)
    assert served.requests == []


@pytest.mark.parametrize(
    ("permit", "sign_by_ns", "reason"),
    [(lambda: "lease", None, Reason.FORBIDDEN), (lambda: None, 1, Reason.TOO_LATE)],
)
async def test_a_cancel_obeys_the_lease_and_its_time(
    served: SimulatedAccount, client: OrderClient, permit: Any, sign_by_ns: int | None, reason: Reason
) -> None:
    fenced = {"may_sign": permit, "sign_by_ns": sign_by_ns, "patience_s": 0.1}

    one = await client.cancel(name(resting()), **fenced)
    everyone = await client.cancel_all(Scope(settle_coin="USDT", orders=OrderFilter.ACTIVE), **fenced)

    assert [(r.outcome, r.reason) for r in (one, everyone)] == [(Outcome.NOT_SENT, reason)] * 2
    assert served.requests == []


async def test_a_cancel_that_has_a_time_is_sent_once(served: SimulatedAccount, client: OrderClient) -> None:
    served.trouble = lambda request: web.Response(status=503)
    sign_by_ns = time.time_ns() + 60 * 1_000_000_000

    one = await client.cancel(name(resting()), sign_by_ns=sign_by_ns)
    everyone = await client.cancel_all(EVERYTHING, sign_by_ns=sign_by_ns)

    assert [r.outcome for r in (one, everyone)] == [Outcome.AMBIGUOUS] * 2
    assert len(served.requests) == 2


async def test_a_stop_is_set_for_the_position_and_taken_away_by_zero(
    served: SimulatedAccount, client: OrderClient
) -> None:
    await client.create(intent("position"), yes)

    moved = await client.trading_stop(BTC, Protection(stop_loss=Decimal(59500)))
    stop = served.exchange.engine.position("BTCUSDT").stop_loss
    gone = await client.trading_stop(BTC, Protection(take_profit=Decimal(0)))

    assert (moved.outcome, gone.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert stop is not None
    assert (stop.price, stop.by) == (Decimal(59500), "MarkPrice")
    position = served.exchange.engine.position("BTCUSDT")
    assert (position.stop_loss, position.take_profit) == (stop, None)


async def test_a_stop_of_a_flat_account_is_rejected(client: OrderClient) -> None:
    result = await client.trading_stop(BTC, Protection(stop_loss=Decimal(59500)))

    assert (result.outcome, result.again) == (Outcome.REJECTED, False)


@pytest.mark.parametrize(
    ("operation", "code", "text"),
    [
        (Operation.TRADING_STOP, 34040, "not modified"),
        (Operation.TRADING_STOP, 10001, "StopLoss not modified"),
        (Operation.SET_LEVERAGE, 110043, "leverage not modified"),
        (Operation.SWITCH_MODE, 110025, "Position mode is not modified"),
    ],
)
async def test_what_is_so_already_is_done(
    served: SimulatedAccount, client: OrderClient, operation: Operation, code: int, text: str
) -> None:
    served.exchange.faults.add(
        Fault(kind=FaultKind.REJECT, endpoint=PATHS[operation], ret_code=code, ret_msg=text)
    )
    calls = {
        Operation.TRADING_STOP: lambda: client.trading_stop(BTC, Protection(stop_loss=Decimal(1))),
        Operation.SET_LEVERAGE: lambda: client.set_leverage("BTCUSDT", Decimal(7)),
        Operation.SWITCH_MODE: lambda: client.switch_mode("BTCUSDT", hedge=False),
    }

    result = await calls[operation]()

    assert (result.outcome, result.reason) == (Outcome.ALREADY, Reason.NOT_MODIFIED)
    assert result.is_done


async def test_leverage_is_set_and_the_mode_is_one_way_already(
    served: SimulatedAccount, client: OrderClient
) -> None:
    leverage = await client.set_leverage("BTCUSDT", Decimal(7))
    mode = await client.switch_mode("BTCUSDT", hedge=False)

    assert leverage.outcome is Outcome.ACCEPTED
    assert served.exchange.engine.position("BTCUSDT").leverage == 7
    assert mode.outcome is Outcome.ALREADY


async def test_the_way_out_closes_a_position_without_an_intent(
    served: SimulatedAccount, client: OrderClient
) -> None:
    await client.create(intent("position"), yes)
    names: list[str] = []
    served.exchange.subscribe(
        lambda told: names.extend(row["orderLinkId"] for row in told.rows.get("execution", []))
    )

    closed = await client.close_at_market(BTC, Side.SELL, Decimal("0.1"))
    again = await client.close_at_market(BTC, Side.SELL, Decimal("0.1"))

    assert closed.outcome is Outcome.ACCEPTED
    assert (again.outcome, again.reason) == (Outcome.REJECTED, Reason.REDUCE_ONLY)
    assert served.exchange.engine.position("BTCUSDT").size == 0
    assert sum(map(is_way_out, names)) == 1


async def test_a_conditional_entry_waits_for_its_mark_and_fills_when_it_comes(
    served: SimulatedAccount, client: OrderClient
) -> None:
    entry = intent("breakout", trigger=Trigger(price=Decimal(60500), direction=TriggerDirection.RISE))

    sent = await client.create(entry, yes)
    waiting = served.exchange.engine.position("BTCUSDT").size
    served.market.mark("BTCUSDT", "60500")

    assert (sent.outcome, waiting) == (Outcome.ACCEPTED, 0)
    assert served.exchange.engine.position("BTCUSDT").size == entry.qty


async def test_a_post_only_order_that_would_take_does_not(
    served: SimulatedAccount, client: OrderClient
) -> None:
    entry = resting(price=Decimal(60001), time_in_force=TimeInForce.POST_ONLY)

    sent = await client.create(entry, yes)
    _, order, _ = await client.query(entry.client_order_id, "BTCUSDT", entry.created_ns)

    assert sent.outcome is Outcome.ACCEPTED
    assert order is not None
    assert (order.reject_reason, order.cum_exec_qty) == ("EC_PostOnlyWillTakeLiquidity", 0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"order_type": OrderType.LIMIT, "price": None}, "limit order"),
        ({"time_in_force": TimeInForce.POST_ONLY}, "post-only"),
        ({"qty": Decimal(0)}, "not above zero"),
        ({"key": PositionKey("inverse", "BTCUSDT")}, "category inverse"),
        ({"key": PositionKey("linear", "BTCUSDT", 2)}, "leg 2"),
        ({"key": PositionKey("linear", "BTCUSDT", 3)}, "position_idx 3"),
        ({"leg": Leg.CLOSE, "key": PositionKey("linear", "BTCUSDT", 2)}, "leg 2"),
        ({"trigger": Trigger(price=Decimal(0), direction=TriggerDirection.RISE)}, "trigger price"),
    ],
)
async def test_an_intent_that_contradicts_itself_is_not_sent_and_says_why(
    served: SimulatedAccount, client: OrderClient, changes: dict[str, Any], why: str
) -> None:
    sent = await client.create(intent(**changes), yes)

    assert (sent.outcome, sent.reason) == (Outcome.NOT_SENT, Reason.PARAMETERS)
    assert why in sent.message
    assert served.requests == []


async def test_no_call_raises_for_a_clock_that_was_never_measured(served: SimulatedAccount) -> None:
    async with OrderClient(served.rest, KEY, SECRET, ExchangeClock(served.rest)) as ours:
        results = [
            await ours.cancel(name(resting())),
            await ours.cancel_all(EVERYTHING),
            await ours.amend(name(resting()), Amendment(price=Decimal(1))),
            await ours.trading_stop(BTC, Protection(stop_loss=Decimal(1))),
            await ours.set_leverage("BTCUSDT", Decimal(1)),
            await ours.switch_mode("BTCUSDT", hedge=True),
            await ours.close_at_market(BTC, Side.SELL, Decimal(1)),
        ]

    assert {(r.outcome, r.reason) for r in results} == {(Outcome.NOT_SENT, Reason.CLOCK)}
    assert served.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(status=502, text="bad gateway"),
        web.json_response({"retCode": 0, "result": {"orderId": "another", "orderLinkId": "another"}}),
        web.json_response({"retCode": 0, "result": {"list": "none"}}),
        web.json_response({"retCode": 0, "result": {"list": [], "success": "0"}}),
    ],
    ids=["html", "502", "of another order", "no list", "no success"],
)
@pytest.mark.parametrize("call", ["cancel", "cancel_all"])
async def test_an_answer_that_says_something_else_is_ambiguous(
    served: SimulatedAccount, client: OrderClient, answer: web.Response, call: str
) -> None:
    body, status, kind = answer.body, answer.status, answer.content_type
    served.trouble = lambda request: web.Response(body=body, status=status, content_type=kind)

    if call == "cancel":
        result = await client.cancel(name(resting()), patience_s=0.05)
    else:
        result = await client.cancel_all(EVERYTHING, patience_s=0.05)

    assert result.outcome is Outcome.AMBIGUOUS


async def test_ten_cancels_at_once_and_the_rest_when_there_is_room(
    served: SimulatedAccount, client: OrderClient
) -> None:
    # The simulator answers 10006 beyond ten in a rolling second; on a loaded machine requests that left
    # apart can arrive together, and are repeated then.
    orders = [resting(f"order {number}") for number in range(14)]
    codes: list[int | None] = []

    async def cancelled(order: Intent) -> None:
        codes.append((await client.cancel(name(order))).ret_code)

    began_ns = served.market.now_ns()
    await asyncio.gather(*map(cancelled, orders))
    took_ns = served.market.now_ns() - began_ns

    assert codes == [110001] * 14
    assert took_ns >= SECOND_NS
