"""Stops that stand and do not work, stops that are refused, positions that show none."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg
from tradefleet.orders.outcome import Outcome

KEY = PositionKey("linear", SYMBOL)
D = Decimal
REFUSED = (Outcome.REJECTED, 10001)


def held(target: Target = Target.LONG, **risk: object) -> Harness:
    harness = Harness(account_config(max_daily_loss=D("0.5"), max_positions_per_symbol=3, **risk)).ready()
    harness.signal("entry", target, hold_s=36000)
    harness.settle()
    assert harness.size != 0
    return harness


@pytest.fixture
def harness() -> Harness:
    return held()


def answering(harness: Harness, *answers: tuple[Outcome, int]) -> list[D]:
    """The exchange answers every request for a stop so, in turn, the last one for ever."""
    asked: list[D] = []

    def protect(wish: act.SetProtection, mark: D) -> tuple[Outcome, int]:
        asked.append(wish.stop_loss)
        return answers[min(len(asked), len(answers)) - 1]

    harness.exchange.protect = protect  # type: ignore[method-assign]
    return asked


def seconds(harness: Harness, count: int) -> None:
    for _ in range(count):
        harness.send()
        harness.protect()
        harness.deliver()
        harness.wait(1)
        harness.answer_all()


# ---- one that stands, and does not work


@pytest.mark.parametrize(("target", "beyond"), [(Target.LONG, "97.9"), (Target.SHORT, "102.1")])
def test_a_mark_that_stays_beyond_a_stop_that_stands_closes_the_position(target: Target, beyond: str) -> None:
    harness = held(target)

    harness.prices(D(beyond))
    seconds(harness, 8)

    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.alerts == ["stop_does_not_work"]
    assert [i.leg for i in harness.submitted] == [Leg.OPEN, Leg.CLOSE]


def test_a_mark_that_comes_back_in_time_closes_nothing(harness: Harness) -> None:
    for mark in ("97.9", "98.1", "97.9", "98.0"):
        harness.prices(D(mark))
        seconds(harness, 4)

    assert harness.alerts == []
    assert [i.leg for i in harness.submitted] == [Leg.OPEN]


def test_a_mark_that_is_no_longer_told_closes_nothing(harness: Harness) -> None:
    harness.prices(D("90"))

    for _ in range(60):
        harness.now_ns += SECOND
        harness.tell(ev.Ticked(now_ns=harness.now_ns))
        harness.deliver()
        harness.answer_all()

    assert [i.leg for i in harness.submitted] == [Leg.OPEN]


def test_a_price_that_jumps_past_a_stop_which_could_not_be_moved_yet_is_given_the_same_time() -> None:
    harness = held()
    plan = harness.core.state.positions[KEY].plan
    assert plan is not None
    tighter = msgspec.structs.replace(plan, stop_loss=D("99.5"))
    harness.core.state.positions[KEY] = msgspec.structs.replace(
        harness.core.state.positions[KEY], plan=tighter
    )
    harness.prices(D("99"))

    seconds(harness, 4)
    before = harness.exchange.sizes[SYMBOL]
    seconds(harness, 4)

    assert before > 0
    assert harness.exchange.sizes[SYMBOL] == 0
    assert "stop_passed" in harness.alerts
    assert "stop_does_not_work" not in harness.alerts


# ---- one that is refused


def test_a_stop_that_is_refused_again_and_again_is_told_again_and_then_closes(harness: Harness) -> None:
    harness.exchange.stops.clear()
    answering(harness, REFUSED)

    seconds(harness, 9)
    early = list(harness.alerts)
    seconds(harness, 6)
    later = list(harness.alerts)
    still = harness.exchange.sizes[SYMBOL]
    seconds(harness, 25)

    assert early == ["stop_refused"]
    assert later == ["stop_refused", "stop_refused_again"]
    assert still > 0
    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.alerts == ["stop_refused", "stop_refused_again", "stop_refused_closing"]


@pytest.mark.parametrize("answer", [(Outcome.REJECTED, 10006), (Outcome.AMBIGUOUS, 0), (Outcome.NOT_SENT, 0)])
def test_what_is_no_word_against_the_stop_closes_nothing(
    harness: Harness, answer: tuple[Outcome, int]
) -> None:
    harness.exchange.stops.clear()
    asked = answering(harness, answer)

    seconds(harness, 90)

    assert len(asked) > 30
    assert [i.leg for i in harness.submitted] == [Leg.OPEN]
    assert [a for a in harness.alerts if a.startswith("stop")] == ["stop_missing"]
    assert not harness.core.status(harness.now_ns)["may_open"]


def test_a_tighter_stop_that_is_refused_leaves_the_one_that_stands(harness: Harness) -> None:
    harness.exchange.stops[SYMBOL] = D("90")
    answering(harness, REFUSED)

    seconds(harness, 60)

    assert harness.exchange.sizes[SYMBOL] > 0
    assert [a for a in harness.alerts if a.startswith("stop")] == ["stop_refused", "stop_refused_again"]
    assert "position_unprotected" not in harness.core.status(harness.now_ns)["why_not"]


def test_a_stop_that_was_taken_makes_the_next_refusal_the_first(harness: Harness) -> None:
    harness.exchange.stops.clear()
    answering(harness, *[REFUSED] * 8, (Outcome.ACCEPTED, 0), REFUSED)

    seconds(harness, 25)

    assert harness.exchange.sizes[SYMBOL] > 0
    assert harness.alerts.count("stop_refused") == 2


def test_what_somebody_else_holds_is_not_closed_for_a_stop_that_is_refused() -> None:
    harness = Harness(account_config(max_daily_loss=D("0.5"))).ready()
    answering(harness, REFUSED)
    harness.exchange.sizes[SYMBOL] = D("0.3")

    seconds(harness, 90)

    assert harness.exchange.sizes[SYMBOL] == D("0.3")
    assert harness.submitted == []
    assert harness.alerts.count("stop_refused_again") == 1


# ---- nothing opens meanwhile


def test_nothing_opens_while_a_position_shows_no_stop(harness: Harness) -> None:
    answering(harness, REFUSED)
    harness.exchange.stops.clear()
    seconds(harness, 3)
    harness.announce()

    harness.signal("second", Target.LONG)
    said = harness.judged[-1]
    harness.exchange.stops[SYMBOL] = D("98.0")
    seconds(harness, 3)
    harness.signal("third", Target.LONG)

    assert said.reason == "position_unprotected"
    assert SYMBOL in said.detail
    assert harness.judged[-1].reason == ""


def test_a_new_leader_opens_nothing_beside_a_position_without_a_stop(harness: Harness) -> None:
    answering(harness, REFUSED)
    harness.exchange.stops.clear()
    seconds(harness, 2)

    harness.restart()
    harness.ready()
    harness.signal("second", Target.LONG)

    assert harness.judged[-1].reason == "position_unprotected"


def test_a_position_of_which_no_row_was_ever_seen_is_unprotected_after_a_while() -> None:
    harness = Harness(account_config(max_positions_per_symbol=5)).ready()
    harness.signal("entry", Target.LONG)
    harness.send()
    for execution in harness.exchange.executions:
        harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))
    for order in harness.exchange.orders.values():
        harness.tell(ev.OrderSeen(now_ns=harness.now_ns, order=order))
    waits = []
    for _ in range(13):
        harness.wait(1)
        harness.questions.clear()
        waits.append(bool(harness.core.state.unprotected))

    assert waits[:10] == [False] * 10
    assert waits[-1]


def test_a_flat_position_leaves_nothing_behind(harness: Harness) -> None:
    answering(harness, REFUSED)
    harness.exchange.stops.clear()
    seconds(harness, 15)

    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    seconds(harness, 2)

    guard = harness.core.state.guard(KEY)
    assert harness.core.state.unprotected == {}
    assert (guard.refusals, guard.refused_ns, guard.bare_ns, guard.beyond_ns) == (0, 0, 0, 0)
