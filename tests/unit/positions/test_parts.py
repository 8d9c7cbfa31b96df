"""How much the parts of a position close: tables for the boundaries, Hypothesis for the sums."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.raw_frames import make_instrument

from tradefleet.positions.parts import due, missing, reached
from tradefleet.positions.plan import ExitPlan, PositionRecord
from tradefleet.spec.partial_close import FirstPart, PartialClose, SecondPart, ThirdPart

D = Decimal
INSTRUMENT = make_instrument(step="0.01")
PARTS = PartialClose().parts  # 30 % at 1 %, 30 % at 2 %, 20 % at 3 %


@pytest.mark.parametrize(
    ("sign", "mark", "number"),
    [
        (1, "100.9", 0),
        (1, "101", 1),
        (1, "101.99", 1),
        (1, "102", 2),
        (1, "110", 3),
        (1, "90", 0),
        (-1, "99.01", 0),
        (-1, "99", 1),
        (-1, "97", 3),
        (-1, "110", 0),
    ],
)
def test_a_part_is_reached_from_its_profit_on(sign: int, mark: str, number: int) -> None:
    assert reached(sign, D(100), D(mark), PARTS) == number


def test_a_part_without_a_share_is_never_reached() -> None:
    parts = (FirstPart(), SecondPart(share=D(0)), ThirdPart(share=D(0)))

    assert reached(1, D(100), D(200), parts) == 1


@pytest.mark.parametrize(
    ("entered", "number", "closes"),
    [
        ("1", 1, "0.3"),
        ("1", 2, "0.6"),
        ("1", 3, "0.8"),
        ("0.11", 1, "0.03"),
        ("0.03", 1, "0"),
        ("0.05", 2, "0.03"),
    ],
)
def test_the_target_of_the_parts_is_in_whole_steps_down(entered: str, number: int, closes: str) -> None:
    assert due(D(entered), PARTS, number, INSTRUMENT) == D(closes)


@pytest.mark.parametrize(
    ("size", "shall", "closed", "qty"),
    [
        ("1", "0.3", "0", "0.3"),
        ("0.9", "0.3", "0.1", "0.2"),
        ("0.9", "0.3", "0", "0.2"),  # the exchange, a stop or a person has closed a tenth
        ("0.7", "0.3", "0", "0"),
        ("1", "0.3", "0.3", "0"),  # the size is behind: what was closed is not closed again
        ("1", "1", "0", "1"),  # all shares together may be the whole
        ("1", "0.995", "0", "0.99"),  # what is left can still be closed by an order
        ("0.305", "0.7", "0.695", "0"),
    ],
)
def test_what_is_missing_follows_from_the_target(size: str, shall: str, closed: str, qty: str) -> None:
    assert missing(D(size), D(1), D(shall), D(closed), INSTRUMENT) == D(qty)


def test_an_order_is_no_larger_than_the_exchange_takes() -> None:
    assert missing(D(9000), D(9000), D(5000), D(0), INSTRUMENT) == D(1000)


SIZES = st.decimals(min_value="0.01", max_value="1000", places=2)
SHARES = st.decimals(min_value=0, max_value="0.33", places=2)


@given(SIZES, SIZES, st.tuples(SHARES, SHARES, SHARES), st.integers(1, 3), SIZES)
def test_parts_never_close_more_than_their_share(
    entered: Decimal, size: Decimal, shares: tuple[Decimal, ...], number: int, closed: Decimal
) -> None:
    parts = (FirstPart(share=shares[0]), SecondPart(share=shares[1]), ThirdPart(share=shares[2]))
    size = min(size, entered)

    shall = due(entered, parts, number, INSTRUMENT)
    qty = missing(size, entered, shall, closed, INSTRUMENT)

    assert shall <= entered * sum(shares[:number])
    assert 0 <= qty <= size
    assert qty == 0 or closed + qty <= shall
    assert qty == 0 or size - qty >= entered - shall


def test_a_plan_of_an_older_release_is_read() -> None:
    older = (
        b'{"key":{"category":"linear","symbol":"ABCUSDT","position_idx":0},"size":"1","entry_price":"100",'
        b'"generation":1,"realised":"0","fees":"0","at_ns":1,"plan":{"strategy":"imbalance","signal_id":"s",'
        b'"opened_ns":1,"stop_loss":"98","take_profit":"104","flat_by_ns":0}}'
    )

    plan = msgspec.json.decode(older, type=PositionRecord).plan

    assert plan is not None
    assert (plan.entered, plan.parts_taken, plan.parts_due) == (0, 0, 0)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=ExitPlan) == plan
