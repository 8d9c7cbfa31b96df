"""The executor from start to exit: prepare, then lead one epoch after the other.

Losing the lease or Postgres ends an epoch, never the process: it waits, is granted the next epoch,
restores what the journal knows and reconciles. What a restart cannot mend ends it with one line.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import msgspec
import structlog

from tradefleet.adapters.config_source import BadSnapshot, ConfigSource
from tradefleet.adapters.files.spool import SpoolBroken, SpoolFailed
from tradefleet.adapters.files.status import write_json
from tradefleet.adapters.postgres.errors import AccountInUse, Fenced, JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease import FAST, SAFE, Grant, LeaseKeeper
from tradefleet.adapters.redis.executor_bus import ExecutorBus
from tradefleet.adapters.redis.messages import BusDown
from tradefleet.adapters.telemetry import logs
from tradefleet.core.events import LatchRecord
from tradefleet.domain.orders import Account
from tradefleet.services.executor import endpoint, feeds
from tradefleet.services.executor.account_words import AccountWords
from tradefleet.services.executor.checking import AccountCheck
from tradefleet.services.executor.epoch import Epoch, Parts
from tradefleet.services.executor.exchange import exchange_of
from tradefleet.services.executor.fees import Fees
from tradefleet.services.executor.first_config import first_config
from tradefleet.services.executor.key_watch import KeyWatch
from tradefleet.services.executor.performer import Exchange
from tradefleet.services.executor.pod import ExecutorPod
from tradefleet.services.executor.preparation import Preparation, Stopped
from tradefleet.services.executor.restoring import restored
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings
from tradefleet.services.executor.standby import Standby
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.executor.without_journal import WithoutJournal
from tradefleet.services.flatten import Settings as FlattenSettings
from tradefleet.services.loops import end, why_it_ended
from tradefleet.services.probes import served
from tradefleet.services.process_main import run_program, stop_signal
from tradefleet.services.sources import open_source
from tradefleet.spec.bot import Mode
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import LeasePreset

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = {LeasePreset.FAST: FAST, LeasePreset.SAFE: SAFE}

PROGRESS_S: Final = 0.1

KEY_REFUSED: Final = "key_refused"


async def run(settings: ExecutorSettings) -> None:
    """Lead whenever the lease is ours, until SIGTERM or SIGINT; raises ExecutorFailed."""
    logs.configure("executor", settings.log_level)
    stop = stop_signal()
    status = ExecutorStatus()
    program = _Program(settings, status, stop)
    async with served(settings.probe_port, program.pod.probes(), endpoint.routes(program.without.engage)):
        working = asyncio.create_task(program.work(), name="work")
        beside = [
            asyncio.create_task(loop) for loop in (program.report(), program.guard(), *program.pod.loops())
        ]
        try:
            done, _ = await asyncio.wait({working, *beside}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {working}:
                raise why_it_ended(task)
            await working
        finally:
            await end((working, *beside))
            program.write_status()
    log.info("executor_stopped")


def main(arguments: Sequence[str]) -> int:
    """Run with the settings in the named JSON file, or in the environment; the exit status."""
    return run_program("executor", arguments, ExecutorSettings, run)


class _Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What was made ready once for all epochs. first: the configuration at the start."""

    first: ConfigSnapshot
    journal: Journal
    exchange: Exchange
    bus: ExecutorBus
    account: Account
    fees: Fees
    unchecked: Callable[[], str]


class _Program:
    """What all epochs share."""

    def __init__(self, settings: ExecutorSettings, status: ExecutorStatus, stop: asyncio.Event) -> None:
        self._settings = settings
        self._status = status
        self._stop = stop
        self._epoch: Epoch | None = None
        self._standby = Standby(settings.rest, "")
        self._lease_trouble = ""
        self._key: KeyWatch | None = None
        self._preparation = Preparation(settings, status, stop, self._journal_trouble)
        self._config = _source(settings.snapshot_path)
        status.holder = settings.holder
        status.config_trouble = lambda: self._config.trouble
        self.pod = ExecutorPod(settings, status, self.now)
        self.pod.heartbeat.waited_s = lambda: 0.0 if self._epoch is None else self._epoch.waited_s()
        key, secret = settings.credentials()
        self.without = _without_journal(settings, key, secret, status, self._config)
        self.without.engaged_by_hand = self._engaged_by_hand

    def _journal_trouble(self, text: str) -> None:
        self._lease_trouble = text

    def _engaged_by_hand(self, latch: LatchRecord) -> None:
        if self._epoch is not None:
            self._epoch.engage(latch)

    async def guard(self) -> None:
        """Close what is engaged while the journal is away, for ever."""
        await self.without.guard(lambda: self._lease_trouble if self._epoch is None else "")

    async def report(self) -> None:
        """Write the status file for ever."""
        while True:
            self.write_status()
            if self._epoch is None:
                self.pod.heartbeat.turned()  # an epoch says so itself
            await asyncio.sleep(self._settings.status_period_s)

    def write_status(self) -> None:
        """Write the status file now."""
        write_json(self._settings.status_path, self.now())

    def now(self) -> dict[str, Any]:
        """What there is to say, as plain values."""
        report = self._status.report({} if self._epoch is None else self._epoch.report())
        return {**report, "why_dead": self.pod.heartbeat.why_dead()}

    async def work(self) -> None:
        """Prepare once, then epoch after epoch; raises ExecutorFailed when the key is of no use any more."""
        refused = ""
        with contextlib.suppress(Stopped):
            prepare, settings = self._preparation, self._settings
            snapshot = await first_config(self._config, settings.postgres, self._status, prepare.rest)
            async with prepare.journal() as journal, exchange_of(settings, snapshot.spec) as exchange:
                bus = ExecutorBus(self._settings.redis, snapshot.uid, exchange.clock.now_ns)
                words = AccountWords(journal, settings.credentials()[0], settings.holder)
                check = AccountCheck(settings, self._status, snapshot, exchange, words)
                self._status.state = "waiting_for_exchange"
                account = await check.account(prepare.rest)
                prepared = _Prepared(
                    first=snapshot,
                    journal=journal,
                    exchange=exchange,
                    bus=bus,
                    account=account,
                    fees=Fees(exchange.reads, words, account, self._key_doubted),
                    unchecked=check.why_not_open,
                )
                self._prepared(snapshot)
                merging = asyncio.create_task(self.without.keep_merging(journal, account, snapshot.uid))
                watching = asyncio.create_task(self._watch_key(exchange, snapshot))
                # It ends only with the key, or by a fault of its own.
                watching.add_done_callback(lambda _: self._stop.set())
                checking = asyncio.create_task(self._checked(check))
                try:
                    while not self._stop.is_set():
                        await self._one_epoch(prepared)
                    if checking.done():
                        checking.result()
                finally:
                    await end((merging, watching, checking))
                    with contextlib.suppress(BusDown):
                        await bus.close()
                    refused = "" if watching.cancelled() else watching.result()
        await self._config.close()
        if refused:
            raise ExecutorFailed(refused)
        self._status.state = "stopped"

    async def _watch_key(self, exchange: Exchange, snapshot: ConfigSnapshot) -> str:
        """Until the exchange does not take our key any more: give the lease up; what a person is told."""
        paper = snapshot.spec.mode is Mode.PAPER
        self._key = KeyWatch(
            exchange.reads,
            exchange.orders.governor,
            leads=lambda: self._epoch is not None,
            tells_expiry=not paper,
        )
        why = await self._key.refused(
            self._status.key_expires, lambda soon: self._status.problem("expires_soon", soon)
        )
        variables = f"{self._settings.api_key_variable} and {self._settings.api_secret_variable}"
        text = (
            f"the exchange does not take our key any more ({why}); put a new one into {variables}: this one "
            "ends, and the next process reads them anew. Stops and targets stand; nothing was cancelled"
        )
        self._status.problem("key_refused", text)
        if self._epoch is not None:
            self._epoch.leave(KEY_REFUSED)
        return text

    def _key_doubted(self, why: str = "") -> None:
        if self._key is not None:
            self._key.doubted(why)

    async def _checked(self, check: AccountCheck) -> None:
        """Beside the epochs, until the account was looked at. What speaks against it ends them as a signal
        to stop does, and then the process."""
        passed = False
        try:
            await check.finish()
            passed = True
        finally:
            if not passed:
                self._stop.set()

    # ---- readiness

    def _prepared(self, snapshot: ConfigSnapshot) -> None:
        self._standby = Standby(self._settings.rest, snapshot.spec.exchange.category.value)
        self.pod.why_not_ready = self._why_not_ready
        self.pod.prepared = True

    def _why_not_ready(self) -> str:
        """ "" for a leader, and for a standby that could lead at once."""
        state = self._status.state
        if self._stop.is_set():
            return "told to stop"
        if state == "leading":
            return ""
        if state != "waiting_for_lease":
            return state
        return self._lease_trouble or self._key_trouble or self._standby.trouble

    @property
    def _key_trouble(self) -> str:
        return "" if self._key is None else self._key.trouble

    # ---- epochs

    async def _one_epoch(self, prepared: _Prepared) -> None:
        """Be granted, restore, lead; afterwards the lease is free again."""
        while self._key_trouble and not self._stop.is_set():
            # Whoever cannot lead does not ask to: the other one may have a key that works.
            await self._preparation.rest()
        account, first = prepared.account, prepared.first
        ttl_s, renew_s = LEASE_SECONDS[first.spec.execution.lease]
        self._status.now("waiting_for_lease")
        lease = LeaseKeeper(
            self._settings.postgres,
            str(account),
            first.uid,
            self._settings.holder,
            ttl_s,
            renew_s,
            namespace=first.namespace,
            name=first.name,
        )
        lease.start()
        try:
            async with self._kept_ready(prepared.exchange, first):
                grant = await self._granted(lease)
            if grant is None:
                return
            parts = Parts(
                settings=self._settings,
                journal=prepared.journal,
                lease=lease,
                bus=prepared.bus,
                exchange=prepared.exchange,
                config=self._config,
                status=self._status,
                stop=self._stop,
                turned=self.pod.heartbeat.turned,
                key_doubted=self._key_doubted,
                fees=prepared.fees,
                unchecked=prepared.unchecked,
            )
            await self._lead(parts, account, grant)
        finally:
            self._status.leading, self._epoch = False, None
            await asyncio.to_thread(lease.close)
        if not self._stop.is_set():
            await self._preparation.rest()

    @contextlib.asynccontextmanager
    async def _kept_ready(self, exchange: Exchange, first: ConfigSnapshot) -> AsyncIterator[None]:
        """While we wait for the lease, everything is ready for the moment in which we get it."""
        config = self._status.config or first
        keeping = asyncio.create_task(
            self._standby.keep(exchange, config.spec.universe.symbols, self._settings.clock_period_s)
        )
        try:
            yield
        finally:
            await end((keeping,))

    async def _granted(self, lease: LeaseKeeper) -> Grant | None:
        """The grant of the next epoch; None when we are to stop first, or when our key is in doubt."""
        acquiring = asyncio.create_task(lease.acquired())
        try:
            while not (self._stop.is_set() or self._key_trouble):
                await asyncio.wait({acquiring}, timeout=self._settings.retry_s)
                self._lease_trouble = lease.trouble
                if lease.trouble:
                    self._status.store_down("postgres", lease.trouble)
                if acquiring.done():
                    try:
                        return await acquiring
                    except AccountInUse as error:
                        self._say_in_use(error)
                        acquiring = asyncio.create_task(lease.acquired())
            return None
        finally:
            acquiring.cancel()

    def _say_in_use(self, error: AccountInUse) -> None:
        self._status.account_in_use = str(error)
        if self._status.state != "account_in_use":
            self._status.now("account_in_use")
            self._status.problem("account_in_use", str(error))

    async def _lead(self, parts: Parts, account: Account, grant: Grant) -> None:
        number = grant.epoch
        self._status.state, self._status.epoch, self._status.account_in_use = "restoring", number, ""
        try:
            async with _progress(parts.lease):
                first, position = await restored(parts, account, grant, self._standby, self.without)
        except (JournalDown, Fenced) as error:
            self._status.store_down("postgres", str(error))
            return
        self._status.store_up("postgres")
        self._status.leading = True
        log.info("epoch_begun", epoch=number, generation=first.config.generation, account=str(account))
        self.without.epoch_begun()
        self._epoch = epoch = Epoch(parts, first, position)
        self._status.now("leading")
        try:
            reason = await epoch.run()
        finally:
            since_lost_ns = max(0, time.monotonic_ns() - parts.lease.held_until_monotonic_ns)
            lost_ns = parts.exchange.clock.now_ns() - since_lost_ns
            self.without.epoch_left(*epoch.engaged, epoch.entries, lost_ns)
        self._status.now(reason)


def _without_journal(
    settings: ExecutorSettings, key: str, secret: str, status: ExecutorStatus, config: ConfigSource
) -> WithoutJournal:
    exchange = FlattenSettings(rest=settings.rest, key=key, secret=secret)
    try:
        return WithoutJournal(settings.spools, exchange, status, config)
    except (SpoolFailed, SpoolBroken) as error:
        raise ExecutorFailed(
            f"{error}; look at what it says, engage the kill switch again if it should be, and move the file"
        ) from error


def _source(address: str) -> ConfigSource:
    try:
        return open_source(address)
    except BadSnapshot as bad:
        raise ExecutorFailed(str(bad)) from bad


@contextlib.asynccontextmanager
async def _progress(lease: LeaseKeeper) -> AsyncIterator[None]:
    """While we restore, the loop is alive though no event is handled yet."""
    task = asyncio.create_task(feeds.ticks(PROGRESS_S, lambda _event: None, lease.progress))
    try:
        yield
    finally:
        task.cancel()
