"""What is closed and protected from the positions list alone, and what a list that was not read means."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness, account_config
from tests.support.listings import (
    answer_step_one,
    answer_with,
    is_listed,
    unclear_order,
    unclear_position,
)
from tests.support.raw_frames import make_instrument

from tradefleet.core import events as ev
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target

KEY = PositionKey("linear", SYMBOL)
STRANGE = "SOLUSDT"


def holding(size: str = "1") -> Harness:
    """A leader that holds a position of a signal, and is about to be replaced."""
    harness = Harness(account_config(max_positions_per_symbol=2)).ready()
    harness.signal("in", Target.LONG)
    harness.settle()
    assert harness.size == Decimal(size)
    return harness


def next_leader(harness: Harness, *, latched: bool = True) -> Harness:
    """The account's next leader, before it has read anything."""
    if latched:
        harness.edit_kill_switch(engaged=True, heard=False)
    harness.restart()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=True, reason=""))
    harness.announce()
    harness.prices()
    harness.submitted.clear()
    return harness


def closes(harness: Harness) -> list[tuple[str, str]]:
    return [(i.side.value, f"{i.qty:f}") for i in harness.submitted if i.leg.reduces]


# ---- the positions list alone


def test_a_new_leader_closes_from_the_positions_list_while_the_rest_cannot_be_read() -> None:
    harness = next_leader(holding())
    began_ns = harness.now_ns
    assert closes(harness) == []

    is_listed(harness)

    assert closes(harness) == [("Sell", "1.00")]
    assert harness.now_ns == began_ns


def test_the_orders_list_may_be_missing() -> None:
    harness = next_leader(holding())

    is_listed(harness, orders=False)

    assert closes(harness) == [("Sell", "1.00")]


def test_nothing_closes_while_no_list_has_been_read_and_nothing_forces_it() -> None:
    harness = next_leader(holding(), latched=False)
    harness.core.state.positions[KEY] = msgspec.structs.replace(
        harness.core.state.position(KEY),
        plan=msgspec.structs.replace(harness.core.state.position(KEY).plan, flat_by_ns=1),
    )

    for _ in range(10):
        harness.wait(1)
        answer_step_one(harness, positions=False)
    assert closes(harness) == []
    is_listed(harness)

    assert closes(harness) == [("Sell", "1.00")]


def test_what_the_list_does_not_show_is_neither_closed_nor_protected() -> None:
    harness = next_leader(holding())
    harness.exchange.sizes[SYMBOL] = Decimal(0)

    for _ in range(5):
        answer_step_one(harness)
        harness.wait(1)

    assert closes(harness) == []
    assert harness.protections == []


def test_the_larger_size_is_closed() -> None:
    harness = next_leader(holding())
    harness.exchange.sizes[SYMBOL] = Decimal(3)

    is_listed(harness)

    assert closes(harness) == [("Sell", "3")]


def test_the_side_that_the_list_shows_is_closed() -> None:
    harness = next_leader(holding())
    harness.exchange.sizes[SYMBOL] = Decimal(-2)

    is_listed(harness)
    harness.send()
    harness.deliver()

    assert closes(harness) == [("Buy", "2")]
    assert harness.exchange.sizes[SYMBOL] == 0


def test_a_position_that_nobody_explains_is_closed_once_and_not_turned_around() -> None:
    harness = next_leader(holding())
    harness.exchange.sizes[STRANGE] = Decimal(7)
    for _ in range(30):
        answer_step_one(harness)
        harness.send()
        harness.deliver()
        harness.wait(1)

    assert sorted(closes(harness)) == [("Sell", "1.00"), ("Sell", "7")]
    assert harness.exchange.sizes[STRANGE] == 0
    assert harness.protections == []


def test_a_close_that_did_only_part_of_it_is_made_again_under_another_name() -> None:
    harness = next_leader(holding())
    harness.exchange.sizes[STRANGE] = Decimal(8)
    harness.exchange.share = Decimal("0.5")
    for _ in range(12):
        answer_step_one(harness)
        harness.send()
        harness.deliver()
        harness.wait(1)

    ours = [i for i in harness.submitted if i.key.symbol == STRANGE]
    assert [i.attempt for i in ours[:3]] == [0, 1, 2]
    assert [i.qty for i in ours[:3]] == [8, 4, 2]
    assert len({i.client_order_id for i in ours}) == len(ours)


def test_an_execution_after_the_list_moves_what_it_showed() -> None:
    harness = next_leader(holding(), latched=False)
    harness.exchange.sizes[STRANGE] = Decimal(5)
    is_listed(harness)
    key = PositionKey("linear", STRANGE)
    assert harness.core.state.evidence.size(key) == 5

    harness.now_ns += SECOND
    harness.exchange._execute("", "by-hand", STRANGE, Side.SELL, Decimal(5), harness.now_ns, "")
    for execution in harness.exchange.executions[-2:]:
        harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))

    assert harness.core.state.position(key).size == -5
    assert harness.core.state.evidence.size(key) == 0


# ---- no list at all


def test_without_a_list_for_three_seconds_the_journals_size_is_closed_once() -> None:
    harness = next_leader(holding())
    for second in range(1, 8):
        harness.wait(1)
        answer_step_one(harness, positions=False)
        assert len(closes(harness)) == (second >= 3)
    harness.send(answered=False)
    harness.exchange.orders.clear()  # it is lost on the way, and so is its execution
    harness.exchange.executions.clear()
    harness.exchange.sizes[SYMBOL] = Decimal(1)

    for _ in range(3):
        harness.wait(1)
        answer_step_one(harness, positions=False)
        harness.answer_all()
        assert len(closes(harness)) == 1  # in doubt: a second one could close twice what is held
    for _ in range(5):
        harness.wait(1)
        answer_step_one(harness, positions=False)
        harness.answer_all()

    assert closes(harness) == [("Sell", "1.00")] * 2


def test_an_account_of_which_nothing_was_read_is_not_flat() -> None:
    harness = next_leader(Harness().ready())
    for _ in range(60):
        harness.wait(1)
        answer_step_one(harness, positions=False)

    assert harness.kill_switch["seconds_to_flat"] is None
    assert "kill_switch_flat" not in harness.alerts


# ---- stops


def test_a_stop_is_set_from_the_positions_list_alone() -> None:
    harness = next_leader(holding(), latched=False)
    harness.exchange.stops.clear()
    harness.wait(2)

    is_listed(harness)

    assert [(p.key, p.stop_loss) for p in harness.protections] == [(KEY, Decimal("98.0"))]


def test_a_position_that_nobody_explains_has_a_stop_at_once_after_an_alert() -> None:
    harness = next_leader(holding(), latched=False)
    harness.exchange.sizes[STRANGE] = Decimal(7)
    harness.tell(ev.InstrumentsRefreshed(now_ns=harness.now_ns, instruments=(make_instrument(STRANGE),)))

    is_listed(harness)
    strange = [p for p in harness.protections if p.key.symbol == STRANGE]
    harness.protect()
    harness.deliver()
    harness.wait(2)
    is_listed(harness)

    assert [p.stop_loss for p in strange] == [Decimal("98.0")]
    assert harness.exchange.stops[STRANGE] == Decimal("98.0")
    assert harness.alerts.count("unexplained_position") == 1
    assert [p for p in harness.protections if p.key.symbol == STRANGE] == []


def test_a_stop_that_somebody_has_set_there_is_left_alone() -> None:
    harness = next_leader(holding(), latched=False)
    harness.exchange.sizes[STRANGE], harness.exchange.stops[STRANGE] = Decimal(7), Decimal(60)
    harness.tell(ev.InstrumentsRefreshed(now_ns=harness.now_ns, instruments=(make_instrument(STRANGE),)))

    is_listed(harness)

    assert [p for p in harness.protections if p.key.symbol == STRANGE] == []


def test_without_rules_there_is_no_stop_but_an_alert_and_the_kill_switch_closes() -> None:
    harness = next_leader(holding(), latched=False)
    harness.exchange.sizes[STRANGE] = Decimal(7)
    is_listed(harness)
    is_listed(harness)
    assert [p for p in harness.protections if p.key.symbol == STRANGE] == []
    assert harness.alerts.count("rules_unread") == 1

    harness.edit_kill_switch(engaged=True)

    assert ("Sell", "7") in closes(harness)


def test_a_row_gives_the_mark_of_a_symbol_that_nobody_listens_to() -> None:
    harness = Harness().ready()
    harness.exchange.sizes[STRANGE] = Decimal(1)
    for mark in (90, 80):
        harness.wait(6)
        for row in harness.exchange.positions(harness.now_ns):
            seen = msgspec.structs.replace(row, mark_price=Decimal(mark))
            harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=seen))
        assert harness.core.state.market(STRANGE).mark == mark
    assert harness.core.state.market(SYMBOL).mark == MARK


# ---- rows that are not understood


def test_nothing_opens_in_the_symbol_of_a_row_that_is_not_understood() -> None:
    harness = Harness().ready()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    answer_with(harness, unclear_position())
    harness.signal("one", Target.LONG)

    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    answer_with(harness)
    harness.signal("two", Target.LONG)

    assert [judged.reason for judged in harness.judged] == ["row_not_understood", ""]
    assert harness.core.state.latches == {}


@pytest.mark.parametrize(
    "row",
    [
        unclear_position("", "1"),
        unclear_position(STRANGE, None),
        unclear_order("", "1"),
        unclear_order(STRANGE, None),
    ],
)
def test_a_row_that_says_too_little_halts_opening_everywhere_and_no_closing(row) -> None:
    harness = holding()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    answer_with(harness, row)
    harness.signal("two", Target.LONG)
    harness.signal("out", Target.FLAT)

    assert harness.judged[-2].reason == "row_not_understood"
    assert closes(harness) == [("Sell", "1.00")]


def test_a_row_of_another_symbol_halts_nothing_here_and_counts_as_held_there() -> None:
    harness = Harness(account_config(max_positions=1)).ready()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    answer_with(harness, unclear_position(STRANGE))

    harness.signal("one", Target.LONG)

    assert [judged.reason for judged in harness.judged] == ["max_positions"]


def test_it_is_neither_taken_over_nor_latched_and_its_plan_is_kept() -> None:
    harness = holding()
    plan = harness.core.state.position(KEY).plan
    for _ in range(6):
        harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
        answer_with(harness, unclear_position(size="4"))
        harness.wait(3)

    position = harness.core.state.position(KEY)
    assert (position.size, position.plan) == (1, plan)
    assert harness.core.state.latches == {}
    assert harness.core.state.evidence.size(KEY) == 4
    assert harness.alerts.count("row_not_understood") == 1


def test_a_row_without_a_symbol_proves_no_position_flat() -> None:
    harness = holding()
    harness.exchange.sizes.clear()
    for _ in range(6):
        harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
        answer_with(harness, unclear_position("", "1"))
        harness.wait(3)

    assert harness.size == 1
    assert harness.core.state.latches == {}


def test_the_kill_switch_closes_the_larger_of_the_row_and_the_journal_and_is_not_flat_before() -> None:
    harness = next_leader(holding())

    is_listed(harness, unclear=(unclear_position(size="4", side=None),))
    closed = closes(harness)
    harness.send()
    harness.deliver()
    for _ in range(20):
        harness.wait(1)
        answer_with(harness, unclear_position(STRANGE))
        harness.answer_all()

    assert closed == [("Sell", "4")]
    assert harness.kill_switch["seconds_to_flat"] is None


def test_an_order_that_is_not_understood_may_be_the_one_that_is_asked_for() -> None:
    harness = holding()
    harness.signal("two", Target.LONG)
    harness.unsent.clear()
    name = harness.submitted[-1].client_order_id
    harness.now_ns += 30 * SECOND
    harness.prices()
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))

    answer_with(harness, unclear_order())
    assert not harness.core.state.tracked[name].is_final
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    answer_with(harness)

    assert harness.core.state.tracked[name].is_final


def test_a_list_that_cannot_be_read_does_not_end_its_rows() -> None:
    harness = Harness().ready()
    is_listed(harness, unclear=(unclear_position(),))
    is_listed(harness, positions=False)
    assert harness.core.state.evidence.unclear

    is_listed(harness, orders=False)

    assert not harness.core.state.evidence.unclear


def test_a_readable_list_ends_a_row_although_an_execution_has_just_come() -> None:
    harness = next_leader(holding())
    is_listed(harness, unclear=(unclear_position(size="4"),))
    harness.send()
    for execution in harness.exchange.executions:
        harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))

    is_listed(harness)

    assert harness.core.state.evidence.shown == {}
    assert harness.size == 0
