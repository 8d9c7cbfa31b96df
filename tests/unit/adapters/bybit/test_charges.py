"""Charges beside the fee, as rows name them: a table, and nothing that stops a row."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.adapters.bybit.charges import charges_of
from tradefleet.domain.fills import Charge

TAX = {"feeCoin": "INR", "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.18", "fee": "1.5"}
TEXT = '[{"feeCoin":"INR","fee":"1.5"},{"feeCoin":"USDT","fee":"-0.2"}]'


def charge(coin: str, amount: str) -> Charge:
    return Charge(coin=coin, amount=Decimal(amount))


@pytest.mark.parametrize(
    ("row", "charges", "unread"),
    [
        ({}, [], ()),
        ({"execFee": "1", "feeRate": "0.1", "feeCurrency": "MNT", "extraFees": "", "execFeeV2": ""}, [], ()),
        ({"extraFees": None, "execFeeV2": "0"}, [], ()),
        ({"execFeeV2": "0.25"}, [charge("MNT", "0.25")], ()),
        ({"extraFees": [TAX]}, [charge("INR", "1.5")], ()),
        ({"extraFees": TEXT}, [charge("INR", "1.5"), charge("USDT", "-0.2")], ()),
        ({"extraFees": [{"fee": "2"}]}, [charge("MNT", "2")], ()),
        ({"extraFees": [{"feeCoin": "INR", "fee": ""}]}, [], ()),
        ({"extraFees": "[]"}, [], ()),
        ({"extraFees": "what"}, [], ("extraFees",)),
        ({"extraFees": "{}"}, [], ("extraFees",)),
        ({"extraFees": [{"feeCoin": "INR"}]}, [], ("extraFees",)),
        ({"extraFees": ["x"]}, [], ("extraFees",)),
        ({"extraFees": [{"fee": "NaN"}]}, [], ("extraFees",)),
        ({"extraFees": [{"fee": 1.5}]}, [], ("extraFees",)),
        ({"execFeeV2": "much"}, [], ("execFeeV2",)),
        ({"platformFee": "3"}, [], ("platformFee",)),
        ({"platformFee": "", "taxFEE": "0", "brokerFeeRate": None}, [], ()),
        ({"zFee": "1", "aFee": "1"}, [], ("aFee", "zFee")),
    ],
)
def test_what_a_row_names_as_charged(
    row: dict[str, Any], charges: list[Charge], unread: tuple[str, ...]
) -> None:
    found = charges_of(row, "MNT")

    assert (list(found.charges), found.unread) == (charges, unread)
