"""What the exchange said, as values: what a row that says little means, and which symbols a listing names."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import flat_row
from tests.support.journal_rows import kept_order

from tradefleet.domain.orders import OrderStatus
from tradefleet.orders.exchange_view import Listing, UnclearRow, Wallet, symbols_of


def test_a_row_of_which_only_its_kind_is_known_says_nothing_else() -> None:
    row = UnclearRow(what="order", symbol="")

    assert (row.position_idx, row.side, row.size, row.reduce_only) == (0, None, None, None)
    assert (row.order_id, row.client_order_id, row.trouble) == ("", "", "")


def test_a_wallet_locks_nothing_and_knows_no_rates_unless_it_says_so() -> None:
    wallet = Wallet(coin="USDT", wallet_balance=Decimal(1), equity=Decimal(2), at_ns=3)

    assert (wallet.locked, wallet.usd) == (Decimal(0), {})
    assert (wallet.margin_balance, wallet.total_equity) == (None, None)


@pytest.mark.parametrize(
    ("held", "standing", "unclear", "named"),
    [
        (("SOLUSDT", "BTCUSDT"), ("ETHUSDT", "BTCUSDT"), ("ADAUSDT", ""), "ADA BTC ETH SOL"),
        (None, ("ETHUSDT",), (), "ETH"),
        (("SOLUSDT",), None, (), "SOL"),
        (None, None, ("ADAUSDT",), "ADA"),
        ((), (), ("",), ""),
    ],
)
def test_a_listing_names_the_symbols_of_both_lists_and_of_what_is_not_understood(
    held: tuple[str, ...] | None, standing: tuple[str, ...] | None, unclear: tuple[str, ...], named: str
) -> None:
    order = kept_order(OrderStatus.NEW, "0").order
    listing = Listing(
        asked_ns=1,
        answered_ns=2,
        positions=None if held is None else tuple(flat_row(symbol, 1) for symbol in held),
        open_orders=None
        if standing is None
        else tuple(msgspec.structs.replace(order, symbol=symbol) for symbol in standing),
        unclear=tuple(UnclearRow(what="order", symbol=symbol) for symbol in unclear),
    )

    assert symbols_of(listing) == tuple(f"{name}USDT" for name in named.split())
