"""What is known of one field of the spec, beside its type.

One annotation holds the description a person reads, the bounds, the class of reload, for a risk
limit the direction that tightens it, and whether the system behind it exists yet. The loader, the
generated schema and the reference pages read the same annotation.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec


class Reload(StrEnum):
    """When a changed value takes effect."""

    HOT = "hot"
    """In the running processes, at the next boundary of their loops."""
    RESTART = "restart"
    """By replacing the processes one by one, the new one ready before the old one goes."""
    IMMUTABLE = "immutable"
    """Never: a new bot is needed."""


class Tightens(StrEnum):
    """The direction in which a limit becomes stricter; the other direction needs `loosen`."""

    LOWER = "lower"
    HIGHER = "higher"
    NONE = "none"
    """Neither direction is safer: any change counts as loosening."""
    EMPTY = "empty"
    """Only the empty text is safe: setting it to anything else counts as loosening."""
    FIRST = "first"
    """Only the first word of an enumeration is safe: setting it to another one counts as loosening."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """The annotation of one field.

    low, high: inclusive bounds of a number. above: an exclusive lower bound. unit: what a number
    counts, as the end of the sentence "it is ...". pattern: a regular expression (RE2, no look-around)
    that a string, or each item of a list of strings, must match whole. max_length: of a string, of each
    item of a list, of each key and item of a map. max_items: of a list or map, and of each list in a
    map. keys: of a list of sections, the fields that tell its items apart. reload: a section's class
    holds for everything in it, so that of all classes on the way to a field the strictest counts.
    built: False while the system that would read the field does not exist; then only the default is
    accepted, so that no key silently does nothing.
    """

    description: str
    reload: Reload = Reload.HOT
    tightens: Tightens | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    above: Decimal | None = None
    unit: str | None = None
    pattern: str | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    keys: tuple[str, ...] = ()
    built: bool = True


HOT, RESTART, IMMUTABLE = Reload.HOT, Reload.RESTART, Reload.IMMUTABLE
LOWER, HIGHER, NEITHER, EMPTY = Tightens.LOWER, Tightens.HIGHER, Tightens.NONE, Tightens.EMPTY
FIRST = Tightens.FIRST

IN_SECONDS = "in seconds"
OF_EQUITY = "a fraction of equity (0.05 for 5 %)"
OF_PRICE = "a fraction of the price (0.02 for 2 %)"
TIMES_EQUITY = "a multiple of equity (2 for twice)"


def number(
    description: str,
    low: str | None = None,
    high: str | None = None,
    *,
    above: str | None = None,
    unit: str | None = None,
    reload: Reload = HOT,
    tightens: Tightens | None = None,
    built: bool = True,
) -> Field:
    """A bounded number; bounds are written as text so that they are exact."""
    return Field(
        description=description,
        low=None if low is None else Decimal(low),
        high=None if high is None else Decimal(high),
        above=None if above is None else Decimal(above),
        unit=unit,
        reload=reload,
        tightens=tightens,
        built=built,
    )


def text(
    description: str,
    max_length: int,
    pattern: str | None = None,
    *,
    reload: Reload = HOT,
    tightens: Tightens | None = None,
    built: bool = True,
) -> Field:
    """A bounded string."""
    return Field(
        description=description,
        max_length=max_length,
        pattern=pattern,
        reload=reload,
        tightens=tightens,
        built=built,
    )


def items(
    description: str,
    max_items: int,
    *,
    min_items: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    reload: Reload = HOT,
    tightens: Tightens | None = None,
    built: bool = True,
) -> Field:
    """A bounded list or map of strings."""
    return Field(
        description=description,
        max_items=max_items,
        min_items=min_items,
        max_length=max_length,
        pattern=pattern,
        reload=reload,
        tightens=tightens,
        built=built,
    )


def sections(description: str, max_items: int, keys: tuple[str, ...]) -> Field:
    """A bounded list of sections, of which these fields tell one from another."""
    return Field(description=description, max_items=max_items, keys=keys)


def plain(
    description: str,
    *,
    reload: Reload = HOT,
    tightens: Tightens | None = None,
    built: bool = True,
) -> Field:
    """A switch, an enumeration or a nested section."""
    return Field(description=description, reload=reload, tightens=tightens, built=built)
