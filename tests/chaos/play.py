"""Plays a schedule on a fleet, lets everything heal, and judges the books."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.acts import (
    AnyAct,
    AtFailpoint,
    Away,
    BrokenList,
    BusAnew,
    ByHand,
    CutOff,
    Dies,
    Foreign,
    KeyDies,
    KillSwitchActs,
    Limits,
    Place,
    Sleeps,
    Strikes,
    TickChanges,
    UnknownWord,
    Way,
    Weather,
    Who,
    Wish,
)
from tests.chaos.books import Books
from tests.chaos.fleet import Fleet, Stores, Wires, fleet_of
from tests.chaos.hands import Hands
from tests.chaos.judge import OURS, PART, Finding, judge
from tests.chaos.midnight import ahead_to_midnight
from tests.chaos.results import Result
from tests.chaos.schedule import Schedule
from tests.chaos.world import SYMBOLS
from tests.chaos.worlds import risk, spec_of
from tests.support.executor_world import ExecutorProcess
from tests.support.tcp_relay import TcpRelay

from tradefleet.adapters.redis.messages import BusDown
from tradefleet.spec.trading import KillSwitch, Leverage

SETTLED_WITHIN_S = 40.0
"""After everything is healed: a takeover, an order's time and its five seconds of grace, and room."""

READY_WITHIN_S = 150.0
"""Two processes on a machine that others use: no figure of theirs, only the beginning."""

FLAT_WITHIN_S = 20.0
"""A new leader needs 7 s, and closes from the journal's sizes 3 s later, one after the other."""

KEY_IS_DEAD = "does not take our key"


class NotReady(Exception):
    """Nobody could open at the beginning; the text is what the executors say."""


async def play(schedule: Schedule, stores: Stores, folder: Path) -> Result:
    """From an empty account to the verdict."""
    with ahead_to_midnight() if schedule.has_midnight else contextlib.nullcontext(0) as ahead_ns:
        return await _played(schedule, stores, folder, ahead_ns)


async def _played(schedule: Schedule, stores: Stores, folder: Path, ahead_ns: int) -> Result:
    began = time.monotonic()
    async with fleet_of(
        folder,
        stores,
        SYMBOLS,
        copies=1,
        ahead_ns=ahead_ns,
        forgets=schedule.forgets,
        **spec_of(schedule),
    ) as fleet:
        player = Player(fleet, schedule)
        findings, trouble = await player.run()
        books = await fleet.books()
        verdicts = await fleet.rows("SELECT reason, count(*) AS number FROM signals GROUP BY reason")
        return Result(
            seed=schedule.seed,
            acts=len(schedule.acts),
            findings=findings,
            seconds=round(time.monotonic() - began, 1),
            placed=sum(order.client_order_id.startswith(OURS) for order in books.orders),
            orders=len({e.client_order_id for e in books.executions if e.client_order_id.startswith(OURS)}),
            epochs=len(books.grants),
            struck=len(fleet.proxy.struck),
            parts=_parts(books),
            verdicts={row["reason"] or "accepted": row["number"] for row in verdicts},
            trouble=trouble,
        )


def _parts(books: Books) -> int:
    executed = {execution.client_order_id for execution in books.executions}
    return sum(i.leg.startswith(PART) and i.client_order_id in executed for i in books.intents)


class Player:
    """Does the acts at their times."""

    def __init__(self, fleet: Fleet, schedule: Schedule) -> None:
        self._fleet = fleet
        self._schedule = schedule
        self._running: dict[str, ExecutorProcess] = {}
        self._undoing: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._engaged = 0
        self._latched = False
        self._hands = Hands(fleet)

    async def run(self) -> tuple[tuple[Finding, ...], str]:
        """What is wrong in the end, and why it could not be brought to rest, "" when it could."""
        failpoint = self._schedule.failpoint
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                leader, standby = await self._fleet.two(failpoint.name if failpoint else "")
        except TimeoutError as error:
            raise NotReady(self._fleet.why_not_ready()) from error
        self._running = {executor.status_file.parent.name: executor for executor in (leader, standby)}
        began = time.monotonic()
        for act in self._schedule.acts:
            await asyncio.sleep(max(0.0, began + act.at_ms / 1000 - time.monotonic()))
            await self._do(act)
        await self._heal()
        return await self._settled()

    # ---- acts

    async def _do(self, act: AnyAct) -> None:
        fleet = self._fleet
        match act:
            case Wish():
                await self._wish(act)
            case Strikes():
                fleet.proxy.arm(act.trouble, act.part, act.times, act.delay_ms / 1000)
            case Weather():
                fleet.proxy.weather = act.trouble
                self._later(act.for_ms, self._clears())
            case Dies():
                self._later(0, self._dies(self._who(act.who), act.back_after_ms))
            case Sleeps():
                self._sleeps(self._who(act.who), act.for_ms)
            case AtFailpoint():
                self._later(0, self._at_failpoint(act))
            case Away():
                await self._away(act)
            case Limits():
                # Leverage comes and goes with it: 5, 10 and more.
                wish = Leverage(default=Decimal(5 + 5 * act.max_positions))
                fleet.configure(risk=risk(act.max_positions, fleet.per_symbol), leverage=wish)
            case KillSwitchActs():
                self._kill_switch(act.engaged)
            case ByHand():
                self._by_hand(act.placed)
            case Foreign():
                self._hands.foreign(act)
            case CutOff():
                wire = fleet.postgres_wire.of(self._who(act.who))
                wire.cut()
                self._later(act.for_ms, self._mended(wire))
            case BrokenList():
                self._hands.broken(act)
                if act.for_ms:
                    self._later(act.for_ms, self._readable(act.part))
            case KeyDies():
                self._later(0, self._key_dies(act))
            case TickChanges():
                self._hands.tick(act)
            case UnknownWord():
                self._hands.word(act)
            case BusAnew():
                await self._hands.bus_anew()

    async def _wish(self, act: Wish) -> None:
        if self._fleet.owner is None:
            return
        strategy = "breakout" if self._fleet.hedged and act.at_ms % 2 else "imbalance"
        wish = self._fleet.signal(act.target, act.symbol, strategy)
        for _ in range(1 + act.repeats):
            # Shards drop what they cannot publish: a signal is worth nothing later.
            with contextlib.suppress(BusDown, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._fleet.bus.publish(wish)

    def _who(self, who: Who) -> str:
        """The name of the one that leads, or of the other one, by what they say now."""
        leads = next((n for n, e in self._running.items() if e.status().get("leading")), "a")
        return leads if who is Who.LEADER else ("b" if leads == "a" else "a")

    async def _dies(self, name: str, back_after_ms: int) -> None:
        process = self._running[name].process
        process.kill()
        await asyncio.to_thread(process.wait)
        await self._wait(back_after_ms)
        if not self._over.is_set() and self._running[name].process.poll() is not None:
            self._running[name] = self._fleet.begin(name)

    def _sleeps(self, name: str, for_ms: int) -> None:
        process = self._running[name].process
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            self._later(for_ms, self._wakes(process))

    async def _wakes(self, process: Any) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)

    async def _at_failpoint(self, act: AtFailpoint) -> None:
        hit = self._fleet.folder / f"{act.name}.hit"
        while not hit.exists():
            if self._over.is_set():
                return
            await asyncio.sleep(0.01)
        pid = int(hit.read_text())
        await self._wait(act.for_ms)
        if act.dies:
            name = next((n for n, e in self._running.items() if e.process.pid == pid), "")
            if name:
                await self._dies(name, 0)
        (self._fleet.folder / f"{act.name}.go").touch()

    async def _away(self, act: Away) -> None:
        fleet = self._fleet
        wires: dict[Place, Wires | TcpRelay] = {
            Place.POSTGRES: fleet.postgres_wire,
            Place.VALKEY: fleet.valkey_wire,
            Place.STREAM: fleet.stream_wire,
        }
        wire = wires[act.place]
        if act.way is Way.KILLED:
            server = fleet.postgres if act.place is Place.POSTGRES else fleet.valkey
            self._later(0, self._killed(server, act.for_ms))
        else:
            wire.cut() if act.way is Way.CUT else wire.silence()
            self._later(act.for_ms, self._mended(wire))

    async def _killed(self, server: Any, for_ms: int) -> None:
        await asyncio.to_thread(server.stop if server is self._fleet.postgres else server.kill)
        await self._wait(for_ms)
        if server is self._fleet.postgres:
            await server.start_again()
        else:
            await asyncio.to_thread(server.start_again)

    async def _mended(self, wire: Any) -> None:
        wire.heal()

    async def _readable(self, part: str) -> None:
        self._fleet.proxy.broken.pop(part, None)

    async def _key_dies(self, act: KeyDies) -> None:
        self._hands.key(works=False, cut=act.cut)
        await self._wait(act.for_ms)
        self._hands.key(works=True, cut=False)
        self._start_after_the_key()

    def _start_after_the_key(self) -> None:
        """As whoever restarts processes does: what ended by a dead key begins again, with one that works."""
        for name, executor in self._running.items():
            said = executor.lines()[-1:] if executor.process.poll() == 1 else []
            if said and KEY_IS_DEAD in said[0]:
                self._running[name] = self._fleet.begin(name)

    async def _clears(self) -> None:
        self._fleet.proxy.weather = None

    def _kill_switch(self, engaged: bool) -> None:
        fleet = self._fleet
        self._latched = engaged
        if engaged:
            fleet.configure(kill_switch=KillSwitch(engaged=True, reason="chaos"))
            self._engaged = fleet.generation
        else:
            fleet.configure(kill_switch=KillSwitch(clear=f"spec-bot-uid-{self._engaged}"))

    def _by_hand(self, placed: bool) -> None:
        exchange = self._fleet.exchange
        if placed:
            price = self._fleet.market.instruments["BTCUSDT"].price_down(
                self._fleet.market.mark_price("BTCUSDT") * 95 / 100
            )
            order = exchange.create(
                {
                    "category": "linear",
                    "symbol": "BTCUSDT",
                    "side": "Buy",
                    "orderType": "Limit",
                    "qty": "0.001",
                    "price": f"{price:f}",
                    "timeInForce": "GTC",
                    "positionIdx": 1 if self._fleet.hedged else 0,
                }
            )
            self._fleet.by_hand.append(order.order_id)
        else:
            resting = {order.order_id for order in exchange.engine.state.orders.values()}
            for order_id in self._fleet.by_hand:
                if order_id in resting:
                    exchange.cancel({"category": "linear", "symbol": "BTCUSDT", "orderId": order_id})
                    self._fleet.by_hand.remove(order_id)

    # ---- afterwards

    def _later(self, after_ms: int, undo: Coroutine[Any, Any, None]) -> None:
        async def waits() -> None:
            await self._wait(after_ms)
            await undo

        task = asyncio.create_task(waits())
        self._undoing.add(task)
        task.add_done_callback(self._undoing.discard)

    async def _wait(self, for_ms: int) -> None:
        """So long, or until the schedule is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_ms / 1000):
                await self._over.wait()

    async def _heal(self) -> None:
        """Whatever is still broken is mended, and whoever is dead comes back."""
        self._over.set()
        await asyncio.gather(*self._undoing)
        failpoint = self._schedule.failpoint
        if failpoint is not None:
            (self._fleet.folder / f"{failpoint.name}.go").touch()
        self._fleet.heal()
        for name, executor in self._running.items():
            if executor.process.poll() is not None:
                self._running[name] = self._fleet.begin(name)
        await self._flat_half_blind()
        self._fleet.proxy.broken.clear()

    async def _flat_half_blind(self) -> None:
        """A latch that is engaged at the end closes everything, though one list cannot be read for ever."""
        deadline = time.monotonic() + FLAT_WITHIN_S
        while self._latched and self._fleet.proxy.broken and (held := self._held()):
            if time.monotonic() > deadline:
                part = ", ".join(self._fleet.proxy.broken)
                names = ", ".join(held)
                self._fleet.late_flat.append(
                    f"{names}: not flat {FLAT_WITHIN_S:g} s after all but {part} was mended"
                )
                return
            await asyncio.sleep(0.1)

    def _held(self) -> list[str]:
        positions = self._fleet.exchange.engine.state.positions
        return sorted(str(name) for name, position in positions.items() if position.size)

    async def _settled(self) -> tuple[tuple[Finding, ...], str]:
        """The verdict once somebody leads and nothing is under way; what is left when that never comes."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        findings: tuple[Finding, ...] = ()
        while time.monotonic() < deadline:
            self._start_after_the_key()
            for name, executor in self._running.items():
                if executor.process.poll() is not None:
                    last = (executor.lines() or ["nothing said"])[-1]
                    return judge(await self._fleet.books()), f"executor {name} has ended: {last}"
            if any(self._rests(executor.status()) for executor in self._running.values()):
                findings = judge(await self._fleet.books())
                if not findings:
                    return (), ""
            await asyncio.sleep(0.2)
        return findings or judge(await self._fleet.books()), "" if findings else "nobody leads"

    @staticmethod
    def _rests(status: dict[str, Any]) -> bool:
        return bool(status.get("leading")) and status.get("open_intents") == 0
