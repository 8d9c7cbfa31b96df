"""What the account must hold back, and what is therefore free for new orders.

Cross margin in one settle currency, simple and true: initial margin is value / leverage plus the
fee of closing, at the mark for positions and at the order's price for orders. An order needs
margin only for the part that would open: first come, first counted against the position it could
close. Not simulated: risk tiers, haircuts.
Source: reference E (margin); the maintenance rate is an assumption, see MAINTENANCE_OF_MAXIMUM.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ONE, ZERO, divide
from tradefleet.simulation.account.ledger import FeeRates, Position, Wallet
from tradefleet.simulation.account.orders import Order

MAINTENANCE_OF_MAXIMUM: Final = Decimal("0.5")
"""Maintenance rate times maximum leverage: 0.5 % at 100x, as BTCUSDT's first tier has it."""


class PositionFigures(msgspec.Struct, frozen=True):
    """One position valued at the mark, settle currency."""

    mark: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal


class AccountFigures(msgspec.Struct, frozen=True):
    """The whole account valued at the marks, settle currency."""

    wallet: Wallet
    unrealised: Decimal
    position_margin: Decimal
    maintenance_margin: Decimal
    order_margin: Decimal
    locked: Decimal = ZERO
    """What spot orders hold back of the settle coin."""

    @property
    def equity(self) -> Decimal:
        """Wallet plus unrealised result: the margin balance of a cross-margin account."""
        return self.wallet.balance + self.unrealised

    @property
    def is_liquidated(self) -> bool:
        """Maintenance margin at or above the margin balance: the account is taken over."""
        return 0 < self.maintenance_margin >= self.equity

    @property
    def available(self) -> Decimal:
        """What new orders may use; below zero when the marks have moved against the account."""
        return self.equity - self.position_margin - self.order_margin - self.locked


def value_position(
    position: Position, mark: Decimal, instrument: Instrument, fees: FeeRates
) -> PositionFigures:
    """A position's value, result and margins at `mark`; all zero when flat."""
    side, entry, size = position.side, position.entry_price, abs(position.size)
    if side is None or entry is None:
        return PositionFigures(mark, ZERO, ZERO, ZERO)
    value = size * mark
    closing = closing_fee(side, size, entry, position.leverage, fees)
    maintenance = divide(value * MAINTENANCE_OF_MAXIMUM, instrument.max_leverage)
    return PositionFigures(
        mark=mark,
        unrealised=position.unrealised(mark),
        initial_margin=divide(value, position.leverage) + closing,
        maintenance_margin=maintenance + closing,
    )


def closing_fee(side: Side, qty: Decimal, price: Decimal, leverage: Decimal, fees: FeeRates) -> Decimal:
    """Taker fee of closing `qty` at the bankruptcy price, entry * (1 -/+ 1 / leverage)."""
    bankruptcy = price * (ONE - side.sign * divide(ONE, leverage))
    return qty * bankruptcy * fees.taker


def order_margin(side: Side, qty: Decimal, price: Decimal, leverage: Decimal, fees: FeeRates) -> Decimal:
    """Margin of an order that would open `qty` at `price`: value / leverage and both fees."""
    value = qty * price
    return divide(value, leverage) + value * fees.taker + closing_fee(side, qty, price, leverage, fees)


def opening_parts(
    orders: Iterable[Order], positions: Mapping[str, Position]
) -> Iterable[tuple[Order, Decimal]]:
    """(order, the part of its open size that would open a position), oldest first.

    Orders that only reduce, or wait for a trigger, need no margin and are left out.
    """
    closable: dict[tuple[str, Side], Decimal] = {}
    for position in positions.values():
        if position.side is not None:
            closable[position.key, position.side.opposite] = abs(position.size)
    for order in orders:
        if order.only_reduces or not order.is_resting:
            continue
        key = (order.key, order.side)
        closing = min(order.leaves, closable.get(key, ZERO))
        if closing:
            closable[key] -= closing
        yield order, order.leaves - closing


def value_account(
    wallet: Wallet,
    positions: Mapping[str, Position],
    orders: Iterable[Order],
    instruments: Mapping[str, Instrument],
    fees: FeeRates,
    mark: Callable[[str], Decimal],
    locked: Decimal = ZERO,
) -> AccountFigures:
    """The account at the current marks; `orders` oldest first; locked: by spot orders."""
    unrealised = margin = maintenance = for_orders = ZERO
    for position in positions.values():
        if position.size == 0:
            continue
        figures = value_position(position, mark(position.symbol), instruments[position.symbol], fees)
        unrealised += figures.unrealised
        margin += figures.initial_margin
        maintenance += figures.maintenance_margin
    for order, opening in opening_parts(orders, positions):
        if opening:
            leverage = positions[order.key].leverage
            for_orders += order_margin(order.side, opening, order.price, leverage, fees)
    return AccountFigures(wallet, unrealised, margin, maintenance, for_orders, locked)
