"""Every intent that is remembered, by its client order id, with what is asked of them always at hand.

A dict to whoever reads and writes it; each assignment puts the intent into the parts that it belongs to now
(open, of a position, at rest, moving, of a signal) and takes it out of the others. So what an event costs
depends on what is open, never on what is remembered: an account that trades a hundred symbols has tens of
thousands of finished intents within the hour for which they are kept, and a handful that are not finished.

Two things come with time and are kept as heaps: what may be forgotten, and what has to be asked for.
"""

import heapq
from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping, ValuesView

from tradefleet.core.groups import Arrived, Groups
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.asking import ask_from_ns
from tradefleet.orders.intents import IntentRecord, Leg
from tradefleet.orders.tracked import Tracked


class TrackedIntents(MutableMapping[str, Tracked]):
    """Intents in order of arrival; what lists a part of them lists it in that order."""

    def __init__(self, known: Iterable[Tracked] = ()) -> None:
        self._all: dict[str, Tracked] = {}
        self._numbers: dict[str, int] = {}
        self._arrived = 0
        self._open: Arrived[Tracked] = Arrived()
        self._resting: Arrived[Tracked] = Arrived()
        self._open_of: Groups[PositionKey, Tracked] = Groups()
        self._moving: Groups[PositionKey, Tracked] = Groups()
        self._open_in: Groups[str, Tracked] = Groups()
        self._opening_in: Groups[str, Tracked] = Groups()
        self._of_leg: Groups[tuple[str, Leg], Tracked] = Groups()
        self._next_attempt: dict[tuple[str, Leg], int] = {}
        self._ages: list[tuple[int, str]] = []
        self._over_ns: dict[str, int] = {}
        self._questions: list[tuple[int, int, str]] = []
        self._ask_from_ns: dict[str, int] = {}
        self.last_valid_until_ns = 0
        """No order that was ever meant can arrive after this."""
        for tracked in known:
            self[tracked.intent.client_order_id] = tracked

    # ---- a dict

    def __getitem__(self, name: str) -> Tracked:
        return self._all[name]

    def __setitem__(self, name: str, tracked: Tracked) -> None:
        before = self._all.get(name)
        if before is None:
            self._arrived += 1
            self._numbers[name] = self._arrived
        elif _place(before) != _place(tracked):
            self._file(name, before, here=False)
        self._all[name] = tracked
        self._file(name, tracked, here=True)

    def __delitem__(self, name: str) -> None:
        self._file(name, self._all[name], here=False)
        del self._all[name], self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def values(self) -> ValuesView[Tracked]:
        """As a dict's."""
        return self._all.values()

    def items(self) -> ItemsView[str, Tracked]:
        """As a dict's."""
        return self._all.items()

    # ---- parts

    @property
    def open(self) -> list[Tracked]:
        """Those that may still change exposure."""
        return self._open.listed()

    @property
    def resting(self) -> list[Tracked]:
        """Those that are open and may rest at the exchange."""
        return self._resting.listed()

    @property
    def moving(self) -> set[PositionKey]:
        """Positions that one of them may be changing at this moment."""
        return set(self._moving)

    @property
    def opening(self) -> set[str]:
        """Symbols in which one of them may still open something."""
        return set(self._opening_in)

    @property
    def records(self) -> Mapping[str, IntentRecord]:
        """What the journal knows of each; a view."""
        return _Records(self._all)

    def open_of(self, key: PositionKey) -> list[Tracked]:
        """Those of one position that may still change it."""
        return self._open_of.of(key)

    def of_leg(self, signal_id: str, leg: Leg) -> list[Tracked]:
        """The attempts at one leg of a signal."""
        return self._of_leg.of((signal_id, leg))

    def next_attempt(self, signal_id: str, leg: Leg) -> int:
        """The first attempt at this leg that none of them has made; zero for none at all."""
        return self._next_attempt.get((signal_id, leg), 0)

    def is_any_open(self) -> bool:
        """Whether there is one that may still change exposure."""
        return len(self._open) > 0

    def is_open_in(self, symbol: str) -> bool:
        """Whether one of this symbol may still change exposure."""
        return symbol in self._open_in

    def is_moving(self, key: PositionKey) -> bool:
        """Whether `moving` holds this position."""
        return key in self._moving

    def in_order(self, some: Iterable[Tracked]) -> list[Tracked]:
        """These, in order of arrival."""
        return sorted(some, key=lambda tracked: self._numbers[tracked.intent.client_order_id])

    # ---- time

    def overdue(self, now_ns: int) -> list[Tracked]:
        """Those for which the exchange is to be asked by now; each remains until it is assigned anew."""
        found: list[tuple[int, int, str]] = []
        while self._questions and self._questions[0][0] <= now_ns:
            question = heapq.heappop(self._questions)
            # One that came back to the time that it had before is in there twice, one beside the other.
            repeated = bool(found) and found[-1] == question
            if self._ask_from_ns.get(question[2]) == question[0] and not repeated:
                found.append(question)
        for question in found:
            heapq.heappush(self._questions, question)
        return [self._all[name] for _, _, name in sorted(found, key=lambda question: question[1])]

    def forget(self, before_ns: int) -> None:
        """Those that are final, and were over before then, are remembered no more."""
        while self._ages and self._ages[0][0] < before_ns:
            over_ns, name = heapq.heappop(self._ages)
            if self._over_ns.get(name) == over_ns:
                del self[name]

    # ---- where each belongs

    def _file(self, name: str, tracked: Tracked, *, here: bool) -> None:
        number, intent = self._numbers[name], tracked.intent
        key, symbol, leg = intent.key, intent.key.symbol, (intent.signal_id, intent.leg)
        is_open = here and not tracked.is_final
        opens = intent.leg is Leg.OPEN
        self._open.put(number, tracked, belongs=is_open)
        self._resting.put(number, tracked, belongs=is_open and intent.rest_until_ns > 0)
        self._open_of.put(key, number, tracked, belongs=is_open)
        self._moving.put(key, number, tracked, belongs=is_open and not tracked.is_at_rest)
        self._open_in.put(symbol, number, tracked, belongs=is_open)
        self._opening_in.put(symbol, number, tracked, belongs=is_open and opens)
        self._of_leg.put(leg, number, tracked, belongs=here)
        self._count_attempt(leg, intent.attempt, here=here)
        self._note_times(name, number, tracked, here=here)

    def _count_attempt(self, leg: tuple[str, Leg], attempt: int, *, here: bool) -> None:
        following = self._next_attempt.get(leg, 0)
        if here:
            self._next_attempt[leg] = max(following, attempt + 1)
        elif leg not in self._of_leg:
            self._next_attempt.pop(leg, None)
        elif following == attempt + 1:
            self._next_attempt[leg] = max(t.intent.attempt + 1 for t in self._of_leg.of(leg))

    def _note_times(self, name: str, number: int, tracked: Tracked, *, here: bool) -> None:
        """An entry of a heap counts while it says what is noted here; one that was overtaken falls out when
        its time comes."""
        self.last_valid_until_ns = max(self.last_valid_until_ns, tracked.intent.valid_until_ns)
        over_ns = max(tracked.intent.valid_until_ns, tracked.over_ns) if here and tracked.is_final else None
        if over_ns is None:
            self._over_ns.pop(name, None)
        elif self._over_ns.get(name) != over_ns:
            self._over_ns[name] = over_ns
            heapq.heappush(self._ages, (over_ns, name))
        ask_ns = ask_from_ns(tracked) if here else None
        if ask_ns is None:
            self._ask_from_ns.pop(name, None)
        elif self._ask_from_ns.get(name) != ask_ns:
            self._ask_from_ns[name] = ask_ns
            heapq.heappush(self._questions, (ask_ns, number, name))


class _Records(Mapping[str, IntentRecord]):
    def __init__(self, tracked: dict[str, Tracked]) -> None:
        self._tracked = tracked

    def __getitem__(self, name: str) -> IntentRecord:
        return self._tracked[name].record

    def __iter__(self) -> Iterator[str]:
        return iter(self._tracked)

    def __len__(self) -> int:
        return len(self._tracked)

    def __contains__(self, name: object) -> bool:
        return name in self._tracked


def _place(tracked: Tracked) -> tuple[PositionKey, str, Leg, int]:
    """What an intent's places hang on, and never changes while it is one and the same intent."""
    intent = tracked.intent
    return intent.key, intent.signal_id, intent.leg, intent.attempt
