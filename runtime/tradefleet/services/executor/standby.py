"""What an executor keeps ready while another one leads, so that it can take over at once.

The exchange's clock is measured and the instruments' rules are read again and again; both also show
that the exchange can be reached, which is what readiness asks of a standby.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import structlog

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.services.executor.performer import Exchange

log = structlog.get_logger(__name__)

FRESH_S: Final = 600.0
"""Rules older than this are read again before an epoch begins; the exchange changes them days ahead."""

AT_HAND_S: Final = 1.0
"""So long the beginning of an epoch waits for rules that are not fresh."""


class Standby:
    """Rules by symbol, and whether the exchange answered last. rest, category: of the exchange."""

    def __init__(self, rest: str, category: str) -> None:
        self.trouble = "the exchange was not asked yet"
        self.unknown = ""
        """Of the symbols asked for last: what the exchange says of those that it does not have."""
        self._rest = rest
        self._category = category
        self._rules: dict[str, Instrument] = {}
        self._asked: set[str] = set()
        self._read_s = 0.0

    async def keep(self, exchange: Exchange, symbols: Sequence[str], period_s: float) -> None:
        """Keep everything fresh until cancelled."""
        while True:
            try:
                await exchange.clock.measure()
                await self.rules(symbols)
                self.trouble = ""
            except (Unreadable, ExchangeUnreachable) as error:
                if not self.trouble:
                    log.warning("standby_not_ready", reason=str(error))
                self.trouble = str(error)
            await asyncio.sleep(period_s)

    async def rules_at_hand(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """The rules for an epoch that begins now: fresh ones, else the last that were read, else none. An
        exchange that does not tell them keeps nobody from protecting and closing what is held."""
        try:
            async with asyncio.timeout(AT_HAND_S):
                return await self.rules(symbols)
        except (ExchangeUnreachable, TimeoutError) as error:
            log.warning("rules_not_fresh", kind="rules_unread", detail=f"{type(error).__name__}: {error}")
            return self._of(symbols)

    async def rules(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """The rules of those of these symbols that the exchange has, fresh enough; raises
        ExchangeUnreachable."""
        fresh = time.monotonic() - self._read_s < FRESH_S
        # What was not there is asked for each time: it may have been listed since.
        if self.unknown or not (fresh and set(symbols) <= self._asked):
            begun_s = time.monotonic()
            read = await listed(self._rest, self._category, symbols)
            now = {instrument.symbol: instrument for instrument in (*read.closing, *read.rules)}
            self._rules = only_closing(self._rules) | now
            self._asked, self.unknown, self._read_s = set(symbols), read.trouble, begun_s
        return self._of(symbols)

    def _of(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        return tuple(self._rules[symbol] for symbol in symbols if symbol in self._rules)


def only_closing(rules: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """Rules that could be read before: what is held is protected by them, and nothing opens."""
    return {
        symbol: msgspec.structs.replace(instrument, status=InstrumentStatus.UNKNOWN)
        for symbol, instrument in rules.items()
    }
