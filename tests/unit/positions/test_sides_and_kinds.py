"""Boundaries of parts, legs and evidence that a whole unit would hide."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.raw_frames import make_instrument

from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.positions.entries import taken_over
from tradefleet.positions.evidence import WITHOUT_A_LIST_NS, same_side, to_close
from tradefleet.positions.facts import facts_of, with_facts, without_facts
from tradefleet.positions.ledger import flat
from tradefleet.positions.legs import closes
from tradefleet.positions.parts import missing
from tradefleet.positions.stop_trouble import BEYOND_FOR_NS, lasts

D = Decimal
KEY = PositionKey("linear", "ABCUSDT")
SECOND = 1_000_000_000


def test_how_long_is_waited() -> None:
    assert BEYOND_FOR_NS == 5 * SECOND
    assert WITHOUT_A_LIST_NS == 3 * SECOND
    assert lasts(1, 6, 5)


@pytest.mark.parametrize(
    ("size", "entered", "shall", "closed", "qty"),
    [
        ("1", "1", "0.3", "0", "0.3"),
        ("1", "1", "0.7", "0", "0.5"),  # what is left is never less than the least order
        ("1", "1", "1", "0", "1"),  # nothing is to be left
        ("1", "0.9", "1", "0", "1"),
        ("0.6", "1", "0.5", "0", "0"),  # a step less than the least order
        ("1", "1", "0.5", "0", "0.5"),
        ("1", "1", "0.5", "0.01", "0"),
    ],
)
def test_a_part_is_never_less_than_the_least_order(
    size: str, entered: str, shall: str, closed: str, qty: str
) -> None:
    least = "0.3" if shall == "0.3" else "0.5"
    instrument = msgspec.structs.replace(make_instrument(step="0.01"), min_qty=D(least))

    assert missing(D(size), D(entered), D(shall), D(closed), instrument) == D(qty)


@pytest.mark.parametrize(
    ("exec_type", "stop", "closed", "found"),
    [
        (ExecutionType.TRADE, "", "0", False),
        (ExecutionType.TRADE, "", "0.1", True),
        (ExecutionType.TRADE, "Stop", "0", False),
        *(
            (ExecutionType.TRADE, name, "0", True)
            for name in ("StopLoss", "TakeProfit", "TrailingStop", "PartialStopLoss", "PartialTakeProfit")
        ),
        *(
            (kind, "", "0", True)
            for kind in (
                ExecutionType.ADL_TRADE,
                ExecutionType.BUST_TRADE,
                ExecutionType.DELIVERY,
                ExecutionType.SETTLE,
            )
        ),
        (ExecutionType.FUNDING, "StopLoss", "1", False),
        (ExecutionType.BLOCK_TRADE, "", "0", False),
    ],
)
def test_what_makes_a_leg_smaller(exec_type: ExecutionType, stop: str, closed: str, found: bool) -> None:
    execution = Execution(
        category="linear", symbol="ABCUSDT", exec_id="e", order_id="o", client_order_id="", side=Side.SELL,
        exec_type=exec_type, price=D(1), qty=D(1), fee=D(0), is_maker=False, closed_qty=D(closed),
        stop_order_type=stop, create_type="", seq=1, at_ns=1,
    )  # fmt: skip

    assert closes(execution) is found


@pytest.mark.parametrize(
    ("ours", "shown", "found"),
    [("0.5", "0.9", "0.9"), ("0.9", "0.5", "0.9"), ("-0.5", "-0.9", "-0.9"), ("0.5", "-0.9", "-0.9")],
)
def test_less_than_a_unit_has_a_side_too(ours: str, shown: str, found: str) -> None:
    assert to_close(D(ours), D(shown)) == D(found)
    assert same_side(D(ours), D(shown)) is (D(ours) * D(shown) > 0)


@pytest.mark.parametrize(
    ("before", "after", "entries"),
    [("0.9", "0.5", 3), ("0.9", "0.9", 3), ("0.9", "1", None), ("0.9", "-0.5", None), ("0.9", "0", None)],
)
def test_a_size_that_was_taken_over_keeps_its_entries_when_it_is_smaller(
    before: str, after: str, entries: int | None
) -> None:
    held = msgspec.structs.replace(flat(KEY), size=D(before), entries=3)

    assert taken_over(held, msgspec.structs.replace(held, size=D(after))) == entries


def test_every_fact_of_a_position_comes_back() -> None:
    position = msgspec.structs.replace(
        flat(KEY, 5), entries=2, watermark_seq=3, watermark_updated_ns=4, watermark_asked_ns=6
    )

    assert with_facts(without_facts(position), facts_of(position)) == position
    assert without_facts(position).watermark_updated_ns is None
