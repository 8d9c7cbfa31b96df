"""Stops at the exchange: asked for until they show, never loosened, on the right position alone."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SYMBOL, Harness, account_config

from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import Trailing

KEY = PositionKey("linear", SYMBOL)
D = Decimal


def trailing_config() -> ConfigSnapshot:
    config = account_config()
    exits = msgspec.structs.replace(config.spec.exits, trailing=Trailing(enabled=True), take_profit=D("0.5"))
    return msgspec.structs.replace(config, spec=msgspec.structs.replace(config.spec, exits=exits))


def held(harness: Harness, target: Target = Target.LONG) -> Harness:
    harness.signal("entry", target, hold_s=36000)
    harness.settle()
    assert harness.size != 0
    return harness


@pytest.fixture
def harness() -> Harness:
    return held(Harness().ready())


def stop_of(harness: Harness) -> Decimal | None:
    return harness.exchange.stops.get(SYMBOL)


def test_an_entry_whose_stop_shows_needs_nothing_more(harness: Harness) -> None:
    asked: list[object] = []
    for _ in range(20):
        asked += harness.protections
        harness.settle()

    assert asked == []
    assert stop_of(harness) == D("98.0")


def test_a_stop_that_is_gone_is_asked_for_again_with_its_target(harness: Harness) -> None:
    harness.exchange.stops.clear()
    harness.exchange.targets.clear()

    harness.deliver()
    (asked,) = harness.protections
    harness.settle()

    assert (asked.stop_loss, asked.take_profit) == (D("98.0"), D("104.0"))
    assert stop_of(harness) == D("98.0")


def test_one_request_is_under_way_at_a_time(harness: Harness) -> None:
    harness.exchange.stops.clear()

    for _ in range(5):
        harness.deliver()
        harness.wait(0.5)

    assert len(harness.protections) == 1


def test_a_lost_answer_is_resolved_by_reading(harness: Harness) -> None:
    harness.exchange.stops.clear()
    harness.deliver()

    harness.protect(answered=False)
    harness.settle()

    assert stop_of(harness) == D("98.0")
    assert harness.protections == []


def test_a_request_that_never_arrived_is_made_again(harness: Harness) -> None:
    harness.exchange.stops.clear()
    harness.deliver()

    harness.protect(arrives=False)
    assert stop_of(harness) is None
    harness.settle()

    assert stop_of(harness) == D("98.0")


def test_a_stop_that_somebody_loosened_is_put_back(harness: Harness) -> None:
    harness.exchange.stops[SYMBOL] = D("90")

    harness.settle()

    assert stop_of(harness) == D("98.0")


def test_a_stop_that_somebody_tightened_stays_and_is_written_down(harness: Harness) -> None:
    harness.exchange.stops[SYMBOL] = D("99")

    harness.settle()
    harness.restart()
    harness.ready()
    harness.settle()

    assert stop_of(harness) == D("99")
    plan = harness.journal.positions[KEY].plan
    assert plan is not None
    assert plan.stop_loss == D("99")


def test_a_target_that_somebody_moved_stays(harness: Harness) -> None:
    harness.exchange.targets[SYMBOL] = D("103")

    harness.settle()

    assert harness.exchange.targets[SYMBOL] == D("103")


def test_a_position_that_nobody_planned_gets_a_stop_at_once() -> None:
    harness = Harness().ready()
    harness.exchange.sizes[SYMBOL] = D("0.3")

    harness.settle()

    assert stop_of(harness) == D("98.0")
    plan = harness.journal.positions[KEY].plan
    assert plan is not None
    assert plan.strategy == "adopted"
    assert plan.take_profit is None


@pytest.mark.parametrize("wish", [Target.LONG, Target.SHORT, Target.FLAT])
def test_a_strategy_neither_closes_nor_enlarges_what_somebody_else_holds(wish: Target) -> None:
    config = account_config(max_positions_per_symbol=5)
    harness = Harness(config).ready()
    harness.exchange.sizes[SYMBOL] = D("0.3")
    harness.settle()
    harness.settle()
    for latch_id in list(harness.journal.latches):
        harness.tell(ev.LatchCleared(now_ns=harness.now_ns, latch_id=latch_id))
    harness.announce()

    harness.signal("wish", wish)
    harness.settle()

    assert harness.submitted == []
    assert harness.judged[-1].reason == ("nothing_to_close" if wish is Target.FLAT else "adopted_position")


def test_a_reading_that_is_older_than_a_row_takes_nothing_back(harness: Harness) -> None:
    view = msgspec.structs.replace(harness.exchange.view(harness.now_ns - 1), positions=())
    harness.deliver()

    harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=view))
    harness.settle()

    assert harness.protections == []
    assert harness.core.state.guard(KEY).stop == D("98.0")


def test_a_short_position_that_nobody_planned_is_protected_above(harness: Harness) -> None:
    harness = Harness().ready()
    harness.exchange.sizes[SYMBOL] = D("-0.3")

    harness.settle()

    assert stop_of(harness) == D("102.0")


def test_the_price_beyond_a_stop_that_does_not_stand_closes_the_position(harness: Harness) -> None:
    harness.exchange.stops.clear()
    harness.prices(D("97"))

    harness.deliver()
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0
    assert "stop_passed" in harness.alerts
    assert [i.leg for i in harness.submitted] == [Leg.OPEN, Leg.CLOSE]


def test_a_refused_stop_is_asked_for_alone_and_said_once(harness: Harness) -> None:
    harness.exchange.stops.clear()
    harness.exchange.targets.clear()
    harness.deliver()
    (asked,) = harness.protections
    harness.protections.clear()
    harness.tell(
        ev.ProtectionAnswered(
            now_ns=harness.now_ns,
            key=KEY,
            generation=asked.generation,
            outcome=ev.Outcome.REJECTED,
            ret_code=10001,
            message="TakeProfit should be higher",
        )
    )

    harness.wait(1.1)
    harness.wait(0.1)

    (again,) = harness.protections
    assert (again.stop_loss, again.take_profit) == (D("98.0"), None)
    assert harness.alerts.count("stop_refused") == 1


def test_a_stop_follows_the_price_and_never_comes_back() -> None:
    harness = held(Harness(trailing_config()).ready())
    seen = []
    for mark in ("101", "102.5", "104", "103", "106", "104.5"):
        harness.prices(D(mark))
        harness.settle()
        seen.append(stop_of(harness))

    assert seen == [D("98.0"), D("101.5"), D("103.0"), D("103.0"), D("104.5"), D("104.5")]


def test_a_stop_goes_on_from_where_it_was_under_a_new_leader() -> None:
    harness = held(Harness(trailing_config()).ready())
    harness.prices(D("106"))
    harness.settle()

    harness.prices(D("105"))
    harness.restart()
    harness.ready()
    harness.settle()
    after_restart = stop_of(harness)
    harness.prices(D("107"))
    harness.settle()

    assert after_restart == D("104.5")
    assert stop_of(harness) == D("105.4")


def test_small_moves_are_saved_up() -> None:
    harness = held(Harness(trailing_config()).ready())
    harness.prices(D("104"))
    harness.settle()

    harness.prices(D("104.01"))
    harness.settle()

    assert stop_of(harness) == D("103.0")


def test_nothing_opens_while_a_stop_of_the_last_position_is_under_way(harness: Harness) -> None:
    harness.exchange.stops.clear()
    harness.deliver()
    assert len(harness.protections) == 1
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.deliver()
    harness.answer_all()
    assert harness.size == 0

    harness.announce()
    harness.signal("too soon", Target.LONG)
    harness.protect(answered=False)
    harness.signal("still too soon", Target.LONG)
    harness.settle()
    harness.announce()
    harness.signal("later", Target.LONG)

    verdicts = {one.signal.signal_id: one.reason for one in harness.judged}
    assert verdicts["too soon"] == verdicts["still too soon"] == "closing_first"
    assert verdicts["later"] == ""


def test_a_position_whose_rules_are_not_known_is_left_to_a_person() -> None:
    harness = Harness().ready()
    harness.exchange.sizes["XYZUSDT"] = D("5")

    harness.settle()

    assert harness.protections == []
    assert "position_mismatch" in harness.alerts
