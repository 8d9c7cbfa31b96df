"""The spec as a tree of fields, read from the types themselves.

The loader, the comparison of two configurations and the reference page all walk this tree, so that
a field is described once, where it is declared, and nothing is written for one field alone.
`members` gives the fields of one section, `leaves` every plain field below the bot's spec.
"""

import functools
import inspect
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.fields import Field, Reload
from tradefleet.spec.market import Section

STRICTNESS = (Reload.HOT, Reload.RESTART, Reload.IMMUTABLE)
"""The classes of reload, the mildest first."""


class Member(msgspec.Struct, frozen=True):
    """One field of a section.

    attribute and key: its name in Python and in YAML. type: without the annotation. about: the
    annotation. default: msgspec.NODEFAULT when there is none, msgspec.UNSET when the field may be
    left out altogether.
    """

    attribute: str
    key: str
    type: Any
    about: Field
    default: Any

    @property
    def section(self) -> type[Section] | None:
        """The section this field is, or None for a plain value."""
        return self.type if inspect.isclass(self.type) and issubclass(self.type, Section) else None

    @property
    def required(self) -> bool:
        """Whether a user must write it: it has no default, or one that its own bounds refuse."""
        if self.default is msgspec.NODEFAULT:
            return True
        return self.about.min_items is not None and len(self.default) < self.about.min_items


class Leaf(msgspec.Struct, frozen=True):
    """One plain field of the bot, with what the sections on the way add to it.

    path: as in YAML, such as spec.risk.maxDailyLoss. attributes: the same way in Python, from the
    spec. reload: the strictest class on the way. built: False when the field or a section on the
    way is not.
    """

    path: str
    attributes: tuple[str, ...]
    member: Member
    reload: Reload
    built: bool

    @property
    def about(self) -> Field:
        """The field's annotation."""
        return self.member.about

    def value(self, spec: BotSpec) -> Any:
        """This field's value in one configuration."""
        return functools.reduce(getattr, self.attributes, spec)


@functools.cache
def members(section: type[Section]) -> tuple[Member, ...]:
    """The fields of one section in the order of their declaration; inherited ones first."""
    hints = typing.get_type_hints(section, include_extras=True)
    return tuple(_member(section, field, hints[field.name]) for field in msgspec.structs.fields(section))


@functools.cache
def leaves() -> tuple[Leaf, ...]:
    """Every plain field of a bot's spec, in the order of declaration."""
    return tuple(_leaves_below(BotSpec, "spec", (), Reload.HOT, built=True))


@functools.cache
def leaf_by_path() -> types.MappingProxyType[str, Leaf]:
    """The same by path."""
    return types.MappingProxyType({leaf.path: leaf for leaf in leaves()})


@functools.cache
def unbuilt_subject(path: str) -> str | None:
    """What to call the missing system behind an unbuilt field; None for a field that is built.

    It is the widest part of the spec around the field of which nothing is built, without the
    leading "spec.": leverage for spec.leverage.default, risk.maxTotalRisk for itself.
    """
    leaf = leaf_by_path().get(path)
    if leaf is None or leaf.built:
        return None
    steps = path.split(".")
    for length in range(2, len(steps)):
        part = ".".join(steps[:length])
        if not any(other.built for other in leaves() if other.path.startswith(part + ".")):
            return part.removeprefix("spec.")
    return path.removeprefix("spec.")


def concerns(path: str, other: str) -> bool:
    """Whether the other path is this field (or section), something in it, or a section around it."""
    return other == path or other.startswith((path + ".", path + "[")) or path.startswith(other + ".")


def type_name(declared: Any) -> str:
    """What a value of this type is called in an error and on the reference page."""
    if inspect.isclass(declared) and issubclass(declared, Enum):
        return "one of " + ", ".join(str(choice.value) for choice in declared)
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"map of text to {type_name(arguments[1])}"
    return _TYPE_NAMES[declared]


_TYPE_NAMES: dict[Any, str] = {bool: "true or false", int: "whole number", Decimal: "number", str: "text"}


def _member(section: type[Section], field: msgspec.structs.FieldInfo, hint: Any) -> Member:
    declared, *extras = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
    declared = _without_unset(declared)
    about = [extra for extra in extras if isinstance(extra, Field)]
    if len(about) != 1:
        raise TypeError(f"{section.__name__}.{field.name}: needs exactly one annotation of spec/fields.py")
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return Member(field.name, field.encode_name, declared, about[0], default)


def _without_unset(declared: Any) -> Any:
    """The type of a field that may be left out altogether (`T | UnsetType`, in a status) is T."""
    if typing.get_origin(declared) is not types.UnionType:
        return declared
    (kept,) = [part for part in typing.get_args(declared) if part is not msgspec.UnsetType]
    return kept


def _leaves_below(
    section: type[Section], path: str, attributes: tuple[str, ...], reload: Reload, *, built: bool
) -> Iterator[Leaf]:
    for member in members(section):
        here, way = f"{path}.{member.key}", (*attributes, member.attribute)
        strictest = max(reload, member.about.reload, key=STRICTNESS.index)
        all_built = built and member.about.built
        if member.section is not None:
            yield from _leaves_below(member.section, here, way, strictest, built=all_built)
        else:
            yield Leaf(here, way, member, strictest, all_built)
