"""The kill switch while the journal is away: latches on this machine's disk, and the way out.

An executor that cannot reach Postgres leads nothing, and must still stop when it is told to. What engages the
switch meanwhile (the last epoch's own latches, an edge of the bot's spec, the executor's endpoint) is written
to a spool first; then everything is cancelled and closed as `tradefleet flatten` does it, by orders that only
reduce, until the account is clear or the journal is back. The next leader finds the latches in the journal,
where the spool was merged, and goes on.
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
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.flatten import Settings, flatten
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

UNKNOWN: Final = "unknown"
"""Account of an entry that was written before the exchange said whose it is."""

LOOK_S: Final = 0.2
CONFIG_S: Final = 1.0
"""Between two looks at the configuration: the API server is asked for it."""
MERGE_S: Final = 1.0


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
        self._latches: dict[str, LatchRecord] = {
            record.latch.latch_id: record.latch
            for spool in spools(folder)
            for record in spool.records()[spool.merged :]
            if record.latch is not None
        }
        self.engaged_by_hand: Callable[[LatchRecord], None] = lambda latch: None
        """Told of a latch that somebody engages while an epoch runs."""

    def engage(self, latch: LatchRecord) -> None:
        """Engage the kill switch: on the disk when this returns. Raises SpoolFailed."""
        entry = latch_engaged(self._writer, latch, latch.engaged_ns)
        self._append(Spooled(entry=entry, latch=latch))
        self._latches[latch.latch_id] = latch
        self.engaged_by_hand(latch)

    def epoch_left(self, latches: Mapping[str, LatchRecord], config: ConfigSnapshot) -> None:
        """What was engaged when the epoch ended; the journal may be away by now."""
        self._latches |= {name: latch for name, latch in latches.items() if latch.kind in CLOSING}
        self._seen = config

    def epoch_begun(self) -> None:
        """The journal is back, and the core knows its latches."""
        self._latches = {}

    async def guard(self, away: Callable[[], str]) -> None:
        """For ever: while the journal is away and something is engaged, close everything. away: why it is,
        "" while it is not."""
        while True:
            await asyncio.sleep(LOOK_S)
            if not away():
                continue
            await self._look_at_config()
            if self._latches:
                await self._close_until(lambda: not away())

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
            await asyncio.sleep(MERGE_S)

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

    async def _close_until(self, back: Callable[[], bool]) -> None:
        """Flatten, and look again for as long as the journal is away: something may arrive late."""
        names = ", ".join(sorted(self._latches))
        self._status.problem("flattening_without_journal", f"engaged: {names}; cancelling and closing all")
        self._status.closing_without_journal = True
        closing = asyncio.create_task(flatten(self._exchange, self._say))
        try:
            while not closing.done() and not back():
                await asyncio.wait({closing}, timeout=LOOK_S)
                await self._look_at_config()
                if not self._latches:
                    return
            if closing.done():
                ended = closing.result()
                seconds = ended.seconds_to_flat
                log.info("flat_without_journal", clear=ended.clear, seconds=seconds)
                self._status.seconds_to_flat = seconds if ended.clear else None
        finally:
            self._status.closing_without_journal = False
            closing.cancel()
            await asyncio.wait({closing})

    def _say(self, text: str) -> None:
        log.info("without_journal", said=text)
        why = "the kill switch, while the journal was away"
        entry = self._writer.entry(Act.FLATTEN, "", why, {"said": text}, time.time_ns())
        try:
            self._append(Spooled(entry=entry))
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
