"""Takes orders away as the core has decided, and reads single symbols, whose readings prove that they may go.

Each cancel is said in the audit first, if the journal answers at once, and is then signed within its time and
under the lease, or never: a process that slept over it must not take what protects a successor's position. A
cancel is sent once; whether it is repeated is the core's decision.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from tradefleet.adapters.bybit.account_reads import SETTLE_COINS
from tradefleet.adapters.bybit.bodies import OrderFilter, OrderName, Scope
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.adapters.bybit.symbol_reads import SymbolReads
from tradefleet.adapters.failpoints import failpoint
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.actions import AnyAction, CancelFound, CancelOrder, CancelOrders, ReadSymbol
from tradefleet.core.audit import entry_of
from tradefleet.core.events import AnyEvent, CancelAnswered, FoundCancelled, OrdersCancelled, SymbolRead
from tradefleet.orders.audit import Entry
from tradefleet.orders.outcome import Outcome
from tradefleet.services.executor.status import ExecutorStatus

WRITE_AHEAD_S: Final = 0.2
"""So long a cancel waits to be written first: it has half a second to be signed."""
PATIENCE_S: Final = 0.5
"""So long it waits for room among the calls; its own time ends no later."""

Cancel = CancelOrders | CancelOrder | CancelFound


class Ways(Protocol):
    """What is needed of the exchange."""

    @property
    def orders(self) -> OrderClient:
        """Sends cancels."""

    @property
    def symbols(self) -> SymbolReads:
        """Reads single symbols."""

    @property
    def clock(self) -> ExchangeClock:
        """The exchange's."""


class Canceller:
    """One epoch's cancels. why_not: asked directly before signing, None while the lease holds. late: takes an
    entry of the audit that could not be written ahead."""

    def __init__(
        self,
        journal: Journal,
        exchange: Ways,
        why_not: Callable[[], str | None],
        put: Callable[[AnyEvent], None],
        late: Callable[[Entry], None],
        status: ExecutorStatus,
    ) -> None:
        self._journal = journal
        self._exchange = exchange
        self._why_not = why_not
        self._put = put
        self._late = late
        self._status = status

    async def cancel_all(self, action: CancelOrders) -> None:
        """Every active order, of one settle coin after the other; stops and conditional orders stay."""
        await self._write_ahead(action)
        failpoint("orders.before_cancel")
        reason = ""
        for coin in SETTLE_COINS:
            result = await self._exchange.orders.cancel_all(
                Scope(settle_coin=coin, orders=OrderFilter.ACTIVE),
                sign_by_ns=action.sign_by_ns or None,
                may_sign=self._why_not,
                patience_s=PATIENCE_S,
            )
            if not result.is_done:
                reason = reason or f"cancel-all {coin}: {result.message or result.reason.value}"
        if reason:
            self._status.problem("orders_not_cancelled", reason)
        self._put(OrdersCancelled(now_ns=0, everything=False, done=not reason, reason=reason))

    async def cancel(self, action: CancelOrder) -> None:
        """One order of ours, by our id."""
        await self._write_ahead(action)
        failpoint("order.before_cancel")
        key = action.key
        name = OrderName(symbol=key.symbol, client_order_id=action.client_order_id, category=key.category)
        outcome, ret_code, message = await self._one(name, action.sign_by_ns)
        failpoint("order.cancelled")
        self._put(
            CancelAnswered(
                now_ns=0,
                client_order_id=action.client_order_id,
                outcome=outcome,
                ret_code=ret_code,
                message=message,
            )
        )

    async def cancel_found(self, action: CancelFound) -> None:
        """One order that a reading has shown, by the exchange's id."""
        await self._write_ahead(action)
        failpoint("leftover.before_cancel" if action.protects else "order.before_cancel")
        key = action.key
        name = OrderName(symbol=key.symbol, order_id=action.order_id, category=key.category)
        outcome, ret_code, message = await self._one(name, action.sign_by_ns)
        self._put(
            FoundCancelled(
                now_ns=0,
                order_id=action.order_id,
                key=key,
                protects=action.protects,
                outcome=outcome,
                ret_code=ret_code,
                message=message,
            )
        )

    async def read_symbol(self, action: ReadSymbol) -> None:
        """Its open orders and positions."""
        asked_ns = self._exchange.clock.now_ns()
        try:
            shown = await self._exchange.symbols.read(action.symbol)
        except Unreadable as error:
            self._put(SymbolRead(now_ns=0, symbol=action.symbol, asked_ns=asked_ns, reason=str(error)))
            return
        self._put(
            SymbolRead(
                now_ns=0,
                symbol=action.symbol,
                asked_ns=asked_ns,
                orders=shown.orders,
                positions=shown.positions,
                unclear=shown.unclear,
            )
        )

    async def _one(self, name: OrderName, sign_by_ns: int) -> tuple[Outcome, int | None, str]:
        result = await self._exchange.orders.cancel(
            name, sign_by_ns=sign_by_ns or None, may_sign=self._why_not, patience_s=PATIENCE_S
        )
        return result.outcome, result.ret_code, result.message

    async def _write_ahead(self, action: AnyAction) -> None:
        """Say it in the audit first; but it does not wait for a journal that is away."""
        entry = entry_of(action, self._journal.writer, self._exchange.clock.now_ns())
        if entry is None:
            return
        try:
            async with asyncio.timeout(WRITE_AHEAD_S):
                await self._journal.append_audit([entry])
        except (JournalDown, TimeoutError) as error:
            self._status.problem("audit_late", f"{action}: {error}")
            self._late(entry)
