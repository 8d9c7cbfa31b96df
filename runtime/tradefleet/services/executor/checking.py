"""The look at the account before it is traded, and what may begin before that look is over.

The first start asks until the exchange has answered everything. Where the journal knows which account the key
opens, an exchange that does not answer one question keeps nobody from leading: the executor leads, protects
and closes, nothing opens, and the look goes on beside it. What it then finds ends the process as it would
have at the start.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from tradefleet.adapters.bybit.errors import CREDENTIAL_CODES, PreflightRefused, Unreadable
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.domain.orders import Account
from tradefleet.services.executor.account_words import AccountWords
from tradefleet.services.executor.exchange import Seen, look_at
from tradefleet.services.executor.performer import Exchange
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

KNOWN_S: Final = 2.0
"""So long a known account waits for the look; a position that is to be closed does not wait for longer."""

AGAIN_S: Final = 5.0
"""The longest wait between two looks."""


class AccountCheck:
    """One look, repeated until it is over."""

    def __init__(
        self,
        settings: ExecutorSettings,
        status: ExecutorStatus,
        snapshot: ConfigSnapshot,
        exchange: Exchange,
        words: AccountWords,
    ) -> None:
        self._settings = settings
        self._status = status
        self._snapshot = snapshot
        self._exchange = exchange
        self._words = words
        self._account: Account | None = None
        self._trouble = "it has not been looked at yet"
        self._passed = False

    def why_not_open(self) -> str:
        """ "" once the account was seen to be as it must be."""
        return "" if self._passed else f"the account was not checked yet: {self._trouble}"

    async def account(self, rest: Callable[[], Awaitable[None]]) -> Account:
        """Whose money it is, by the exchange or, when that does not say it, by the journal.

        rest: waits before the next try. Raises ExecutorFailed for what waiting cannot mend, and when nobody
        says it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.store_patience_s
        known = await self._known()
        while True:
            try:
                # First, and however long: without it nothing can be signed, not even a close.
                await self._exchange.clock.measure()
                async with asyncio.timeout(None if known is None else KNOWN_S):
                    return await self._look()
            except TimeoutError:
                self._trouble = f"the exchange has not answered everything within {KNOWN_S:g} s"
                return self._unchecked(known)
            except (Unreadable, ExchangeUnreachable) as error:
                self._trouble = str(error)
                if known is not None and self._exchange.clock.is_measured:
                    self._status.problem("account_unchecked", f"{known}: {self._trouble}")
                    return self._unchecked(known)
                if loop.time() > deadline:
                    raise ExecutorFailed(
                        f"exchange does not answer: {self._trouble}; is it running?"
                    ) from error
            await rest()

    def _unchecked(self, known: Account | None) -> Account:
        """Whose money it is by the journal's word."""
        assert known is not None  # who is not known waits without a limit
        log.warning("account_unchecked", kind="account_unchecked", detail=self._trouble)
        self._say(known)
        return known

    async def finish(self) -> None:
        """Look until the account was seen to be as it must be. Raises ExecutorFailed when it is not, or is
        another one than the journal said."""
        wait_s = self._settings.retry_s
        while not self._passed:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, AGAIN_S)
            try:
                await self._look()
            except (Unreadable, ExchangeUnreachable) as error:
                self._trouble = str(error)
        log.info("account_checked", account=str(self._account))

    async def _look(self) -> Account:
        spec = self._snapshot.spec
        try:
            # Only at symbols that there are: the others keep nobody from trading.
            known = await listed(self._settings.rest, spec.exchange.category.value, spec.universe.symbols)
            self._status.say_unknown(known.trouble)
            seen = await look_at(self._exchange, spec, [rules.symbol for rules in known.rules])
        except PreflightRefused as refused:
            raise ExecutorFailed(str(refused)) from refused
        except Unreadable as error:
            self._refuse_credentials(error)
            raise
        return await self._passes(seen)

    async def _passes(self, seen: Seen) -> Account:
        spec = self._snapshot.spec
        account = Account(spec.exchange.venue.value, spec.mode.value, seen.uid)
        if self._account is not None and account != self._account:
            raise ExecutorFailed(
                f"the journal says that the key opens {self._account}, the exchange says {account}; "
                "nothing is done for either: look at which key the bot has"
            )
        self._status.preflight(seen.key_expires_ns, [(w.kind, w.text) for w in seen.warnings])
        self._say(account)
        try:
            await self._words.note_account(account)
        except JournalDown as error:
            self._status.store_down("postgres", str(error))
        self._passed = True
        return account

    def _say(self, account: Account) -> None:
        self._account = account
        self._status.uid, self._status.account = account.uid, str(account)

    async def _known(self) -> Account | None:
        spec = self._snapshot.spec
        try:
            return await self._words.account(spec.exchange.venue.value, spec.mode.value)
        except JournalDown as error:
            self._status.store_down("postgres", str(error))
            return None

    def _refuse_credentials(self, error: Unreadable) -> None:
        """Credentials do not mend themselves."""
        if getattr(error.__cause__, "status_code", None) in CREDENTIAL_CODES:
            raise ExecutorFailed(
                f"the exchange refuses our credentials ({error}); "
                f"check {self._settings.api_key_variable} and {self._settings.api_secret_variable}; "
                f"{self._settings.rest} knows no key that was made for another mode"
            ) from error
