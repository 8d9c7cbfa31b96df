"""What an edit of a bot changes, when it takes effect, and whether it loosens a limit.

The supervisor of the local fleet and the operator both ask here what to do with a new spec: apply
it in the running processes, replace them, or refuse it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.fields import Reload, Tightens
from tradefleet.spec.schema_walk import STRICTNESS, leaves


class Change(msgspec.Struct, frozen=True):
    """One field whose value differs.

    path: as in YAML. reload: the strictest class on the way to the field. loosens: whether a limit
    became less strict, for which Kubernetes asks the permission `loosen`.
    """

    path: str
    old: Any
    new: Any
    reload: Reload
    loosens: bool


def changes(old: BotSpec, new: BotSpec) -> list[Change]:
    """Every field that differs, in the order of the spec.

    The lists of a spec are sets (each item once), so their order is not a difference; nor is the
    way a number is written (0.020 and 0.02).
    """
    found = []
    for leaf in leaves():
        before, after = leaf.value(old), leaf.value(new)
        if _comparable(before) != _comparable(after):
            loosens = _loosens(leaf.about.tightens, before, after)
            found.append(Change(leaf.path, before, after, leaf.reload, loosens))
    return found


def worst(found: Iterable[Change]) -> Reload | None:
    """The strictest class among the changes; None when there are none."""
    return max((change.reload for change in found), key=STRICTNESS.index, default=None)


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return frozenset(value)
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    return value


def _loosens(tightens: Tightens | None, before: Any, after: Any) -> bool:
    match tightens:
        case None:
            return False
        case Tightens.LOWER:
            return bool(after > before)
        case Tightens.HIGHER:
            return bool(after < before)
        case Tightens.NONE:
            return True
