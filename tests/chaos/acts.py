"""What can be done to a fleet: one class an act, each a value with its moment.

The first ones break processes, stores and wires; the later ones do what people, other systems and the
exchange itself do. What each may and may not lead to is said by `judge`.
"""

from enum import Enum

import msgspec
from tests.support.exchange_proxy import Trouble

from tradefleet.domain.signals import Target


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


class Foreign(Act, frozen=True, kw_only=True):
    """Somebody else's market order, in a symbol of the bot's or in one that it does not trade. ends: it
    closes what the last one opened there."""

    symbol: str
    buys: bool
    ends: bool = False


class CutOff(Act, frozen=True, kw_only=True):
    """One executor alone does not reach Postgres for a while; the other one does."""

    who: Who
    for_ms: int


class BrokenList(Act, frozen=True, kw_only=True):
    """One list of the exchange cannot be read, or comes very late, for a while; 0: until nothing is held."""

    part: str
    late: bool
    for_ms: int


class KeyDies(Act, frozen=True, kw_only=True):
    """The exchange does not take the key for a while; whoever ended by it is started again then. cut: the
    private streams fall with it."""

    for_ms: int
    cut: bool


class TickChanges(Act, frozen=True, kw_only=True):
    """The exchange makes a contract's tick ten times as coarse."""

    symbol: str


class UnknownWord(Act, frozen=True, kw_only=True):
    """A word that nobody knows stands in the rows of a list (a path) or of a private topic."""

    where: str
    field: str
    times: int


class BusAnew(Act, frozen=True, kw_only=True):
    """The bus forgets everything within an instant: its run is another one."""


AnyAct = (
    Wish
    | Dies
    | Sleeps
    | AtFailpoint
    | Away
    | Strikes
    | Weather
    | Limits
    | KillSwitchActs
    | ByHand
    | Foreign
    | CutOff
    | BrokenList
    | KeyDies
    | TickChanges
    | UnknownWord
    | BusAnew
)
