"""The exchange's limits and a broken way, over real sockets: what opens stops, what reduces goes on."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.support.eventually import eventually
from tests.support.simulated_account import (
    KEY,
    SECRET,
    SimulatedAccount,
    WallClock,
    intent,
)

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.bodies import OrderName, Scope
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.order_client import CREATE, OrderClient
from tradefleet.adapters.bybit.way_out import NotDone, WayOut
from tradefleet.adapters.bybit.way_out_reads import WayOutReads
from tradefleet.core.events import QueryAnswer
from tradefleet.orders.breaker import Breaker, Limits, State
from tradefleet.orders.budget import Lane
from tradefleet.orders.codes import Reason
from tradefleet.orders.flatten import CancelActive, Standing, together
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.simulation.account.faults import Fault, FaultKind

SECOND_NS = 1_000_000_000
CANCEL_ALL = "/v5/order/cancel-all"


class HandClock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.ns = SECOND_NS

    def __call__(self) -> int:
        return self.ns


def yes(_: Intent) -> str | None:
    return None


@pytest.fixture
async def client(served: SimulatedAccount) -> AsyncIterator[OrderClient]:
    async with OrderClient(served.rest, KEY, SECRET, WallClock(), draw=lambda: 0.0) as ours:
        yield ours


def half_open(breaker: Breaker) -> bool:
    return breaker.state(time.monotonic_ns()) is State.HALF_OPEN


def name() -> OrderName:
    return OrderName(symbol="BTCUSDT", client_order_id=intent().client_order_id)


async def test_half_of_the_creates_open_the_rest_is_refused_at_once_and_a_close_still_goes(
    served: SimulatedAccount, client: OrderClient
) -> None:
    entries = await asyncio.gather(*(client.create(intent(f"entry {n}"), yes) for n in range(12)))
    close = await client.create(intent("close", leg=Leg.CLOSE), yes)

    opened = [sent for sent in entries if sent.outcome is Outcome.ACCEPTED]
    refused = [sent for sent in entries if sent.outcome is Outcome.NOT_SENT]
    assert (len(opened), len(refused)) == (5, 7)
    assert {(sent.reason, sent.message) for sent in refused} == {(Reason.RATE_BUDGET, "rate_budget")}
    assert close.outcome is Outcome.ACCEPTED
    assert served.paths().count(CREATE) == 6


async def test_too_many_visits_are_waited_out_and_the_order_that_met_them_is_rejected(
    served: SimulatedAccount, client: OrderClient
) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=CREATE, ret_code=10006))

    met = await client.create(intent("met"), yes)
    next_entry = await client.create(intent("next"), yes)
    room_s = client.governor.try_now(CREATE, Lane.OPENING)

    assert (met.outcome, met.reason) == (Outcome.REJECTED, Reason.RATE)
    assert (next_entry.outcome, next_entry.reason) == (Outcome.NOT_SENT, Reason.RATE_BUDGET)
    assert 0.5 < room_s <= 1.1
    assert served.paths().count(CREATE) == 1


async def test_a_close_that_finds_no_room_before_its_time_is_over_is_not_sent(
    served: SimulatedAccount, client: OrderClient
) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=CREATE, ret_code=10006))
    await client.create(intent("met"), yes)

    close = await client.create(intent("close", leg=Leg.CLOSE), yes)

    assert (close.outcome, close.reason) == (Outcome.NOT_SENT, Reason.RATE_BUDGET)


async def test_after_http_403_all_is_quiet_but_what_reduces_which_tries_once_a_minute(
    served: SimulatedAccount,
) -> None:
    clock = HandClock()
    governor = Governor(monotonic_ns=clock)
    async with OrderClient(served.rest, KEY, SECRET, WallClock(), governor=governor) as ours:
        served.trouble = lambda request: web.Response(status=403, text="access too frequent")
        banned = await ours.create(intent("banned"), yes)
        served.trouble = lambda request: None
        before = len(served.requests)

        entry = await ours.create(intent("entry"), yes)
        asked, _, _ = await ours.query(intent().client_order_id, "BTCUSDT", 1)
        cancel = await ours.cancel(name())
        assert len(served.requests) == before
        clock.ns += 60 * SECOND_NS
        probe = await ours.cancel(name())
        after_the_probe = await ours.cancel_all(Scope(settle_coin="USDT"))
        still = await ours.create(intent("still"), yes)

    assert (banned.outcome, banned.reason) == (Outcome.AMBIGUOUS, Reason.RATE)
    assert (entry.outcome, entry.reason) == (Outcome.NOT_SENT, Reason.RATE_BUDGET)
    assert asked is QueryAnswer.UNKNOWN
    assert (cancel.outcome, cancel.reason) == (Outcome.NOT_SENT, Reason.RATE_BUDGET)
    assert (probe.outcome, after_the_probe.outcome) == (Outcome.GONE, Outcome.ACCEPTED)
    assert still.outcome is Outcome.NOT_SENT


async def test_five_broken_calls_stop_what_opens_and_never_what_reduces(
    served: SimulatedAccount, client: OrderClient
) -> None:
    served.trouble = lambda request: web.Response(status=503)
    broken = [await client.create(intent(f"entry {n}"), yes) for n in range(5)]
    served.trouble = lambda request: None

    entry = await client.create(intent("entry"), yes)
    close = await client.create(intent("close", leg=Leg.CLOSE), yes)
    cancel = await client.cancel(name())

    assert {sent.outcome for sent in broken} == {Outcome.AMBIGUOUS}
    assert (entry.outcome, entry.reason, entry.message) == (
        Outcome.NOT_SENT,
        Reason.CIRCUIT_OPEN,
        "circuit_open",
    )
    assert (close.outcome, close.ret_code) == (Outcome.REJECTED, 110017)
    assert cancel.outcome is Outcome.GONE


async def test_refused_orders_never_open_the_circuit(served: SimulatedAccount, client: OrderClient) -> None:
    for _ in range(4):
        served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=CREATE, ret_code=110007))
    for number in range(4):
        await client.create(intent(f"entry {number}"), yes)
    for _ in range(8):
        await client.cancel(name())

    assert client.breaker.state(0) is State.CLOSED


async def test_half_open_sends_one_entry_and_its_answer_closes(served: SimulatedAccount) -> None:
    breaker = Breaker(Limits(failures=1, window_ns=30 * SECOND_NS, open_ns=SECOND_NS // 5))
    async with OrderClient(served.rest, KEY, SECRET, WallClock(), breaker=breaker) as ours:
        served.trouble = lambda request: web.Response(status=500)
        await ours.create(intent("broken"), yes)
        served.trouble = lambda request: None
        await eventually(lambda: half_open(breaker))

        not_sent = await ours.create(intent("no lease"), lambda _: "lease")
        both = await asyncio.gather(*(ours.create(intent(f"probe {n}"), yes) for n in range(2)))
        then = await ours.create(intent("then"), yes)

    assert not_sent.reason is Reason.FORBIDDEN
    assert [sent.outcome for sent in both] == [Outcome.ACCEPTED, Outcome.NOT_SENT]
    assert then.outcome is Outcome.ACCEPTED


async def test_a_probe_that_is_cancelled_leaves_its_place(served: SimulatedAccount) -> None:
    breaker = Breaker(Limits(failures=1, window_ns=30 * SECOND_NS, open_ns=SECOND_NS // 5))
    async with OrderClient(served.rest, KEY, SECRET, WallClock(), breaker=breaker) as ours:
        served.trouble = lambda request: web.Response(status=500)
        await ours.create(intent("broken"), yes)
        served.trouble = lambda request: None
        served.exchange.faults.add(Fault(kind=FaultKind.LATE_ANSWER, delay_ms=400))
        await eventually(lambda: half_open(breaker))

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ours.create(intent("cancelled"), yes)
        then = await ours.create(intent("then"), yes)

    assert then.outcome is Outcome.ACCEPTED


async def test_a_probe_whose_answer_says_nothing_leaves_its_place_and_one_elsewhere_does_not_free_it(
    served: SimulatedAccount,
) -> None:
    breaker = Breaker(Limits(failures=1, window_ns=30 * SECOND_NS, open_ns=SECOND_NS // 5))
    async with OrderClient(served.rest, KEY, SECRET, WallClock(), breaker=breaker) as ours:
        served.trouble = lambda request: web.Response(status=500)
        await ours.create(intent("broken"), yes)
        await eventually(lambda: half_open(breaker))

        served.trouble = lambda request: web.Response(status=404)
        probe = await ours.create(intent("probe"), yes)
        assert breaker.allows(True, time.monotonic_ns())  # another probe goes, and is in flight
        await ours.cancel(name(), patience_s=0.01)
        third = await ours.create(intent("third"), yes)

    assert (probe.outcome, third.reason) == (Outcome.AMBIGUOUS, Reason.CIRCUIT_OPEN)


async def test_connections_that_are_refused_open_the_circuit() -> None:
    async with OrderClient("http://127.0.0.1:1", KEY, SECRET, WallClock()) as ours:
        sent = [await ours.create(intent(f"entry {n}"), yes) for n in range(6)]

    assert [result.reason for result in sent] == [Reason.NOT_CONNECTED] * 5 + [Reason.CIRCUIT_OPEN]


async def standing(reads: WayOutReads) -> Standing:
    return together(await reads.coins(time.time_ns()))


async def clear(reads: WayOutReads) -> bool:
    return (await standing(reads)).is_clear


async def test_reads_share_the_budget_and_the_ban_with_the_orders(served: SimulatedAccount) -> None:
    clock = HandClock()
    governor = Governor(monotonic_ns=clock)
    async with (
        OrderClient(served.rest, KEY, SECRET, WallClock(), governor=governor) as orders,
        AccountReads(served.rest, KEY, SECRET, governor=governor) as account,
        WayOutReads(served.rest, KEY, SECRET, governor=governor) as reads,
    ):
        served.trouble = lambda request: web.Response(status=403, text="access too frequent")
        assert "403" in str(await standing(reads))
        served.trouble = lambda request: None
        before = len(served.requests)

        entry = await orders.create(intent("entry"), yes)
        with pytest.raises(Unreadable, match="no room"):
            await account.uid()
        late = await standing(reads)
        assert late.positions_unread
        assert late.orders_unread
        assert len(served.requests) == before
        clock.ns += 60 * SECOND_NS
        await eventually(lambda: clear(reads))

    assert entry.reason is Reason.RATE_BUDGET


async def test_fifty_pages_a_second_are_read_and_no_more(served: SimulatedAccount) -> None:
    # The simulator answers 10006 beyond fifty in a rolling second.
    async with WayOutReads(served.rest, KEY, SECRET) as reads:
        began_ns = time.monotonic_ns()
        for _ in range(30):
            await standing(reads)  # two pages of orders, two of positions
        took_ns = time.monotonic_ns() - began_ns

    assert took_ns >= SECOND_NS
    assert served.paths().count("/v5/position/list") >= 60


async def test_a_read_that_met_too_many_visits_is_asked_again_when_its_endpoint_has_rested(
    served: SimulatedAccount, client: OrderClient
) -> None:
    for path in ("/v5/order/realtime", "/v5/position/list"):
        served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=path, ret_code=10006))

    asked, _, _ = await client.query(intent().client_order_id, "BTCUSDT", 1)
    async with WayOutReads(served.rest, KEY, SECRET) as reads:
        await eventually(lambda: clear(reads))

    assert asked is QueryAnswer.ABSENT


async def test_a_read_that_meets_too_many_visits_twice_is_unreadable(served: SimulatedAccount) -> None:
    path = "/v5/position/list"
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=path, count=2, ret_code=10006))

    async with AccountReads(served.rest, KEY, SECRET) as reads:
        with pytest.raises(Unreadable, match="10006"):
            await reads.account_facts(["BTCUSDT"])


async def test_a_cancel_of_the_way_out_that_meets_no_room_says_so(
    served: SimulatedAccount, client: OrderClient
) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=CANCEL_ALL, ret_code=10006))

    with pytest.raises(NotDone, match=r"cancel-all USDT: .* \(10006\)"):
        await WayOut(client).do(CancelActive())
