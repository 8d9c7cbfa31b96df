"""What a round of the way out is made of: reading what is left over, doing acts, and saying both.

Used by `tradefleet flatten`, whose authority is a person, and by the kill switch of an executor that does not
lead (`services.executor.without_lease`), whose right ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from decimal import Decimal
from typing import Final, Protocol

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.adapters.bybit.way_out import CATEGORY, CLOSE_WINDOW_S, NotDone, WayOut
from tradefleet.adapters.bybit.way_out_reads import WayOutReads
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.codes import Reason
from tradefleet.orders.flatten import (
    Act,
    CancelActive,
    CancelLeftover,
    CancelOne,
    Close,
    Standing,
    flat_symbols_with_orders,
    held,
    left_over,
)

PAUSE_S: Final = 0.12
"""Between two cancels: whoever else uses the account wants some of the ten a second as well."""
READ_AGAIN_S: Final = 1.0
"""Between two readings of one symbol."""
RULES_WITHIN_S: Final = 2.0
RULES_AGAIN_S: Final = 10.0
MOST_CANCELS: Final = 10
"""In one round: positions are closed between them, and the next reading knows better what is left."""


class Audit(Protocol):
    """Where steps are noted before they are done."""

    def note(self, subject: str, words: str, what: object) -> Awaitable[None]:
        """A step that is about to be done."""


class Doer:
    """Does acts, one after the other, and says what was not done.

    doubts: by symbol, until when (monotonic seconds) a close whose answer is not known could still be taken.
    whole: positions of which the exchange has refused an order for its size.
    """

    def __init__(self, way_out: WayOut, audit: Audit, say: Callable[[str], None]) -> None:
        self._way_out = way_out
        self._audit = audit
        self._say = say
        self.doubts: dict[str, float] = {}
        self.whole: set[PositionKey] = set()

    async def do(self, acts: Sequence[Act]) -> None:
        """Cancels first, then closes; what only reduces goes behind them."""
        closes = [act for act in acts if isinstance(act, Close)]
        cancels = [act for act in acts if isinstance(act, CancelActive | CancelOne)]
        await self._cancel(cancels[:MOST_CANCELS])
        for close in closes:
            await self._noted(close)
        for trouble in await self._way_out.close(closes):
            self._say(f"  not done, looking again: {trouble}")
            self._learn(trouble)
        await self._cancel([act for act in acts if isinstance(act, CancelLeftover)][:MOST_CANCELS])

    async def _cancel(self, cancels: Sequence[Act]) -> None:
        for act in cancels:
            await self._noted(act)
            try:
                await self._way_out.do(act)
            except NotDone as error:
                self._say(f"  not done, looking again: {error}")
            await asyncio.sleep(PAUSE_S)

    async def _noted(self, act: Act) -> None:
        self._say(words(act))
        await self._audit.note(_symbol(act), words(act), act)

    def _learn(self, trouble: NotDone) -> None:
        if trouble.key is None:
            return
        if trouble.may_be_taken:
            self.doubts[trouble.key.symbol] = time.monotonic() + CLOSE_WINDOW_S + 1.0
        if trouble.word is Reason.SIZE:
            self.whole.add(trouble.key)


class Largest:
    """The largest order of each symbol that was held, as far as the rules could be read. They must not keep a
    position open: an order that is too large is refused, and the position then closed whole."""

    def __init__(self, rest: str) -> None:
        self._rest = rest
        self._known: dict[str, Decimal] = {}
        self._not_before = 0.0

    async def of(self, standing: Standing) -> dict[str, Decimal]:
        """By symbol; one that is missing is closed in one order."""
        symbols = {key.symbol for key, _ in held(standing.positions, standing.unclear)}
        unknown = sorted(symbols - self._known.keys())
        if unknown and time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + RULES_AGAIN_S
            try:
                async with asyncio.timeout(RULES_WITHIN_S):
                    rules = await listed(self._rest, CATEGORY, unknown)
            except (ExchangeUnreachable, TimeoutError):
                return self._known
            self._known |= {rule.symbol: rule.max_market_qty for rule in (*rules.rules, *rules.closing)}
        return self._known


class Leftovers:
    """Reads the symbols that are flat and have orders left, each at most once a second."""

    def __init__(self, reads: WayOutReads) -> None:
        self._reads = reads
        self._not_before: dict[str, float] = {}

    async def look(self, standing: Standing, doubts: dict[str, float]) -> Collection[str]:
        """Ids of orders that may go: their own symbol was read, and nothing is held there."""
        symbols = flat_symbols_with_orders(standing)
        self._not_before = {symbol: at for symbol, at in self._not_before.items() if symbol in symbols}
        found: set[str] = set()
        for symbol in symbols:
            now = time.monotonic()
            if now < max(self._not_before.get(symbol, 0.0), doubts.get(symbol, 0.0)):
                continue
            self._not_before[symbol] = now + READ_AGAIN_S
            try:
                shown = await self._reads.symbol(symbol)
            except Unreadable:
                continue  # proves nothing; the next round asks again
            found |= left_over((*shown.orders, *shown.unclear), shown.positions)
        return found


def describe(standing: Standing) -> str:
    """A reading in one line."""
    unread = (*standing.orders_unread, *standing.positions_unread)
    if unread and not standing.orders and not standing.positions and not standing.unclear:
        return f"the account cannot be read: {'; '.join(unread)}"
    sizes = [f"{key.name} {size:f}" for key, size in held(standing.positions, standing.unclear)]
    count = len(standing.orders) + len(standing.unclear_orders)
    text = f"{count} orders, positions: {', '.join(sizes) or 'none'}"
    parts = [text, *(f"not read: {trouble}" for trouble in unread), *(r.trouble for r in standing.unclear)]
    return "; ".join(parts)


def words(act: Act) -> str:
    """An act in plain English."""
    match act:
        case CancelActive(coins=coins):
            where = f" in {', '.join(coins)}" if coins else ""
            return f"cancelling every active order{where}"
        case CancelOne():
            return f"cancelling the entry {act.order_id} of {act.symbol}"
        case CancelLeftover():
            return f"{act.symbol} is flat; cancelling {act.order_id}, which only reduces"
        case Close():
            size = f"{act.qty:f}" if act.qty else "all"
            return f"closing: {act.side.value} {size} {act.key.name}, reduce-only"


def _symbol(act: Act) -> str:
    match act:
        case CancelOne() | CancelLeftover():
            return act.symbol
        case Close():
            return act.key.symbol
        case CancelActive():
            return ""
