"""A position as the sum of its executions: every boundary of size, entry, profit, fees and generation."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.positions import ledger
from tradefleet.positions.plan import ExitPlan, PositionRecord

D = Decimal
ONE_WAY = PositionKey("linear", "ABCUSDT")
LONG, SHORT = PositionKey("linear", "ABCUSDT", 1), PositionKey("linear", "ABCUSDT", 2)
PLAN = ExitPlan(strategy="s", signal_id="i", opened_ns=1, stop_loss=D(98), take_profit=None, flat_by_ns=0)


def execution(
    qty: str, price: str = "100", fee: str = "0.5", at_ns: int = 50, funding: bool = False
) -> Execution:
    return Execution(
        category="linear",
        symbol="ABCUSDT",
        exec_id="e",
        order_id="o",
        client_order_id="",
        side=Side.BUY if D(qty) >= 0 else Side.SELL,
        exec_type=ExecutionType.FUNDING if funding else ExecutionType.TRADE,
        price=D(price),
        qty=abs(D(qty)),
        fee=D(fee),
        is_maker=False,
        closed_qty=D(0),
        stop_order_type="",
        create_type="",
        seq=1,
        at_ns=at_ns,
    )


def held(size: str, entry: str | None = "100", key: PositionKey = ONE_WAY, **facts: Any) -> PositionRecord:
    plain = PositionRecord(
        key=key,
        size=D(size),
        entry_price=None if entry is None else D(entry),
        generation=3,
        realised=D(7),
        fees=D(2),
        plan=PLAN if D(size) else None,
        at_ns=40,
    )
    return msgspec.structs.replace(plain, **facts)


def test_a_position_that_was_never_open_is_flat_in_every_field() -> None:
    found = ledger.flat(ONE_WAY, 9)

    assert found == PositionRecord(
        key=ONE_WAY, size=D(0), entry_price=None, generation=0, realised=D(0), fees=D(0), plan=None, at_ns=9
    )
    assert ledger.flat(ONE_WAY).at_ns == 0


@pytest.mark.parametrize(
    ("before", "fill", "size", "entry", "generation", "realised", "fees", "keeps_plan"),
    [
        # opened from flat: a new generation, whose money begins anew
        (held("0", None), execution("2"), "2", "100", 4, "0", "0.5", False),
        (held("0", None), execution("-2"), "-2", "100", 4, "0", "0.5", False),
        # enlarged: a value-weighted entry
        (held("2"), execution("2", "110"), "4", "105", 3, "7", "2.5", True),
        (held("-2"), execution("-2", "110"), "-4", "105", 3, "7", "2.5", True),
        (held("0.2"), execution("0.2", "110"), "0.4", "105", 3, "7", "2.5", True),
        # reduced: the entry stays, profit is realised
        (held("4"), execution("-1", "110"), "3", "100", 3, "17", "2.5", True),
        (held("-4"), execution("1", "110"), "-3", "100", 3, "-3", "2.5", True),
        (held("0.4"), execution("-0.1", "110"), "0.3", "100", 3, "8.0", "2.5", True),
        # closed to flat: no entry and no plan
        (held("4"), execution("-4", "110"), "0", None, 3, "47", "2.5", False),
        (held("-4"), execution("4", "90"), "0", None, 3, "47", "2.5", False),
        # through zero: what it closes is realised, the rest is a new generation at the price
        (held("4"), execution("-6", "110"), "-2", "110", 4, "47", "2.5", False),
        (held("-4"), execution("6", "90"), "2", "90", 4, "47", "2.5", False),
        # less than one unit on either side
        (held("0.5"), execution("-0.9", "110"), "-0.4", "110", 4, "12.0", "2.5", False),
        # an entry that is not known takes the price
        (held("2", None), execution("1", "110"), "3", "110", 3, "7", "2.5", True),
        (held("2", None), execution("-1", "110"), "1", "110", 3, "7", "2.5", True),
    ],
)
def test_what_one_execution_makes_of_a_position(
    before: PositionRecord,
    fill: Execution,
    size: str,
    entry: str | None,
    generation: int,
    realised: str,
    fees: str,
    keeps_plan: bool,
) -> None:
    found = ledger.apply(before, fill)

    assert found.size == D(size)
    assert found.entry_price == (None if entry is None else D(entry))
    assert found.generation == generation
    assert found.realised == D(realised)
    assert found.fees == D(fees)
    assert found.plan is (PLAN if keeps_plan else None)
    assert found.at_ns == 50


@pytest.mark.parametrize("funding", [True, False])
def test_an_execution_that_comes_late_sets_no_time_back(funding: bool) -> None:
    assert ledger.apply(held("2"), execution("1", at_ns=30, funding=funding)).at_ns == 40


def test_funding_moves_money_and_no_size() -> None:
    found = ledger.apply(held("2"), execution("2", "120", fee="-0.25", funding=True))

    assert found == msgspec.structs.replace(held("2"), fees=D("1.75"), at_ns=50)


def test_funding_that_comes_after_the_end_opens_nothing_anew() -> None:
    flat = held("0", None)

    found = ledger.apply(flat, execution("2", "120", fee="0.25", funding=True))

    assert found == msgspec.structs.replace(flat, fees=D("2.25"), at_ns=50)


@pytest.mark.parametrize(
    ("before", "fill", "size", "entry", "owed", "owed_price", "generation", "plan"),
    [
        (held("2", key=LONG), execution("-1", "110"), "1", "100", "0", None, 3, PLAN),
        (held("2", key=LONG), execution("-2", "110"), "0", None, "0", None, 3, None),
        (held("2", key=LONG), execution("-3", "110"), "0", None, "1", "110", 3, None),
        (held("0", None, key=LONG), execution("-3", "110"), "0", None, "3", "110", 3, None),
        (held("0", None, key=LONG), execution("0.5", "110"), "0.5", "110", "0", None, 4, None),
        (held("0", None, key=SHORT), execution("3", "110"), "0", None, "3", "110", 3, None),
        (held("0", None, key=SHORT), execution("-3", "110"), "-3", "110", "0", None, 4, None),
        (
            held("0", None, key=LONG, owed=D(3), owed_price=D(110)),
            execution("2", "100"),
            *("0", None, "1", "110", 3, None),
        ),
        (
            held("0", None, key=LONG, owed=D(3), owed_price=D(110)),
            execution("3", "100"),
            *("0", None, "0", None, 3, None),
        ),
        (
            held("0", None, key=LONG, owed=D(3), owed_price=D(110)),
            execution("5", "100"),
            *("2", "100", "0", None, 4, None),
        ),
        (
            held("0", None, key=SHORT, owed=D(3), owed_price=D(110)),
            execution("-5", "100"),
            *("-2", "100", "0", None, 4, None),
        ),
        (
            held("0", None, key=LONG, owed=D("0.5"), owed_price=D(110)),
            execution("0.2", "100"),
            *("0", None, "0.3", "110", 3, None),
        ),
    ],
)
def test_a_leg_has_one_side_and_owes_what_it_has_closed_beyond_it(
    before: PositionRecord,
    fill: Execution,
    size: str,
    entry: str | None,
    owed: str,
    owed_price: str | None,
    generation: int,
    plan: ExitPlan | None,
) -> None:
    found = ledger.apply(before, fill)

    assert found.size == D(size)
    assert found.entry_price == (None if entry is None else D(entry))
    assert found.owed == D(owed)
    assert found.owed_price == (None if owed_price is None else D(owed_price))
    assert found.generation == generation
    assert found.plan is plan


@pytest.mark.parametrize(
    ("before", "fill", "effect"),
    [
        (held("4"), execution("-1", "110"), "9.5"),
        (held("4"), execution("-9", "110"), "39.5"),
        (held("-4"), execution("1", "110"), "-10.5"),
        (held("-0.5"), execution("0.5", "110"), "-5.5"),
        (held("4"), execution("1", "110"), "-0.5"),
        (held("0", None), execution("1", "110"), "-0.5"),
        (held("4", None), execution("-1", "110"), "-0.5"),
        (held("4"), execution("4", "110", fee="-0.25", funding=True), "0.25"),
        (held("0", None, key=LONG, owed=D(3), owed_price=D(110)), execution("2", "100"), "19.5"),
    ],
)
def test_what_an_execution_does_to_the_balance(before: PositionRecord, fill: Execution, effect: str) -> None:
    assert ledger.cash_effect(before, fill) == D(effect)


@pytest.mark.parametrize(
    ("position", "mark", "profit"),
    [
        (held("4"), "110", "40"),
        (held("-4"), "110", "-40"),
        (held("0.5"), "110", "5.0"),
        (held("1"), "110", "10"),
        (held("-1"), "110", "-10"),
        (held("0", None), "110", "0"),
        (held("0", "100"), "110", "0"),
        (held("4", None), "110", "0"),
        (held("0", None, key=LONG, owed=D(3), owed_price=D(110)), "100", "30"),
        (held("0", None, key=SHORT, owed=D(3), owed_price=D(110)), "100", "-30"),
    ],
)
def test_the_profit_at_a_mark(position: PositionRecord, mark: str, profit: str) -> None:
    assert ledger.unrealised(position, D(mark)) == D(profit)
