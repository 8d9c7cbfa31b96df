"""What the exchange has said of the account, kept in the audit for a start while it does not say it.

Two words: which account a key opens, which never changes for a key, and the taker fee. Each is an entry when
it is new, so there are few. A new leader whose first question finds no answer leads the account that the key
is known to open, and counts with the fee that was said last, or else with the highest known: a high fee only
makes entries smaller.
"""

import hashlib
import time
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.audit import Writer
from tradefleet.domain.orders import Account
from tradefleet.orders.audit import Act

HIGHEST_TAKER_FEE: Final = Decimal("0.001")
"""Bybit's tables name 0.00055 for a contract and no VIP level; some regional sites take up to 0.001."""

FEE: Final = "taker fee"


class AccountWords:
    """Reads and writes them. key: the API key, of which only a hash is written. Every call raises
    JournalDown."""

    def __init__(self, journal: Journal, key: str, holder: str) -> None:
        self._journal = journal
        self._key = f"key {hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._holder = holder

    async def account(self, venue: str, environment: str) -> Account | None:
        """The account that the key opens there; None when the exchange has never said it."""
        entry = await self._journal.last_entry(Act.ACCOUNT, self._key)
        if entry is None:
            return None
        said_venue, _, rest = entry.account.partition("/")
        said_environment, _, uid = rest.partition("/")
        if (said_venue, said_environment) != (venue, environment) or not uid:
            return None
        return Account(venue, environment, uid)

    async def note_account(self, account: Account) -> None:
        """The exchange has said that the key opens this account."""
        await self._note(account, self._key, f"it opens the account {account}", {"uid": account.uid})

    async def taker_fee(self, account: Account) -> Decimal:
        """The one that was said last, else the highest known."""
        entry = await self._journal.last_entry(Act.ACCOUNT, FEE, account)
        said = None if entry is None else _fee_of(entry.what)
        return HIGHEST_TAKER_FEE if said is None else said

    async def note_taker_fee(self, account: Account, fee: Decimal) -> None:
        """The exchange has said that the account pays this."""
        await self._note(account, FEE, f"the account pays {fee:f}", {"taker_fee": f"{fee:f}"})

    async def _note(self, account: Account, subject: str, why: str, what: object) -> None:
        writer = Writer(account=str(account), actor=f"executor:{self._holder}")
        entry = writer.entry(Act.ACCOUNT, subject, why, what, time.time_ns())
        last = await self._journal.last_entry(Act.ACCOUNT, subject, account)
        if last is None or last.what != entry.what:
            await self._journal.append_audit([entry])


def _fee_of(what: str) -> Decimal | None:
    """A fraction between 0 and 1; None for anything else."""
    try:
        fee = Decimal(msgspec.json.decode(what, type=dict[str, str])["taker_fee"])
    except (msgspec.DecodeError, KeyError, InvalidOperation):
        return None
    return fee if fee.is_finite() and 0 <= fee < 1 else None
