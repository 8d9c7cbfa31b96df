"""Text to units is exact for every grid: the same as Decimal division, or a refusal."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradefleet.market.faults import BadValue
from tradefleet.market.grid import MAX_UNITS, size_units

UNITS = st.sampled_from(
    ["0.00000001", "0.00001", "0.0005", "0.05", "0.1", "0.10", "0.25", "1", "5", "10", "100"]
)


@given(UNITS, st.integers(min_value=0, max_value=MAX_UNITS), st.integers(min_value=0, max_value=4))
def test_every_multiple_is_read_back_exactly(unit: str, count: int, zeros: int) -> None:
    text = f"{Decimal(unit) * count:f}"
    text = text + "0" * zeros if "." in text else text

    assert size_units(Decimal(unit))[text] == count


@given(UNITS, st.text(alphabet="0123456789.-+e_ ٣²", max_size=30))
def test_any_text_is_a_multiple_of_the_unit_or_refused(unit: str, text: str) -> None:
    try:
        count = size_units(Decimal(unit))[text]
    except BadValue:
        return

    assert Decimal(text) == Decimal(unit) * count
    assert 0 <= count <= MAX_UNITS
