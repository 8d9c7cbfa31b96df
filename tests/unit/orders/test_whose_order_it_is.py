"""An order of somebody else's halts opening; what the exchange itself makes does not."""

import pytest
from tests.unit.adapters.test_bybit_lenient_rows import ORDER

from tradefleet.adapters.bybit.rows import order_of
from tradefleet.orders.reconcile import is_foreign

OURS = "tf1-" + "a" * 32


@pytest.mark.parametrize(
    ("link_id", "create_type", "reduces", "foreign"),
    [
        (OURS, "CreateByUser", False, False),
        ("", "CreateByUser", False, True),
        ("", "CreateByUser", True, True),
        ("mine", "CreateByUser", False, True),
        ("", "CreateByStopLoss", True, False),
        ("", "CreateByPartialTakeProfit", True, False),
        ("", "CreateByLiq", False, False),
        ("", "CreateByFGridBot", False, True),
        ("", "CreateBySomethingNew", False, True),
        ("", "CreateBySomethingNew", True, False),
        ("", "", False, False),
    ],
)
def test_whose_order_it_is(link_id: str, create_type: str, reduces: bool, foreign: bool) -> None:
    row = {"orderLinkId": link_id, "createType": create_type, "reduceOnly": reduces}

    assert is_foreign(order_of(ORDER | row)) is foreign
