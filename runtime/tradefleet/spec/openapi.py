"""The structural schema of a section, as a Kubernetes API server wants it, from the section's own types.

Everything a field's annotation knows becomes a property of the schema: bounds, pattern, default,
description. What the schema language cannot say is a rule in CEL beside the field: that an immutable
field stays as it is, and that a field which nothing reads yet has its default. Source: "Extend the
Kubernetes API with CustomResourceDefinitions", the sections on structural schemas, defaulting and
validation rules; measured against Kubernetes 1.34 by tests/cluster/spec.
"""

import inspect
import typing
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import msgspec

from tradefleet.spec.fields import Field, Reload
from tradefleet.spec.market import Section
from tradefleet.spec.problems import shown
from tradefleet.spec.schema_walk import Member, members, unbuilt_subject

Schema = dict[str, Any]


def section_schema(section: type[Section], path: str, description: str = "") -> Schema:
    """The schema of one section and all below it.

    path: where it stands in the object, such as spec.risk. description: of the field that holds it.
    """
    fields = members(section)
    schema: Schema = {
        "type": "object",
        "description": f"{description} {inspect.getdoc(section) or ''}".strip(),
        "properties": {member.key: _member(member, f"{path}.{member.key}") for member in fields},
    }
    required = [member.key for member in fields if _is_required(member)]
    if required:
        schema["required"] = required
    elif not any(member.default is msgspec.UNSET for member in fields):
        # The whole default, not {}: the server evaluates rules in CEL on it as it stands here.
        schema["default"] = {
            key: value["default"] for key, value in schema["properties"].items() if "default" in value
        }
    return schema


def as_json(value: Any) -> Any:
    """A value of the spec as a plain JSON value; numbers as numbers, since that is what a resource holds."""
    match value:
        case Enum():
            return value.value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {key: as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [as_json(item) for item in value]
        case Section():
            return {member.key: as_json(getattr(value, member.attribute)) for member in members(type(value))}
        case _:
            return value


def cel_literal(value: Any) -> str:
    """A plain JSON value as CEL writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{cel_literal(k)}: {cel_literal(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(cel_literal, value)) + "]"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case _:
            return str(value)


def whole(pattern: str) -> str:
    """A pattern that must match whole, for engines that search."""
    return f"^(?:{pattern})$"


def _is_required(member: Member) -> bool:
    """A section without a default of its own, since it holds something required, is required too."""
    if member.section is not None and member.default is not msgspec.UNSET:
        return any(_is_required(below) for below in members(member.section))
    return member.default is not msgspec.UNSET and member.required


def _member(member: Member, path: str) -> Schema:
    about = member.about
    if member.section is not None:
        return section_schema(member.section, path, about.description)
    schema = {**_value(member.type, about, path), "description": _description(about)}
    if member.default is not msgspec.UNSET and not member.required:
        schema["default"] = as_json(member.default)
    rules = [*_immutable(about), *_unbuilt(member, path)]
    if rules:
        schema["x-kubernetes-validations"] = rules
    return schema


def _description(about: Field) -> str:
    unit = f" It is {about.unit}." if about.unit else ""
    return about.description + unit


def _value(declared: Any, about: Field, path: str) -> Schema:
    match typing.get_origin(declared):
        case origin if origin is list:
            return _list(typing.get_args(declared)[0], about, path)
        case origin if origin is dict:
            item = _value(typing.get_args(declared)[1], about, path)
            return {"type": "object", "additionalProperties": item, "maxProperties": about.max_items}
    if declared is bool:
        return {"type": "boolean"}
    if declared is int:
        return {"type": "integer", "format": "int64", **_bounds(about)}
    if declared is Decimal:
        return {"type": "number", **_bounds(about)}
    if declared is str:
        pattern = {"pattern": whole(about.pattern)} if about.pattern else {}
        return {"type": "string", "maxLength": about.max_length, **pattern}
    kind = "integer" if issubclass(declared, IntEnum) else "string"
    return {"type": kind, "enum": [choice.value for choice in declared]}


def _list(item: Any, about: Field, path: str) -> Schema:
    schema: Schema = {"type": "array", "maxItems": about.max_items}
    if about.min_items:
        schema["minItems"] = about.min_items
    if about.keys:
        return schema | {
            "items": section_schema(item, path),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": list(about.keys),
        }
    return schema | {"items": _value(item, about, path), "x-kubernetes-list-type": "set"}


def _bounds(about: Field) -> Schema:
    bounds: Schema = {}
    if about.above is not None:
        bounds |= {"minimum": as_json(about.above), "exclusiveMinimum": True}
    elif about.low is not None:
        bounds["minimum"] = as_json(about.low)
    if about.high is not None:
        bounds["maximum"] = as_json(about.high)
    return bounds


def _immutable(about: Field) -> list[Schema]:
    if about.reload is not Reload.IMMUTABLE:
        return []
    return [{"rule": "self == oldSelf", "message": "cannot be changed; make a new bot instead"}]


def _unbuilt(member: Member, path: str) -> list[Schema]:
    subject = unbuilt_subject(path)
    if subject is None:
        return []
    default = as_json(member.default)
    named = "" if isinstance(default, list | dict) else f" ({shown(default)})"
    message = f"is not the default{named}, and {subject} is not built yet; leave it out"
    # CEL compares a number with a number alone: 10.0, since 10 would be an integer.
    exact = float(default) if isinstance(member.default, Decimal) else default
    return [{"rule": _is_default(exact), "message": message}]


def _is_default(default: Any) -> str:
    if isinstance(default, bool):
        return "self" if default else "!self"
    if default in ([], {}):
        return "self.size() == 0"
    if isinstance(default, dict):
        # Lists in a map are sets to the server and to the spec, so their order is no difference.
        return " && ".join(
            [f"self.size() == {len(default)}"]
            + [
                f"{cel_literal(key)} in self && self[{cel_literal(key)}].size() == {len(value)} && "
                f"{cel_literal(value)}.all(item, item in self[{cel_literal(key)}])"
                for key, value in default.items()
            ]
        )
    return f"self == {cel_literal(default)}"
