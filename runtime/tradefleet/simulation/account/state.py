"""All that the account is: what the store keeps, and what one step changes of it."""

import hashlib
import uuid
from decimal import Decimal

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import ONE
from tradefleet.simulation.account.ledger import Position, Wallet
from tradefleet.simulation.account.orders import Fill, Order

DEFAULT_LEVERAGE = Decimal(10)


class Counters(msgspec.Struct):
    """Running numbers; they never go back. seq: the exchange's cross sequence."""

    orders: int = 0
    executions: int = 0
    seq: int = 0


class AccountState(msgspec.Struct):
    """The account between two steps. orders: those still open, oldest first.

    salt: makes this account's ids differ from every other's; drawn when its folder was made.
    """

    salt: str
    wallet: Wallet
    positions: dict[str, Position] = {}
    orders: dict[str, Order] = {}
    counters: Counters = msgspec.field(default_factory=Counters)

    def position(self, instrument: Instrument) -> Position:
        """The symbol's position, flat with default leverage when it was never touched."""
        position = self.positions.get(instrument.symbol)
        if position is not None:
            return position
        leverage = max(ONE, min(DEFAULT_LEVERAGE, instrument.max_leverage))
        return Position(symbol=instrument.symbol, leverage=leverage)

    def new_id(self, kind: str, number: int) -> str:
        """A UUID that is a function of salt, kind and number."""
        digest = hashlib.sha256(f"{self.salt}/{kind}/{number}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))


class Step(msgspec.Struct):
    """What one request or market event did, in the order in which it happened.

    orders: every state that an order passed through. positions: one row a fill, or one for an
    order operation without fills. order: the order that the request was about.
    """

    at_ns: int
    orders: list[Order] = []
    fills: list[Fill] = []
    positions: list[Position] = []
    order: Order | None = None

    def __bool__(self) -> bool:
        return bool(self.orders or self.fills or self.positions)

    def final_orders(self) -> dict[str, Order]:
        """The last state of every order touched."""
        return {order.order_id: order for order in self.orders}

    def final_positions(self) -> dict[str, Position]:
        """The last state of every position touched."""
        return {position.symbol: position for position in self.positions}
