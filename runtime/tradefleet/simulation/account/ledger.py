"""Positions and money: what an execution does to them.

Pure arithmetic on exact decimals. A position remembers its cost, not its average price, so a
position that has come back to flat has moved the wallet by exactly the cash that changed hands.
What a reduction realises is rounded once, to 1e-12 USDT, and the rest of the cost stays with the
position: nothing is lost, and every figure on the wire is the figure in the books.
Source: reference E (economics), C5 (closedPnl).
"""

from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import MONEY, ZERO, divide
from tradefleet.simulation.account.orders import Protection, position_key

GRAIN: Final = Decimal("1e-12")
"""Smallest amount of money that is kept apart, in settle currency."""


class FeeRates(msgspec.Struct, frozen=True):
    """Fractions of the traded value; above zero is a cost. Non-VIP perpetuals (reference E)."""

    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.00055")


class Wallet(msgspec.Struct, frozen=True):
    """Money in settle currency: balance == start + realised - fees - funding + transferred + spot,
    always.

    funding: paid by positions that were open at a settlement, below zero when received. spot: received
    for coins sold, less what coins have cost.
    """

    start: Decimal
    balance: Decimal
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    transferred: Decimal = ZERO
    spot: Decimal = ZERO

    def exchanged(self, change: Decimal) -> "Wallet":
        """The wallet after it has paid for coins (below zero) or was paid for them."""
        return msgspec.structs.replace(self, balance=self.balance + change, spot=self.spot + change)

    def settled(self, pnl: Decimal, fee: Decimal) -> "Wallet":
        """The wallet after one execution."""
        return msgspec.structs.replace(
            self, balance=self.balance + pnl - fee, realised=self.realised + pnl, fees=self.fees + fee
        )

    def funded(self, fee: Decimal) -> "Wallet":
        """The wallet after a funding settlement."""
        return msgspec.structs.replace(self, balance=self.balance - fee, funding=self.funding + fee)

    def moved(self, amount: Decimal) -> "Wallet":
        """The wallet after a transfer in, or out when below zero."""
        return msgspec.structs.replace(
            self, balance=self.balance + amount, transferred=self.transferred + amount
        )


class Trailing(msgspec.Struct, frozen=True):
    """A stop that follows the last price at a distance, quote currency.

    active_price: from which price on it follows; None once it does.
    """

    distance: Decimal
    active_price: Decimal | None = None


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's position in one-way mode, or one leg of it in hedge mode.

    position_idx: 0 in one-way mode, 1 for the long leg, 2 for the short leg.
    size: base currency, signed. cost: value of the open part at its entry prices, not negative.
    open_fees: fees paid for the open part. realised_now: net of fees since the position was last
    flat; realised_total: since ever. stop_loss, take_profit: of the whole position.
    """

    symbol: str
    leverage: Decimal
    size: Decimal = ZERO
    cost: Decimal = ZERO
    open_fees: Decimal = ZERO
    stop_loss: Protection | None = None
    take_profit: Protection | None = None
    realised_now: Decimal = ZERO
    realised_total: Decimal = ZERO
    created_ns: int = 0
    opened_ns: int = 0
    updated_ns: int = 0
    seq: int = 0
    position_idx: int = 0
    trailing: Trailing | None = None

    @property
    def protection(self) -> tuple[Protection | None, Protection | None, Trailing | None]:
        """Stop, target and trailing stop of the whole position."""
        return self.stop_loss, self.take_profit, self.trailing

    @property
    def key(self) -> str:
        """Its name in the books."""
        return position_key(self.symbol, self.position_idx)

    @property
    def side(self) -> Side | None:
        """Side.BUY when long, Side.SELL when short, None when flat."""
        if self.size == 0:
            return None
        return Side.BUY if self.size > 0 else Side.SELL

    @property
    def entry_price(self) -> Decimal | None:
        """Value-weighted entry price, None when flat; reductions keep it."""
        if self.size == 0:
            return None
        return divide(self.cost, abs(self.size)).quantize(GRAIN, context=MONEY)

    def unrealised(self, mark: Decimal) -> Decimal:
        """Gain in settle currency if the position were closed at `mark`, before fees."""
        if self.size > 0:
            return self.size * mark - self.cost
        return self.cost + self.size * mark


def apply_funding(position: Position, fee: Decimal, at_ns: int, seq: int) -> Position:
    """`position` after it has paid (or received) funding: money only."""
    return msgspec.structs.replace(
        position,
        realised_now=position.realised_now - fee,
        realised_total=position.realised_total - fee,
        updated_ns=at_ns,
        seq=seq,
    )


class Effect(msgspec.Struct, frozen=True):
    """What one execution did: the new position, what it closed and what that realised.

    pnl: before fees. closed_pnl: net of the fees of opening and closing that part.
    """

    position: Position
    closed_qty: Decimal
    pnl: Decimal
    closed_pnl: Decimal


def apply_fill(
    position: Position, side: Side, qty: Decimal, price: Decimal, fee: Decimal, at_ns: int, seq: int
) -> Effect:
    """`position` after an execution of `qty` > 0 at `price`.

    The part against the position closes it; what is left over opens. A flip is therefore a close
    and an open at the same price, with the fee shared by size.
    """
    against = position.side is not None and position.side is not side
    closed = min(qty, abs(position.size)) if against else ZERO
    opened = qty - closed
    pnl, cost_out, fees_out = _release(position, closed, price)
    closing_fee = _share(fee, closed, qty)
    size = position.size + side.sign * qty
    fresh = opened > 0 and (position.size == 0 or closed > 0)
    # A new position starts its own account: of a flip it has paid only the fee of the opened part.
    realised_now = closing_fee - fee if fresh else position.realised_now + pnl - fee
    after = msgspec.structs.replace(
        position,
        size=size,
        cost=position.cost - cost_out + opened * price,
        open_fees=position.open_fees - fees_out + (fee - closing_fee),
        realised_now=realised_now,
        realised_total=position.realised_total + pnl - fee,
        created_ns=position.created_ns or at_ns,
        opened_ns=at_ns if fresh else (position.opened_ns if size else 0),
        updated_ns=at_ns,
        seq=seq,
    )
    return Effect(after, closed, pnl, pnl - fees_out - closing_fee if closed else ZERO)


def _release(position: Position, closed: Decimal, price: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """(pnl before fees, cost released, opening fees released) of closing `closed` at `price`."""
    if closed == 0:
        return ZERO, ZERO, ZERO
    cost = _share(position.cost, closed, abs(position.size))
    fees = _share(position.open_fees, closed, abs(position.size))
    value = closed * price
    pnl = value - cost if position.size > 0 else cost - value
    return pnl, cost, fees


def _share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`total` * `part` / `whole` to the grain; all of `total` when the part is the whole."""
    if part == whole:
        return total
    return divide(total * part, whole).quantize(GRAIN, context=MONEY)
