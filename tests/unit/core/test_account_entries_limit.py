"""`maxPositionsPerSymbol` holds whatever is forgotten, restored or unknown, and however long it takes."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config
from tests.support.resting_harness import RestingHarness, resting_config

from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg
from tradefleet.positions.facts import without_facts

KEY = PositionKey("linear", SYMBOL)
HOUR = 3600


def filled(world: Harness) -> int:
    return sum(intent.leg is Leg.OPEN for intent in world.submitted)


def enter(world: Harness, name: str) -> str:
    """One signal more, everything settled; why it was refused, or ""."""
    world.announce()
    world.signal(name, Target.LONG)
    reason = world.judged[-1].reason
    world.settle()
    return reason


def pass_hours(world: Harness, hours: int) -> None:
    for _ in range(hours * 12):
        world.wait(HOUR / 12)
        world.answer_all()
        world.protect()
        world.deliver()
    world.settle()


def two_of_two() -> Harness:
    world = Harness(account_config(max_positions_per_symbol=2)).ready()
    assert [enter(world, name) for name in ("a", "b", "c")] == ["", "", "max_positions_per_symbol"]
    return world


@pytest.mark.parametrize("hours", [1, 2, 30])
def test_entries_that_are_hours_old_still_count(hours: int) -> None:
    world = two_of_two()

    pass_hours(world, hours)

    assert enter(world, "late") == "max_positions_per_symbol"
    assert world.core.state.entries(KEY) == 2


def test_a_new_leader_a_day_later_counts_them() -> None:
    world = two_of_two()
    world.journal.intents.clear()
    world.now_ns += 90_000 * SECOND

    world.restart()
    world.ready()
    world.settle()

    assert enter(world, "late") == "max_positions_per_symbol"


def test_a_row_of_the_release_before_holds_as_many_as_are_allowed() -> None:
    world = Harness(account_config(max_positions_per_symbol=3)).ready()
    enter(world, "a")
    world.journal.positions = {key: without_facts(row) for key, row in world.journal.positions.items()}

    world.restart()
    world.ready()
    world.settle()

    assert enter(world, "b") == "max_positions_per_symbol"
    world.signal("out", Target.FLAT)
    world.settle()
    assert enter(world, "c") == ""
    assert enter(world, "d") == ""


def test_a_position_that_was_closed_and_opened_again_counts_from_one() -> None:
    world = two_of_two()
    world.exchange.stop_out(SYMBOL, world.now_ns)
    world.settle()

    assert [enter(world, name) for name in ("d", "e", "f")] == ["", "", "max_positions_per_symbol"]


def test_a_part_that_is_closed_makes_no_room() -> None:
    world = two_of_two()
    world.exchange._execute("", "by-hand", SYMBOL, Side.SELL, Decimal("0.5"), world.now_ns, "StopLoss")
    world.settle()

    assert enter(world, "d") == "max_positions_per_symbol"


def test_what_somebody_else_adds_is_an_entry_too() -> None:
    world = Harness(account_config(max_positions_per_symbol=2)).ready()
    enter(world, "a")
    world.exchange._execute("", "by-hand", SYMBOL, Side.BUY, Decimal("0.02"), world.now_ns, "")
    world.settle()

    assert enter(world, "b") == "max_positions_per_symbol"


def test_the_rest_of_a_filled_entry_is_no_second_one_for_any_leader() -> None:
    world = RestingHarness(resting_config({"max_positions_per_symbol": 2}, rest_seconds=600))
    world.ready()
    name = world.rest().intent.client_order_id
    world.exchange.fill(name, Decimal("0.5"), world.now_ns)
    world.deliver()
    assert world.core.state.entries(KEY) == 1

    world.restart()
    world.ready()
    world.deliver()
    assert world.core.state.entries(KEY) == 1

    world.exchange.fill(name, Decimal(1), world.now_ns)
    world.deliver()
    assert world.core.state.entries(KEY) == 1
    assert enter(world, "b") == ""
    assert enter(world, "c") == "max_positions_per_symbol"


def test_what_is_filled_is_the_sum_of_the_counted_executions() -> None:
    world = two_of_two()

    for record in world.journal.intents.values():
        name = record.intent.client_order_id
        mine = [e for e in world.exchange.executions if e.client_order_id == name]
        assert record.filled == sum((e.qty for e in mine), Decimal(0))
        assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record
