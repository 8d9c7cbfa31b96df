"""What people, other systems and the exchange itself do in a schedule, beside what breaks.

Drawn by dice of their own: the rest of a seed's schedule is what it was before these were there.
"""

import random
from collections.abc import Iterator
from typing import Final

from tests.chaos.acts import (
    AnyAct,
    BrokenList,
    BusAnew,
    CutOff,
    Dies,
    Foreign,
    KeyDies,
    KillSwitchActs,
    Sleeps,
    TickChanges,
    UnknownWord,
    Who,
)
from tests.chaos.world import OUTSIDE, SYMBOLS, scaled, when

LISTS: Final = (
    "/v5/execution/list",
    "/v5/account/wallet-balance",
    "/v5/account/fee-rate",
    "/v5/order/realtime",
    "/v5/position/list",
)

WORDS: Final = (
    ("/v5/order/realtime", "orderType"),
    ("/v5/order/realtime", "stopOrderType"),
    ("/v5/execution/list", "execType"),
    ("/v5/position/list", "positionStatus"),
    ("order", "orderStatus"),
    ("execution", "execType"),
    ("position", "positionStatus"),
)


def further(seed: int) -> list[AnyAct]:
    """One or two kinds of them."""
    dice = random.Random(f"further {seed}")
    kinds = dice.sample(_KINDS, k=dice.randint(1, 2))
    return [act for kind in kinds for act in kind(dice)]


def _foreign(dice: random.Random) -> Iterator[AnyAct]:
    at_ms, symbol = when(dice), dice.choice([OUTSIDE, OUTSIDE, dice.choice(SYMBOLS)])
    buys = dice.random() < 0.5
    yield Foreign(at_ms=at_ms, symbol=symbol, buys=buys)
    if dice.random() < 0.4:
        yield Foreign(at_ms=at_ms + dice.randint(500, 3000), symbol=symbol, buys=not buys, ends=True)
    if dice.random() < 0.4:
        yield KillSwitchActs(at_ms=at_ms + dice.randint(200, 2500), engaged=True)


def _latched_and_half_blind(dice: random.Random) -> Iterator[AnyAct]:
    """A list is broken while everything is to be closed, perhaps by a leader that has just begun."""
    at_ms = when(dice)
    until_flat = dice.random() < 0.5
    for_ms = 0 if until_flat else scaled(dice, 20, 40, 60)
    yield BrokenList(at_ms=at_ms - 200, part=dice.choice(LISTS), late=dice.random() < 0.3, for_ms=for_ms)
    yield KillSwitchActs(at_ms=at_ms, engaged=True)
    if dice.random() < 0.6:
        yield Dies(at_ms=at_ms + dice.randint(50, 400), who=Who.LEADER, back_after_ms=scaled(dice, 20, 60))
    if not until_flat and dice.random() < 0.5:
        yield KillSwitchActs(at_ms=at_ms + for_ms + dice.randint(500, 2000), engaged=False)


def _cleared_between_leaders(dice: random.Random) -> Iterator[AnyAct]:
    """A latch is engaged, its leader sleeps or loses its way to Postgres; the latch is cleared meanwhile."""
    at_ms = dice.randint(500, 5000)
    for_ms = scaled(dice, 60, 80, 100)
    yield KillSwitchActs(at_ms=at_ms, engaged=True)
    gone_ms = at_ms + dice.randint(50, 500)
    if dice.random() < 0.5:
        yield Sleeps(at_ms=gone_ms, who=Who.LEADER, for_ms=for_ms)
    else:
        yield CutOff(at_ms=gone_ms, who=Who.LEADER, for_ms=for_ms)
    yield KillSwitchActs(at_ms=gone_ms + dice.randint(300, 1500), engaged=False)


def _cut_off(dice: random.Random) -> Iterator[AnyAct]:
    yield CutOff(at_ms=when(dice), who=Who.LEADER, for_ms=scaled(dice, 20, 60, 100))


def _key_dies(dice: random.Random) -> Iterator[AnyAct]:
    yield KeyDies(at_ms=when(dice), for_ms=dice.choice([300, 1500, 8000]), cut=dice.random() < 0.5)


def _tick_changes(dice: random.Random) -> Iterator[AnyAct]:
    yield TickChanges(at_ms=dice.randint(300, 5000), symbol=dice.choice(SYMBOLS))


def _unknown_words(dice: random.Random) -> Iterator[AnyAct]:
    for where, field in dice.sample(WORDS, k=2):
        yield UnknownWord(at_ms=when(dice), where=where, field=field, times=dice.choice([1, 2, 4]))


def _bus_anew(dice: random.Random) -> Iterator[AnyAct]:
    yield BusAnew(at_ms=when(dice))


_KINDS: Final = (
    *(_foreign, _latched_and_half_blind, _cleared_between_leaders, _cut_off),
    *(_key_dies, _tick_changes, _unknown_words, _bus_anew),
)
