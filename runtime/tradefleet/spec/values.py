"""Checks of one plain value of the spec against its type and its annotation.

Each check takes what stood in the YAML and returns the value the struct holds, or raises `Wrong`
with a message that continues a sentence beginning with the value. Lists and maps collect every
wrong item. `decode` gives the messages their place.
"""

import re
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum, IntEnum
from typing import Any

from tradefleet.spec.fields import Field
from tradefleet.spec.problems import nearest, shown


class Wrong(Exception):
    """One or more (place below the field, value, message); the place is empty for the field itself."""

    def __init__(self, *misfits: tuple[str, str, str]) -> None:
        self.misfits = misfits
        super().__init__(*misfits)


def checked(declared: Any, about: Field, raw: Any) -> Any:
    """The value of one field; raises Wrong."""
    match typing.get_origin(declared):
        case origin if origin is list:
            return _list(declared, about, raw)
        case origin if origin is dict:
            return _map(declared, about, raw)
    if declared is bool:
        return _switch(raw)
    if declared is int:
        return _whole(about, raw)
    if declared is Decimal:
        return _number(about, raw)
    if declared is str:
        return _text(about, raw)
    return _choice(declared, raw)


def allowed(about: Field) -> str:
    """The bounds of a number in words; empty when it has none."""
    low, high, above = about.low, about.high, about.above
    if above is not None:
        return f"above {above}" + (f", {high} at most" if high is not None else "")
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"{low} at least"
    return f"{high} at most" if high is not None else ""


def _wrong(raw: Any, message: str) -> Wrong:
    return Wrong(("", shown(raw), message))


def _switch(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    raise _wrong(raw, "is not a switch; write true or false")


def _number(about: Field, raw: Any) -> Decimal:
    value = _plain_number(raw)
    misfit = _outside(about, value)
    if misfit is not None:
        would_be_right = f"it is {about.unit}" if about.unit else f"{allowed(about)} is allowed"
        raise _wrong(raw, f"is {misfit}; {would_be_right}")
    return value


def _whole(about: Field, raw: Any) -> int:
    value = _number(about, raw)
    if value != value.to_integral_value():
        raise _wrong(raw, f"is not a whole number; {allowed(about)} is allowed")
    return int(value)


def _plain_number(raw: Any) -> Decimal:
    if isinstance(raw, str):
        try:
            meant = Decimal(raw)
        except InvalidOperation:
            raise _wrong(raw, "is not a number") from None
        if meant.is_finite():
            raise _wrong(raw, f"is text, not a number; write it without quotes: {meant}")
        raise _wrong(raw, "is not a number")
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise _wrong(raw, "is not a number")
    value = Decimal(str(raw))
    if not value.is_finite():
        raise _wrong(raw, "is not a number")
    return value


def _outside(about: Field, value: Decimal) -> str | None:
    if about.low is not None and value < about.low:
        return f"below {about.low}"
    if about.above is not None and value <= about.above:
        return f"not above {about.above}"
    if about.high is not None and value > about.high:
        return f"above {about.high}"
    return None


def _text(about: Field, raw: Any) -> str:
    if isinstance(raw, bool | int | float | Decimal):
        raise _wrong(raw, f'is not text; put it in quotes: "{shown(raw)}"')
    if not isinstance(raw, str):
        raise _wrong(raw, "is not text")
    if about.max_length is not None and len(raw) > about.max_length:
        raise _wrong(raw, f"is {len(raw)} characters long; {about.max_length} at most are allowed")
    if about.pattern is not None and re.fullmatch(about.pattern, raw) is None:
        raise _wrong(raw, f"does not match {about.pattern}: {about.description}")
    return raw


def _choice(choices: type[Enum], raw: Any) -> Enum:
    value = _plain_number(raw) if issubclass(choices, IntEnum) else raw
    for choice in choices:
        if choice.value == value:
            return choice
    names = [str(choice.value) for choice in choices]
    meant = nearest(raw, names) if isinstance(raw, str) else ""
    raise _wrong(raw, f"is none of {', '.join(names)}{meant}")


def _list(declared: Any, about: Field, raw: Any) -> list[Any]:
    if not isinstance(raw, list | tuple):
        raise _wrong(raw, "is not a list")
    (item_type,) = typing.get_args(declared)
    _count(about, raw, "items")
    values: list[Any] = []
    misfits: list[tuple[str, str, str]] = []
    for index, item in enumerate(raw):
        try:
            value = checked(item_type, about, item)
        except Wrong as wrong:
            misfits += _within(f"[{index}]", wrong)
            continue
        if value in values:
            misfits.append((f"[{index}]", shown(item), "stands in the list already; name it once"))
        values.append(value)
    if misfits:
        raise Wrong(*misfits)
    return values


def _map(declared: Any, about: Field, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise _wrong(raw, "is not a mapping")
    _key_type, item_type = typing.get_args(declared)
    _count(about, raw, "entries")
    values: dict[str, Any] = {}
    misfits: list[tuple[str, str, str]] = []
    for key, item in raw.items():
        if not isinstance(key, str) or len(key) > (about.max_length or len(key)):
            misfits.append(("", shown(key), f"is no name; {about.max_length} characters of text at most are"))
            continue
        try:
            values[key] = checked(item_type, about, item)
        except Wrong as wrong:
            misfits += _within(f".{key}", wrong)
    if misfits:
        raise Wrong(*misfits)
    return values


def _count(about: Field, raw: Any, what: str) -> None:
    if about.max_items is not None and len(raw) > about.max_items:
        raise _wrong(raw, f"has {len(raw)} {what}; {about.max_items} at most are allowed")
    if about.min_items is not None and len(raw) < about.min_items:
        raise _wrong(
            raw, f"has {len(raw)} {what}; {about.min_items} at least are needed: {about.description}"
        )


def _within(place: str, wrong: Wrong) -> Iterator[tuple[str, str, str]]:
    return ((place + below, value, message) for below, value, message in wrong.misfits)
