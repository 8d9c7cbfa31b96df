"""What the way out reads: orders and positions of each settle coin, each list by itself, row by row.

With the exchange half broken it must still see what it can close. So the coins are read beside each other; a
list that fails, or is late, is missing with its trouble; a row with a word that we do not know is read as far
as it goes (`lenient_rows`). Of one coin the orders are asked for before the positions, so that what an entry
fills in between shows there. Everything is asked for in the lane of what reduces: with the exchange's
patience at an end it may still ask once a minute. Source: Bybit V5, "Get Position Info", "Get Open & Closed
Orders", "Get Order History".
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Self

from tradefleet.adapters.bybit.blocking_lists import Reader
from tradefleet.adapters.bybit.bodies import LINEAR
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.lenient_rows import lenient_orders, lenient_positions
from tradefleet.adapters.bybit.listing_reads import SETTLE_COINS
from tradefleet.adapters.bybit.rows import MILLISECOND_NS, Row
from tradefleet.adapters.bybit.symbol_reads import SymbolReads, SymbolShown
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.budget import Lane
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.flatten import CoinStanding

_Answer = tuple[Any, tuple[UnclearRow, ...], str]
"""Values or None, rows that are not understood, and why there is no list."""

LATE_S: Final = 1.0
"""So long a list is waited for; afterwards it is missing, and its answer is taken by the next reading."""
MOST_ENDED: Final = 500
"""Of orders that ended: newer ones come first, so that older ones say nothing more."""


class WayOutReads:
    """Reads of one account for whoever closes it without a journal. Close it when done: it owns threads."""

    def __init__(
        self,
        rest_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float = 5.0,
        settle_coins: Sequence[str] = SETTLE_COINS,
        governor: Governor | None = None,
        late_s: float = LATE_S,
    ) -> None:
        """rest_url: such as https://api.bybit.com. timeout_s: of each page."""
        shared = governor or Governor()

        def reader(name: str) -> Reader:
            return Reader(name, rest_url, key, secret, timeout_s=timeout_s, governor=shared)

        self._coins = {
            coin: _Coin(coin, reader(f"way-out-orders-{coin}"), reader(f"way-out-positions-{coin}"), late_s)
            for coin in settle_coins
        }
        self._ended = reader("way-out-ended")
        self._symbols = SymbolReads(
            rest_url, key, secret, timeout_s=timeout_s, governor=shared, lane=Lane.REDUCING
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for coin in self._coins.values():
            coin.close()
        self._ended.close()
        self._symbols.close()

    async def coins(self, now_ns: int) -> tuple[CoinStanding, ...]:
        """A reading of every coin. now_ns: the exchange's clock now."""
        return tuple(await asyncio.gather(*(coin.read(now_ns) for coin in self._coins.values())))

    async def symbol(self, symbol: str) -> SymbolShown:
        """One symbol by itself, flat rows included; raises Unreadable."""
        return await self._symbols.read(symbol)

    async def ended_since(self, from_ns: int) -> tuple[ExchangeOrder, ...]:
        """Orders made since then that have ended, the newest first; raises Unreadable. Exchange time."""
        return await self._ended.read(partial(self._ended_since, from_ns), Lane.REDUCING)

    def _ended_since(self, from_ns: int) -> tuple[ExchangeOrder, ...]:
        rows: list[Row] = []
        for coin in self._coins:
            rows += self._ended.lists.pages(
                self._ended.session.get_order_history,
                lenient=True,
                most_rows=MOST_ENDED,
                settleCoin=coin,
                startTime=from_ns // MILLISECOND_NS,
                limit=50,
            )
        return lenient_orders(rows)[0]


class _Coin:
    """The two lists of one settle coin."""

    def __init__(self, coin: str, orders: Reader, positions: Reader, late_s: float) -> None:
        self._coin = coin
        self._orders = orders
        self._positions = positions
        self._late_s = late_s
        self._asking: dict[str, tuple[asyncio.Task[_Answer], int]] = {}

    def close(self) -> None:
        for task, _ in self._asking.values():
            task.cancel()
        self._orders.close()
        self._positions.close()

    async def read(self, now_ns: int) -> CoinStanding:
        """Both, each complete or missing. What is late is not asked for twice: its answer, of when it was
        asked for, is the next reading's."""
        orders, unclear_orders, orders_trouble, _ = await self._asked(self._orders, self._open_orders, now_ns)
        positions, unclear, trouble, asked_ns = await self._asked(self._positions, self._held, now_ns)
        return CoinStanding(
            coin=self._coin,
            asked_ns=asked_ns,
            orders=orders,
            positions=positions,
            unclear=(*unclear_orders, *unclear),
            orders_trouble=orders_trouble,
            positions_trouble=trouble,
        )

    async def _asked(
        self, reader: Reader, ask: Callable[[], tuple[Any, tuple[UnclearRow, ...]]], now_ns: int
    ) -> tuple[Any, tuple[UnclearRow, ...], str, int]:
        what = ask.__name__
        if what not in self._asking:
            self._asking[what] = asyncio.create_task(_listed(reader, ask)), now_ns
        task, asked_ns = self._asking[what]
        done, _ = await asyncio.wait({task}, timeout=self._late_s)
        if not done:
            return None, (), f"no answer within {self._late_s:g} s", asked_ns
        del self._asking[what]
        return *task.result(), asked_ns

    def _open_orders(self) -> tuple[tuple[ExchangeOrder, ...], tuple[UnclearRow, ...]]:
        lists, session = self._orders.lists, self._orders.session
        ask = session.get_open_orders
        orders, unclear = lenient_orders(
            _of_linear(lists.pages(ask, lenient=True, settleCoin=self._coin, openOnly=0, limit=50))
        )
        return tuple(order for order in orders if not order.status.is_terminal), unclear

    def _held(self) -> tuple[tuple[ExchangePosition, ...], tuple[UnclearRow, ...]]:
        lists, session = self._positions.lists, self._positions.session
        rows = lists.pages(session.get_positions, lenient=True, settleCoin=self._coin, limit=200)
        return lenient_positions(_of_linear(rows))


async def _listed(reader: Reader, ask: Callable[[], tuple[Any, tuple[UnclearRow, ...]]]) -> _Answer:
    try:
        values, unclear = await reader.read(ask, Lane.REDUCING)
    except Unreadable as error:
        return None, (), str(error)
    return values, unclear, ""


def _of_linear(rows: list[Row]) -> list[Row]:
    """We have asked for linear contracts: whatever a row calls itself, that is what it is closed as."""
    return [{**row, "category": LINEAR} for row in rows]
