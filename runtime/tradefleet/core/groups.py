"""Parts of a collection that are always at hand, in the order in which their members first arrived.

A member has a number, which it is given when it arrives and keeps. `Arrived` holds some members by number;
`Groups` holds one `Arrived` for each value of something that members have (a symbol, a position). A member
that leaves and comes back stands where it stood before, so that walking a part is walking the whole
collection with a condition, without the walk.
"""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Member = TypeVar("Member")
Key = TypeVar("Key", bound=Hashable)


class Arrived(Generic[Member]):
    """Members by number, walked in the order of their numbers."""

    __slots__ = ("_by_number",)

    def __init__(self) -> None:
        self._by_number: dict[int, Member] = {}

    def put(self, number: int, member: Member, *, belongs: bool) -> None:
        """The member is as it is now, and belongs here or not."""
        held = self._by_number
        if not belongs:
            held.pop(number, None)
        elif number in held or not held or number > next(reversed(held)):
            held[number] = member
        else:
            # It has been here before: rare, and then its place is among the others.
            held[number] = member
            self._by_number = dict(sorted(held.items()))

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._by_number.values())

    def listed(self) -> list[Member]:
        """A copy, for whoever changes members while walking them."""
        return list(self._by_number.values())


class Groups(Generic[Key, Member]):
    """Members by a value that each has; a value that none has takes no room."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[Key, Arrived[Member]] = {}

    def put(self, key: Key, number: int, member: Member, *, belongs: bool) -> None:
        """As `Arrived.put`, in the group of this value."""
        group = self._groups.get(key)
        if group is None:
            if not belongs:
                return
            group = self._groups[key] = Arrived()
        group.put(number, member, belongs=belongs)
        if not group:
            del self._groups[key]

    def of(self, key: Key) -> list[Member]:
        """Those of one value, a copy."""
        group = self._groups.get(key)
        return [] if group is None else group.listed()

    def __contains__(self, key: Key) -> bool:
        return key in self._groups

    def __iter__(self) -> Iterator[Key]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)
