"""What an executor needs before it may ask for the lease: the journal. The look at the account is in
`checking`.

It may be away for a while at the start of a machine; it is asked until it answers or the patience is over.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.loops import set_within

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
        """Try until it works or the patience is over."""
        deadline = asyncio.get_running_loop().time() + self._settings.store_patience_s
        while True:
            try:
                return await attempt()
            except not_now as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise ExecutorFailed(f"{what} does not answer: {error}; is it running?") from error
            await self.rest()
