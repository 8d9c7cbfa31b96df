"""What the account pays as a taker: the exchange's word, and what stands in for it.

The fee makes entries smaller and thresholds higher, so one that cannot be read keeps nothing from going on:
the one that was said last counts, else the highest known. It is asked for again beside the epoch.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import structlog

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import CREDENTIAL_CODES, Unreadable
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.core.events import AnyEvent, TakerFeeRead
from tradefleet.domain.orders import Account
from tradefleet.services.executor.account_words import HIGHEST_TAKER_FEE, AccountWords

log = structlog.get_logger(__name__)

AT_HAND_S: Final = 1.0
"""So long the beginning of an epoch waits for the exchange's word."""
AGAIN_S: Final = 5.0
"""A fee that was not said is asked for again after so long, then after twice as long, up to the period."""
PERIOD_S: Final = 3600.0
"""A level changes once a day at most."""


class Fees:
    """Asks, remembers, falls back. words: where the last word is kept. key_doubted: told why the exchange did
    not take the key."""

    def __init__(
        self, reads: AccountReads, words: AccountWords, account: Account, key_doubted: Callable[[str], None]
    ) -> None:
        self._reads = reads
        self._words = words
        self._account = account
        self._key_doubted = key_doubted
        self._was_said = False

    async def at_hand(self, symbols: Sequence[str]) -> Decimal:
        """The fee for an epoch that begins now."""
        try:
            async with asyncio.timeout(AT_HAND_S):
                return await self._read(symbols)
        except (Unreadable, TimeoutError) as error:
            if getattr(error.__cause__, "status_code", None) in CREDENTIAL_CODES:
                self._key_doubted(str(error))
            fee = await self._last()
            log.warning("taker_fee_unread", kind="taker_fee_unread", fee=f"{fee:f}", detail=str(error))
            return fee

    async def keep(
        self, put: Callable[[AnyEvent], None], fee: Decimal, symbols: Callable[[], Sequence[str]]
    ) -> None:
        """Ask again, for ever, and tell what has changed. fee: with which the epoch has begun."""
        again_s = AGAIN_S
        while True:
            await asyncio.sleep(PERIOD_S if self._was_said else again_s)
            try:
                said = await self._read(symbols())
            except Unreadable as error:
                self._was_said, again_s = False, min(2 * again_s, PERIOD_S)
                log.warning("taker_fee_unread", kind="taker_fee_unread", fee=f"{fee:f}", detail=str(error))
                continue
            again_s = AGAIN_S
            if said != fee:
                fee = said
                put(TakerFeeRead(now_ns=0, taker_fee=fee))

    async def _read(self, symbols: Sequence[str]) -> Decimal:
        fee = await self._reads.taker_fee(symbols)
        self._was_said = True
        try:
            await self._words.note_taker_fee(self._account, fee)
        except JournalDown as error:
            log.warning("fee_not_noted", detail=str(error))
        return fee

    async def _last(self) -> Decimal:
        self._was_said = False
        try:
            return await self._words.taker_fee(self._account)
        except JournalDown:
            return HIGHEST_TAKER_FEE
