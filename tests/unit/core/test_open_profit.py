"""Open profit with a memory is what it is without one."""

from decimal import Decimal

import msgspec
import pytest

from tradefleet.core.kept_positions import KeptPositions
from tradefleet.core.open_profit import OpenProfit
from tradefleet.domain.positions import PositionKey
from tradefleet.positions.ledger import flat, unrealised
from tradefleet.positions.plan import PositionRecord

D = Decimal
A, B = PositionKey("linear", "AUSDT"), PositionKey("linear", "BUSDT")


def held(key: PositionKey, size: str, entry: str = "100") -> PositionRecord:
    return msgspec.structs.replace(flat(key), size=D(size), entry_price=D(entry))


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({}, "0"),
        ({"AUSDT": D(110)}, "10"),
        ({"BUSDT": D(110)}, "-20"),
        ({"AUSDT": D(110), "BUSDT": D(110)}, "-10"),
    ],
)
def test_positions_count_at_their_marks(marks: dict[str, Decimal], expected: str) -> None:
    assert OpenProfit().total(KeptPositions([held(A, "1"), held(B, "-2")]), marks.get) == D(expected)


def test_a_new_mark_a_new_size_and_the_end_of_a_position_are_seen() -> None:
    positions, profit = KeptPositions([held(A, "1"), held(B, "1")]), OpenProfit()
    marks = {"AUSDT": D(110), "BUSDT": D(100)}
    assert profit.total(positions, marks.get) == 10

    marks["AUSDT"] = D(111)
    assert profit.total(positions, marks.get) == 11
    positions[A] = held(A, "2")
    assert profit.total(positions, marks.get) == 22
    positions[A] = held(A, "0")
    assert profit.total(positions, marks.get) == 0
    positions[A] = held(A, "3", entry="111")

    assert profit.total(positions, marks.get) == unrealised(positions[A], D(111)) == 0
