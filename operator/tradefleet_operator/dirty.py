"""Which bots have to be looked at: each at most once at a time, and none forgotten.

A set of names, not a queue of events: a hundred events of one bot are one look. What becomes dirty while
it is being looked at is looked at once more. Pure; `Reconciler` waits on it.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class DirtyKeys(Generic[Key]):
    """Dirty keys in the order in which they became dirty, and those that are being worked on."""

    def __init__(self) -> None:
        self._dirty: dict[Key, None] = {}
        self._active: set[Key] = set()

    def mark(self, key: Key) -> None:
        """The key has to be looked at, again if somebody looks at it now."""
        self._dirty.setdefault(key)

    def take(self) -> Key | None:
        """The next key to work on; None when there is none that nobody works on."""
        for key in self._dirty:
            if key not in self._active:
                del self._dirty[key]
                self._active.add(key)
                return key
        return None

    def done(self, key: Key) -> None:
        """The work on a taken key has ended."""
        self._active.remove(key)

    @property
    def idle(self) -> bool:
        """Nothing is dirty and nothing is worked on."""
        return not self._dirty and not self._active
