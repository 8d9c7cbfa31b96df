"""No event costs more because more is remembered: counted in steps of the interpreter, which no load of the
machine changes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
import pytest
from bench.remembered import World
from tests.support.journal_rows import kept_execution, kept_order

from tradefleet.core import events as ev
from tradefleet.domain.orders import OrderStatus

FEW, MANY = 10, 3000
SLACK = 1.02
"""Heaps are a little deeper."""


def steps(world: World, event: ev.AnyEvent) -> int:
    """Instructions that the core takes to decide on one event."""
    count = 0

    def each(frame: FrameType, what: str, _argument: Any) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += what == "opcode"
        return each

    sys.settrace(each)
    try:
        world.core.handle(event)
    finally:
        sys.settrace(None)
    return count


def events(world: World) -> dict[str, ev.AnyEvent]:
    now_ns = world.now_ns
    symbol = next(iter(world.core.state.positions)).symbol
    known = next(iter(world.core.state.tracked.values())).intent
    execution = msgspec.structs.replace(
        kept_execution("new", now_ns).execution, symbol=symbol, client_order_id="", order_id="stop"
    )
    order = msgspec.structs.replace(
        kept_order(OrderStatus.FILLED, "0", now_ns).order,
        symbol=known.key.symbol,
        client_order_id=known.client_order_id,
    )
    return {
        "mark": world._mark(symbol, 7),
        "tick": ev.Ticked(now_ns=now_ns),
        "execution": ev.ExecutionSeen(now_ns=now_ns, execution=execution),
        "order": ev.OrderSeen(now_ns=now_ns, order=order),
    }


@pytest.mark.parametrize("due", [0, 1, 26])
@pytest.mark.parametrize("name", ["mark", "tick", "execution", "order"])
def test_an_event_takes_as_many_steps_whatever_is_remembered(name: str, due: int) -> None:
    few, many = World(FEW, due), World(MANY, due)
    for world in (few, many):
        for _ in range(3):  # what is due is being closed by now
            world.tick()

    assert steps(many, events(many)[name]) <= steps(few, events(few)[name]) * SLACK
