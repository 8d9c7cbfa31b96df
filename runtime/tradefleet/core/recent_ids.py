"""Ids that were met already, each with when, and forgotten by age.

Forgetting looks at those that go and at none that stays: what is remembered may be much, an event must not
cost more for it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, MutableMapping


class RecentIds(MutableMapping[str, int]):
    """Ids in order of arrival, each with the time that it was given, int64 ns."""

    def __init__(self, ids: Iterable[str] = (), at_ns: int = 0) -> None:
        self._at_ns: dict[str, int] = {}
        self._order: deque[tuple[int, str]] = deque()
        for name in ids:
            self[name] = at_ns

    def __getitem__(self, name: str) -> int:
        return self._at_ns[name]

    def __setitem__(self, name: str, at_ns: int) -> None:
        if self._at_ns.get(name) != at_ns:
            self._at_ns[name] = at_ns
            self._order.append((at_ns, name))

    def __delitem__(self, name: str) -> None:
        del self._at_ns[name]  # its place in the order falls out when its time comes

    def __iter__(self) -> Iterator[str]:
        return iter(self._at_ns)

    def __len__(self) -> int:
        return len(self._at_ns)

    def __contains__(self, name: object) -> bool:
        return name in self._at_ns

    def forget(self, before_ns: int) -> None:
        """Those from before then are gone, as far as none that arrived earlier stays."""
        while self._order and self._order[0][0] < before_ns:
            at_ns, name = self._order.popleft()
            if self._at_ns.get(name) == at_ns:
                del self._at_ns[name]
