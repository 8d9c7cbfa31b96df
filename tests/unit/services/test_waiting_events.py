"""What waits for the consumer: conflation, order, the bound, and what an epoch that is left gives up."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tradefleet.adapters.redis.messages import StreamPosition
from tradefleet.core import events as ev
from tradefleet.orders.outcome import Outcome
from tradefleet.services.executor.waiting import (
    ROOM,
    TOLD_TO_NOBODY_ELSE,
    EventQueue,
    Item,
    Reached,
    Waiting,
    merged,
)

D = Decimal


def moved(symbol: str = "A", **prices: str) -> ev.MarketMoved:
    none: dict[str, Any] = dict.fromkeys(("mark", "bid", "ask", "last"))
    return ev.MarketMoved(now_ns=0, symbol=symbol, **{**none, **{n: D(p) for n, p in prices.items()}})


def right(reason: str) -> ev.RightToOpenChanged:
    return ev.RightToOpenChanged(now_ns=0, granted=False, reason=reason)


def unread(reason: str) -> ev.ExchangeUnread:
    return ev.ExchangeUnread(now_ns=0, reason=reason)


def sent() -> ev.SendFinished:
    return ev.SendFinished(
        now_ns=0, client_order_id="x", outcome=Outcome.ACCEPTED, order_id="1", ret_code=0, message=""
    )


TICK = ev.Ticked(now_ns=0)
REACHED = Reached(StreamPosition(run_id="r", signals_id="1-0", announcements_id="1-0"))


def waiting(*items: Item) -> Waiting:
    found = Waiting()
    for number, item in enumerate(items):
        found.put(item, float(number))
    return found


def all_of(found: Waiting) -> list[Item]:
    taken = []
    while (item := found.take()) is not None:
        taken.append(item)
    return taken


@pytest.mark.parametrize(
    ("older", "newer", "expected"),
    [
        (moved(mark="1"), moved(mark="2"), moved(mark="2")),
        (moved(mark="1"), moved(bid="3"), moved(mark="1", bid="3")),
        (moved(mark="1", bid="2", ask="3", last="4"), moved(), moved(mark="1", bid="2", ask="3", last="4")),
        (moved(), moved(ask="3", last="4"), moved(ask="3", last="4")),
        (moved(last="1"), moved(last="0"), moved(last="0")),
    ],
)
def test_two_words_of_a_symbols_prices_become_one(
    older: ev.MarketMoved, newer: ev.MarketMoved, expected: ev.MarketMoved
) -> None:
    assert merged(older, newer) == expected


@pytest.mark.parametrize(
    ("put", "taken"),
    [
        ([], []),
        ([moved(mark="1"), moved(mark="2")], [moved(mark="2")]),
        ([moved("A", mark="1"), moved("B", mark="1"), moved("A", bid="3")],
         [moved("A", mark="1", bid="3"), moved("B", mark="1")]),
        ([moved(mark="1"), unread("x"), moved(mark="2")], [moved(mark="2"), unread("x")]),
        ([TICK, unread("x"), TICK, TICK], [TICK, unread("x")]),
        ([unread("x"), unread("x")], [unread("x"), unread("x")]),
        ([sent(), REACHED, sent()], [sent(), REACHED, sent()]),
    ],
)  # fmt: skip
def test_only_prices_and_ticks_are_conflated_and_keep_the_place_of_the_first(
    put: list[Item], taken: list[Item]
) -> None:
    assert all_of(waiting(*put)) == taken


def test_what_was_taken_is_no_more_conflated_with() -> None:
    found = waiting(moved(mark="1"), TICK)
    assert (found.take(), found.take()) == (moved(mark="1"), TICK)

    found.put(moved(bid="2"), 9.0)
    found.put(TICK, 9.0)

    assert all_of(found) == [moved(bid="2"), TICK]


def test_a_price_that_is_always_renewed_has_waited_since_its_first_word() -> None:
    found = waiting(moved(mark="1"), moved(mark="2"), moved(mark="3"))

    assert found.since_s() == 0.0
    found.take()
    assert found.since_s() is None


def test_prices_of_a_hundred_symbols_never_fill_the_queue() -> None:
    found = Waiting()
    for number in range(10_000):
        found.put(moved(f"S{number % 100}", mark=str(number + 1)), 0.0)
        found.put(TICK, 0.0)

    assert (len(found), found.unconflated) == (101, 0)


def test_an_epoch_that_is_left_gives_up_what_the_next_one_reads_again() -> None:
    found = waiting(moved(mark="1"), TICK, unread("x"), REACHED, sent(), right("lease_lost"))

    assert found.leave() == 4

    for item in (moved(mark="1"), TICK, unread("y"), REACHED, sent()):
        found.put(item, 9.0)
    assert all_of(found) == [sent(), right("lease_lost"), sent()]


def test_what_nobody_else_is_told_are_answers_the_right_and_persons_wishes() -> None:
    kept = {kind.__name__ for kind in TOLD_TO_NOBODY_ELSE}

    assert {kind for kind in kept if kind.endswith(("Answered", "Finished", "Written", "Cancelled"))} == {
        "SendFinished", "CancelAnswered", "AmendAnswered", "OrdersCancelled", "ProtectionAnswered",
        "LeverageAnswered", "IntentWritten", "IntentNotWritten",
    }  # fmt: skip
    assert not kept & {
        "ExecutionSeen",
        "OrderSeen",
        "SignalReceived",
        "ExchangeRead",
        "MarketMoved",
        "Reached",
    }


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_the_consumer_waits_for_what_comes_and_is_told_the_end() -> None:
    queue = EventQueue(Clock(), pytest.fail)
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not taking.done()

    queue.put(TICK)
    queue.put(sent())
    queue.close()

    assert [await taking, await queue.take(), await queue.take()] == [TICK, sent(), None]


async def test_a_backlog_does_not_keep_the_loop_from_turning() -> None:
    clock, turned = Clock(), []
    queue = EventQueue(clock, pytest.fail)
    for _ in range(50):
        queue.put(sent())
    asyncio.get_running_loop().call_soon(turned.append, True)

    for number in range(50):
        await queue.take()
        clock.now_s += 0.001
        assert turned or number < 7


async def test_the_bound_is_told_once_with_figures() -> None:
    clock, told = Clock(), []
    queue = EventQueue(clock, told.append, most=3)
    for _ in range(3):
        queue.put(sent())
    clock.now_s += 12.5
    assert told == []

    queue.put(sent())
    queue.put(sent())

    assert told == ["4 events wait, the first for 12.5 s; what waits is given up and read again"]
    assert (len(queue), queue.waited_s()) == (5, 12.5)


async def test_signals_are_not_read_while_there_is_no_room() -> None:
    queue = EventQueue(Clock(), pytest.fail)
    for _ in range(ROOM + 1):
        queue.put(sent())
    waiting_for_room = asyncio.create_task(queue.room())
    await asyncio.sleep(0.03)
    assert not waiting_for_room.done()

    await queue.take()

    async with asyncio.timeout(5):
        await waiting_for_room
