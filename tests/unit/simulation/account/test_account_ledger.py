"""What an execution does to a position and to the money."""

from decimal import Decimal

import pytest

from tradefleet.domain.orders import Side
from tradefleet.simulation.account.ledger import Position, Wallet, apply_fill

D = Decimal


def held(size: str, cost: str, open_fees: str = "0") -> Position:
    return Position(
        symbol="X",
        leverage=D(10),
        size=D(size),
        cost=D(cost),
        open_fees=D(open_fees),
        created_ns=1,
        opened_ns=1,
    )


FLAT = held("0", "0")


@pytest.mark.parametrize(
    ("before", "side", "qty", "price", "size", "entry", "closed", "pnl"),
    [
        (FLAT, Side.BUY, "2", "100", "2", "100", "0", "0"),
        (FLAT, Side.SELL, "2", "100", "-2", "100", "0", "0"),
        (held("2", "200"), Side.BUY, "1", "130", "3", "110", "0", "0"),
        (held("-2", "200"), Side.SELL, "1", "130", "-3", "110", "0", "0"),
        (held("3", "330"), Side.SELL, "1", "120", "2", "110", "1", "10"),
        (held("-3", "330"), Side.BUY, "1", "120", "-2", "110", "1", "-10"),
        (held("2", "220"), Side.SELL, "2", "100", "0", None, "2", "-20"),
        (held("2", "220"), Side.SELL, "5", "100", "-3", "100", "2", "-20"),
        (held("-2", "220"), Side.BUY, "5", "100", "3", "100", "2", "20"),
    ],
)
def test_a_fill_opens_adds_reduces_closes_or_flips(
    before: Position, side: Side, qty: str, price: str, size: str, entry: str | None, closed: str, pnl: str
) -> None:
    effect = apply_fill(before, side, D(qty), D(price), D(0), at_ns=9, seq=7)

    assert effect.position.size == D(size)
    assert effect.position.entry_price == (None if entry is None else D(entry))
    assert effect.closed_qty == D(closed)
    assert effect.pnl == D(pnl)
    assert (effect.position.seq, effect.position.updated_ns) == (7, 9)


def test_a_reduction_keeps_the_entry_price_even_when_it_has_no_finite_decimals() -> None:
    before = apply_fill(held("1", "1"), Side.BUY, D(2), D(2), D(0), at_ns=2, seq=1).position

    after = apply_fill(before, Side.SELL, D(1), D(3), D(0), at_ns=3, seq=2)

    assert before.entry_price == D("1.666666666667")
    assert after.position.entry_price is not None
    assert abs(after.position.entry_price - D("1.666666666667")) <= D("1e-12")


def test_a_round_trip_moves_exactly_the_cash_that_changed_hands() -> None:
    position, money = FLAT, D(0)
    fills = [(Side.BUY, "1", "1"), (Side.BUY, "2", "2"), (Side.SELL, "1", "3"), (Side.SELL, "2", "0.7")]

    for side, qty, price in fills:
        effect = apply_fill(position, side, D(qty), D(price), D(0), at_ns=1, seq=1)
        position, money = effect.position, money + effect.pnl

    assert position.size == 0
    assert position.cost == 0
    assert money == D("3") + 2 * D("0.7") - D("1") - 4


def test_closed_pnl_nets_the_fees_of_both_sides_as_in_bybits_own_sample() -> None:
    # Entry value 3584.9255, exit value 3541.795, both taker at 0.0006: closedPnl -47.4065323.
    rate = D("0.0006")
    opened = apply_fill(FLAT, Side.BUY, D(1), D("3584.9255"), D("3584.9255") * rate, at_ns=1, seq=1)

    closed = apply_fill(opened.position, Side.SELL, D(1), D("3541.795"), D("3541.795") * rate, at_ns=2, seq=2)

    assert closed.closed_pnl == D("-47.4065323")
    assert closed.position.realised_now == D("-47.4065323")
    assert closed.position.open_fees == 0


def test_a_flip_starts_a_new_position_that_has_paid_only_its_own_fee() -> None:
    before = held("2", "200", open_fees="0.2")

    effect = apply_fill(before, Side.SELL, D(5), D(100), D("0.5"), at_ns=5, seq=1)

    assert effect.closed_pnl == D("-0.4")  # 0 gained, 0.2 paid to open, 2/5 of 0.5 to close
    assert effect.position.open_fees == D("0.3")
    assert effect.position.realised_now == D("-0.3")
    assert effect.position.realised_total == D("-0.5")
    assert effect.position.opened_ns == 5


def test_a_flat_position_still_shows_what_it_realised() -> None:
    effect = apply_fill(held("1", "100"), Side.SELL, D(1), D(103), D(1), at_ns=2, seq=1)

    assert effect.position.realised_now == D(2)
    assert effect.position.opened_ns == 0


def test_unrealised_results_mirror_each_other() -> None:
    assert held("2", "200").unrealised(D(110)) == D(20)
    assert held("-2", "200").unrealised(D(110)) == D(-20)


def test_the_wallet_is_start_plus_realised_minus_fees() -> None:
    wallet = Wallet(start=D(100), balance=D(100)).settled(D(5), D(1)).settled(D(-2), D("0.5"))

    assert wallet == Wallet(start=D(100), balance=D("101.5"), realised=D(3), fees=D("1.5"))
