"""Does the acts of `orders.flatten`: cancels and reduce-only closes that need no journal.

The same client as the order path, so that there is one way to the account: one signature, one table of
codes, one budget, the clock measured against the exchange. None of its calls can open anything. What
the exchange refuses is a sentence for the person who watches. Nothing here cancels what it was not told to by
name: what only reduces goes by its id alone.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Final

from tradefleet.adapters.bybit.account_reads import SETTLE_COINS
from tradefleet.adapters.bybit.bodies import LINEAR, OrderFilter, OrderName, Scope
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.errors import ClockNotMeasured, Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.adapters.bybit.results import CallResult, SendResult
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.codes import Reason
from tradefleet.orders.flatten import Act, CancelActive, CancelLeftover, CancelOne, Close
from tradefleet.orders.outcome import Outcome

CATEGORY: Final = LINEAR

CLOSE_WINDOW_S: Final = 5.0
"""So long after it was signed the exchange may still take a close: the client's window."""

PATIENCE_S: Final = 0.5
"""Of one act. Short: the caller looks at the account again, and then knows better what to do."""


class NotDone(Exception):
    """The exchange did not do it, or did not say so; look again, then decide.

    code: None without an answer. key: of the position that was to be closed, None for a cancel. word: why.
    may_be_taken: the answer does not prove that it was not done.
    """

    def __init__(self, what: str, result: CallResult | SendResult, key: PositionKey | None = None) -> None:
        self.code = result.ret_code
        self.key = key
        self.word = result.reason
        self.may_be_taken = result.outcome is Outcome.AMBIGUOUS
        said = result.message or result.reason.value
        super().__init__(f"{what}: {said}" + ("" if self.code is None else f" ({self.code})"))


class WayOut:
    """Acts, one after the other, over a client that somebody else closes."""

    def __init__(self, orders: OrderClient) -> None:
        self._orders = orders
        self._alone = False

    async def do(self, act: Act) -> None:
        """Do one act; raises NotDone, after every part of it was tried."""
        key = act.key if isinstance(act, Close) else None
        troubles = [
            NotDone(what, result, key)
            for what, call in self._calls(act)
            if not (result := await self._called(call)).is_done
        ]
        if troubles:
            raise troubles[0]

    async def close(self, closes: Sequence[Close]) -> list[NotDone]:
        """Close all of these: in one request as many as there is room for, the rest alone; what was not done.

        After a request of which nothing was taken each goes alone.
        """
        most = 0 if self._alone else self._orders.room_for_batch(CATEGORY)
        together = list(closes[:most]) if min(most, len(closes)) > 1 else []
        troubles: list[NotDone] = []
        if together:
            await self._before()
            results = await self._orders.close_together(CATEGORY, together, patience_s=PATIENCE_S)
            self._after(result.reason for result in results)
            self._alone = not any(result.outcome is Outcome.ACCEPTED for result in results)
            for one, result in zip(together, results, strict=True):
                if result.outcome is not Outcome.ACCEPTED:
                    troubles.append(NotDone(f"close {one.key.symbol}", result, one.key))
        for one in closes[len(together) :]:
            try:
                await self.do(one)
            except NotDone as error:
                troubles.append(error)
        return troubles

    async def _before(self) -> None:
        """Before each request."""

    def _after(self, reasons: Iterable[Reason]) -> None:
        """What its answers said."""

    async def _called(self, call: Awaitable[CallResult]) -> CallResult:
        await self._before()
        result = await call
        self._after((result.reason,))
        return result

    def _calls(self, act: Act) -> Sequence[tuple[str, Awaitable[CallResult]]]:
        match act:
            case CancelActive():
                return [self._cancel_active(coin) for coin in act.coins or SETTLE_COINS]
            case CancelOne() | CancelLeftover():
                name = OrderName(symbol=act.symbol, order_id=act.order_id)
                return [(f"cancel {act.symbol}", self._orders.cancel(name, patience_s=PATIENCE_S))]
            case Close():
                closing = self._orders.close_at_market(act.key, act.side, act.qty, patience_s=PATIENCE_S)
                return [(f"close {act.key.symbol}", closing)]

    def _cancel_active(self, coin: str) -> tuple[str, Awaitable[CallResult]]:
        scope = Scope(settle_coin=coin, orders=OrderFilter.ACTIVE)
        return f"cancel-all {coin}", self._orders.cancel_all(scope, patience_s=PATIENCE_S)


class _Clock:
    """The exchange's clock once it has answered, until then this machine's: a request that only reduces
    may be tried with a clock that nobody has vouched for."""

    def __init__(self, measured: ExchangeClock) -> None:
        self._measured = measured

    def now_ns(self) -> int:
        """int64 ns UTC."""
        try:
            return self._measured.now_ns()
        except ClockNotMeasured:
            return time.time_ns()


class LoneWayOut(WayOut):
    """A way out with a client of its own, which measures the exchange's clock when that is needed."""

    def __init__(self, orders: OrderClient, clock: ExchangeClock) -> None:
        super().__init__(orders)
        self._clock = clock
        self._measure = True

    async def _before(self) -> None:
        if self._measure:
            with contextlib.suppress(Unreadable):
                await self._clock.measure()
                self._measure = False

    def _after(self, reasons: Iterable[Reason]) -> None:
        self._measure = self._measure or Reason.CLOCK in reasons


@contextlib.asynccontextmanager
async def lone_way_out(
    rest_url: str, key: str, secret: str, governor: Governor, *, timeout_s: float = 5.0
) -> AsyncIterator[WayOut]:
    """For a process that has nothing but the exchange. rest_url: such as https://api.bybit.com."""
    clock = ExchangeClock(rest_url, timeout_s=timeout_s)
    client = OrderClient(rest_url, key, secret, _Clock(clock), timeout_s=timeout_s, governor=governor)
    async with client as orders:
        yield LoneWayOut(orders, clock)
