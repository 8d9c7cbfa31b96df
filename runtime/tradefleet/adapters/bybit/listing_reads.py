"""Step 1 of reading an account: positions and open orders, each by itself and both at once.

Each list has a thread and a session of its own, so that one that is slow, refused or broken keeps nothing
from the other. Rows are read leniently (`lenient_rows`): a list is complete when every page of every settle
coin has come, whatever stands in a row.
Source: Bybit V5, "Get Position Info", "Get Open & Closed Orders".
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from tradefleet.adapters.bybit.blocking_lists import Reader
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.lenient_rows import lenient_orders, lenient_positions
from tradefleet.adapters.bybit.rows import Row
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.exchange_view import Listing, UnclearRow

Value = TypeVar("Value")

SETTLE_COINS: Final = ("USDT", "USDC")
"""Linear contracts settle in either; a list without one of the two would miss foreign orders."""

LATE_S: Final = 2.0
"""So long the one list waits for the other; then it is told alone."""


class _List(msgspec.Struct, Generic[Value], frozen=True):
    """All values of a list, or None and why it could not be read; and its rows that are not understood."""

    values: tuple[Value, ...] | None
    unclear: tuple[UnclearRow, ...] = ()
    trouble: str = ""


class ListingReads:
    """Positions and open orders of one account. Close it when done: it owns two threads."""

    def __init__(
        self,
        rest_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float,
        settle_coins: Sequence[str],
        governor: Governor,
        late_s: float = LATE_S,
    ) -> None:
        """timeout_s: of each page. late_s: how long one list waits for the other."""
        self._settle_coins = tuple(settle_coins)
        self._late_s = late_s
        self._positions = Reader(
            "bybit-positions", rest_url, key, secret, timeout_s=timeout_s, governor=governor
        )
        self._orders = Reader("bybit-orders", rest_url, key, secret, timeout_s=timeout_s, governor=governor)

    def close(self) -> None:
        """Let the threads end after what they are doing."""
        self._positions.close()
        self._orders.close()

    async def listings(self, now_ns: int) -> AsyncIterator[Listing]:
        """The listing; when one list is late, the other one alone before it. now_ns: the exchange's clock
        now. The last listing is the whole answer."""
        began_ns = time.monotonic_ns()

        def listed(held: _List[ExchangePosition], standing: _List[ExchangeOrder]) -> Listing:
            return _listing(held, standing, now_ns, now_ns + time.monotonic_ns() - began_ns)

        positions = asyncio.create_task(_read(self._positions, self._held))
        orders = asyncio.create_task(_read(self._orders, self._standing))
        both = (positions, orders)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(both, timeout=self._late_s)
            late = f"it has not answered {self._late_s:g} s after the other list"
            if not orders.done() and positions.result().values is not None:
                yield listed(positions.result(), _List(None, trouble=late))
            if not positions.done() and orders.result().values is not None:
                yield listed(_List(None, trouble=late), orders.result())
            yield listed(await positions, await orders)
        finally:
            for task in both:
                task.cancel()

    def _held(self) -> _List[ExchangePosition]:
        lists, session = self._positions.lists, self._positions.session
        rows: list[Row] = []
        for coin in self._settle_coins:
            rows += lists.pages(session.get_positions, lenient=True, settleCoin=coin, limit=200)
        return _List(*lenient_positions(rows))

    def _standing(self) -> _List[ExchangeOrder]:
        lists, session = self._orders.lists, self._orders.session
        rows: list[Row] = []
        for coin in self._settle_coins:
            rows += lists.pages(session.get_open_orders, lenient=True, settleCoin=coin, openOnly=0, limit=50)
        return _List(*lenient_orders(rows))


async def _read(reader: Reader, what: Callable[[], _List[Value]]) -> _List[Value]:
    try:
        return await reader.read(what)
    except Unreadable as error:
        return _List(None, trouble=str(error))


def _listing(
    held: _List[ExchangePosition], standing: _List[ExchangeOrder], asked_ns: int, answered_ns: int
) -> Listing:
    return Listing(
        asked_ns=asked_ns,
        answered_ns=answered_ns,
        positions=held.values,
        positions_trouble=held.trouble,
        open_orders=standing.values,
        orders_trouble=standing.trouble,
        unclear=(*held.unclear, *standing.unclear),
    )
