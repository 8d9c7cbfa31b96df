"""A further entry of a held position: the stop that it brings along never loosens the position's."""

from decimal import Decimal

import pytest
from tests.support.account_harness import SYMBOL, Harness, account_config
from tests.support.resting_harness import RestingHarness, resting_config

from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg

KEY = PositionKey("linear", SYMBOL)
D = Decimal


def held(target: Target = Target.LONG, **risk: object) -> Harness:
    harness = Harness(account_config(max_positions_per_symbol=5, **risk)).ready()
    harness.signal("first", target, hold_s=36000)
    harness.settle()
    assert harness.size != 0
    return harness


def stop_of(harness: Harness) -> Decimal | None:
    return harness.exchange.stops.get(SYMBOL)


@pytest.mark.parametrize(
    ("target", "price", "kept"), [(Target.LONG, "99", "98.0"), (Target.SHORT, "101", "102.0")]
)
def test_a_further_entry_attaches_the_positions_own_stop_when_that_is_tighter(
    target: Target, price: str, kept: str
) -> None:
    harness = held(target)
    harness.prices(D(price))

    harness.signal("second", target)
    attached = harness.submitted[-1].stop_loss
    harness.send()

    assert attached == stop_of(harness) == D(kept)


def test_a_further_entry_at_a_better_price_attaches_its_own_tighter_stop() -> None:
    harness = held()
    harness.prices(D("101"))

    harness.signal("second", Target.LONG)
    attached = harness.submitted[-1].stop_loss
    harness.settle()

    assert attached == stop_of(harness) == D("99.0")


def test_a_stop_that_somebody_tightened_is_kept_by_the_next_entry() -> None:
    harness = held()
    harness.exchange.stops[SYMBOL] = D("99.5")
    harness.deliver()

    harness.signal("second", Target.LONG)

    assert harness.submitted[-1].stop_loss == D("99.5")


def test_two_entries_on_their_way_keep_the_tighter_stop_whichever_fills_first() -> None:
    harness = Harness(account_config(max_positions_per_symbol=5)).ready()
    harness.signal("first", Target.LONG)
    harness.prices(D("99"))

    harness.signal("second", Target.LONG)

    assert [intent.stop_loss for intent in harness.submitted] == [D("98.0"), D("98.0")]


def test_the_stop_of_a_position_that_is_over_is_nothing_to_the_next() -> None:
    harness = held()
    harness.exchange.stops[SYMBOL] = D("99.9")
    harness.deliver()
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.settle()
    harness.announce()

    harness.signal("after", Target.LONG)

    assert harness.submitted[-1].stop_loss == D("98.0")


def test_an_entry_beyond_the_positions_stop_is_refused() -> None:
    harness = held()
    harness.prices(D("98.0"))

    harness.signal("second", Target.LONG)

    assert [intent.leg for intent in harness.submitted] == [Leg.OPEN]
    assert harness.judged[-1].reason == "stop_passed"


def test_the_risk_is_judged_by_the_stop_that_is_attached() -> None:
    # One unit from 99 to 98 and both fees lose 1.108: above 1 of 10000. To 97.1 it would lose 2.008.
    harness = held(max_risk_per_trade=D("0.0002"))
    harness.prices(D("99"))

    harness.signal("second", Target.LONG)

    assert harness.submitted[-1].qty == D("1.01")
    assert harness.submitted[-1].stop_loss == D("98.0")


def test_a_stop_is_tightened_only_when_no_entry_can_replace_it_any_more() -> None:
    harness = held()
    harness.signal("second", Target.LONG)
    record = harness.core.state.positions[KEY]
    harness.exchange.stops[SYMBOL] = D("97")
    for position in harness.exchange.positions(harness.now_ns):
        harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=position))
    waited = list(harness.protections)

    harness.send()
    harness.wait(1.1)
    harness.deliver()
    harness.settle()

    assert record.plan is not None
    assert waited == []
    assert stop_of(harness) == D("98.0")


def test_a_stop_that_is_missing_waits_for_no_entry() -> None:
    harness = held()
    harness.wait(1.1)
    harness.signal("second", Target.LONG)
    harness.exchange.stops.clear()

    for position in harness.exchange.positions(harness.now_ns):
        harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=position))

    assert [asked.stop_loss for asked in harness.protections] == [D("98.0")]


def test_an_entry_that_rests_goes_when_the_positions_stop_has_become_tighter() -> None:
    world = RestingHarness(resting_config({"max_positions_per_symbol": 5}, rest_seconds=600))
    world.ready()
    world.rest()
    world.fill("0.5")
    world.settle()
    stays = list(world.cancels_asked)

    world.exchange.stops[SYMBOL] = D("98.5")
    world.deliver()

    assert stays == []
    assert [cancel.reason for cancel in world.cancels_asked] == [
        "its stop is looser than the position's, and would replace it"
    ]
