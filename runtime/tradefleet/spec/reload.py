"""What an edit of a bot changes, when it takes effect, and whether it loosens a limit.

The supervisor of the local fleet and the operator both ask here what to do with a new spec: apply
it in the running processes, replace them, or refuse it. A running process asks what of a newer
configuration it may apply (`pinned`).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.fields import Reload, Tightens
from tradefleet.spec.market import Section
from tradefleet.spec.rules import RULES
from tradefleet.spec.schema_walk import STRICTNESS, Leaf, concerns, leaves
from tradefleet.spec.snapshot import ConfigSnapshot

AnySection = TypeVar("AnySection", bound=Section)


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


def pinned(begun_with: ConfigSnapshot, newest: ConfigSnapshot) -> ConfigSnapshot:
    """The newest configuration as a process that began with another one may apply it.

    Hot fields are the newest's; all others, and the shards, stay as they were when the process began,
    until it is replaced. Where a rule ties a hot field to one that stays, and the mixture would break
    it, the hot field stays as well: no process runs on a configuration that no user could write.
    Raises ValueError when the two are of different bots.
    """
    if begun_with.uid != newest.uid:
        raise ValueError(
            f"this process runs the bot with uid {begun_with.uid}; a configuration of the bot with uid "
            f"{newest.uid} needs a process of its own"
        )
    stay = [leaf for leaf in leaves() if leaf.reload is not Reload.HOT]
    mixed = _with_values_of(begun_with.spec, newest.spec, stay)
    torn = [
        path for rule in RULES if not rule.holds(mixed) and rule.holds(newest.spec) for path in rule.paths
    ]
    tied = [leaf for leaf in leaves() if any(concerns(path, leaf.path) for path in torn)]
    spec = _with_values_of(begun_with.spec, mixed, tied)
    return msgspec.structs.replace(newest, spec=spec, shards=begun_with.shards)


def _with_values_of(source: BotSpec, spec: BotSpec, fields: Iterable[Leaf]) -> BotSpec:
    """The spec with these fields as they are in the source."""
    for leaf in fields:
        spec = _replaced(spec, leaf.attributes, leaf.value(source))
    return spec


def _replaced(section: AnySection, way: tuple[str, ...], value: Any) -> AnySection:
    step, *below = way
    inner = _replaced(getattr(section, step), tuple(below), value) if below else value
    return msgspec.structs.replace(section, **{step: inner})


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
        case Tightens.EMPTY:
            return bool(after)
        case Tightens.FIRST:
            return isinstance(after, StrEnum) and after.name != next(iter(after.__class__.__members__))
