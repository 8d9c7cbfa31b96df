"""Writes down what the core decided, in batches of one transaction.

All rows of one decision lie in the same batch, so a position in the journal is the sum of the
executions beside it, whenever the process dies. What the audit says of them lies in it too.
"""

import asyncio
from collections.abc import Callable

from tradefleet.adapters.failpoints import failpoint
from tradefleet.adapters.postgres.journal import Journal, StreamMark
from tradefleet.adapters.redis.messages import StreamPosition
from tradefleet.core.actions import (
    AnyAction,
    CancelFound,
    CancelOrder,
    CancelOrders,
    ChooseOwner,
    ClearLatch,
    EngageLatch,
    KeepExecution,
    Submit,
    Wish,
)
from tradefleet.core.audit import entry_of, entry_of_event, limits_entry
from tradefleet.core.events import AnyEvent, ConfigApplied, ShardOwner
from tradefleet.orders.audit import Entry
from tradefleet.spec.snapshot import ConfigSnapshot


class Recorder:
    """One epoch's pending rows."""

    def __init__(
        self,
        journal: Journal,
        config: ConfigSnapshot,
        on_owners: Callable[[list[ShardOwner]], None],
        on_wishes: Callable[[list[Wish]], None],
    ) -> None:
        """config: in force when the epoch begins. on_owners, on_wishes: told of what may be done now, since
        it is written."""
        self._journal = journal
        self._config = config
        self._on_owners = on_owners
        self._on_wishes = on_wishes
        self._batch: list[AnyAction | AnyEvent] = []
        self._entries: list[Entry] = []
        self._position: StreamMark | None = None
        self._writing = asyncio.Lock()
        self._broken = False
        self.latches: set[str] = set()
        """Ids of the latches that are surely in the journal, so that a missing one was cleared."""

    def note(self, event: AnyEvent, actions: list[AnyAction]) -> None:
        """Keep these with the next batch, and of events a configuration, so that limits never go back.

        A Submit is no row of a batch: its intent is written alone.
        """
        if isinstance(event, ConfigApplied):
            self._batch.append(event)
        self._batch += [action for action in actions if not isinstance(action, Submit)]
        self._audit(event, actions)

    def _audit(self, event: AnyEvent, actions: list[AnyAction]) -> None:
        """A Submit and a cancel are in the audit by now: they are written before they are done."""
        writer, now_ns = self._journal.writer, event.now_ns
        found = [entry_of_event(event, writer, now_ns)]
        if isinstance(event, ConfigApplied) and event.config.generation > self._config.generation:
            found.append(limits_entry(self._config, event.config, writer, now_ns))
            self._config = event.config
        ahead = Submit | CancelOrders | CancelOrder | CancelFound
        found += [entry_of(a, writer, now_ns) for a in actions if not isinstance(a, ahead)]
        self._entries += [entry for entry in found if entry is not None]

    def late(self, entry: Entry) -> None:
        """An entry that could not be written before its act: with the next batch, then."""
        self._entries.append(entry)

    def reached(self, position: StreamPosition) -> None:
        """Everything of the streams up to here has been handled, and lies in a batch by now."""
        self._position = StreamMark(
            run_id=position.run_id,
            signals_id=position.signals_id,
            announcements_id=position.announcements_id,
        )

    async def flush(self) -> None:
        """Write what is pending; raises JournalDown or Fenced, and then the batch is lost.

        That is no harm, since the epoch ends and the next one reads streams and exchange again. But
        nothing may be written after it: a later position would pass over what was lost.
        """
        async with self._writing:
            batch, position, entries = self._batch, self._position, self._entries
            self._batch, self._position, self._entries = [], None, []
            if self._broken or not (batch or position or entries):
                return
            self._broken = True
            await self._journal.keep(batch, position, entries)
            self._broken = False
            self._kept(batch)

    def _kept(self, batch: list[AnyAction | AnyEvent]) -> None:
        if any(isinstance(row, KeepExecution) for row in batch):
            failpoint("execution.recorded")
        self.latches |= {row.latch.latch_id for row in batch if isinstance(row, EngageLatch)}
        self.latches -= {row.latch_id for row in batch if isinstance(row, ClearLatch)}
        owners = [row.owner for row in batch if isinstance(row, ChooseOwner)]
        if owners:
            self._on_owners(owners)
        wishes = [row for row in batch if isinstance(row, Wish)]
        if wishes:
            self._on_wishes(wishes)
