"""What a seed lets happen: a pure list of acts in time, so that a failing one can be played again.

A schedule says what is done to the fleet, not what comes of it: `judge` decides that. Outages of
the real world last minutes; here they are a twentieth, by SCALE, which every run prints.
"""

import random
from collections.abc import Iterator
from enum import Enum
from typing import Final

import msgspec
from tests.chaos.acts import (
    AnyAct,
    AtFailpoint,
    Away,
    ByHand,
    Dies,
    KillSwitchActs,
    Limits,
    Place,
    Sleeps,
    Strikes,
    Way,
    Weather,
    Who,
    Wish,
)
from tests.chaos.troubles import further
from tests.chaos.world import LENGTH_MS, MOST_POSITIONS, SYMBOLS, scaled, when
from tests.support.exchange_proxy import CREATE, Trouble

from tradefleet.domain.signals import Target
from tradefleet.spec.entry import EntryKind


class Schedule(msgspec.Struct, frozen=True):
    """Acts in order of time."""

    seed: int
    acts: tuple[AnyAct, ...]

    @property
    def has_exits(self) -> bool:
        """Whether parts of positions are closed, and opposite signals reverse, in this seed's world."""
        return self.seed % 2 == 1

    @property
    def has_legs(self) -> bool:
        """Whether a symbol has two positions, of two strategies, in this seed's world."""
        return self.seed % 4 == 0

    @property
    def per_symbol(self) -> int:
        """So many entries may make one position in this seed's world."""
        return 2 if self.has_legs else 1 + self.seed // 2 % 3

    @property
    def has_midnight(self) -> bool:
        """Whether 00:00 UTC falls into this seed's world."""
        return self.seed % 6 == 5

    @property
    def forgets(self) -> bool:
        """Whether what is remembered for hours is forgotten within this seed's schedule."""
        return self.seed % 3 == 1

    @property
    def entry(self) -> EntryKind:
        """How entries are ordered in this seed's world."""
        return ENTRIES[self.seed % len(ENTRIES)]

    @property
    def failpoint(self) -> AtFailpoint | None:
        """At which failpoint a process is held, if at any."""
        return next((act for act in self.acts if isinstance(act, AtFailpoint)), None)

    def text(self) -> str:
        """One line an act, for people."""
        return "\n".join(f"  {act.at_ms:5d} ms  {_words(act)}" for act in self.acts)


ENTRIES: Final = (
    EntryKind.LIMIT,
    EntryKind.MARKET,
    EntryKind.POST_ONLY,
    EntryKind.MARKET,
    EntryKind.CONDITIONAL,
)

FAILPOINTS: Final = (
    "order.before_write",
    "order.written",
    "order.signed",
    "order.sent",
    "order.answered",
    "execution.received",
    "execution.recorded",
    "orders.before_cancel",
)

_STRIKING: Final = tuple(trouble for trouble in Trouble if trouble is not Trouble.BROKEN)
_PATHS: Final = (CREATE, CREATE, CREATE, "/v5/order/realtime", "/v5/execution/list", "/v5/position/list")


def make_schedule(seed: int) -> Schedule:
    """The schedule of this seed, the same for ever."""
    dice = random.Random(seed)
    acts: list[AnyAct] = list(_wishes(dice))
    kinds = dice.sample(_TROUBLES, k=dice.randint(2, 4))
    for kind in kinds:
        acts += kind(dice)
    acts += further(seed)
    if dice.random() < 0.6:
        acts.append(
            AtFailpoint(
                at_ms=0,
                name=dice.choice(FAILPOINTS),
                for_ms=dice.choice([100, 700, 3000]),
                dies=dice.random() < 0.5,
            )
        )
    return Schedule(seed, tuple(sorted(acts, key=lambda act: (act.at_ms, type(act).__name__))))


def _wishes(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = 0
    while at_ms < LENGTH_MS:
        yield Wish(
            at_ms=at_ms,
            symbol=dice.choice(SYMBOLS),
            target=dice.choice([Target.LONG, Target.SHORT, Target.FLAT, Target.FLAT]),
            repeats=dice.choice([0, 0, 0, 1, 2]),
        )
        at_ms += dice.randint(50, 300)


def _dies(dice: random.Random) -> Iterator[AnyAct]:
    who = dice.choice([Who.LEADER, Who.LEADER, Who.STANDBY])
    yield Dies(at_ms=when(dice), who=who, back_after_ms=scaled(dice, 2, 20, 60))


def _sleeps(dice: random.Random) -> Iterator[AnyAct]:
    who = dice.choice([Who.LEADER, Who.LEADER, Who.STANDBY])
    yield Sleeps(at_ms=when(dice), who=who, for_ms=scaled(dice, 10, 30, 60, 80))


def _away(dice: random.Random) -> Iterator[AnyAct]:
    place = dice.choice(list(Place))
    way = dice.choice([Way.CUT, Way.SILENT] if place is Place.STREAM else list(Way))
    yield Away(at_ms=when(dice), place=place, way=way, for_ms=scaled(dice, 4, 20, 60))


def _strikes(dice: random.Random) -> Iterator[AnyAct]:
    for _ in range(dice.randint(3, 6)):
        yield Strikes(
            at_ms=dice.randint(0, LENGTH_MS - 4000),
            trouble=dice.choice(_STRIKING),
            part=dice.choice(_PATHS),
            times=dice.choice([1, 1, 2, 3]),
            delay_ms=dice.choice([50, 400, 1500, 3000]),
        )


def _weather(dice: random.Random) -> Iterator[AnyAct]:
    trouble = dice.choice([Trouble.BUSY, Trouble.CUT, Trouble.LOST, Trouble.LIMITED, Trouble.ERROR])
    yield Weather(at_ms=when(dice), trouble=trouble, for_ms=scaled(dice, 6, 20, 60))


def _limits(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = when(dice)
    yield Limits(at_ms=at_ms, max_positions=dice.choice([0, 1, 2]))
    if dice.random() < 0.8:
        yield Limits(at_ms=at_ms + dice.randint(500, 2000), max_positions=MOST_POSITIONS)


def _kill_switch(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = when(dice)
    yield KillSwitchActs(at_ms=at_ms, engaged=True)
    if dice.random() < 0.7:
        yield KillSwitchActs(at_ms=at_ms + dice.randint(300, 2000), engaged=False)


def _by_hand(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = when(dice)
    yield ByHand(at_ms=at_ms, placed=True)
    if dice.random() < 0.7:
        yield ByHand(at_ms=at_ms + dice.randint(500, 2000), placed=False)


_TROUBLES: Final = (
    *(_dies, _dies, _sleeps, _away, _away, _strikes, _strikes, _strikes),
    *(_weather, _limits, _kill_switch, _by_hand),
)
"""Each is drawn at most as often as it stands here."""


def _words(act: AnyAct) -> str:
    fields = msgspec.structs.asdict(act)
    del fields["at_ms"]
    shown = (f"{name}={value.value if isinstance(value, Enum) else value}" for name, value in fields.items())
    return f"{type(act).__name__}({', '.join(shown)})"
