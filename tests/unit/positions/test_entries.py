"""How many entries a position is made of: a table whose rows are the boundaries."""

from decimal import Decimal

import msgspec
import pytest

from tradefleet.domain.positions import PositionKey
from tradefleet.positions.entries import counted, taken_over
from tradefleet.positions.ledger import flat
from tradefleet.positions.plan import PositionRecord

D = Decimal
FLAT = flat(PositionKey("linear", "ABCUSDT"))


def held(size: str, generation: int, entries: int | None) -> PositionRecord:
    return msgspec.structs.replace(FLAT, size=D(size), generation=generation, entries=entries)


def after(size: str, generation: int) -> PositionRecord:
    return held(size, generation, 99)  # what an execution leaves there before it is counted


@pytest.mark.parametrize(
    ("before", "now", "entry", "filled_into", "entries"),
    [
        (FLAT, after("1", 1), True, None, 1),
        (FLAT, after("1", 1), False, None, 1),  # a foreign order has opened it
        (FLAT, after("-1", 1), True, None, 1),
        (held("1", 1, 1), after("2", 1), True, None, 2),
        (held("-1", 1, 1), after("-2", 1), True, None, 2),
        (held("1", 1, 1), after("2", 1), True, 1, 1),  # the rest of the same entry
        (held("2", 2, 1), after("3", 2), True, 1, 2),  # the rest of one that had filled into the last one
        (held("1", 1, 1), after("2", 1), False, 1, 2),  # foreign: each execution by itself
        (held("1", 1, None), after("2", 1), True, None, None),
        (held("1", 1, None), after("2", 1), True, 1, None),
        (held("2", 1, 2), after("1", 1), False, None, 2),  # part of it is closed
        (held("2", 1, 2), after("2", 1), True, None, 2),
        (held("2", 1, 2), after("0", 1), False, None, None),
        (held("1", 1, 2), after("-1", 2), True, None, 1),  # through zero
        (held("0", 1, None), after("1", 2), True, 1, 1),
    ],
)
def test_an_execution_is_counted(
    before: PositionRecord, now: PositionRecord, entry: bool, filled_into: int | None, entries: int | None
) -> None:
    assert counted(before, now, entry=entry, filled_into=filled_into) == entries


@pytest.mark.parametrize(
    ("before", "now", "entries"),
    [
        (held("2", 1, 2), after("1", 2), 2),
        (held("-2", 1, 2), after("-2", 2), 2),
        (held("2", 1, 2), after("3", 2), None),  # grown by nobody knows what
        (held("-2", 1, 2), after("-3", 2), None),
        (held("2", 1, 2), after("-1", 2), None),
        (held("2", 1, 2), after("0", 2), None),
        (FLAT, after("1", 1), None),
        (held("2", 1, None), after("1", 2), None),
    ],
)
def test_a_size_that_was_taken_over_has_no_fewer_entries(
    before: PositionRecord, now: PositionRecord, entries: int | None
) -> None:
    assert taken_over(before, now) == entries
