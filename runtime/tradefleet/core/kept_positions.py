"""Every position that is remembered, by its key, with those at hand that something is to be done about.

A dict to whoever reads and writes it. Symbols that were traded once stay in it, flat, for the generation that
they are at; what an event looks at are those that hold something, and of the end those that are due.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import ItemsView, Iterable, Iterator, MutableMapping, ValuesView

from tradefleet.domain.positions import PositionKey
from tradefleet.positions.plan import PositionRecord


class KeptPositions(MutableMapping[PositionKey, PositionRecord]):
    """Positions in order of arrival; what lists a part of them lists it by key."""

    def __init__(self, known: Iterable[PositionRecord] = ()) -> None:
        self._all: dict[PositionKey, PositionRecord] = {}
        self._held: list[PositionKey] = []
        self._counting: list[PositionKey] = []
        self._held_in: dict[str, int] = {}
        self._asked_to_end: set[PositionKey] = set()
        self._flat_by: list[tuple[int, PositionKey]] = []
        self._flat_by_of: dict[PositionKey, int] = {}
        self._late: set[PositionKey] = set()
        for position in known:
            self[position.key] = position

    # ---- a dict

    def __getitem__(self, key: PositionKey) -> PositionRecord:
        return self._all[key]

    def __setitem__(self, key: PositionKey, position: PositionRecord) -> None:
        self._all[key] = position
        self._file(key, position)

    def __delitem__(self, key: PositionKey) -> None:
        del self._all[key]
        self._file(key, None)

    def __iter__(self) -> Iterator[PositionKey]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: object) -> bool:
        return key in self._all

    def values(self) -> ValuesView[PositionRecord]:
        """As a dict's."""
        return self._all.values()

    def items(self) -> ItemsView[PositionKey, PositionRecord]:
        """As a dict's."""
        return self._all.items()

    # ---- parts

    @property
    def held(self) -> tuple[PositionKey, ...]:
        """Those with a size."""
        return tuple(self._held)

    @property
    def counting(self) -> tuple[PositionKey, ...]:
        """Those whose executions do not sum to zero: with a size, and legs that owe."""
        return tuple(self._counting)

    @property
    def held_symbols(self) -> set[str]:
        """Symbols in which something is held."""
        return set(self._held_in)

    def is_held_in(self, symbol: str) -> bool:
        """Whether something is held in a symbol."""
        return symbol in self._held_in

    def ending(self, now_ns: int) -> list[PositionKey]:
        """Those with a size that were asked to end, or whose time was over at some moment until now.

        A clock may have gone back since: whoever acts looks at the plan's time again.
        """
        while self._flat_by and self._flat_by[0][0] <= now_ns:
            flat_by_ns, key = heapq.heappop(self._flat_by)
            if self._flat_by_of.get(key) == flat_by_ns:
                self._late.add(key)
        return sorted(self._asked_to_end | self._late) if self._asked_to_end or self._late else []

    # ---- where each belongs

    def _file(self, key: PositionKey, position: PositionRecord | None) -> None:
        holds = position is not None and position.size != 0
        if _put(self._held, key, belongs=holds):
            count = self._held_in.pop(key.symbol, 0) + (1 if holds else -1)
            if count:
                self._held_in[key.symbol] = count
        _put(self._counting, key, belongs=position is not None and position.total != 0)
        plan = position.plan if position is not None and holds else None
        if plan is not None and plan.close_signal_id:
            self._asked_to_end.add(key)
        else:
            self._asked_to_end.discard(key)
        flat_by_ns = 0 if plan is None else plan.flat_by_ns
        if self._flat_by_of.get(key, 0) != flat_by_ns:
            self._late.discard(key)
            self._flat_by_of.pop(key, None)
            if flat_by_ns > 0:
                self._flat_by_of[key] = flat_by_ns
                heapq.heappush(self._flat_by, (flat_by_ns, key))


def _put(keys: list[PositionKey], key: PositionKey, *, belongs: bool) -> bool:
    """Into the sorted list or out of it; whether that changed anything."""
    place = bisect_left(keys, key)
    there = place < len(keys) and keys[place] == key
    if belongs and not there:
        insort(keys, key)
    elif there and not belongs:
        del keys[place]
    return belongs is not there
