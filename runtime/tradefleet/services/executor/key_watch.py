"""Whether the exchange still takes the key that this process began with.

A key is deleted, expires after 90 days, loses a permission or its address while we run. A process keeps the
key that its environment had, so it can only end, and leave the next one to read the new key. Until then it
would lead for ever, or stand by to lead, and do nothing. One odd answer ends nothing: the key itself is asked
for, and only what refuses twice is believed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import KeyRefused, Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.preflight import KeyFacts, expires_soon, key_refusal

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.2
ASK_S: Final = 10.0
"""Between two questions of a leader while nothing is refused: it signs all the time anyway."""
STANDBY_S: Final = 2.0
"""Of one that stands by, and signs nothing else. Shorter than what a leader needs to be sure: one that has
the same dead key must know it before the lease is free."""
DOUBTED_S: Final = 1.0
"""While something is refused; a permission that only one list needs is refused each time that it is read."""
CONFIRM_S: Final = 3.0
SAY_AGAIN_S: Final = 86_400.0


class KeyWatch:
    """What is known of the key. leads: whether we do. tells_expiry: False for a simulated account's key,
    which is nobody's worry."""

    def __init__(
        self, reads: AccountReads, governor: Governor, *, leads: Callable[[], bool], tells_expiry: bool
    ) -> None:
        self.trouble = ""
        """Why the key may be of no use; "" as far as is known."""
        self._reads = reads
        self._governor = governor
        self._leads = leads
        self._tells_expiry = tells_expiry
        self._counted = governor.key_refusals
        self._doubted = False
        self._said_s: float | None = None

    def doubted(self, why: str = "") -> None:
        """Somebody has refused the key. why: as a sentence when nothing may be done until that is settled."""
        self._doubted = True
        self.trouble = self.trouble or why

    async def refused(self, expires: Callable[[int | None], None], alert: Callable[[str], None]) -> str:
        """Watch until the key is of no use; why. expires: told when it does. alert: takes what a person
        should know before."""
        asked_s = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            usual_s = ASK_S if self._leads() else STANDBY_S
            if time.monotonic() - asked_s < (DOUBTED_S if self._is_doubted() else usual_s):
                continue
            facts, why = await self._asked()
            if why:
                return why
            asked_s = time.monotonic()
            if not self.trouble:
                self._doubted, self._counted = False, self._governor.key_refusals
            if facts is not None and self._tells_expiry:
                expires(facts.expires_ns)
                self._say(expires_soon(facts.expires_ns, time.time_ns()), alert)

    def _is_doubted(self) -> bool:
        return bool(self.trouble) or self._doubted or self._governor.key_refusals != self._counted

    async def _asked(self) -> tuple[KeyFacts | None, str]:
        """What the key may do, and why it is of no use; both empty when the exchange does not say."""
        for sure in (False, True):
            facts: KeyFacts | None = None
            try:
                facts = await self._reads.key()
                self.trouble = "" if facts is None else key_refusal(facts)
            except KeyRefused as error:
                self.trouble = str(error)
            except Unreadable as error:
                log.warning("key_unread", reason=str(error))
                return None, ""
            if not self.trouble or sure:
                return facts, self.trouble
            await asyncio.sleep(CONFIRM_S)
        return None, ""

    def _say(self, soon: str, alert: Callable[[str], None]) -> None:
        if soon and (self._said_s is None or time.monotonic() - self._said_s > SAY_AGAIN_S):
            self._said_s = time.monotonic()
            alert(soon)
