"""What an executor needs before it may ask for the lease: the journal, and a look at the account.

Both may be away for a while at the start of a machine; they are asked until they answer or the patience is
over. What waiting cannot mend (credentials, an account that may not be traded) ends the process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from tradefleet.adapters.bybit.errors import CREDENTIAL_CODES, PreflightRefused, Unreadable
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.domain.orders import Account
from tradefleet.services.executor.exchange import Seen, look_at
from tradefleet.services.executor.performer import Exchange
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.loops import set_within
from tradefleet.spec.snapshot import ConfigSnapshot

Answer = TypeVar("Answer")


class Stopped(Exception):
    """Somebody has asked us to stop while we waited."""


class Preparation:
    """Waits for what is not there yet. stop: ends the waiting. journal_trouble: told why the journal does
    not answer, and "" when it does."""

    def __init__(
        self,
        settings: ExecutorSettings,
        status: ExecutorStatus,
        stop: asyncio.Event,
        journal_trouble: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._status = status
        self._stop = stop
        self._journal_trouble = journal_trouble

    @contextlib.asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        """Open while the context is, its tables brought up to date; raises ExecutorFailed."""
        self._status.state = "waiting_for_postgres"

        async def opened() -> Journal:
            try:
                await migrate(self._settings.postgres)
                return await Journal.open(self._settings.postgres)
            except JournalDown as error:
                self._journal_trouble(str(error))
                raise

        journal = await self._patiently(opened, JournalDown, "postgres")
        self._status.store_up("postgres")
        self._journal_trouble("")
        try:
            yield journal
        finally:
            await journal.close()

    async def account(self, snapshot: ConfigSnapshot, exchange: Exchange) -> Account:
        """Whose money it is; clock, key and account are checked on the way."""
        self._status.state = "waiting_for_exchange"

        async def looked_at() -> Seen:
            # Only at symbols that there are: the others keep nobody from trading.
            known = await listed(
                self._settings.rest, snapshot.spec.exchange.category.value, snapshot.spec.universe.symbols
            )
            self._status.say_unknown(known.trouble)
            return await look_at(exchange, snapshot.spec, [rules.symbol for rules in known.rules])

        try:
            seen = await self._patiently(looked_at, (Unreadable, ExchangeUnreachable), "exchange")
        except PreflightRefused as refused:
            raise ExecutorFailed(str(refused)) from refused
        self._status.preflight(seen.key_expires_ns, [(w.kind, w.text) for w in seen.warnings])
        account = Account(snapshot.spec.exchange.venue.value, snapshot.spec.mode.value, seen.uid)
        self._status.uid, self._status.account = seen.uid, str(account)
        return account

    async def rest(self) -> None:
        """Wait before the next try; raises Stopped."""
        if await set_within(self._stop, self._settings.retry_s):
            raise Stopped

    async def _patiently(
        self,
        attempt: Callable[[], Awaitable[Answer]],
        not_now: type[Exception] | tuple[type[Exception], ...],
        what: str,
    ) -> Answer:
        """Try until it works or the patience is over; credentials do not mend themselves."""
        deadline = asyncio.get_running_loop().time() + self._settings.store_patience_s
        while True:
            try:
                return await attempt()
            except not_now as error:
                if getattr(error.__cause__, "status_code", None) in CREDENTIAL_CODES:
                    raise ExecutorFailed(
                        f"the exchange refuses our credentials ({error}); "
                        f"check {self._settings.api_key_variable} and {self._settings.api_secret_variable}; "
                        f"{self._settings.rest} knows no key that was made for another mode"
                    ) from error
                if asyncio.get_running_loop().time() > deadline:
                    raise ExecutorFailed(f"{what} does not answer: {error}; is it running?") from error
            await self.rest()
