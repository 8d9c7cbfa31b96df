"""All that the account is: what the store keeps, and what one step changes of it."""

import hashlib
import uuid
from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import ONE, ZERO
from tradefleet.simulation.account.ledger import Position, Wallet
from tradefleet.simulation.account.orders import LONG_LEG, SHORT_LEG, Fill, Order, position_key

DEFAULT_LEVERAGE = Decimal(10)


class Counters(msgspec.Struct):
    """Running numbers; they never go back. seq: the exchange's cross sequence."""

    orders: int = 0
    executions: int = 0
    seq: int = 0
    transactions: int = 0


class MarginMode(StrEnum):
    """Bybit's margin modes of a unified account."""

    CROSS = "REGULAR_MARGIN"
    ISOLATED = "ISOLATED_MARGIN"
    PORTFOLIO = "PORTFOLIO_MARGIN"


class Settings(msgspec.Struct, frozen=True):
    """What a user has chosen for the account. hedged: symbols in hedge mode."""

    hedged: frozenset[str] = frozenset()
    margin_mode: MarginMode = MarginMode.CROSS


class TransactionType(StrEnum):
    """Bybit's types of the transaction log, as far as this account has them."""

    TRADE = "TRADE"
    SETTLEMENT = "SETTLEMENT"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_OUT = "TRANSFER_OUT"


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of the wallet. change: what it did to it; balance: after it.

    fill: the execution that it comes from, None for a transfer. size: of the position after it,
    signed, base currency. coin: of change and balance.
    """

    number: int
    kind: TransactionType
    at_ns: int
    change: Decimal
    balance: Decimal
    fill: Fill | None = None
    size: Decimal = ZERO
    coin: str = "USDT"


class AccountState(msgspec.Struct):
    """The account between two steps. orders, spot_orders: those still open, oldest first.

    coins: balances of all coins but the settle coin, which is the wallet's.

    salt: makes this account's ids differ from every other's; drawn when its folder was made.
    """

    salt: str
    wallet: Wallet
    positions: dict[str, Position] = {}
    orders: dict[str, Order] = {}
    counters: Counters = msgspec.field(default_factory=Counters)
    settings: Settings = Settings()
    coins: dict[str, Decimal] = {}
    spot_orders: dict[str, Order] = {}

    def position(self, instrument: Instrument, position_idx: int = 0) -> Position:
        """The symbol's position (of this leg), flat with its leverage when it was never touched."""
        symbol = instrument.symbol
        position = self.positions.get(position_key(symbol, position_idx))
        if position is not None:
            return position
        one_way = self.positions.get(symbol)
        leverage = max(ONE, min(DEFAULT_LEVERAGE, instrument.max_leverage))
        return Position(
            symbol=symbol,
            leverage=leverage if one_way is None else one_way.leverage,
            position_idx=position_idx,
        )

    def indices(self, symbol: str) -> tuple[int, ...]:
        """The position indices that the symbol's mode has: 0, or 1 and 2 in hedge mode."""
        return (LONG_LEG, SHORT_LEG) if symbol in self.settings.hedged else (0,)

    def new_id(self, kind: str, number: int) -> str:
        """A UUID that is a function of salt, kind and number."""
        digest = hashlib.sha256(f"{self.salt}/{kind}/{number}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def new_digits(self, kind: str, number: int) -> str:
        """A number of 19 digits, as spot has for ids: greater with each `number`."""
        digest = hashlib.sha256(f"{self.salt}/{kind}".encode()).digest()
        prefix = int.from_bytes(digest[:8]) % (8 * 10**8)
        return f"{10**8 + prefix}{number:010d}"


class Step(msgspec.Struct):
    """What one request or market event did, in the order in which it happened.

    orders: every state that an order passed through. positions: one row a fill, or one for an
    order operation without fills. order: the order that the request was about. transactions: every
    movement of the wallet. quiet: settings have changed. kept_orders, kept_positions: changes that
    are written down and not pushed; a later row of the same thing in the step overrides them.
    """

    at_ns: int
    orders: list[Order] = []
    fills: list[Fill] = []
    positions: list[Position] = []
    order: Order | None = None
    transactions: list[Transaction] = []
    quiet: bool = False
    kept_orders: dict[str, Order] = {}
    kept_positions: dict[str, Position] = {}

    def __bool__(self) -> bool:
        told = self.orders or self.fills or self.positions or self.transactions
        return bool(told or self.quiet or self.kept_orders or self.kept_positions)

    def final_orders(self) -> dict[str, Order]:
        """The last state of every order touched."""
        return {**self.kept_orders, **{order.order_id: order for order in self.orders}}

    def final_positions(self) -> dict[str, Position]:
        """The last state of every position touched, by its name in the books."""
        return {**self.kept_positions, **{position.key: position for position in self.positions}}
