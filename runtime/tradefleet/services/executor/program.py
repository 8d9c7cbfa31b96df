"""The executor from start to exit: prepare, then lead one epoch after the other.

Losing the lease or Postgres ends an epoch, never the process: it waits, is granted the next epoch,
restores what the journal knows and reconciles. What a restart cannot mend ends it with one line.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import structlog

from tradefleet.adapters.bybit.errors import PreflightRefused, Unreadable
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.adapters.config_source import BadSnapshot, ConfigSource
from tradefleet.adapters.files.spool import SpoolBroken, SpoolFailed
from tradefleet.adapters.files.status import write_json
from tradefleet.adapters.postgres.errors import AccountInUse, Fenced, JournalDown
from tradefleet.adapters.postgres.journal import Journal, JournalState
from tradefleet.adapters.postgres.lease import FAST, SAFE, Grant, LeaseKeeper
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.adapters.redis.executor_bus import ExecutorBus
from tradefleet.adapters.redis.messages import BusDown, StreamPosition
from tradefleet.adapters.telemetry import logs
from tradefleet.core.events import LatchRecord, Restored
from tradefleet.domain.orders import Account
from tradefleet.services.executor import endpoint, feeds
from tradefleet.services.executor.epoch import Epoch, Parts
from tradefleet.services.executor.exchange import Seen, exchange_of, look_at
from tradefleet.services.executor.first_config import first_config
from tradefleet.services.executor.performer import Exchange
from tradefleet.services.executor.pod import ExecutorPod
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings
from tradefleet.services.executor.standby import Standby
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.executor.without_journal import WithoutJournal
from tradefleet.services.flatten import Settings as FlattenSettings
from tradefleet.services.loops import end, set_within, why_it_ended
from tradefleet.services.probes import served
from tradefleet.services.process_main import run_program, stop_signal
from tradefleet.services.sources import open_source
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import LeasePreset

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = {LeasePreset.FAST: FAST, LeasePreset.SAFE: SAFE}

PROGRESS_S: Final = 0.1

CREDENTIAL_CODES: Final = frozenset({10003, 10004, 10005, 10010, 33004})
"""The exchange's codes for a key, signature, permission, address or date that it does not take."""

Answer = TypeVar("Answer")


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


class _Stopped(Exception):
    """Somebody has asked us to stop while we waited."""


class _Program:
    """What all epochs share."""

    def __init__(self, settings: ExecutorSettings, status: ExecutorStatus, stop: asyncio.Event) -> None:
        self._settings = settings
        self._status = status
        self._stop = stop
        self._epoch: Epoch | None = None
        self._standby = Standby(settings.rest, "")
        self._lease_trouble = ""
        self._config = _source(settings.snapshot_path)
        status.holder = settings.holder
        status.config_trouble = lambda: self._config.trouble
        self.pod = ExecutorPod(settings, status, self.now)
        key, secret = settings.credentials()
        self.without = _without_journal(settings, key, secret, status, self._config)
        self.without.engaged_by_hand = self._engaged_by_hand

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
        return self._status.report({} if self._epoch is None else self._epoch.report())

    async def work(self) -> None:
        """Prepare once, then epoch after epoch."""
        with contextlib.suppress(_Stopped):
            snapshot = await first_config(self._config, self._settings.postgres, self._status, self._rest)
            async with self._journal() as journal, exchange_of(self._settings, snapshot.spec) as exchange:
                bus = ExecutorBus(self._settings.redis, snapshot.uid)
                account = await self._account(snapshot, exchange)
                self._prepared(snapshot)
                merging = asyncio.create_task(self.without.keep_merging(journal, account, snapshot.uid))
                try:
                    while not self._stop.is_set():
                        await self._one_epoch(journal, exchange, bus, account, snapshot)
                finally:
                    await end((merging,))
                    with contextlib.suppress(BusDown):
                        await bus.close()
        await self._config.close()
        self._status.state = "stopped"

    # ---- preparation

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
        return self._lease_trouble or self._standby.trouble

    @contextlib.asynccontextmanager
    async def _journal(self) -> AsyncIterator[Journal]:
        self._status.state = "waiting_for_postgres"

        async def opened() -> Journal:
            try:
                await migrate(self._settings.postgres)
                return await Journal.open(self._settings.postgres)
            except JournalDown as error:
                self._lease_trouble = str(error)
                raise

        journal = await self._patiently(opened, JournalDown, "postgres")
        self._status.store_up("postgres")
        self._lease_trouble = ""
        try:
            yield journal
        finally:
            await journal.close()

    async def _account(self, snapshot: ConfigSnapshot, exchange: Exchange) -> Account:
        """Whose money it is; clock, key and account are checked on the way."""
        self._status.state = "waiting_for_exchange"

        async def looked_at() -> Seen:
            # Only at symbols that there are: the others keep nobody from trading.
            known = await listed(
                self._settings.rest, snapshot.spec.exchange.category.value, snapshot.spec.universe.symbols
            )
            self._status.say_unknown(known.unknown)
            return await look_at(exchange, snapshot.spec, [rules.symbol for rules in known.rules])

        try:
            seen = await self._patiently(looked_at, (Unreadable, ExchangeUnreachable), "exchange")
        except PreflightRefused as refused:
            raise ExecutorFailed(str(refused)) from refused
        self._status.preflight(seen.key_expires_ns, [(w.kind, w.text) for w in seen.warnings])
        account = Account(snapshot.spec.exchange.venue.value, snapshot.spec.mode.value, seen.uid)
        self._status.uid, self._status.account = seen.uid, str(account)
        return account

    async def _patiently(
        self,
        attempt: Callable[[], Awaitable[Answer]],
        not_now: type[Exception] | tuple[type[Exception], ...],
        what: str,
    ) -> Answer:
        """Try until it works or the patience is over; credentials do not mend themselves."""
        deadline = asyncio.get_running_loop().time() + self._settings.store_patience_s
        while True:
            try:
                return await attempt()
            except not_now as error:
                if getattr(error.__cause__, "status_code", None) in CREDENTIAL_CODES:
                    raise ExecutorFailed(
                        f"the exchange refuses our credentials ({error}); "
                        f"check {self._settings.api_key_variable} and {self._settings.api_secret_variable}; "
                        f"{self._settings.rest} knows no key that was made for another mode"
                    ) from error
                if asyncio.get_running_loop().time() > deadline:
                    raise ExecutorFailed(f"{what} does not answer: {error}; is it running?") from error
            await self._rest()

    async def _rest(self) -> None:
        """Wait before the next try; raises _Stopped."""
        if await set_within(self._stop, self._settings.retry_s):
            raise _Stopped

    # ---- epochs

    async def _one_epoch(
        self, journal: Journal, exchange: Exchange, bus: ExecutorBus, account: Account, first: ConfigSnapshot
    ) -> None:
        """Be granted, restore, lead; afterwards the lease is free again."""
        ttl_s, renew_s = LEASE_SECONDS[first.spec.execution.lease]
        self._status.now("waiting_for_lease")
        lease = LeaseKeeper(
            self._settings.postgres, str(account), first.uid, self._settings.holder, ttl_s, renew_s
        )
        lease.start()
        try:
            async with self._kept_ready(exchange, first):
                grant = await self._granted(lease)
            if grant is None:
                return
            parts = Parts(
                settings=self._settings,
                journal=journal,
                lease=lease,
                bus=bus,
                exchange=exchange,
                config=self._config,
                status=self._status,
                stop=self._stop,
                turned=self.pod.heartbeat.turned,
            )
            await self._lead(parts, account, grant.epoch)
        finally:
            self._status.leading, self._epoch = False, None
            await asyncio.to_thread(lease.close)
        if not self._stop.is_set():
            await self._rest()

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
        """The grant of the next epoch; None when we are to stop first."""
        acquiring = asyncio.create_task(lease.acquired())
        try:
            while not self._stop.is_set():
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

    async def _lead(self, parts: Parts, account: Account, number: int) -> None:
        self._status.state, self._status.epoch, self._status.account_in_use = "restoring", number, ""
        try:
            async with _progress(parts.lease):
                restored, position = await self._restored(parts, account, number)
        except (JournalDown, Fenced) as error:
            self._status.store_down("postgres", str(error))
            return
        except (Unreadable, ExchangeUnreachable) as error:
            self._status.problem("exchange_unreadable", str(error))
            return
        self._status.store_up("postgres")
        self._status.leading = True
        log.info("epoch_begun", epoch=number, generation=restored.config.generation, account=str(account))
        self.without.epoch_begun()
        self._epoch = epoch = Epoch(parts, restored, position)
        self._status.now("leading")
        try:
            reason = await epoch.run()
        finally:
            self.without.epoch_left(*epoch.engaged)
        self._status.now(reason)

    async def _restored(self, parts: Parts, account: Account, epoch: int) -> tuple[Restored, StreamPosition]:
        """What the journal knows, with the instruments of all that it knows and the account's fee."""
        config = await self._newest()
        await self.without.merge(parts.journal, account, config.uid)
        state = await parts.journal.begin_epoch(account, config.uid, epoch, config)
        if state.config.generation > config.generation:
            # A supervisor that lost its count, or an old file: limits never go back.
            config = state.config
        self._status.config = config
        symbols = sorted(_symbols(config, state))
        rules = await self._standby.rules(symbols)
        self._status.say_unknown(self._standby.unknown)
        fee = await parts.exchange.reads.taker_fee([instrument.symbol for instrument in rules])
        restored = Restored(
            now_ns=0,
            account=account,
            epoch=epoch,
            config=config,
            instruments=rules,
            taker_fee=fee,
            intents=state.intents,
            positions=state.positions,
            executions_counted=state.executions_counted,
            seen_signals=state.seen_signals,
            owners=state.owners,
            latches=state.latches,
            kill_switch_before=state.kill_switch_before,
            kill_switches_known=state.kill_switches_known,
            baseline=state.baseline,
            quiet_until_ns=state.quiet_until_ns,
        )
        mark = state.stream_position
        return restored, StreamPosition(
            run_id=mark.run_id, signals_id=mark.signals_id, announcements_id=mark.announcements_id
        )

    async def _newest(self) -> ConfigSnapshot:
        """The configuration now; while it is none, the newest one that we know."""
        try:
            found = await self._config.read()
        except BadSnapshot as bad:
            if self._status.config is None:
                raise ExecutorFailed(str(bad)) from bad
            self._status.config_refused(str(bad), bad.generation)
            return self._status.config
        self._status.config_error = ""
        return found


def _without_journal(
    settings: ExecutorSettings, key: str, secret: str, status: ExecutorStatus, config: ConfigSource
) -> WithoutJournal:
    exchange = FlattenSettings(rest=settings.rest, key=key, secret=secret)
    try:
        return WithoutJournal(settings.spool_folder, exchange, status, config)
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


def _symbols(config: ConfigSnapshot, state: JournalState) -> set[str]:
    """Symbols that we trade, and those of which something is still open."""
    held = {position.key.symbol for position in state.positions if position.size != 0}
    unresolved = {record.intent.key.symbol for record in state.intents if not record.state.is_final}
    return {*config.spec.universe.symbols, *held, *unresolved}
