"""Decimal text to whole ticks and steps: exact, or refused with the reason."""

from decimal import Decimal

import pytest

from tradefleet.market.faults import BadValue, Fault
from tradefleet.market.grid import MAX_UNITS, plain_decimal, price_units, size_units

GOOD_CASES = [
    ("0.10", "65114.20", 651142),
    ("0.10", "65114.2", 651142),
    ("0.10", "65114", 651140),
    ("0.00001", "0.07053", 7053),
    ("0.010", "77.300", 7730),
    ("0.05", "1.15", 23),
    ("0.5", "2.50", 5),
    ("1", "42", 42),
    ("10", "1230", 123),
    ("100", "400.0", 4),
    ("0.001", "0", 0),
    ("0.001", "0.000", 0),
    ("0.001", "007.5", 7500),
]

BAD_CASES = [
    ("0.001", "-1", Fault.NEGATIVE_SIZE),
    ("0.001", "-0.5", Fault.NEGATIVE_SIZE),
    ("0.001", "0.0005", Fault.OFF_GRID),
    ("0.05", "0.07", Fault.OFF_GRID),
    ("10", "15", Fault.OFF_GRID),
    ("0.001", "1000000000000.001", Fault.ABSURD_SIZE),
    ("1", "9" * 41, Fault.ABSURD_SIZE),
    ("1", "1" + "0" * 5000, Fault.ABSURD_SIZE),
    ("1", "", Fault.UNEXPECTED_SHAPE),
    ("1", ".5", Fault.UNEXPECTED_SHAPE),
    ("1", "5.", Fault.UNEXPECTED_SHAPE),
    ("1", "1e3", Fault.UNEXPECTED_SHAPE),
    ("1", "+1", Fault.UNEXPECTED_SHAPE),
    ("1", "1_000", Fault.UNEXPECTED_SHAPE),
    ("1", " 1", Fault.UNEXPECTED_SHAPE),
    ("1", "NaN", Fault.UNEXPECTED_SHAPE),
    ("1", "Infinity", Fault.UNEXPECTED_SHAPE),
    ("1", "--1", Fault.UNEXPECTED_SHAPE),
    ("1", "1.2.3", Fault.UNEXPECTED_SHAPE),
    ("1", "٣", Fault.UNEXPECTED_SHAPE),
    ("1", "²", Fault.UNEXPECTED_SHAPE),
]


@pytest.mark.parametrize(("unit", "text", "units"), GOOD_CASES)
def test_text_on_the_grid_becomes_whole_units(unit: str, text: str, units: int) -> None:
    assert size_units(Decimal(unit))[text] == units


@pytest.mark.parametrize(("unit", "text", "fault"), BAD_CASES)
def test_text_that_is_no_size_is_refused_with_its_reason(unit: str, text: str, fault: Fault) -> None:
    with pytest.raises(BadValue) as refused:
        size_units(Decimal(unit))[text]

    assert refused.value.fault is fault


@pytest.mark.parametrize("text", ["0", "0.00", "-1", "100000000000000.1"])
def test_no_price_is_zero_negative_or_beyond_every_instrument(text: str) -> None:
    with pytest.raises(BadValue) as refused:
        price_units(Decimal("0.1"))[text]

    assert refused.value.fault is Fault.ABSURD_PRICE


def test_the_largest_size_is_still_a_size() -> None:
    assert size_units(Decimal(1))[str(MAX_UNITS)] == MAX_UNITS


def test_a_refused_text_is_refused_again() -> None:
    units = size_units(Decimal(1))

    for _ in range(2):
        with pytest.raises(BadValue):
            units["0.5"]


def test_what_is_remembered_is_bounded() -> None:
    units = size_units(Decimal(1))

    values = [units[str(number)] for number in range(10_000)]

    assert values == list(range(10_000))
    assert len(units) <= 4096


@pytest.mark.parametrize("unit", ["0", "-1", "NaN", "Infinity"])
def test_a_unit_that_is_no_number_above_zero_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="unit"):
        size_units(Decimal(unit))


@pytest.mark.parametrize(("text", "value"), [("-0.0001", Decimal("-0.0001")), ("60000", Decimal(60000))])
def test_a_plain_decimal_keeps_its_sign_and_digits(text: str, value: Decimal) -> None:
    assert plain_decimal(text) == value


@pytest.mark.parametrize("text", ["NaN", "1e3", "-", "", "--1", "0x1", "1" * 50])
def test_text_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        plain_decimal(text)
