"""One symbol as it is: its open orders, and then its positions, flat rows included.

What proves that nothing is held: asked by symbol, the exchange gives a row for each position index even when
its size is 0, while the list of an account leaves flat ones out, and so cannot be told from a list that lost
a row. Orders are read first, so that every order of the list was there before the row that shows it flat. In
a thread of its own, since pybit blocks, and a reading of the whole account must not hold this one up. Source:
Bybit V5, "position", "open-order".
"""

from functools import partial
from typing import Final, Self

import msgspec

from tradefleet.adapters.bybit.blocking_lists import Reader
from tradefleet.adapters.bybit.errors import BadRow, Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.lenient_rows import lenient_order
from tradefleet.adapters.bybit.rows import position_of
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.budget import Lane
from tradefleet.orders.exchange_view import UnclearRow

PAGE: Final = 50


class SymbolShown(msgspec.Struct, frozen=True, kw_only=True):
    """orders: those that are not over. unclear: orders of which not everything is understood. positions: a
    row of each index, flat ones too."""

    orders: tuple[ExchangeOrder, ...]
    unclear: tuple[UnclearRow, ...]
    positions: tuple[ExchangePosition, ...]


class SymbolReads:
    """Reads of single symbols. Close it when done: it owns a thread."""

    def __init__(
        self,
        rest_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float = 5.0,
        governor: Governor | None = None,
        lane: Lane = Lane.RESOLVING,
    ) -> None:
        """lane: of the budget of calls; a way out reads in the one of what reduces."""
        shared = governor or Governor()
        self._lane = lane
        self._reader = Reader("bybit-symbol", rest_url, key, secret, timeout_s=timeout_s, governor=shared)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._reader.close()

    async def read(self, symbol: str) -> SymbolShown:
        """Both lists to their last page; raises Unreadable, also for a position that is not understood: what
        cannot be read proves nothing."""
        return await self._reader.read(partial(self._read, symbol), self._lane)

    def _read(self, symbol: str) -> SymbolShown:
        lists, session = self._reader.lists, self._reader.session
        order_rows = lists.pages(session.get_open_orders, lenient=True, symbol=symbol, openOnly=0, limit=PAGE)
        position_rows = lists.pages(session.get_positions, symbol=symbol)
        orders = [lenient_order(row) for row in order_rows]
        try:
            positions = tuple(position_of(row) for row in position_rows)
        except BadRow as error:
            raise Unreadable(f"position of {symbol}: {error}") from error
        return SymbolShown(
            orders=tuple(o for o in orders if isinstance(o, ExchangeOrder) and not o.status.is_terminal),
            unclear=tuple(o for o in orders if isinstance(o, UnclearRow)),
            positions=positions,
        )
