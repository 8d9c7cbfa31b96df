"""The rules of every symbol that an epoch has to do with: the bot's own, and whatever the account holds.

A position or an order of somebody else's can stand in any contract. Its rules are read when a listing of the
account names it, by one call for all that are missing, so that it can be protected and closed like any
other. Rules that cannot be read are asked for again, ever more seldom; until then the old ones hold. By
those of a contract that cannot be read by itself, or is gone, nothing opens any more. A refusal for a
number that does not lie on the exchange's grid has all of them read again: tick or step may be another one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, Listed, listed
from tradefleet.core.events import AnyEvent, InstrumentsRefreshed
from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.services.executor.standby import only_closing
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.loops import set_within

WITHIN_S: Final = 2.0
"""A listing waits so long for the rules of the symbols that it names."""
AGAIN_S: Final = 5.0
"""Missing rules are asked for again after so long, then after twice as long, up to the period of all."""

DOUBT_S: Final = 10.0
"""Between two readings that a refused number asks for."""


class Rules:
    """What is known, and what is wanted. learned: told of symbols whose rules were not known before."""

    def __init__(
        self,
        rest_url: str,
        category: str,
        known: Iterable[Instrument],
        wanted: Iterable[str],
        put: Callable[[AnyEvent], None],
        status: ExecutorStatus,
        learned: Callable[[list[Instrument]], None],
    ) -> None:
        self._rest_url = rest_url
        self._category = category
        self._known = {instrument.symbol: instrument for instrument in known}
        self._wanted = {*self._known, *wanted}
        self._put = put
        self._status = status
        self._learned = learned
        self._more = asyncio.Event()
        self._doubted = False

    async def learn(self, symbols: Iterable[str]) -> None:
        """Read the rules of those of these symbols that are not known; gives up after a while, and then
        `keep` goes on."""
        missing = sorted({symbol for symbol in symbols if symbol} - self._known.keys())
        if not missing:
            return
        if not self._wanted.issuperset(missing):
            self._wanted.update(missing)
            self._more.set()
        try:
            async with asyncio.timeout(WITHIN_S):
                self._take(await listed(self._rest_url, self._category, missing))
        except (ExchangeUnreachable, TimeoutError) as error:
            self._status.problem("rules_unread", f"{', '.join(missing)}: {type(error).__name__}: {error}")

    def doubt(self) -> None:
        """The exchange has refused a number: read them again, soon."""
        self._doubted = True
        self._more.set()

    async def keep(self, period_s: float) -> None:
        """Read all of them again each period, and more often while some are missing, for ever."""
        again_s, read_s = AGAIN_S, time.monotonic()
        while True:
            missing = self._wanted - self._readable()
            self._more.clear()
            if await set_within(self._more, min(again_s, period_s) if missing else period_s):
                again_s = AGAIN_S
                if not self._doubted:
                    continue
                # At most so often: a number may be wrong for a reason of its own, again and again.
                await asyncio.sleep(max(0.0, DOUBT_S - (time.monotonic() - read_s)))
            self._doubted, read_s = False, time.monotonic()
            again_s = again_s * 2 if missing else AGAIN_S
            try:
                read = await listed(self._rest_url, self._category, sorted(self._wanted))
            except ExchangeUnreachable as error:
                self._status.problem("rules_unread", str(error))
                continue
            self._status.say_unknown(read.trouble)
            self._take(read, only_closing(self._known))

    def _readable(self) -> set[str]:
        rules = self._known.values()
        return {one.symbol for one in rules if one.status is not InstrumentStatus.UNKNOWN}

    def _take(self, read: Listed, others: Mapping[str, Instrument] = MappingProxyType({})) -> None:
        """others: what holds for those that are not in it."""
        found = {instrument.symbol: instrument for instrument in (*read.closing, *read.rules)}
        new = [instrument for symbol, instrument in found.items() if symbol not in self._known]
        told = {**others, **found}
        self._known |= told
        if told:
            self._put(InstrumentsRefreshed(now_ns=0, instruments=tuple(told.values())))
        if new:
            self._learned(new)
