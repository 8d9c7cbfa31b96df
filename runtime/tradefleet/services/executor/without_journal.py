"""The kill switch while the journal is away: latches on this machine's disk, and a right without the lease.

An executor that cannot reach Postgres leads nothing, and must still stop when it is told to. What engages the
switch meanwhile (the last epoch's own latches, an edge of the bot's spec, the executor's endpoint) is written
to a spool first; then entries are cancelled and positions closed, by orders that only reduce, until that
right ends (`orders.lone_right`) or the journal is back. A right that has ended comes back by another latch
alone; the spool remembers that, so that a restart does not begin anew. The next leader finds the latches in
the journal, where the spool was merged, and goes on.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from tradefleet.adapters.config_source import BadSnapshot, ConfigSource, SourceAway
from tradefleet.adapters.files.spool import Spool, SpoolBroken, SpoolFailed, spools
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.account_kill_switch import CLOSING, edge
from tradefleet.core.audit import Writer, latch_engaged
from tradefleet.core.events import LatchRecord
from tradefleet.core.spool import Spooled
from tradefleet.domain.orders import Account
from tradefleet.orders.audit import Act
from tradefleet.orders.lone_right import KnownEntry, LoneRight
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.executor.without_lease import close_without_lease
from tradefleet.services.flatten import Settings
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

UNKNOWN: Final = "unknown"
"""Account of an entry that was written before the exchange said whose it is."""

LOOK_S: Final = 0.2
CONFIG_S: Final = 1.0
"""Between two looks at the configuration: the API server is asked for it."""
MERGE_S: Final = 1.0
SECOND_NS: Final = 1_000_000_000
ARRIVED_NS: Final = 2 * SECOND_NS
"""Behind the longest valid window: the clock's error, of which preflight allows a second, and a second
more."""
WINDOW_NS: Final = 10 * SECOND_NS
"""The longest that a configuration can ask for, of one that was never seen."""


class WithoutJournal:
    """What is engaged on this machine, whatever the journal says.

    folder: of the spools. exchange: whose account is closed. Raises SpoolBroken or SpoolFailed for spools of
    earlier processes that cannot be read: what they engaged is not known then.
    """

    def __init__(
        self, folder: Path, exchange: Settings, status: ExecutorStatus, config: ConfigSource
    ) -> None:
        self._folder = folder
        self._spool: Spool | None = None
        self._exchange = exchange
        self._status = status
        self._config = config
        self._seen: ConfigSnapshot | None = None
        self._looked_s = 0.0
        waiting = [r for spool in spools(folder) for r in spool.records()[spool.merged :]]
        self._latches: dict[str, LatchRecord] = {
            record.latch.latch_id: record.latch for record in waiting if record.latch is not None
        }
        self._spent: set[str] = {name for record in waiting for name in record.spent}
        self._right: LoneRight | None = None
        self._lost_ns = 0
        self._entries: Mapping[str, KnownEntry] = {}
        self.engaged_by_hand: Callable[[LatchRecord], None] = lambda latch: None
        """Told of a latch that somebody engages while an epoch runs."""

    def engage(self, latch: LatchRecord) -> None:
        """Engage the kill switch: on the disk when this returns. Raises SpoolFailed."""
        entry = latch_engaged(self._writer, latch, latch.engaged_ns)
        self._append(Spooled(entry=entry, latch=latch))
        self._latches[latch.latch_id] = latch
        self.engaged_by_hand(latch)

    def epoch_left(
        self,
        latches: Mapping[str, LatchRecord],
        config: ConfigSnapshot,
        entries: Mapping[str, KnownEntry],
        lost_ns: int,
    ) -> None:
        """What was engaged when the epoch ended, and what it had under way; the journal may be away by now.
        lost_ns: when its lease ended, by the exchange's clock."""
        self._latches |= {name: latch for name, latch in latches.items() if latch.kind in CLOSING}
        self._seen, self._entries, self._lost_ns = config, entries, lost_ns

    def epoch_begun(self) -> None:
        """The journal is back, and the core knows its latches: another loss of the lease is another right."""
        self._latches, self._right = {}, None
        self._spent.clear()

    async def guard(self, away: Callable[[], str]) -> None:
        """For ever: while the journal is away and something is engaged, close everything. away: why it is,
        "" while it is not."""
        while True:
            await asyncio.sleep(LOOK_S)
            if not away():
                continue
            await self._look_at_config()
            right = self._right_now()
            if right is not None:
                await self._close_until(right, lambda: not away())

    async def merge(self, journal: Journal, account: Account, bot: str) -> None:
        """What the spools hold goes to the journal; nothing happens while it does not answer."""
        try:
            for spool in spools(self._folder):
                records = spool.records()
                spool.mark_merged(await journal.merge(spool.name, records, (str(account), bot)))
                log.info("spool_merged", spool=spool.name, records=len(records))
        except JournalDown:
            return  # said by whoever needs it for more than this
        except (SpoolBroken, SpoolFailed) as error:
            self._status.problem("spool_unreadable", str(error))

    async def keep_merging(self, journal: Journal, account: Account, bot: str) -> None:
        """The same for ever: an executor that never leads has a spool too."""
        while True:
            await self.merge(journal, account, bot)
            await self._look_at_journal(journal, account)
            await asyncio.sleep(MERGE_S)

    async def _look_at_journal(self, journal: Journal, account: Account) -> None:
        """A latch that somebody has cleared there gives no right any more."""
        if not self._latches:
            return
        try:
            cleared = await journal.cleared_latches(sorted(self._latches), account)
        except JournalDown:
            return  # said by whoever needs it for more than this
        for name in cleared:
            self._latches.pop(name, None)

    def _right_now(self) -> LoneRight | None:
        """The right that the latches give; None without one, and once it has ended."""
        active = self._latches.keys() - self._spent
        if self._right is not None and not self._right.ended and active <= self._right.latches and active:
            return self._right
        if not active:
            return None
        engaged_ns = max(self._latches[name].engaged_ns for name in active)
        self._right = LoneRight(
            latches=frozenset(active),
            since_ns=max(engaged_ns, self._lost_ns),
            longest_ns=self._window_ns() + ARRIVED_NS,
            entries={name: KnownEntry(e.key, e.side, e.left) for name, e in self._entries.items()},
        )
        return self._right

    def _window_ns(self) -> int:
        """So long after its decision an order of ours may still be taken, at the longest."""
        if self._seen is None:
            return WINDOW_NS
        wish = self._seen.spec.execution
        return int((wish.sign_within_seconds + wish.receive_window_seconds) * SECOND_NS)

    async def _look_at_config(self) -> None:
        """An edge of the spec engages; naming a latch clears it. What a spec said before we first saw it is
        no edge."""
        if time.monotonic() - self._looked_s < CONFIG_S:
            return
        self._looked_s = time.monotonic()
        try:
            newest = await self._config.read()
        except (BadSnapshot, SourceAway):
            return
        seen, self._seen = self._seen, newest
        if seen is None or newest.generation <= seen.generation:
            return
        wish, said = newest.spec.kill_switch, seen.spec.kill_switch
        latch = edge(said.engaged, newest, time.time_ns())
        if latch is not None:
            try:
                self.engage(latch)
            except SpoolFailed as error:
                # Closing does not wait for a disk.
                self._status.problem("spool_unwritten", str(error))
                self._latches[latch.latch_id] = latch
        if wish.clear != said.clear:
            self._latches.pop(wish.clear, None)

    async def _close_until(self, right: LoneRight, back: Callable[[], bool]) -> None:
        """Close what the right covers, until it has ended or the journal is back."""
        names = ", ".join(sorted(right.latches))
        self._status.problem("flattening_without_journal", f"engaged: {names}; cancelling and closing all")
        self._status.closing_without_journal = True
        closing = asyncio.create_task(
            close_without_lease(self._exchange, right, lambda: self._stands(right, back), self._say)
        )
        try:
            while not closing.done() and self._stands(right, back):
                await asyncio.wait({closing}, timeout=LOOK_S)
                await self._look_at_config()
            if not right.latches & self._latches.keys():
                right.end("its latches were cleared")
            if closing.done():
                self._status.seconds_to_flat = closing.result()
        finally:
            self._status.closing_without_journal = False
            closing.cancel()
            await asyncio.wait({closing})
        if right.ended:
            self._over(right)

    def _stands(self, right: LoneRight, back: Callable[[], bool]) -> bool:
        """Whether the right is to be used now; a newer latch gives another one."""
        active = self._latches.keys() - self._spent
        return not back() and bool(active) and active <= right.latches

    def _over(self, right: LoneRight) -> None:
        """Ended is ended, also for a process that is started later."""
        self._spent |= right.latches
        self._say(f"the right to close without the lease has ended: {right.ended}", spent=right.latches)

    def _say(self, text: str, spent: frozenset[str] = frozenset()) -> None:
        log.info("without_journal", said=text)
        why = "the kill switch, while the journal was away"
        entry = self._writer.entry(Act.FLATTEN, "", why, {"said": text}, time.time_ns())
        try:
            self._append(Spooled(entry=entry, spent=tuple(sorted(spent))))
        except SpoolFailed as error:
            self._status.problem("spool_unwritten", str(error))

    @property
    def _writer(self) -> Writer:
        # Which account it is may not be known yet; whoever merges knows.
        return Writer(account=self._status.account or UNKNOWN, actor=f"executor:{self._status.holder}")

    def _append(self, record: Spooled) -> None:
        """Raises SpoolFailed; a spool that has failed once is not written to again."""
        if self._spool is None:
            self._spool = Spool.create(self._folder)
        try:
            self._spool.append(record)
        except SpoolFailed:
            self._spool = None
            raise
