"""The exchange's smallest order: size and value, both at their boundaries."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.risk_tables import INSTRUMENT, account, entry, spec

from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.rules.minimum_size import minimum_size

D = Decimal


@pytest.mark.parametrize(
    ("qty", "least", "notional", "allowed"),
    [
        ("0.05", "0.05", "5", True),  # both exactly
        ("0.04", "0.05", "4", False),  # the size alone is too small
        ("0.05", "0.01", "5.01", False),  # the value alone is too small
        ("0.05", "0.01", "5", True),
        ("10", "0.01", "5", True),
        ("0", "0", "0", False),  # nothing is no order, whatever the exchange's rules say
        ("0.01", "0", "0", True),
        ("-1", "-2", "-200", False),
    ],
)
def test_an_order_below_the_smallest_is_refused(qty: str, least: str, notional: str, allowed: bool) -> None:
    instrument = msgspec.structs.replace(INSTRUMENT, min_qty=D(least), min_notional=D(notional))

    answer = minimum_size(entry(qty=D(qty), instrument=instrument), account(), spec())

    if allowed:
        assert answer is None
    else:
        assert isinstance(answer, Refusal)
        assert answer.reason is Reason.SIZE_BELOW_MINIMUM


def test_the_refusal_names_what_was_wanted_and_what_the_exchange_takes() -> None:
    answer = minimum_size(entry(qty=D("0.02")), account(), spec())

    assert answer == Refusal(Reason.SIZE_BELOW_MINIMUM, "0.02 ABC (2.00); the exchange wants 0.01 and 5 USDT")
