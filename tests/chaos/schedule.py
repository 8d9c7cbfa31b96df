"""What a seed lets happen: a pure list of acts in time, so that a failing one can be played again.

A schedule says what is done to the fleet, not what comes of it: `judge` decides that. Outages of
the real world last minutes; here they are a twentieth, by SCALE, which every run prints.
"""

import random
from collections.abc import Iterator
from enum import Enum
from typing import Final

import msgspec
from tests.support.exchange_proxy import CREATE, Trouble

from tradefleet.domain.signals import Target
from tradefleet.spec.entry import EntryKind

SCALE: Final = 20
"""A pause of sixty seconds in the world is one of three seconds in a schedule."""

LENGTH_MS: Final = 10_000
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
MOST_POSITIONS: Final = 3
"""One less than symbols, so that the limit is reached in every schedule."""


class Who(Enum):
    """One of the two executors, by what it is at that moment."""

    LEADER = "leader"
    STANDBY = "standby"


class Place(Enum):
    """What can be away."""

    POSTGRES = "postgres"
    VALKEY = "valkey"
    STREAM = "private stream"


class Way(Enum):
    """How it is away."""

    KILLED = "killed"
    CUT = "cut"
    SILENT = "silent"


class Act(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something that is done at `at_ms` after the beginning."""

    at_ms: int


class Wish(Act, frozen=True, kw_only=True):
    """A shard's signal. repeats: how often it is published again."""

    symbol: str
    target: Target
    repeats: int = 0


class Dies(Act, frozen=True, kw_only=True):
    """SIGKILL, and a new process a while later."""

    who: Who
    back_after_ms: int


class Sleeps(Act, frozen=True, kw_only=True):
    """SIGSTOP, and SIGCONT a while later."""

    who: Who
    for_ms: int


class AtFailpoint(Act, frozen=True, kw_only=True):
    """Whoever comes by this failpoint first stands there for so long; dies: and is killed then. At 0."""

    name: str
    for_ms: int
    dies: bool


class Away(Act, frozen=True, kw_only=True):
    """A store or a stream is away for a while."""

    place: Place
    way: Way
    for_ms: int


class Strikes(Act, frozen=True, kw_only=True):
    """The next requests of this path meet trouble."""

    trouble: Trouble
    part: str
    times: int
    delay_ms: int


class Weather(Act, frozen=True, kw_only=True):
    """Every request of the exchange's REST meets trouble for a while."""

    trouble: Trouble
    for_ms: int


class Limits(Act, frozen=True, kw_only=True):
    """A newer configuration with this limit of positions."""

    max_positions: int


class KillSwitchActs(Act, frozen=True, kw_only=True):
    """The spec's kill switch is engaged, or its last latch cleared."""

    engaged: bool


class ByHand(Act, frozen=True, kw_only=True):
    """Somebody else's order, far from the price, is placed, or taken back."""

    placed: bool


AnyAct = Wish | Dies | Sleeps | AtFailpoint | Away | Strikes | Weather | Limits | KillSwitchActs | ByHand


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

_PATHS: Final = (CREATE, CREATE, CREATE, "/v5/order/realtime", "/v5/execution/list", "/v5/position/list")


def make_schedule(seed: int) -> Schedule:
    """The schedule of this seed, the same for ever."""
    dice = random.Random(seed)
    acts: list[AnyAct] = list(_wishes(dice))
    kinds = dice.sample(_TROUBLES, k=dice.randint(2, 4))
    for kind in kinds:
        acts += kind(dice)
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


def _when(dice: random.Random) -> int:
    return dice.randint(300, LENGTH_MS - 3000)


def _scaled(dice: random.Random, *seconds: float) -> int:
    """Milliseconds of one of these lengths in the world, scaled."""
    return int(dice.choice(seconds) * 1000 / SCALE)


def _dies(dice: random.Random) -> Iterator[AnyAct]:
    who = dice.choice([Who.LEADER, Who.LEADER, Who.STANDBY])
    yield Dies(at_ms=_when(dice), who=who, back_after_ms=_scaled(dice, 2, 20, 60))


def _sleeps(dice: random.Random) -> Iterator[AnyAct]:
    who = dice.choice([Who.LEADER, Who.LEADER, Who.STANDBY])
    yield Sleeps(at_ms=_when(dice), who=who, for_ms=_scaled(dice, 10, 30, 60, 80))


def _away(dice: random.Random) -> Iterator[AnyAct]:
    place = dice.choice(list(Place))
    way = dice.choice([Way.CUT, Way.SILENT] if place is Place.STREAM else list(Way))
    yield Away(at_ms=_when(dice), place=place, way=way, for_ms=_scaled(dice, 4, 20, 60))


def _strikes(dice: random.Random) -> Iterator[AnyAct]:
    for _ in range(dice.randint(3, 6)):
        yield Strikes(
            at_ms=dice.randint(0, LENGTH_MS - 4000),
            trouble=dice.choice(list(Trouble)),
            part=dice.choice(_PATHS),
            times=dice.choice([1, 1, 2, 3]),
            delay_ms=dice.choice([50, 400, 1500, 3000]),
        )


def _weather(dice: random.Random) -> Iterator[AnyAct]:
    trouble = dice.choice([Trouble.BUSY, Trouble.CUT, Trouble.LOST, Trouble.LIMITED, Trouble.ERROR])
    yield Weather(at_ms=_when(dice), trouble=trouble, for_ms=_scaled(dice, 6, 20, 60))


def _limits(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = _when(dice)
    yield Limits(at_ms=at_ms, max_positions=dice.choice([0, 1, 2]))
    if dice.random() < 0.8:
        yield Limits(at_ms=at_ms + dice.randint(500, 2000), max_positions=MOST_POSITIONS)


def _kill_switch(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = _when(dice)
    yield KillSwitchActs(at_ms=at_ms, engaged=True)
    if dice.random() < 0.7:
        yield KillSwitchActs(at_ms=at_ms + dice.randint(300, 2000), engaged=False)


def _by_hand(dice: random.Random) -> Iterator[AnyAct]:
    at_ms = _when(dice)
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
