"""What becomes of a signal that comes too late, or after a newer one, whatever it wants and whoever leads."""

from typing import Any

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config, with_exits
from tests.support.hedge_harness import HedgeHarness

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.core.account_signals import SEEN_SIGNALS_NS
from tradefleet.domain.signals import FLAT_VALID_NS, LONGEST_VALID_NS, Target
from tradefleet.orders.intents import Leg
from tradefleet.spec.bot import OnDelete
from tradefleet.spec.market import Universe

EVERY_TARGET = pytest.mark.parametrize("target", [Target.FLAT, Target.SHORT, Target.LONG])


def reversing(mode: str) -> Harness:
    if mode == "hedge":
        return HedgeHarness().ready()
    config = account_config(max_positions_per_symbol=2)
    return Harness(with_exits(config, reverse_on_opposite=mode == "reversals")).ready()


EVERY_MODE = pytest.mark.parametrize("mode", ["one-way", "reversals", "hedge"])


def holding(mode: str = "one-way") -> Harness:
    world = reversing(mode)
    world.signal("in", Target.LONG)
    world.settle()
    assert held(world) > 0
    return world


def held(world: Harness) -> Any:
    return sum(position.size for position in world.core.state.positions.values())


def late(world: Harness, name: str, target: Target, *, by_s: int, strategy: str = "imbalance") -> str:
    """A signal of some seconds ago that has not expired; what became of it."""
    now_ns = world.now_ns
    world.announce()
    world.now_ns = now_ns - by_s * SECOND
    before = len(world.judged)
    signal: list[ev.SignalReceived] = []
    tell = world.tell
    world.tell = signal.append  # type: ignore[assignment, method-assign]
    world.signal(name, target, expires_s=by_s + 2, strategy=strategy)
    world.tell = tell  # type: ignore[method-assign]
    world.now_ns = now_ns
    world.tell(msgspec.structs.replace(signal[0], now_ns=now_ns))
    return world.judged[-1].reason if len(world.judged) > before else "not judged"


@EVERY_MODE
@EVERY_TARGET
@pytest.mark.parametrize("expired_s", [1, 3600])
def test_an_expired_signal_does_nothing(mode: str, target: Target, expired_s: int) -> None:
    world = holding(mode)
    before, sent = held(world), len(world.submitted)

    world.announce()
    world.signal("old", target, expires_s=-expired_s)
    assert world.judged[-1].reason == "stale_signal"
    world.settle()

    assert (held(world), len(world.submitted)) == (before, sent)
    assert not world.core.state.reversals


def test_a_signal_counts_until_its_last_nanosecond() -> None:
    world = holding()

    world.signal("out", Target.FLAT, expires_s=0)
    world.settle()

    assert held(world) == 0


@EVERY_MODE
@EVERY_TARGET
def test_a_signal_older_than_one_that_was_followed_does_nothing(mode: str, target: Target) -> None:
    world = holding(mode)
    before, sent = held(world), len(world.submitted)

    assert late(world, "older", target, by_s=60) == "superseded"
    world.settle()

    assert (held(world), len(world.submitted)) == (before, sent)
    assert not world.core.state.reversals


@EVERY_TARGET
def test_a_new_leader_supersedes_as_the_one_before_did(target: Target) -> None:
    world = holding()
    world.journal.signals.clear()
    world.journal.intents.clear()
    sent = len(world.submitted)
    world.restart()
    world.ready()

    assert late(world, "older", target, by_s=60) == "superseded"
    world.settle()

    assert len(world.submitted) == sent


def test_signals_are_held_against_those_of_their_own_strategy_alone() -> None:
    world = holding()

    assert late(world, "other", Target.FLAT, by_s=60, strategy="breakout") == "nothing_to_close"
    assert world.core.state.signal_marks.keys() == {("imbalance", SYMBOL)}


def test_a_refused_signal_supersedes_nothing() -> None:
    world = Harness().ready()
    world.tell(ev.PrivateStreamChanged(now_ns=world.now_ns, up=False))
    world.signal("refused", Target.LONG)
    assert world.judged[-1].verdict is act.Verdict.REFUSED
    world.tell(ev.PrivateStreamChanged(now_ns=world.now_ns, up=True))
    world.answer_all()

    assert late(world, "older", Target.LONG, by_s=1) == ""
    assert world.core.state.signal_marks["imbalance", SYMBOL].signal_id == "older"


def test_an_id_that_was_followed_last_is_a_repeat_for_ever() -> None:
    world = holding()
    world.now_ns += SEEN_SIGNALS_NS
    world.wait(1)
    world.answer_all()
    count = len(world.judged)

    world.signal("in", Target.LONG, expires_s=10**6)

    assert len(world.judged) == count


def test_a_handled_flat_that_is_heard_again_closes_nothing() -> None:
    world = holding()
    world.signal("out", Target.FLAT)
    world.settle()
    for _ in range(70):
        world.wait(10)
        world.answer_all()
    world.announce()
    world.signal("in-again", Target.LONG)
    world.settle()
    before = held(world)

    assert late(world, "out", Target.FLAT, by_s=700) == "superseded"
    world.settle()

    assert held(world) == before > 0


def test_a_superseded_flat_takes_no_reversal_back() -> None:
    world = holding("reversals")
    world.signal("other-side", Target.SHORT, expires_s=30)
    assert world.core.state.reversals

    assert late(world, "older", Target.FLAT, by_s=60) == "superseded"
    world.settle()

    assert held(world) < 0


@pytest.mark.parametrize(("strategy", "taken_back"), [("imbalance", True), ("breakout", False)])
def test_a_newer_word_of_its_own_strategy_takes_a_reversal_back(strategy: str, taken_back: bool) -> None:
    world = holding("reversals")
    world.signal("other-side", Target.SHORT, expires_s=30)

    world.signal("newer", Target.FLAT, strategy=strategy)
    world.settle()

    assert (held(world) == 0) is taken_back


def test_a_second_wish_for_the_same_side_closes_nothing() -> None:
    world = holding()
    before = held(world)

    world.signal("more", Target.LONG)
    world.settle()

    assert held(world) == 2 * before


@pytest.mark.parametrize("missing", ["rules", "universe"])
def test_a_symbol_without_rules_or_not_of_the_bot_is_unknown(missing: str) -> None:
    world = Harness().ready()
    if missing == "rules":
        del world.core.state.instruments[SYMBOL]
    else:
        spec = msgspec.structs.replace(world.config.spec, universe=Universe(symbols=["OTHERUSDT"]))
        world.config = msgspec.structs.replace(world.config, generation=2, spec=spec)
        world.tell(ev.ConfigApplied(now_ns=world.now_ns, config=world.config))

    world.signal("in", Target.LONG)

    assert world.judged[-1].reason == "unknown_symbol"


# ---- a FLAT that is missed


@EVERY_MODE
def test_an_expired_flat_that_leaves_a_position_is_an_alert(mode: str) -> None:
    world = holding(mode)

    world.signal("out", Target.FLAT, expires_s=-60)

    assert world.alerts[-1:] == ["flat_expired"]


def test_an_expired_flat_of_before_the_position_is_no_alert() -> None:
    world = holding()
    world.announce()
    mark = world.core.state.signal_marks["imbalance", SYMBOL]
    assert late(world, "older", Target.FLAT, by_s=60) == "superseded"
    world.core.state.signal_marks["imbalance", SYMBOL] = msgspec.structs.replace(mark, at_ns=world.now_ns)

    world.signal("same-time", Target.FLAT, expires_s=-60)

    assert world.judged[-1].reason == "stale_signal"
    assert "flat_expired" not in world.alerts


@pytest.mark.parametrize("whose", ["breakout", "nothing-held", "ending", "another-bot"])
def test_an_expired_flat_that_leaves_nothing_of_its_strategy_is_no_alert(whose: str) -> None:
    world = Harness().ready() if whose == "nothing-held" else holding()
    if whose == "ending":
        world.signal("out", Target.FLAT)
        world.wait(1)
    if whose == "another-bot":
        world.core.state.config = msgspec.structs.replace(world.config, uid="another")

    world.signal(
        "late", Target.FLAT, expires_s=-60, strategy="breakout" if whose == "breakout" else "imbalance"
    )

    assert world.judged[-1].reason == "stale_signal"
    assert "flat_expired" not in world.alerts


def test_a_flat_ends_what_its_unfinished_entry_still_fills() -> None:
    world = Harness().ready()
    world.signal("in", Target.LONG)

    world.wait(0.1)
    world.signal("out", Target.FLAT)
    assert world.judged[-1].verdict is act.Verdict.ACCEPTED
    world.settle()

    assert held(world) == 0
    assert {intent.leg for intent in world.submitted} == {Leg.OPEN, Leg.CLOSE}


def test_ids_are_remembered_for_as_long_as_any_signal_is_valid() -> None:
    assert FLAT_VALID_NS == 300 * SECOND
    assert FLAT_VALID_NS < LONGEST_VALID_NS == SEEN_SIGNALS_NS


# ---- after the bot was deleted


@pytest.mark.parametrize("on_delete", list(OnDelete))
def test_nothing_opens_after_the_bot_was_deleted(on_delete: OnDelete) -> None:
    world = Harness().ready()
    world.delete_bot(on_delete)

    world.signal("in", Target.LONG)
    world.settle()

    assert world.judged[-1].reason == "bot_deleted"
    assert world.core.status(world.now_ns)["may_open"] is False
    assert not [intent for intent in world.submitted if intent.leg is Leg.OPEN]


def test_nothing_is_reversed_after_the_bot_was_deleted() -> None:
    world = holding("reversals")
    world.signal("other-side", Target.SHORT, expires_s=60)
    world.delete_bot(OnDelete.LEAVE)

    world.settle()

    assert held(world) == 0
    assert world.core.status(world.now_ns)["orders_not_taken_by_reason"] == {"not_reversed_bot_deleted": 1}


def test_what_is_left_after_the_bot_was_deleted_can_still_be_closed() -> None:
    world = holding()
    world.delete_bot(OnDelete.LEAVE)

    world.signal("out", Target.FLAT)
    world.settle()

    assert held(world) == 0
