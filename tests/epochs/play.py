"""Seeded schedules through the pure core, and the digest of each epoch that they lead to.

A schedule is a world (which kind of account), and steps drawn from its seed: signals of several symbols,
marks, fills in parts, silence, restarts, a kill switch, timed exits, entries that rest, parts. Nothing of it
needs a clock, a socket or a store, so that the same seed is the same bytes on every machine: what a change
of the core decides otherwise shows as another digest.
"""

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config, with_exits
from tests.support.hedge_harness import LEGS, STRATEGIES, HedgeHarness
from tests.support.resting_harness import RestingHarness, resting_config

from tradefleet.core import events as ev
from tradefleet.core.account import AccountCore
from tradefleet.core.account_kill_switch import KIND as KILL_SWITCH
from tradefleet.core.digest import DecisionLog
from tradefleet.domain.signals import Target
from tradefleet.spec.entry import EntryKind
from tradefleet.spec.partial_close import FirstPart, PartialClose, SecondPart
from tradefleet.spec.snapshot import ConfigSnapshot

SEEDS: Final = 50
STEPS: Final = 150
SYMBOLS: Final = (SYMBOL, "BCDUSDT", "CDEUSDT")
MARKS: Final = tuple(
    Decimal(mark) for mark in ("98.5", "99.5", "99.9", "100", "100", "100.1", "100.4", "101.2")
)
SHARES: Final = tuple(Decimal(share) for share in ("1", "1", "1", "0.5", "0.3", "0"))
WAITS_S: Final = (0.05, 0.05, 0.4, 1.1, 2.5, 6.0, 30.0, 75.0, 700.0, 3700.0)


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch of a schedule. lines: its decision log."""

    seed: int
    world: str
    number: int
    digest: str
    lines: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """Which it is."""
        return f"seed {self.seed} {self.world} epoch {self.number}"


def play(seed: int, steps: int = STEPS) -> list[Epoch]:
    """The epochs of one schedule."""
    name = tuple(WORLDS)[seed % len(WORLDS)]
    world = WORLDS[name]()
    recorder = _Recorder(world, seed, name)
    _Player(world, random.Random(seed)).run(steps)
    return recorder.epochs()


class _Recorder:
    """Stands between a harness and its cores: every epoch gets a log of its own."""

    def __init__(self, world: Harness, seed: int, name: str) -> None:
        self._seed, self._name = seed, name
        self._ended: list[Epoch] = []
        self._lines: list[bytes] = []
        self._number = 0
        tell = world.tell

        def told(event: ev.AnyEvent) -> None:
            if isinstance(event, ev.Restored):
                self._begin(world, event.epoch)
            tell(event)

        world.tell = told  # type: ignore[method-assign]
        world.restart()

    def _begin(self, world: Harness, number: int) -> None:
        self._end()
        self._number, self._lines = number, []
        self._log = DecisionLog(self._lines.append)
        core: AccountCore = world.core
        handle, log = core.handle, self._log

        def handled(event: ev.AnyEvent) -> Any:
            actions = handle(event)
            log.append(event, actions)
            return actions

        core.handle = handled  # type: ignore[method-assign]

    def _end(self) -> None:
        if self._number:
            self._ended.append(
                Epoch(
                    seed=self._seed,
                    world=self._name,
                    number=self._number,
                    digest=self._log.digest,
                    lines=tuple(self._lines),
                )
            )

    def epochs(self) -> list[Epoch]:
        self._end()
        self._number = 0
        return self._ended


class _Player:
    """Draws steps; each is a method, and its weight stands beside it."""

    def __init__(self, world: Harness, draw: random.Random) -> None:
        self._world = world
        self._draw = draw
        self._signals = 0
        self._engaged = False

    def run(self, steps: int) -> None:
        self._world.ready()
        for _ in range(steps):
            step = self._draw.choices(tuple(self._steps), tuple(self._steps.values()))[0]
            step()
        self._world.settle()

    @property
    def _steps(self) -> dict[Callable[[], None], int]:
        steps: dict[Callable[[], None], int] = {
            self._signal: 30,
            self._prices: 25,
            self._other_prices: 15,
            self._send: 20,
            self._deliver: 15,
            self._wait: 20,
            self._answer: 15,
            self._protect: 10,
            self._thin_book: 4,
            self._stop_out: 3,
            self._stream: 2,
            self._restart: 2,
            self._kill_switch: 12 if self._engaged else 2,
            self._clear_latches: 6,
            self._transfer: 1,
        }
        if isinstance(self._world, RestingHarness):
            steps |= {self._fill: 15, self._cancels: 10, self._amends: 10}
        return steps

    def _signal(self) -> None:
        world, draw = self._world, self._draw
        self._signals += 1
        world.announce()
        world.signal(
            f"signal-{self._signals}",
            draw.choice((Target.LONG, Target.LONG, Target.SHORT, Target.FLAT)),
            hold_s=draw.choice((0, 0, 2, 30)),
            expires_s=draw.choice((2, 2, 60)),
            strategy=draw.choice(STRATEGIES) if isinstance(world, HedgeHarness) else "imbalance",
            symbol=draw.choice(world.symbols),
        )

    def _prices(self) -> None:
        self._world.prices(self._draw.choice(MARKS))

    def _other_prices(self) -> None:
        for symbol in self._world.symbols[1:]:
            mark = self._draw.choice(MARKS)
            moved = ev.MarketMoved(
                now_ns=self._world.now_ns, symbol=symbol, mark=mark, bid=mark, ask=mark, last=None
            )
            self._world.tell(moved)

    def _send(self) -> None:
        self._world.send(answered=self._draw.random() < 0.85)

    def _deliver(self) -> None:
        self._world.deliver()

    def _wait(self) -> None:
        long_s = self._draw.choice(WAITS_S)
        self._world.wait(long_s)
        if long_s > 6:
            self._other_prices()

    def _answer(self) -> None:
        self._world.answer_all()
        self._world.set_leverages()

    def _protect(self) -> None:
        self._world.protect(answered=self._draw.random() < 0.8, arrives=self._draw.random() < 0.9)

    def _thin_book(self) -> None:
        self._world.exchange.share = self._draw.choice(SHARES)

    def _stop_out(self) -> None:
        world = self._world
        if isinstance(world, HedgeHarness):
            world.exchange.stop_out_leg(self._draw.choice(LEGS), world.now_ns)
        else:
            world.exchange.stop_out(self._draw.choice(world.symbols), world.now_ns)

    def _stream(self) -> None:
        for up in (False, True):
            self._world.tell(ev.PrivateStreamChanged(now_ns=self._world.now_ns, up=up))

    def _restart(self) -> None:
        self._world.now_ns += 2 * SECOND
        self._world.restart()
        self._world.ready()

    def _kill_switch(self) -> None:
        """Engaged by one generation of the spec, cleared by the next."""
        world = self._world
        if self._engaged:
            for latch in sorted(world.core.state.latches):
                world.edit_kill_switch(engaged=False, clear=latch)
        else:
            world.edit_kill_switch(engaged=True, reason="the schedule says so")
        self._engaged = not self._engaged

    def _clear_latches(self) -> None:
        """A person has looked at all but the kill switch, which goes its own way."""
        world = self._world
        for latch_id, latch in sorted(world.core.state.latches.items()):
            if latch.kind != KILL_SWITCH:
                world.journal.latches.pop(latch_id, None)
                world.tell(ev.LatchCleared(now_ns=world.now_ns, latch_id=latch_id))

    def _transfer(self) -> None:
        self._world.exchange.transfers += 100
        self._world.exchange.balance += 100

    def _fill(self) -> None:
        world = self._world
        assert isinstance(world, RestingHarness)
        for name in world.exchange.at_rest:
            world.exchange.fill(name, self._draw.choice(SHARES[:-1]), world.now_ns)

    def _cancels(self) -> None:
        assert isinstance(self._world, RestingHarness)
        self._world.let_cancels(arrive=self._draw.random() < 0.8, answered=self._draw.random() < 0.8)

    def _amends(self) -> None:
        assert isinstance(self._world, RestingHarness)
        self._world.let_amends(arrive=self._draw.random() < 0.8, answered=self._draw.random() < 0.8)


def _of(symbols: tuple[str, ...], config: ConfigSnapshot) -> ConfigSnapshot:
    universe = msgspec.structs.replace(config.spec.universe, symbols=list(symbols))
    return msgspec.structs.replace(config, spec=msgspec.structs.replace(config.spec, universe=universe))


def _one_way() -> Harness:
    return Harness(_of(SYMBOLS, account_config(max_positions=3, max_positions_per_symbol=2)), SYMBOLS)


def _with_parts() -> Harness:
    parts = PartialClose(
        enabled=True,
        first=FirstPart(profit=Decimal("0.003"), share=Decimal("0.3")),
        second=SecondPart(profit=Decimal("0.01"), share=Decimal("0.3")),
        break_even=True,
    )
    config = with_exits(account_config(max_positions=3), partial_close=parts, reverse_on_opposite=True)
    return Harness(_of(SYMBOLS, config), SYMBOLS)


def _resting() -> Harness:
    return RestingHarness(resting_config({"max_positions_per_symbol": 2}, follow_bps=Decimal(5)))


def _conditional() -> Harness:
    return RestingHarness(kind=EntryKind.CONDITIONAL, offset_bps=Decimal(20))


WORLDS: Final[dict[str, Callable[[], Harness]]] = {
    "one-way": _one_way,
    "hedge": HedgeHarness,
    "parts": _with_parts,
    "resting": _resting,
    "conditional": _conditional,
}


def played(seeds: int = SEEDS, steps: int = STEPS) -> Iterator[Epoch]:
    """All epochs of so many schedules."""
    for seed in range(1, seeds + 1):
        yield from play(seed, steps)
