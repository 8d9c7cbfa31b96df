"""YAML text to plain values, without any of YAML's surprises.

Numbers become int or Decimal exactly as written, never float; only `true` and `false` are switches
(`on`, `no` and dates stay text); octal, sexagesimal and infinite numbers stay text, which the
spec's checks then refuse by name. A key given twice is a problem rather than a silent last one.
Source: the core schema of YAML 1.2, section 10.3, less its octal and hexadecimal integers.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from tradefleet.spec.problems import Problem, SpecError

_TAG = "tag:yaml.org,2002:"
_INTEGER = r"[-+]?(?:0|[1-9][0-9]{0,30})"
_DECIMAL = r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"


def parse(text: str, source: str) -> tuple[Any, list[Problem]]:
    """The one document of a YAML text, None when it is empty; and a problem for each repeated key.

    Raises SpecError with one problem when it is not YAML or holds several documents.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return None, []
        repeated = [Problem(source, path, "", message) for path, message in _repeated_keys(root, "", set())]
        return loader.construct_document(root), repeated
    except yaml.YAMLError as error:
        raise SpecError([Problem(source, "", "", _in_one_line(error))]) from None
    except RecursionError:
        raise SpecError([Problem(source, "", "", "is nested too deeply to be a TradingBot")]) from None


class _Loader(yaml.SafeLoader):
    """The safe loader with the scalars named above and no tags besides theirs."""


def _repeated_keys(node: yaml.Node, path: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """(path, message) for each repeated key at or below a node; what an alias repeats is seen once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated_keys(item, f"{path}[{index}]", seen)
    elif isinstance(node, yaml.MappingNode):
        first_line: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = f"{path}.{name}" if path else name
            if name in first_line:
                yield here, f"is given twice, in lines {first_line[name]} and {line}; keep one"
            first_line.setdefault(name, line)
            yield from _repeated_keys(value, here, seen)


def _in_one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.composer.ComposerError) and "single document" in str(error.context):
        return f"holds a second document (line {_line(error)}); write one TradingBot a file"
    if isinstance(error, yaml.MarkedYAMLError):
        what = " ".join(part for part in (error.context, error.problem) if part)
        return f"cannot be read as YAML, line {_line(error)}: {what}"
    return "cannot be read as YAML: " + " ".join(str(error).split())


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return 0 if mark is None else mark.line + 1


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | Decimal:
    written = loader.construct_scalar(node)
    if re.fullmatch(_INTEGER, written):
        return int(written)
    try:
        return Decimal(written)
    except InvalidOperation:
        raise _misfit(node, "a number") from None


def _switch(loader: _Loader, node: yaml.ScalarNode) -> bool:
    written = loader.construct_scalar(node).lower()
    if written not in ("true", "false"):
        raise _misfit(node, "true or false")
    return written == "true"


def _misfit(node: yaml.ScalarNode, meant: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, f"{node.value!r} is not {meant}", node.start_mark)


def _undefined(_loader: _Loader, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(
        None, None, f"the tag {node.tag} means nothing here", node.start_mark
    )


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _DECIMAL, list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)
_Loader.yaml_constructors = {
    _TAG + "map": yaml.SafeLoader.construct_yaml_map,
    _TAG + "seq": yaml.SafeLoader.construct_yaml_seq,
    _TAG + "str": yaml.SafeLoader.construct_yaml_str,
    _TAG + "null": yaml.SafeLoader.construct_yaml_null,
    _TAG + "bool": _switch,
    _TAG + "int": _number,
    _TAG + "float": _number,
    None: _undefined,
}
