"""What a comparison with the exchange came to, as a value that is kept and shown.

One is made of every comparison, also of one for which the account could not be read. It says what was found
and what became of each difference: taken in, believed, or open until the next comparison.
"""

from enum import StrEnum

import msgspec


class Comparison(StrEnum):
    """What a comparison has ended with."""

    AGREES = "agrees"
    """Both books said the same."""
    RESOLVED = "resolved"
    """There were differences, and none is left."""
    OPEN = "open"
    """A difference is looked at again, or an order is still unresolved and counts as filled."""
    UNREAD = "unread"
    """The account could not be read whole: nothing was compared. Lists that were read are acted on."""


class ReconciliationReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One comparison.

    reason: why it was asked for. asked_ns, ended_ns: exchange time. counted: ids of executions that were
    missing here. absent: client order ids that the exchange provably never took. adopted, foreign: ids of
    orders without an intent, ours and other people's. differing: positions that will be looked at again,
    a sentence each. believed: positions taken over from the exchange, a sentence each. unresolved: client
    order ids whose fate is not known yet. trouble: why it could not be read, "" when it was. unread: lists
    of positions and open orders that could not be read, with their troubles. unclear: rows that are not
    understood, a sentence each; nothing is concluded of their symbols.
    """

    reason: str
    outcome: Comparison
    asked_ns: int
    ended_ns: int
    counted: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    believed: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    trouble: str = ""
    unread: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For a person: what was found, the ids where there are few of them."""
        rows = [f"not understood: {text}" for text in self.unclear]
        if self.trouble:
            return "; ".join([f"could not be read: {self.trouble}", *self.unread, *rows])
        found = [
            _many(self.counted, "execution was missing here", "executions were missing here"),
            _many(self.absent, "order was never taken", "orders were never taken"),
            _many(self.adopted, "order of ours has no intent", "orders of ours have no intent"),
            _many(self.foreign, "order is somebody else's", "orders are somebody else's"),
            _many(self.unresolved, "order is unresolved", "orders are unresolved"),
            *(f"{text}; looked at again" for text in self.differing),
            *(f"{text}; believed" for text in self.believed),
            *rows,
        ]
        return "; ".join(text for text in found if text) or "both books say the same"


def outcome_of(*, differences: bool, left: bool) -> Comparison:
    """Of a comparison that was read. left: something of it is still open."""
    if left:
        return Comparison.OPEN
    return Comparison.RESOLVED if differences else Comparison.AGREES


def _many(ids: tuple[str, ...], one: str, many: str) -> str:
    if not ids:
        return ""
    told = f" ({', '.join(ids)})" if len(ids) <= 3 else ""
    return f"{len(ids)} {one if len(ids) == 1 else many}{told}"
