"""What the exchange said about the account at one moment, as reconciliation reads it.

An incomplete answer is no view at all: an exchange that cannot be read is unknown, never flat. The
shell therefore hands on an ExchangeView only when every page of every list has arrived.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """One coin's wallet: balance without unrealised profit, equity with it. locked: held back by spot
    orders, and part of the balance."""

    coin: str
    wallet_balance: Decimal
    equity: Decimal
    at_ns: int
    locked: Decimal = Decimal(0)


class ExchangeView(msgspec.Struct, frozen=True, kw_only=True):
    """Open orders, executions since `executions_from_ns`, positions with size, the wallet.

    asked_ns: our clock when the first request left; rows newer than that may be missing, and rows
    that the private stream brought since then win. closed_orders: those that the journal had
    asked for by id (unresolved intents) and that the exchange knows as closed.
    """

    asked_ns: int
    answered_ns: int
    executions_from_ns: int
    open_orders: tuple[ExchangeOrder, ...]
    closed_orders: tuple[ExchangeOrder, ...]
    executions: tuple[Execution, ...]
    positions: tuple[ExchangePosition, ...]
    wallet: Wallet
