"""Batches of closes against the simulator: what is sent, what is not, and what each order came to."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.support.simulated_account import KEY, SECOND_NS, SECRET, SimulatedAccount, WallClock, intent

from tradefleet.adapters.bybit import batch_orders, order_client
from tradefleet.adapters.bybit.batch_orders import CREATE_BATCH
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.order_client import CREATE, OrderClient
from tradefleet.adapters.bybit.quotas import ADDRESS_QUOTA, QUOTAS
from tradefleet.adapters.bybit.way_out import WayOut
from tradefleet.core.events import QueryAnswer
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.budget import SECOND_NS as WINDOW_NS
from tradefleet.orders.budget import Budgets, Lane, Quota
from tradefleet.orders.codes import Reason
from tradefleet.orders.flatten import Close
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.simulation.account.faults import Fault, FaultKind

A, R, M, N = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.AMBIGUOUS, Outcome.NOT_SENT


def yes(_: Intent) -> str | None:
    return None


def closes(count: int, **changes: Any) -> list[Intent]:
    """Of 0.1 BTC each."""
    return [intent(f"close-{number}", leg=Leg.CLOSE, **changes) for number in range(count)]


def hold(served: SimulatedAccount, qty: str) -> None:
    served.exchange.create(
        {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": qty}
    )


def size(served: SimulatedAccount) -> Decimal:
    return served.exchange.engine.position("BTCUSDT").size


@pytest.fixture
async def client(served: SimulatedAccount) -> AsyncIterator[OrderClient]:
    async with OrderClient(served.rest, KEY, SECRET, WallClock()) as ours:
        yield ours


async def test_each_order_of_a_batch_is_accepted_with_its_own_id(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.3")
    three = closes(3)

    results = await client.create_batch(three, yes)

    assert [result.outcome for result in results] == [A, A, A]
    assert size(served) == 0
    assert served.paths() == [CREATE_BATCH]
    for close, result in zip(three, results, strict=True):
        answer, order, _ = await client.query(close.client_order_id, "BTCUSDT", close.created_ns)
        assert answer is QueryAnswer.FOUND
        assert order is not None
        assert order.order_id == result.order_id


async def test_one_that_is_refused_does_not_keep_the_others(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.1")

    results = await client.create_batch(closes(3), yes)

    assert [(result.outcome, result.ret_code) for result in results] == [(A, 0), (R, 110017), (R, 110017)]
    assert size(served) == 0


async def test_what_contradicts_itself_stays_behind_alone(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.2")
    one, two = closes(2)

    results = await client.create_batch([msgspec.structs.replace(one, qty=Decimal(0)), two], yes)

    assert [result.outcome for result in results] == [N, A]
    assert results[0].reason is Reason.PARAMETERS


async def test_a_lost_answer_leaves_each_order_to_be_asked_for(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.2")
    two = closes(2)
    served.exchange.faults.add(Fault(kind=FaultKind.LOST_ANSWER, endpoint=CREATE_BATCH))

    results = await client.create_batch(two, yes)

    assert [(result.outcome, result.ret_code) for result in results] == [(M, None), (M, None)]
    assert served.paths().count(CREATE_BATCH) == 1
    for close in two:
        answer, _, _ = await client.query(close.client_order_id, "BTCUSDT", close.created_ns)
        assert answer is QueryAnswer.FOUND


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (web.Response(text="<html>maintenance</html>", content_type="text/html"), M),
        (web.Response(status=503), M),
        (web.Response(status=307, headers={"Location": "/elsewhere"}), M),
        (web.json_response({"retCode": 0, "retMsg": "OK", "result": {}, "retExtInfo": {}}), M),
        (web.json_response({"retCode": 10006, "retMsg": "Too many visits!", "result": {}}), R),
        (web.json_response({"retCode": 10032, "retMsg": "not on demo", "result": {}}), R),
    ],
    ids=["html", "503", "redirect", "no lists", "10006", "10032"],
)
async def test_an_answer_about_none_of_them_counts_for_each(
    served: SimulatedAccount, client: OrderClient, trouble: web.Response, outcome: Outcome
) -> None:
    served.trouble = lambda request: trouble if request.path == CREATE_BATCH else None

    results = await client.create_batch(closes(2), yes)

    assert [result.outcome for result in results] == [outcome, outcome]
    assert served.paths() == [CREATE_BATCH]


async def test_what_is_over_the_exchanges_limit_is_refused_alone_and_the_endpoint_rests(
    served: SimulatedAccount,
) -> None:
    # As if another program had spent our room: our own count would not have let twelve go.
    wide = {**QUOTAS, CREATE_BATCH: Quota(limit=20, window_ns=WINDOW_NS)}
    governor = Governor(Budgets(wide, ADDRESS_QUOTA))
    hold(served, "1.2")

    async with OrderClient(served.rest, KEY, SECRET, WallClock(), governor=governor) as ours:
        results = await ours.create_batch(closes(12), yes)

        assert [result.outcome for result in results] == [A] * 10 + [R] * 2
        assert {result.reason for result in results[10:]} == {Reason.RATE}
        assert ours.room_for_batch("linear") == 0


async def test_the_room_is_counted_in_orders_and_is_not_that_of_single_creates(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "1")
    before = client.room_for_batch("linear")

    await client.create_batch(closes(7), yes)

    assert (before, client.room_for_batch("linear")) == (10, 3)
    assert client.governor.room(CREATE, Lane.REDUCING) == 10


async def test_a_batch_for_which_there_is_no_room_in_time_is_not_sent(
    served: SimulatedAccount, client: OrderClient
) -> None:
    assert client.governor.try_now(CREATE_BATCH, Lane.REDUCING, 10) == 0

    results = await client.create_batch(closes(2), yes)

    assert [(result.outcome, result.reason) for result in results] == [(N, Reason.RATE_BUDGET)] * 2
    assert served.paths() == []


async def test_one_whose_time_is_over_stays_behind_and_the_window_is_the_narrowest(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.3")
    heard: list[int] = []

    def listen(request: web.Request) -> None:
        heard.append(int(request.headers["X-BAPI-RECV-WINDOW"]))

    served.trouble = listen
    late, wide, narrow = closes(3)
    late = msgspec.structs.replace(late, sign_by_ns=time.time_ns() - 1)
    narrow = msgspec.structs.replace(narrow, valid_until_ns=narrow.sign_by_ns + SECOND_NS)

    # The room is waited for until the first of them may not be signed any more: there is some at once.
    results = await client.create_batch([late, wide, narrow], yes)

    assert [result.outcome for result in results] == [N, A, A]
    assert results[0].reason is Reason.TOO_LATE
    assert heard == [1000]


async def test_one_that_may_not_be_signed_stays_behind(served: SimulatedAccount, client: OrderClient) -> None:
    hold(served, "0.2")
    one, two = closes(2)

    results = await client.create_batch([one, two], lambda asked: "lease" if asked is one else None)

    assert [(result.outcome, result.message) for result in results] == [(N, "lease"), (A, "OK")]


@pytest.mark.parametrize(
    ("clock", "may_sign"),
    [
        (WallClock(ahead_ns=SECOND_NS), yes),
        (ExchangeClock("http://127.0.0.1:1"), yes),
        (WallClock(), lambda _: "lease_lost"),
    ],
)
async def test_no_byte_leaves_when_clock_or_lease_forbid_it(
    served: SimulatedAccount, clock: Any, may_sign: Any
) -> None:
    async with OrderClient(served.rest, KEY, SECRET, clock) as ours:
        results = await ours.create_batch(closes(2), may_sign)

    assert [result.outcome for result in results] == [N, N]
    assert served.paths() == []


async def test_a_batch_signed_too_long_ago_is_refused_by_the_exchange(served: SimulatedAccount) -> None:
    async with OrderClient(served.rest, KEY, SECRET, WallClock(ahead_ns=-10 * SECOND_NS)) as paused:
        results = await paused.create_batch(closes(2), yes)

    assert [(result.outcome, result.ret_code) for result in results] == [(R, 10002)] * 2


async def test_a_refused_connection_means_that_none_was_sent() -> None:
    async with OrderClient("http://127.0.0.1:1", KEY, SECRET, WallClock()) as ours:
        results = await ours.create_batch(closes(2), yes)

    assert [result.outcome for result in results] == [N, N]


@pytest.mark.parametrize(
    ("intents", "why"),
    [
        ([], "1 to 0"),
        (closes(21), "batch of 21"),
        ([intent("in"), *closes(1)], "opens"),
        (closes(1) * 2, "twice"),
        ([*closes(1), *closes(1, key=msgspec.structs.replace(intent().key, category="spot"))], "of one"),
    ],
)
async def test_what_is_no_batch_is_the_callers_mistake(
    client: OrderClient, intents: list[Intent], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        await client.create_batch(intents, yes)


async def test_the_failpoints_of_a_send_lie_around_a_batchs_bytes(
    served: SimulatedAccount, client: OrderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[tuple[str, int]] = []
    for module in (batch_orders, order_client):
        monkeypatch.setattr(module, "failpoint", lambda name: reached.append((name, len(served.requests))))

    await client.create_batch(closes(2), yes)

    assert [name for name, _ in reached] == ["order.signed", "order.sent", "order.answered"]
    assert reached[0] == ("order.signed", 0)


async def test_the_way_out_closes_together_without_ids_of_ours(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.3")

    troubles = await WayOut(client).close([market_close("0.1")] * 3)

    assert troubles == []
    assert size(served) == 0
    assert served.paths() == [CREATE_BATCH]


async def test_the_way_out_says_what_was_not_done(served: SimulatedAccount, client: OrderClient) -> None:
    hold(served, "0.1")

    troubles = await WayOut(client).close([market_close("0.1")] * 2)

    assert [trouble.code for trouble in troubles] == [110017]


async def test_what_the_batch_has_no_room_for_goes_alone_on_the_way_out(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.65")

    assert await WayOut(client).close([market_close("0.05")] * 13) == []

    assert size(served) == 0
    assert served.paths() == [CREATE_BATCH, CREATE, CREATE, CREATE]


async def test_the_way_out_does_not_try_a_second_batch_after_one_of_which_nothing_was_taken(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.2")
    refusal = {"retCode": 10032, "retMsg": "not on demo", "result": {}}
    served.trouble = lambda asked: web.json_response(refusal) if asked.path == CREATE_BATCH else None
    way_out = WayOut(client)

    first = await way_out.close([market_close("0.1")] * 2)
    second = await way_out.close([market_close("0.1")] * 2)

    assert [trouble.code for trouble in first] == [10032, 10032]
    assert second == []
    assert served.paths() == [CREATE_BATCH, CREATE, CREATE]


async def test_the_way_out_sends_no_batch_when_it_closes_one(
    served: SimulatedAccount, client: OrderClient
) -> None:
    hold(served, "0.1")

    assert await WayOut(client).close([market_close("0.1")]) == []
    assert await WayOut(client).close([]) == []

    assert served.paths() == [CREATE]


def market_close(qty: str) -> Close:
    return Close(key=PositionKey("linear", "BTCUSDT"), side=Side.SELL, qty=Decimal(qty))
