"""`tradefleet flatten`: everything cancelled and closed, with nothing but the exchange.

No journal, no bus, no cluster and no executor are needed; of a database that is named the audit is told,
as far as it answers (`flatten_audit`). A person's word is its authority: it ends when the account is clear,
or the patience is over. An executor that still runs would open again: engage the kill switch too, if it can
be reached. Reads, does what `orders.flatten` says, and reads again, until the account has been clear for as
long as an order that was under way could still arrive.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.way_out import WayOut, lone_way_out
from tradefleet.adapters.bybit.way_out_reads import WayOutReads
from tradefleet.orders.flatten import CancelActive, Standing, leftovers, next_acts, together
from tradefleet.services.flatten_audit import FlattenAudit
from tradefleet.services.way_out_rounds import Doer, Largest, Leftovers, describe

__all__ = ["Flattened", "Settings", "describe", "flatten", "look"]

Say = Callable[[str], None]

ROUND_S: Final = 0.3
"""Between two readings."""
CLEAR_FOR_S: Final = 5.0
"""An order signed before we came is accepted for at most half a second and its receive window of two."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """rest: address of the exchange. patience_s: after so long it is given up. clear_for_s: see above.

    postgres: where the audit is, "" for nowhere. actor: who the audit says it was.
    """

    rest: str
    key: str
    secret: str
    patience_s: float = 300.0
    clear_for_s: float = CLEAR_FOR_S
    postgres: str = ""
    actor: str = "cli"


class Flattened(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. seconds_to_flat: until no position was open for good; None when it never was."""

    clear: bool
    seconds_to_flat: float | None
    last: Standing | None


async def flatten(settings: Settings, say: Say) -> Flattened:
    """Cancel and close until the account is clear, or the patience is over."""
    governor = Governor()
    async with (
        AccountReads(settings.rest, settings.key, settings.secret, governor=governor) as account,
        WayOutReads(settings.rest, settings.key, settings.secret, governor=governor) as reads,
        lone_way_out(settings.rest, settings.key, settings.secret, governor) as way_out,
        _audited(settings, account, say) as audit,
    ):
        run = _Run(settings, reads, way_out, audit, say)
        while time.monotonic() - run.began < settings.patience_s:
            if await run.round():
                await audit.note("", "the account is clear", {"clear": True})
                return run.ended(clear=True)
            await asyncio.sleep(ROUND_S)
        await audit.note("", f"given up after {settings.patience_s:g} s", {"clear": False})
    return run.ended(clear=False)


async def look(settings: Settings) -> Standing:
    """What would be cancelled and closed; raises Unreadable when nothing at all can be read."""
    async with WayOutReads(settings.rest, settings.key, settings.secret) as reads:
        coins = await reads.coins(time.time_ns())
    if all(one.orders is None and one.positions is None for one in coins):
        raise Unreadable("; ".join((*together(coins).orders_unread, *together(coins).positions_unread)))
    return together(coins)


class _Run:
    """From the first reading to the last."""

    def __init__(
        self, settings: Settings, reads: WayOutReads, way_out: WayOut, audit: FlattenAudit, say: Say
    ) -> None:
        self._settings = settings
        self._reads = reads
        self._doer = Doer(way_out, audit, say)
        self._leftovers = Leftovers(reads)
        self._largest = Largest(settings.rest)
        self._say = say
        self._told = ""
        self._blind: set[str] = set()
        self.began = time.monotonic()
        self._flat_at: float | None = None
        self._clear_at: float | None = None
        self._standing: Standing | None = None

    def ended(self, *, clear: bool) -> Flattened:
        """How it went."""
        seconds = None if self._flat_at is None else self._flat_at - self.began
        return Flattened(clear=clear, seconds_to_flat=seconds, last=self._standing)

    async def round(self) -> bool:
        """Read, and do what follows; True once the account has been clear for long enough."""
        coins = await self._reads.coins(time.time_ns())
        standing = together(coins)
        nothing = all(one.orders is None and one.positions is None for one in coins)
        self._standing = None if nothing else standing
        now = time.monotonic()
        # Unknown is not flat.
        self._flat_at = (self._flat_at or now) if standing.is_flat else None
        self._clear_at = (self._clear_at or now) if standing.is_clear else None
        if self._clear_at is not None and now - self._clear_at >= self._settings.clear_for_s:
            return True
        self._tell(describe(standing))
        largest = await self._largest.of(standing)
        acts = next_acts(standing, largest, whole=self._doer.whole)
        unread = tuple(one.coin for one in coins if one.orders is None and one.coin not in self._blind)
        self._blind |= set(unread)
        await self._doer.do((*((CancelActive(coins=unread),) if unread else ()), *acts))
        # Behind every close: reading the symbols that are flat takes its time.
        left_over = await self._leftovers.look(standing, self._doer.doubts)
        await self._doer.do(leftovers(standing, left_over))
        return False

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._say(text)
        self._told = text


@contextlib.asynccontextmanager
async def _audited(settings: Settings, account: AccountReads, say: Say) -> AsyncIterator[FlattenAudit]:
    audit = FlattenAudit(settings.postgres, settings.actor, account.uid, say)
    try:
        yield audit
    finally:
        await audit.close()
