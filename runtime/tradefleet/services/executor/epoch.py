"""One epoch: from the journal's memory to the loss of the lease, of the journal, or a signal to stop.

One queue of events (`waiting`), one consumer: the core decides, the decision is logged, noted for the
journal and performed. A task of the epoch that fails ends the epoch by its exception, and so the process.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from tradefleet.adapters.config_source import ConfigSource
from tradefleet.adapters.files.decision_log import DecisionFiles
from tradefleet.adapters.postgres.errors import Fenced, JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease import LeaseKeeper
from tradefleet.adapters.redis.executor_bus import ExecutorBus
from tradefleet.adapters.redis.messages import StreamPosition
from tradefleet.core import account_kill_switch
from tradefleet.core.account import AccountCore
from tradefleet.core.digest import DecisionLog
from tradefleet.core.events import (
    AmendAnswered,
    AnyEvent,
    ConfigApplied,
    KillSwitchAsked,
    LatchEngaged,
    LatchRecord,
    ProtectionAnswered,
    Restored,
    RightToOpenChanged,
    SendFinished,
)
from tradefleet.domain.quantities import MONEY
from tradefleet.orders.breaker import State
from tradefleet.orders.codes import OF_SIZE_OFF_GRID
from tradefleet.orders.intents import Intent
from tradefleet.orders.lone_right import KnownEntry
from tradefleet.services import loops
from tradefleet.services.executor import feeds, sockets
from tradefleet.services.executor.breaker_limits import breaker_limits
from tradefleet.services.executor.fees import Fees
from tradefleet.services.executor.performer import Exchange, Performer
from tradefleet.services.executor.recorder import Recorder
from tradefleet.services.executor.rules import Rules
from tradefleet.services.executor.settings import ExecutorSettings
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.executor.waiting import EventQueue, Item, Reached
from tradefleet.spec.bot import OnDelete
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

STOPPED: Final = "stopped"
LEASE_LOST: Final = "lease_lost"
POSTGRES_DOWN: Final = "postgres_down"
OVERLOADED: Final = "overloaded"
"""More waits than can be worked off; the next epoch begins with what is so by then."""

_OFF_GRID: Final = (SendFinished, ProtectionAnswered, AmendAnswered)
"""Answers that may say that a price or a size does not lie on the contract's grid."""

HEARD_WITHIN_S: Final = 0.5


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an epoch works with; all of it outlives the epoch but the lease. turned: told of each turn of
    the main loop. key_doubted: told when the exchange does not take the key. fees: what the account pays.
    unchecked: why the account was not seen to be as it must be, "" when it was.
    """

    settings: ExecutorSettings
    journal: Journal
    lease: LeaseKeeper
    bus: ExecutorBus
    exchange: Exchange
    config: ConfigSource
    status: ExecutorStatus
    stop: asyncio.Event
    turned: Callable[[], None]
    key_doubted: Callable[[], None]
    fees: Fees
    unchecked: Callable[[], str] = lambda: ""


class Epoch:
    """The shell around one AccountCore."""

    def __init__(self, parts: Parts, restored: Restored, position: StreamPosition) -> None:
        self._parts = parts
        self._restored = restored
        self._position = position
        self._core = AccountCore()
        self._queue = EventQueue(time.monotonic, self._overloaded)
        self._leaving: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._why_not: str | None = None
        parts.status.dead_letters = parts.bus.letters.counts
        self._owners = feeds.Owners(parts.bus, parts.status)
        put = self._queue.put
        self._tickers = feeds.Tickers(restored.instruments, put, parts.status)
        self._rules = Rules(
            parts.settings.rest,
            restored.config.spec.exchange.category.value,
            restored.instruments,
            restored.config.spec.universe.symbols,
            put,
            parts.status,
            self._tickers.add,
        )
        self._recorder = Recorder(
            parts.journal,
            restored.config,
            self._owners.chosen,
            lambda wishes: self._performer.carry_out(wishes),
        )
        self._performer = Performer(
            journal=parts.journal,
            exchange=parts.exchange,
            may_sign=self._may_sign,
            why_not_leading=self._why_not_leading,
            put=put,
            learn=self._rules.learn,
            spawn=self._spawn,
            leave=self._leave,
            late=self._recorder.late,
            intent_of=self._intent_of,
            status=parts.status,
            largest_batch=parts.settings.largest_batch,
        )
        self._recorder.latches |= {latch.latch_id for latch in restored.latches}
        self._owners.chosen(list(restored.owners))

    async def run(self) -> str:
        """Lead until it is over; why it is over. Raises what a task of the epoch raised."""
        settings = self._parts.settings
        self._log = DecisionFiles(Path(settings.decisions_folder), self._restored.epoch, settings.decisions)
        self._parts.status.decision_log = self._log
        self._decisions = DecisionLog(self._log.write)
        try:
            return await self._lead()
        finally:
            await loops.end(set(self._tasks))
            self._say_of_log(await asyncio.to_thread(self._log.close))

    async def _lead(self) -> str:
        await self._tell(self._restored)
        tasks = self._start_feeds()
        consumer = self._spawn(self._consume())
        reason = await self._until_left()
        log.info("epoch_left", epoch=self._restored.epoch, reason=reason)
        self._performer.lose(reason if reason != STOPPED else "")
        if reason != STOPPED:
            self._give_up_what_waits()
        await loops.end(tasks)
        self._queue.put(RightToOpenChanged(now_ns=0, granted=False, reason=reason))
        await self._sends_finished()
        # Never cancelled: a write that is cut off would leave us not knowing what the journal has.
        self._queue.close()
        await asyncio.wait({consumer}, timeout=self._parts.settings.sends_patience_s)
        self._give_up_what_waits()
        await consumer
        await self._write_the_rest()
        return reason

    def _give_up_what_waits(self) -> None:
        """A lost right is not worked towards for minutes: the next epoch reads what is so by then."""
        given_up = self._queue.leave()
        if given_up:
            log.warning("backlog_given_up", epoch=self._restored.epoch, events=given_up)

    def _overloaded(self, why: str) -> None:
        self._parts.status.problem("overloaded", why)
        self._leave(OVERLOADED)

    def _start_feeds(self) -> set[asyncio.Task[None]]:
        """Everything that brings events; the right to open is looked at before the first tick."""
        parts, settings, put = self._parts, self._parts.settings, self._queue.put
        endless: list[Coroutine[Any, Any, None]] = [
            feeds.ticks(settings.tick_s, put, self._look_at_right),
            feeds.signals(
                parts.bus,
                self._position,
                put,
                lambda position: self._queue.put(Reached(position)),
                parts.status,
                settings.retry_s,
                self._queue.room,
            ),
            self._owners.publish(settings.owners_period_s),
            parts.bus.letters.keep(),
            feeds.configuration(
                parts.config,
                self._restored.config.generation,
                put,
                parts.status,
                lambda uid: uid == self._restored.config.uid,
            ),
            feeds.latches(
                parts.journal,
                self._recorder.latches,
                self._latch_engaged,
                self._latch_cleared,
                settings.latches_period_s,
            ),
            feeds.repeat(settings.keep_s, self._keep),
            feeds.repeat(settings.digest_period_s, self._keep_digest),
            self._rules.keep(settings.instruments_period_s),
            feeds.polled_quotes(
                settings.rest,
                self._restored.config.spec.exchange.category.value,
                self._tickers,
                parts.status,
            ),
            parts.fees.keep(put, self._restored.taker_fee, self._tickers.symbols),
            parts.exchange.clock.keep_measured(settings.clock_period_s),
            sockets.private_stream(settings, parts.exchange.clock, parts.bus.letters, put, parts.key_doubted),
            sockets.public_stream(settings, self._tickers),
            self._wait_for_stop(),
        ]
        return {self._spawn(loop) for loop in endless}

    # ---- the consumer

    async def _consume(self) -> None:
        """Until the queue is closed and empty."""
        while (item := await self._queue.take()) is not None:
            await self._take(item)

    async def _take(self, item: Item) -> None:
        if isinstance(item, Reached):
            self._recorder.reached(item.position)
        else:
            await self._tell(item)
        self._parts.lease.progress()
        self._parts.turned()

    async def _tell(self, first: AnyEvent) -> None:
        """Hand an event to the core, do what it decides; answers of writing go in before anything else."""
        pending: deque[AnyEvent] = deque([first])
        while pending:
            event = msgspec.structs.replace(pending.popleft(), now_ns=self._parts.exchange.clock.now_ns())
            if isinstance(event, Restored | ConfigApplied):
                self._parts.exchange.orders.breaker.limits = breaker_limits(
                    event.config.spec.execution.circuit_breaker
                )
            if isinstance(event, _OFF_GRID) and event.ret_code in OF_SIZE_OFF_GRID:
                self._rules.doubt()
            actions = self._core.handle(event)
            self._decisions.append(event, actions)
            self._parts.status.count(event, actions)
            left, answers = await self._performer.perform(actions)
            self._recorder.note(event, left)
            pending.extend(answers)
        self._parts.status.digest = self._decisions.digest

    def report(self) -> dict[str, Any]:
        """The core's own words for the status."""
        records = [msgspec.to_builtins(latch) for _, latch in sorted(self._core.state.latches.items())]
        return {
            **self._core.status(self._parts.exchange.clock.now_ns()),
            "latch_records": records,
            "events_waiting": len(self._queue),
            "waited_s": round(self.waited_s(), 3),
        }

    def waited_s(self) -> float:
        """For how long the first event that was not handled yet has waited."""
        return self._queue.waited_s()

    def engage(self, latch: LatchRecord) -> None:
        """Somebody asks this process to engage a latch."""
        self._queue.put(KillSwitchAsked(now_ns=0, latch=latch))

    @property
    def entries(self) -> dict[str, KnownEntry]:
        """Entries that may be under way, or rest, by our own ids."""
        return {
            tracked.intent.client_order_id: KnownEntry(
                key=tracked.intent.key,
                side=tracked.intent.side,
                left=MONEY.subtract(tracked.intent.qty, tracked.record.filled),
            )
            for tracked in self._core.state.open_intents()
            if not tracked.intent.leg.reduces
        }

    @property
    def engaged(self) -> tuple[dict[str, LatchRecord], ConfigSnapshot]:
        """Latches and configuration as the core has them."""
        return self._core.state.latches, self._core.state.config

    # ---- the right to open

    def _look_at_right(self) -> None:
        why_not = self._why_not_open()
        if why_not != self._why_not:
            self._why_not = why_not
            self._queue.put(RightToOpenChanged(now_ns=0, granted=not why_not, reason=why_not))
        if self._parts.lease.lost.is_set():
            self._leave(LEASE_LOST)

    def _why_not_open(self) -> str:
        """ "" while risk may be opened. Half open lets one order through: it is the probe."""
        now_ns = time.monotonic_ns()
        if now_ns >= self._parts.lease.may_open_until_monotonic_ns:
            return "the lease was not renewed in time"
        if self._parts.exchange.orders.breaker.state(now_ns) is State.OPEN:
            return "the circuit breaker is open: the exchange could not be reached too often"
        return self._parts.unchecked()

    def _may_sign(self, intent: Intent) -> str | None:
        """Asked in the same breath as the clock, directly before signing. What only reduces needs the lease
        too: without it there is another right, with another end (without_journal)."""
        return self._why_not_leading()

    def _intent_of(self, name: str) -> Intent | None:
        tracked = self._core.state.tracked.get(name)
        return None if tracked is None else tracked.intent

    def _why_not_leading(self) -> str | None:
        held = time.monotonic_ns() < self._parts.lease.may_open_until_monotonic_ns
        return None if held else "lease"

    # ---- leaving

    def leave(self, reason: str) -> None:
        """Give the lease up; what is held keeps its stops, and nothing is cancelled."""
        self._leave(reason)

    def _leave(self, reason: str) -> None:
        if not self._leaving.done():
            self._leaving.set_result(reason)

    async def _wait_for_stop(self) -> None:
        await self._parts.stop.wait()
        await self._flat_first()
        self._leave(STOPPED)

    async def _flat_first(self) -> None:
        """Of a bot that was deleted, and is to be flat, the positions are closed before we go."""
        patience_s = self._parts.settings.flatten_patience_s
        if patience_s <= 0 or self._core.state.spec.on_delete is not OnDelete.FLATTEN:
            return
        now = time.monotonic
        # The end of the bot may be heard a moment after the end of its pods was decided.
        heard_by, ends = now() + HEARD_WITHIN_S, now() + patience_s
        # What is waited for is a value of the core, and no event.
        while now() < heard_by or (  # noqa: ASYNC110
            account_kill_switch.flattening(self._core.state) and now() < ends
        ):
            await asyncio.sleep(0.05)

    async def _until_left(self) -> str:
        """Why the epoch ends; raises when a task has failed."""
        return await self._leaving

    async def _sends_finished(self) -> None:
        """Sends in flight get their time; their answers are still recorded."""
        if self._performer.sends:
            await asyncio.wait(set(self._performer.sends), timeout=self._parts.settings.sends_patience_s)

    async def _write_the_rest(self) -> None:
        try:
            await self._recorder.flush()
            await self._parts.journal.keep_digest(self._decisions.count, self._decisions.digest)
        except (JournalDown, Fenced) as error:
            log.warning("last_batch_lost", detail=str(error))

    def _say_of_log(self, texts: list[str]) -> None:
        for text in texts:
            self._parts.status.problem("decision_log", text)

    async def _keep_digest(self) -> None:
        try:
            await self._parts.journal.keep_digest(self._decisions.count, self._decisions.digest)
        except (JournalDown, Fenced):
            return  # the next batch finds out, and ends the epoch

    async def _keep(self) -> None:
        self._say_of_log(self._log.flush())
        try:
            # Shielded: the end of the epoch must not cut a batch off.
            await asyncio.shield(self._recorder.flush())
        except JournalDown as error:
            self._parts.status.store_down("postgres", str(error))
            self._leave(POSTGRES_DOWN)
        except Fenced as error:
            self._parts.status.problem("fenced", str(error))
            self._leave(LEASE_LOST)

    # ---- tasks

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failed = task.cancelled() or task.exception() is not None
        if failed and not self._leaving.done():
            self._leaving.set_exception(loops.why_it_ended(task))

    def _latch_engaged(self, latch: LatchRecord) -> None:
        self._recorder.latches.add(latch.latch_id)
        self._queue.put(LatchEngaged(now_ns=0, latch=latch))

    def _latch_cleared(self, latch_id: str) -> None:
        self._recorder.latches.discard(latch_id)
        self._queue.put(feeds.cleared(latch_id))
