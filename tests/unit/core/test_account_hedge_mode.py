"""AccountCore in hedge mode: two legs a symbol, each with its own plan, stop and end."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SYMBOL, account_config
from tests.support.hedge_harness import LEGS, LONG, SHORT, HedgeHarness, hedge_config

from tradefleet.core import events as ev
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg

ONE = Decimal("1.00")


@pytest.fixture
def both() -> HedgeHarness:
    """`imbalance` holds the long leg, `breakout` the short one."""
    harness = HedgeHarness().ready()
    harness.wish("one", "imbalance", Target.LONG)
    harness.wish("two", "breakout", Target.SHORT)
    return harness


def said(harness: HedgeHarness) -> list[str]:
    return [judged.reason or judged.verdict.value for judged in harness.judged]


def closes(harness: HedgeHarness) -> list[tuple[PositionKey, Side]]:
    return [(intent.key, intent.side) for intent in harness.submitted if intent.leg is not Leg.OPEN]


def test_opposite_wishes_of_two_strategies_are_two_legs_with_a_stop_each(both: HedgeHarness) -> None:
    assert both.sizes == (ONE, -ONE)
    assert [both.leg(key).plan.strategy for key in LEGS] == ["imbalance", "breakout"]
    assert [(i.key, i.stop_loss) for i in both.submitted] == [(LONG, Decimal(98)), (SHORT, Decimal(102))]
    assert [both.exchange.stop(key) for key in LEGS] == [Decimal(98), Decimal(102)]
    assert (both.exchange.wrong, both.alerts) == ([], [])


def test_an_opposite_wish_ends_the_strategys_own_leg_and_no_other(both: HedgeHarness) -> None:
    both.wish("three", "breakout", Target.LONG)

    assert closes(both) == [(SHORT, Side.BUY)]
    assert both.sizes == (ONE, 0)
    assert said(both) == ["accepted"] * 3


def test_after_its_own_leg_is_closed_a_strategy_may_open_the_other_side(both: HedgeHarness) -> None:
    both.wish("three", "imbalance", Target.FLAT)
    both.wish("four", "imbalance", Target.SHORT)

    assert both.sizes == (0, -2 * ONE)


def test_flat_closes_the_leg_of_the_strategy_alone(both: HedgeHarness) -> None:
    both.wish("three", "imbalance", Target.FLAT)

    assert both.sizes == (0, -ONE)
    both.wish("four", "imbalance", Target.FLAT)
    assert said(both)[-1] == "nothing_to_close"


def test_an_opposite_wish_before_the_fill_ends_what_the_entry_fills() -> None:
    harness = HedgeHarness().ready()
    harness.signal("one", Target.LONG)
    harness.signal("two", Target.SHORT)

    harness.settle()

    assert harness.sizes == (0, 0)
    assert {intent.key for intent in harness.submitted} == {LONG}


def test_two_legs_of_one_strategy_are_closed_by_one_signal_under_two_names(both: HedgeHarness) -> None:
    plan = msgspec.structs.replace(both.leg(SHORT).plan, strategy="imbalance")
    both.core.state.positions[SHORT] = msgspec.structs.replace(both.leg(SHORT), plan=plan)

    both.wish("three", "imbalance", Target.FLAT)

    assert both.sizes == (0, 0)
    names = {(i.signal_id, i.client_order_id) for i in both.submitted if i.leg is Leg.CLOSE}
    assert {name for name, _ in names} == {"three", "three/2"}
    assert len({order for _, order in names}) == 2


def test_both_legs_are_one_symbol_and_an_entry_each_to_the_limits() -> None:
    one_symbol = HedgeHarness(hedge_config(max_positions=1)).ready()
    one_entry = HedgeHarness(hedge_config(max_positions_per_symbol=1)).ready()
    for harness in (one_symbol, one_entry):
        harness.wish("one", "imbalance", Target.LONG)
        harness.wish("two", "breakout", Target.SHORT)

    assert one_symbol.sizes == (ONE, -ONE)
    assert one_entry.sizes == (ONE, 0)
    assert said(one_entry) == ["accepted", "max_positions_per_symbol"]


def test_a_limit_of_symbols_tightened_to_nothing_opens_no_other_leg_either() -> None:
    harness = HedgeHarness().ready()
    harness.wish("one", "imbalance", Target.LONG)
    tightened = msgspec.structs.replace(hedge_config(max_positions=0), generation=2)
    harness.tell(ev.ConfigApplied(now_ns=harness.now_ns, config=tightened))

    harness.wish("two", "breakout", Target.SHORT)

    assert harness.sizes == (ONE, 0)
    assert said(harness) == ["accepted", "max_positions"]


def test_each_leg_is_closed_at_its_own_time(both: HedgeHarness) -> None:
    both.wish("three", "breakout", Target.FLAT)
    both.signal("four", Target.SHORT, strategy="breakout", hold_s=1)
    both.send()
    both.deliver()

    both.wait(4)
    both.settle()

    assert both.sizes == (ONE, 0)


def test_a_stop_that_fires_ends_its_own_leg(both: HedgeHarness) -> None:
    both.exchange.stop_out_leg(LONG, both.now_ns)
    both.deliver()

    assert both.sizes == (0, -ONE)
    assert both.leg(LONG).plan is None
    assert both.alerts == []


def test_a_stop_that_is_gone_is_asked_for_on_its_own_leg(both: HedgeHarness) -> None:
    del both.exchange.legs[SHORT.position_idx].stops[SYMBOL]
    both.now_ns += 1
    both.deliver()
    both.wait(1)

    assert [(asked.key, asked.stop_loss) for asked in both.protections] == [(SHORT, Decimal(102))]


def test_the_kill_switch_closes_both_legs_and_says_flat(both: HedgeHarness) -> None:
    both.edit_kill_switch(engaged=True)
    both.settle()
    both.settle()

    assert [both.exchange.size(key) for key in LEGS] == [0, 0]
    assert both.kill_switch["seconds_to_flat"] is not None
    assert closes(both) == [(LONG, Side.SELL), (SHORT, Side.BUY)]
    assert len({i.client_order_id for i in both.submitted}) == 4


def test_what_opens_again_while_it_is_closed_is_closed_under_another_name(both: HedgeHarness) -> None:
    """The close is heard of before an entry that was sent before it."""
    both.wish("three", "breakout", Target.FLAT)
    both.signal("four", Target.LONG)
    both.edit_kill_switch(engaged=True)
    known = len(both.exchange.executions)
    both.send()
    entry, close = both.exchange.executions[known:][:2], both.exchange.executions[known:][2:]

    for execution in (*close, *entry):
        both.tell(ev.ExecutionSeen(now_ns=both.now_ns, execution=execution))
    both.settle()

    assert [both.exchange.size(key) for key in LEGS] == [0, 0]
    names = [intent.client_order_id for intent in both.submitted]
    assert len(set(names)) == len(names)


def test_a_restart_keeps_both_legs_and_their_plans(both: HedgeHarness) -> None:
    plans = [both.leg(key).plan for key in LEGS]

    both.restart()
    both.ready()
    both.settle()

    assert both.sizes == (ONE, -ONE)
    assert [both.leg(key).plan for key in LEGS] == plans
    assert len(both.submitted) == 2


def test_a_mark_counts_for_both_legs(both: HedgeHarness) -> None:
    both.exchange.stop_out_leg(LONG, both.now_ns)
    both.deliver()
    before = both.core.state.unrealised()

    both.prices(MARK - 1)

    assert (before, both.core.state.unrealised()) == (0, 1)
    assert both.core.state.guard(SHORT).best == MARK - 1


def test_the_status_names_both_legs(both: HedgeHarness) -> None:
    held = both.core.status(both.now_ns)["positions"]

    assert [(one["symbol"], one["position_idx"], one["size"]) for one in held] == [
        (SYMBOL, 1, "1.00"),
        (SYMBOL, 2, "-1.00"),
    ]


def by_hand(harness: HedgeHarness, **changes: object) -> Execution:
    """A sale of somebody's, of which the row says nothing more."""
    row = Execution(
        category="linear",
        symbol=SYMBOL,
        exec_id="by hand",
        order_id="of somebody",
        client_order_id="",
        side=Side.SELL,
        exec_type=ExecutionType.TRADE,
        price=MARK,
        qty=ONE,
        fee=Decimal(0),
        is_maker=False,
        closed_qty=Decimal(0),
        stop_order_type="",
        create_type="CreateByUser",
        seq=99,
        at_ns=harness.now_ns,
    )
    return msgspec.structs.replace(row, **changes)


def test_a_wrong_attribution_is_found_by_the_comparison_and_trades_nothing(both: HedgeHarness) -> None:
    """The exchange sold the long leg, and its row hides that it closed anything."""
    sent = len(both.submitted)
    both.exchange.legs[LONG.position_idx].sizes[SYMBOL] = Decimal(0)
    row = by_hand(both)
    both.exchange.executions.append(row)
    both.now_ns += 3_000_000_000

    both.tell(ev.ExecutionSeen(now_ns=both.now_ns, execution=row))
    assert both.sizes == (ONE, -2 * ONE)
    both.settle()

    assert both.sizes == (0, -ONE)
    assert "position_mismatch" in both.alerts
    assert len(both.submitted) == sent
    assert any(latch.startswith("position-abcusdt-1-") for latch in both.core.state.latches)


def test_an_order_row_says_of_which_leg_its_executions_are(both: HedgeHarness) -> None:
    order = msgspec.structs.replace(
        next(iter(both.exchange.orders.values())), order_id="of somebody", client_order_id="", position_idx=1
    )
    both.tell(ev.OrderSeen(now_ns=both.now_ns, order=order))

    both.tell(ev.ExecutionSeen(now_ns=both.now_ns, execution=by_hand(both)))

    assert both.sizes == (0, -ONE)


def test_a_close_that_comes_before_its_opening_is_owed_and_asked_about(both: HedgeHarness) -> None:
    both.tell(
        ev.ExecutionSeen(
            now_ns=both.now_ns, execution=by_hand(both, side=Side.BUY, qty=3 * ONE, closed_qty=3 * ONE)
        )
    )

    assert (both.leg(SHORT).size, both.leg(SHORT).owed, both.leg(SHORT).total) == (0, 2 * ONE, 2 * ONE)
    assert not both.core.state.reconciliation.done

    both.tell(ev.ExecutionSeen(now_ns=both.now_ns, execution=by_hand(both, exec_id="before", qty=2 * ONE)))
    assert (both.leg(SHORT).size, both.leg(SHORT).owed) == (0, 0)


def test_what_stays_owed_is_believed_to_be_what_the_exchange_holds(both: HedgeHarness) -> None:
    row = by_hand(both, side=Side.BUY, qty=2 * ONE, closed_qty=2 * ONE)
    both.exchange.executions.append(row)
    both.exchange.legs[SHORT.position_idx].sizes[SYMBOL] = Decimal(0)
    both.now_ns += 3_000_000_000

    both.settle()

    assert (both.leg(SHORT).size, both.leg(SHORT).owed) == (0, 0)
    assert "position_mismatch" in both.alerts


def test_funding_is_of_the_leg_whose_side_it_has(both: HedgeHarness) -> None:
    fees = [both.leg(key).fees for key in LEGS]

    row = by_hand(both, exec_type=ExecutionType.FUNDING, fee=Decimal(3), order_id="funding")
    both.tell(ev.ExecutionSeen(now_ns=both.now_ns, execution=row))

    assert [both.leg(key).fees - fee for key, fee in zip(LEGS, fees, strict=True)] == [0, 3]
    assert both.sizes == (ONE, -ONE)


def test_in_one_way_mode_the_same_wishes_are_one_position() -> None:
    harness = HedgeHarness(account_config(max_positions_per_symbol=2))
    assert not harness.core.state.hedged
    assert harness.core.state.keys(SYMBOL) == (PositionKey("linear", SYMBOL),)
    assert harness.core.state.key(SYMBOL, Side.SELL) == PositionKey("linear", SYMBOL)
