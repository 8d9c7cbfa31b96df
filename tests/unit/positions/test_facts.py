"""Facts beside a position's row: a table of which states of the row they speak of."""

from decimal import Decimal

import msgspec
import pytest

from tradefleet.domain.positions import PositionKey
from tradefleet.positions.facts import facts_of, with_facts, without_facts
from tradefleet.positions.ledger import flat
from tradefleet.positions.plan import PositionRecord

D = Decimal
KEY = PositionKey("linear", "ABCUSDT")
POSITION = msgspec.structs.replace(
    flat(KEY),
    size=D("0.50"),
    generation=3,
    at_ns=7,
    entries=2,
    watermark_seq=11,
    watermark_asked_ns=13,
)


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({}, True),
        ({"size": D("0.5")}, True),
        ({"plan": None, "realised": D(9)}, True),
        ({"generation": 4}, False),
        ({"size": D("0.51")}, False),
        ({"size": D("-0.50")}, False),
        ({"at_ns": 8}, False),
    ],
)
def test_facts_speak_of_one_state_of_the_row(changed: dict[str, object], known: bool) -> None:
    row = msgspec.structs.replace(without_facts(POSITION), **changed)

    read = with_facts(row, facts_of(POSITION))

    expected = (2, 11, 13) if known else (None, None, None)
    assert (read.entries, read.watermark_seq, read.watermark_asked_ns) == expected


def test_a_row_without_facts_knows_none() -> None:
    read = with_facts(POSITION, None)

    assert read == without_facts(POSITION)
    assert (read.entries, read.watermark_seq, read.watermark_asked_ns) == (None, None, None)


def test_the_row_holds_no_fact_that_a_release_before_would_drop() -> None:
    payload = msgspec.json.encode(without_facts(POSITION))

    assert not {"entries", "watermark_seq", "watermark_asked_ns"} & msgspec.json.decode(payload).keys()
    assert with_facts(msgspec.json.decode(payload, type=PositionRecord), facts_of(POSITION)) == POSITION
