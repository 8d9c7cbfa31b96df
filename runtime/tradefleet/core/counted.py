"""Executions that were counted: each once, however often it is heard.

Ids are remembered for two hours after they were counted, as far as the account has been compared with the
exchange since: a comparison reads all executions of an hour and more, so that what was missing by then would
have been counted. An execution that is older than what is remembered was counted, or is lost; it is never
counted again, and the comparison of sizes, each minute, says which.
"""

from collections import deque
from collections.abc import Iterable, Iterator, MutableSet
from typing import Final

REMEMBERED_NS: Final = 2 * 3600 * 1_000_000_000


class CountedExecutions(MutableSet[str]):
    """Ids of executions. known_from_ns: of executions since then, by the exchange's time, every one that was
    counted is known by its id."""

    def __init__(self, ids: Iterable[str] = (), now_ns: int = 0, known_from_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._ids: set[str] = set()
        self._order: deque[tuple[int, int, str]] = deque()
        self.known_from_ns = known_from_ns
        for exec_id in ids:
            self.add(exec_id)

    def __contains__(self, exec_id: object) -> bool:
        return exec_id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, exec_id: str, at_ns: int | None = None) -> None:
        """It is counted. at_ns: its time by the exchange, where that is known."""
        if exec_id not in self._ids:
            self._ids.add(exec_id)
            self._order.append((self._now_ns, self._now_ns if at_ns is None else at_ns, exec_id))

    def discard(self, exec_id: str) -> None:
        """It is not."""
        self._ids.discard(exec_id)

    def is_counted(self, exec_id: str, at_ns: int) -> bool:
        """Whether this execution, of this time, is not to be counted (again)."""
        return exec_id in self._ids or at_ns < self.known_from_ns

    def passed(self, now_ns: int, compared_ns: int) -> None:
        """It is now_ns, and the account was last compared, with nothing left open, at compared_ns."""
        self._now_ns = now_ns
        before_ns = min(now_ns, compared_ns) - REMEMBERED_NS
        while self._order and self._order[0][0] < before_ns:
            _, at_ns, exec_id = self._order.popleft()
            self._ids.discard(exec_id)
            # A row with a time of tomorrow must not make all of today's old.
            self.known_from_ns = max(self.known_from_ns, min(at_ns + 1, before_ns))
