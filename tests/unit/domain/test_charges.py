"""What an execution cost in the account's currency: a table."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.journal_rows import kept_execution

from tradefleet.domain.charges import Cost, cost_of
from tradefleet.domain.fills import Charge

D = Decimal
USD = {"MNT": D("0.5"), "USDT": D("0.999"), "USDC": D(1), "INR": D("0.012"), "DUST": D(0)}


def charge(coin: str, amount: str) -> Charge:
    return Charge(coin=coin, amount=D(amount))


@pytest.mark.parametrize(
    ("coin", "fee", "charges", "usd", "cost"),
    [
        ("USDT", "0.33", (), USD, Cost(D("0.33"))),
        ("USDT", "-0.05", (), {}, Cost(D("-0.05"))),  # a rebate
        ("USDT", "0.33", (charge("USDT", "0.06"),), {}, Cost(D("0.39"))),
        ("USDT", "0.30", (charge("USDT", "0.05"), charge("USDT", "0.01")), {}, Cost(D("0.36"))),
        ("MNT", "2", (), {"MNT": D("0.5")}, Cost(D("1.0"))),
        ("MNT", "-2", (), {"MNT": D("0.5")}, Cost(D("-1.0"))),
        ("MNT", "1.998", (), USD, Cost(D(1))),  # by what the settle coin is worth itself
        ("USDT", "1", (charge("INR", "100"),), {"INR": D("0.012")}, Cost(D("2.2"))),
        ("NEW", "3", (), USD, Cost(D(3), ("NEW",))),
        ("NEW", "-3", (), USD, Cost(D(0), ("NEW",))),
        ("DUST", "3", (), USD, Cost(D(3), ("DUST",))),
        ("NEW", "0", (), USD, Cost(D(0))),
        ("NEW", "3", (charge("NEW", "4"),), USD, Cost(D(7), ("NEW",))),
    ],
)
def test_a_cost_is_the_sum_of_all_charges_each_at_its_coins_worth(
    coin: str, fee: str, charges: tuple[Charge, ...], usd: dict[str, Decimal], cost: Cost
) -> None:
    row = msgspec.structs.replace(kept_execution().execution, fee=D(fee), fee_coin=coin, charges=charges)

    found = cost_of(row, "USDT", usd)

    assert (found.amount, found.unknown) == (cost.amount, cost.unknown)
