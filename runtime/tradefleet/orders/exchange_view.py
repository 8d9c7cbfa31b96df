"""What the exchange said about the account at one moment, as reconciliation reads it.

It is read in two steps. Step 1, a `Listing`: positions and open orders, each complete or missing by
itself, which is enough to protect and to close what it shows. Step 2, an `ExchangeView`: everything that
a comparison needs, and so opening. An incomplete list is no list: an exchange that cannot be read is
unknown, never flat. A row that is not understood is an `UnclearRow`, and concerns its own symbol.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder, Side
from tradefleet.domain.positions import ExchangePosition


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """One coin's wallet: balance without unrealised profit, equity with it. locked: held back by spot
    orders, and part of the balance.

    usd: US dollars that one of each coin of the account is worth, as far as the row tells it. margin_balance,
    total_equity: of the whole account, US dollars; None where the exchange does not tell them.
    """

    coin: str
    wallet_balance: Decimal
    equity: Decimal
    at_ns: int
    locked: Decimal = Decimal(0)
    usd: dict[str, Decimal] = {}
    margin_balance: Decimal | None = None
    total_equity: Decimal | None = None


class UnclearRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the exchange of which not everything is understood.

    what: "position" or "order". symbol: "" when it cannot be read. size: base currency, None when it cannot
    be read; of a position signed, without a sign when its side is None. side, reduce_only: None when
    unknown. order_id, client_order_id: "" when unknown. trouble: a sentence.
    """

    what: str
    symbol: str
    position_idx: int = 0
    side: Side | None = None
    size: Decimal | None = None
    reduce_only: bool | None = None
    order_id: str = ""
    client_order_id: str = ""
    trouble: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Step 1: positions with size of every settle coin, and open orders.

    Each list is complete (all pages of all coins) or None with its trouble, a sentence. asked_ns: the
    exchange's clock when the first request left; answered_ns: when the last answer had come. unclear: rows
    of either list that are not understood, in their order; a list with such rows is complete.
    """

    asked_ns: int
    answered_ns: int
    positions: tuple[ExchangePosition, ...] | None
    positions_trouble: str = ""
    open_orders: tuple[ExchangeOrder, ...] | None
    orders_trouble: str = ""
    unclear: tuple[UnclearRow, ...] = ()


def symbols_of(listing: Listing) -> tuple[str, ...]:
    """Every symbol that a row names, sorted."""
    held = {position.key.symbol for position in listing.positions or ()}
    standing = {order.symbol for order in listing.open_orders or ()}
    return tuple(sorted(held | standing | {row.symbol for row in listing.unclear if row.symbol}))


class ExchangeView(msgspec.Struct, frozen=True, kw_only=True):
    """Open orders, executions since `executions_from_ns`, positions with size, the wallet.

    asked_ns: our clock when the first request left; rows newer than that may be missing, and rows
    that the private stream brought since then win. closed_orders: those that the journal had
    asked for by id (unresolved intents) and that the exchange knows as closed. unclear: rows of the open
    orders and positions that are not understood.
    """

    asked_ns: int
    answered_ns: int
    executions_from_ns: int
    open_orders: tuple[ExchangeOrder, ...]
    closed_orders: tuple[ExchangeOrder, ...]
    executions: tuple[Execution, ...]
    positions: tuple[ExchangePosition, ...]
    wallet: Wallet
    unclear: tuple[UnclearRow, ...] = ()
