"""Parts of a position, one behaviour a test: what is closed never exceeds the target."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness, account_config, with_exits

from tradefleet.core import events as ev
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.intents import Intent, IntentState, Leg
from tradefleet.spec.partial_close import PartialClose
from tradefleet.spec.snapshot import ConfigSnapshot

D = Decimal
KEY = PositionKey("linear", SYMBOL)


def with_parts(config: ConfigSnapshot | None = None, **parts: object) -> ConfigSnapshot:
    partial_close = PartialClose(enabled=True, **parts)
    return with_exits(config or account_config(), partial_close=partial_close, take_profit=D("0.2"))


def parts_of(harness: Harness) -> list[Intent]:
    return [intent for intent in harness.submitted if intent.leg.is_part]


def holding(target: Target = Target.LONG, config: ConfigSnapshot | None = None) -> Harness:
    harness = Harness(config or with_parts()).ready()
    harness.signal("entry", target)
    harness.send()
    harness.deliver()
    harness.wait(1)
    harness.protect()
    harness.answer_all()
    assert abs(harness.size) == 1
    return harness


def done(harness: Harness) -> None:
    harness.send()
    harness.deliver()


@pytest.mark.parametrize(
    ("target", "mark", "side"), [(Target.LONG, "101", Side.SELL), (Target.SHORT, "99", Side.BUY)]
)
def test_at_its_profit_a_share_is_closed_by_an_order_that_only_reduces(
    target: Target, mark: str, side: Side
) -> None:
    harness = holding(target)

    harness.prices(D(mark))

    (part,) = parts_of(harness)
    assert (part.leg, part.attempt, part.side, part.qty) == (Leg.PART_1, 0, side, D("0.3"))
    assert part.reduce_only
    assert part.stop_loss is None
    assert part.client_order_id == client_order_id(part.account, "entry", Leg.PART_1, 0)
    done(harness)
    assert abs(harness.size) == D("0.7")


def test_below_the_profit_nothing_is_closed() -> None:
    harness = holding()

    harness.prices(D("100.9"))

    assert parts_of(harness) == []


def test_a_part_is_closed_once_however_often_its_price_comes() -> None:
    harness = holding()
    for mark in ("101", "100", "101.5", "101", "100.5", "101.9"):
        harness.prices(D(mark))
        done(harness)
        harness.wait(2)

    assert [intent.qty for intent in parts_of(harness)] == [D("0.3")]


def test_the_parts_come_one_after_the_other_and_leave_the_rest() -> None:
    harness = holding()
    for mark in ("101", "102", "103", "110"):
        harness.prices(D(mark))
        done(harness)

    assert [(intent.leg, intent.qty) for intent in parts_of(harness)] == [
        (Leg.PART_1, D("0.3")),
        (Leg.PART_2, D("0.3")),
        (Leg.PART_3, D("0.2")),
    ]
    assert harness.size == D("0.2")


def test_a_gap_over_two_parts_is_one_order() -> None:
    harness = holding()

    harness.prices(D("102.5"))

    assert [(intent.leg, intent.qty) for intent in parts_of(harness)] == [(Leg.PART_2, D("0.6"))]


def test_a_part_whose_answer_was_lost_is_not_repeated_until_it_is_known() -> None:
    harness = holding()
    harness.prices(D("101"))
    harness.send(answered=False)

    for _ in range(20):
        harness.wait(1)
        harness.questions.clear()  # nothing answers
    assert len(parts_of(harness)) == 1

    harness.deliver()
    harness.wait(2)
    assert harness.size == D("0.7")
    assert len(parts_of(harness)) == 1


def test_a_part_that_never_arrived_is_sent_again_once_that_is_proven() -> None:
    harness = holding()
    harness.prices(D("101"))
    (lost,) = harness.unsent
    harness.unsent.clear()

    harness.wait(3)
    harness.answer_all()
    assert len(parts_of(harness)) == 1
    harness.wait(10)
    harness.answer_all()
    harness.wait(1)

    first, second = parts_of(harness)
    assert first == lost
    assert (second.leg, second.attempt, second.qty) == (Leg.PART_1, 1, D("0.3"))


def test_after_a_restart_the_part_in_doubt_is_waited_for_and_what_it_did_is_counted() -> None:
    harness = holding()
    harness.prices(D("101"))
    harness.send(answered=False)

    harness.restart()
    harness.ready()
    harness.wait(1)
    harness.answer_all()
    harness.wait(5)

    assert harness.size == D("0.7")
    assert len(parts_of(harness)) == 1


def test_a_batch_that_died_with_its_leader_does_not_close_the_part_again() -> None:
    harness = holding()
    before = harness.journal.positions[KEY]
    counted = dict(harness.journal.executions)
    harness.prices(D("101"))
    done(harness)
    # Of all that the journal knew only the intent is left, and nothing of what became of it.
    harness.journal.positions[KEY], harness.journal.executions = before, counted
    name = parts_of(harness)[0].client_order_id
    record = harness.journal.intents[name]
    harness.journal.intents[name] = msgspec.structs.replace(record, state=IntentState.WRITTEN, filled=D(0))

    harness.restart()
    harness.ready()
    harness.prices(D("101"))
    harness.wait(1)
    harness.answer_all()
    harness.wait(5)

    assert harness.size == D("0.7")
    assert len(parts_of(harness)) == 1


def test_executions_in_any_order_do_not_make_the_target_larger() -> None:
    harness = holding()
    harness.prices(D("102"))
    done(harness)
    assert harness.size == D("0.4")

    # A new leader hears the closing first, so that its own sums run through the other side.
    harness.journal.positions.clear()
    harness.journal.executions.clear()
    for name, record in harness.journal.intents.items():
        harness.journal.intents[name] = msgspec.structs.replace(
            record, state=IntentState.WRITTEN, filled=D(0)
        )
    harness.restart()
    for execution in reversed(harness.exchange.executions):
        harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))
    harness.ready()
    for _ in range(20):
        harness.prices(D("102"))
        done(harness)
        harness.wait(1)
        harness.answer_all()

    assert harness.core.state.reconciliation.done
    assert harness.size == D("0.4")
    assert len(parts_of(harness)) == 1


def test_what_the_book_could_not_fill_is_closed_by_the_next_attempt() -> None:
    harness = holding()
    harness.exchange.share = D("0.5")
    harness.prices(D("101"))
    done(harness)
    assert harness.size == D("0.85")

    harness.exchange.share = D(1)
    harness.wait(0.5)
    assert len(parts_of(harness)) == 1
    harness.wait(1)
    done(harness)

    assert [(p.attempt, p.qty) for p in parts_of(harness)] == [(0, D("0.3")), (1, D("0.15"))]
    assert harness.size == D("0.7")


def test_what_is_too_little_for_an_order_is_taken_with_the_next_part() -> None:
    harness = holding(
        config=with_parts(first=msgspec.structs.replace(PartialClose().first, share=D("0.004")))
    )

    harness.prices(D("101"))
    assert parts_of(harness) == []
    assert harness.core.status(harness.now_ns)["orders_not_taken_by_reason"] == {"part_too_small": 1}
    harness.prices(D("102"))

    assert [(p.leg, p.qty) for p in parts_of(harness)] == [(Leg.PART_2, D("0.3"))]


def test_what_the_exchange_has_closed_by_itself_counts() -> None:
    harness = holding()
    exchange = harness.exchange
    exchange._execute("", "adl", SYMBOL, Side.SELL, D("0.1"), harness.now_ns, "")
    harness.deliver()
    assert harness.size == D("0.9")

    harness.prices(D("101"))

    assert [intent.qty for intent in parts_of(harness)] == [D("0.2")]


def test_a_whole_close_wins_over_a_part_under_way_and_ends_flat() -> None:
    harness = holding()
    harness.prices(D("101"))

    harness.signal("flat", Target.FLAT)

    assert [intent.leg for intent in harness.submitted[1:]] == [Leg.PART_1, Leg.CLOSE]
    harness.settle()
    assert harness.exchange.sizes[SYMBOL] == harness.size == 0


def test_the_kill_switch_wins_over_a_part_in_doubt() -> None:
    harness = holding()
    harness.prices(D("101"))
    harness.send(answered=False)

    harness.edit_kill_switch(engaged=True)

    assert harness.submitted[-1].leg is Leg.CLOSE
    harness.prices(D("110"))
    harness.settle()
    harness.settle()
    assert harness.exchange.sizes[SYMBOL] == 0
    assert len(parts_of(harness)) == 1


def test_a_stop_in_the_middle_leaves_nothing_to_close() -> None:
    harness = holding()
    harness.prices(D("101"))
    harness.exchange.stop_out(SYMBOL, harness.now_ns)

    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == harness.size == 0


def test_a_part_in_doubt_keeps_the_next_position_from_being_opened() -> None:
    harness = holding()
    harness.prices(D("101"))
    harness.unsent.clear()
    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.deliver()
    assert harness.size == 0

    harness.signal("next", Target.LONG)

    assert harness.judged[-1].reason == "closing_first"


def test_a_further_entry_raises_the_whole_of_which_the_shares_are() -> None:
    harness = holding(config=with_parts(account_config(max_positions_per_symbol=2)))
    harness.prices(D("101"))
    done(harness)
    harness.prices(MARK)
    harness.signal("further", Target.LONG)
    done(harness)
    harness.deliver()
    assert harness.size == D("1.7")
    assert len(parts_of(harness)) == 1

    harness.prices(D("102"))

    # 60 % of two is 1.2; 0.3 are closed.
    assert [intent.qty for intent in parts_of(harness)] == [D("0.3"), D("0.9")]


@pytest.mark.parametrize("what", ["stream", "market"])
def test_nothing_is_decided_on_what_is_not_known(what: str) -> None:
    harness = holding()
    if what == "stream":
        harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=False))
        harness.prices(D("101"))
    else:
        harness.core.state.market(SYMBOL).mark = D("101")
        harness.now_ns += 6 * SECOND
        harness.tell(ev.Ticked(now_ns=harness.now_ns))

    assert parts_of(harness) == []


def test_switched_off_nothing_is_closed() -> None:
    harness = holding(config=account_config())

    harness.prices(D("103"))

    assert parts_of(harness) == []


def test_a_position_that_no_signal_has_opened_is_left_alone() -> None:
    harness = Harness(with_parts()).ready()
    harness.exchange._execute("", "by hand", SYMBOL, Side.BUY, D(1), harness.now_ns, "")
    harness.deliver()
    harness.wait(1)

    harness.prices(D("105"))

    assert harness.size == 1
    assert parts_of(harness) == []


def test_after_a_part_the_stop_moves_to_the_entry_price_when_that_is_wished() -> None:
    harness = holding(config=with_parts(break_even=True))
    harness.prices(D("101"))
    assert harness.exchange.stops[SYMBOL] == D("98")

    done(harness)
    harness.wait(1)
    harness.protect()

    assert harness.exchange.stops[SYMBOL] == D("100")


def test_refused_again_and_again_it_is_tried_ever_more_rarely() -> None:
    harness = holding()
    harness.exchange.sizes[SYMBOL] = D(0)  # the exchange refuses: there is nothing to reduce
    tries = []
    for second in range(70):
        harness.prices(D("101"))
        if harness.unsent:
            tries.append(second)
        harness.send()
        harness.now_ns += SECOND

    assert tries == [0, 1, 3, 7, 15, 31, 63]
