"""The other side after an opposite signal: first flat, then everything is asked again, then one intent."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config, with_exits

from tradefleet.core import events as ev
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg
from tradefleet.spec.snapshot import ConfigSnapshot


def reversing(reverses: bool = True, **risk: object) -> ConfigSnapshot:
    return with_exits(account_config(**risk), reverse_on_opposite=reverses)


def long(config: ConfigSnapshot | None = None) -> Harness:
    harness = Harness(config or reversing()).ready()
    harness.signal("entry", Target.LONG)
    done(harness)
    assert harness.size == 1
    return harness


def done(harness: Harness) -> None:
    harness.send()
    harness.deliver()


def legs(harness: Harness) -> list[tuple[str, Leg]]:
    return [(intent.signal_id, intent.leg) for intent in harness.submitted]


def test_an_opposite_signal_closes_and_then_opens_the_other_side() -> None:
    harness = long()

    harness.signal("opposite", Target.SHORT)
    assert legs(harness)[1:] == [("opposite", Leg.CLOSE)]
    done(harness)
    assert legs(harness)[2:] == [("opposite", Leg.OPEN)]
    done(harness)

    assert harness.size == harness.exchange.sizes[SYMBOL] == -1
    assert harness.exchange.stops[SYMBOL] > 100


def test_without_the_wish_it_only_closes() -> None:
    harness = long(reversing(False))

    harness.signal("opposite", Target.SHORT)
    done(harness)
    done(harness)

    assert legs(harness)[1:] == [("opposite", Leg.CLOSE)]


def test_nothing_opens_while_the_close_is_unresolved() -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT, expires_s=30)
    harness.unsent.clear()
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.deliver()
    harness.answer_all()

    assert harness.size == 0
    assert legs(harness)[2:] == []

    for _ in range(10):
        harness.announce()
        harness.wait(1)
        harness.answer_all()
    assert legs(harness)[2:] == [("opposite", Leg.OPEN)]


def test_a_signal_that_has_expired_opens_nothing() -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT, expires_s=2)
    harness.now_ns += 3 * SECOND

    done(harness)
    harness.wait(1)

    assert harness.size == 0
    assert legs(harness)[2:] == []
    assert harness.core.status(harness.now_ns)["orders_not_taken_by_reason"] == {
        "not_reversed_stale_signal": 1
    }


@pytest.mark.parametrize("limit", [{"max_positions": 0}, {"max_risk_per_trade": Decimal(0)}])
def test_every_limit_is_asked_again_when_it_is_flat(limit: dict[str, object]) -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT)
    tightened = msgspec.structs.replace(reversing(**limit), generation=2)
    harness.tell(ev.ConfigApplied(now_ns=harness.now_ns, config=tightened))

    done(harness)
    harness.wait(1)

    assert harness.size == 0
    assert legs(harness)[2:] == []


def test_the_kill_switch_ends_it() -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT, expires_s=60)

    harness.edit_kill_switch(engaged=True)
    harness.settle()
    harness.edit_kill_switch(engaged=False, clear=sorted(harness.core.state.latches)[0])
    harness.settle()

    assert harness.size == 0
    assert [leg for _, leg in legs(harness)].count(Leg.OPEN) == 1


@pytest.mark.parametrize("later", [Target.FLAT, Target.LONG])
def test_a_later_word_of_the_strategy_takes_it_back(later: Target) -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT)

    harness.signal("later", later)
    done(harness)
    harness.wait(1)

    assert harness.size == 0
    assert ("opposite", Leg.OPEN) not in legs(harness)


def test_a_restart_in_between_closes_and_does_not_reverse() -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT, expires_s=60)

    harness.restart()
    harness.ready()
    harness.settle()

    assert harness.size == 0
    assert ("opposite", Leg.OPEN) not in legs(harness)


def test_a_signal_that_has_reversed_opens_no_second_time_when_its_verdict_was_lost() -> None:
    harness = long()
    harness.signal("opposite", Target.SHORT)
    done(harness)
    done(harness)
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.deliver()
    del harness.journal.signals["opposite"]

    harness.restart()
    harness.ready()
    harness.signal("opposite", Target.SHORT)

    assert harness.size == 0
    assert legs(harness).count(("opposite", Leg.OPEN)) == 1
