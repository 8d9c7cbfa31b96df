"""The reference page of the TradingBot, written from the spec itself.

`python -m tradefleet.spec.reference_page > docs/reference/tradingbot.md` makes it; a test holds the
committed page against it, so the page cannot fall behind.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from tradefleet.spec.bot import API_VERSION, KIND, BotSpec, Metadata
from tradefleet.spec.fields import Field, Tightens
from tradefleet.spec.market import Section
from tradefleet.spec.problems import shown
from tradefleet.spec.rules import RULES, Rule
from tradefleet.spec.schema_walk import Member, leaf_by_path, members, type_name
from tradefleet.spec.values import allowed

_INTRODUCTION = f"""\
# {KIND}

<!-- Written by `make reference` from runtime/tradefleet/spec; edit the spec, not this page. -->

Every field of the resource (`apiVersion: {API_VERSION}`, `kind: {KIND}`), with what the
loader knows of it. [config/examples](../../config/examples) holds bots to start from.

- **Takes effect**: *hot* in the running processes; *restart* by replacing them one by one, the new one
  ready before the old one goes; *immutable* never, a new bot is needed.
- **Tighter**: the direction in which a limit becomes stricter. The other direction needs the permission
  `loosen` in Kubernetes; *any change* means that neither direction is the safe one, *empty* that setting
  it to anything asks for the permission, *the first* that every word but the first does.
- **not built yet**: the system behind the field does not exist so far, and any value but the default is
  refused by name.
- Fractions are fractions (0.02, never 2 for percent). A null is as good as a field left out.
"""
_COLUMNS = ("Field", "Type", "Default", "Allowed", "Takes effect", "Tighter", "What it is")
_TIGHTER = {
    None: "",
    Tightens.LOWER: "lower",
    Tightens.HIGHER: "higher",
    Tightens.NONE: "any change",
    Tightens.EMPTY: "empty",
    Tightens.FIRST: "the first",
}


def render() -> str:
    """The whole page in Markdown; the same spec gives the same bytes."""
    parts = [_INTRODUCTION, *_section(Metadata, "metadata", ""), *_section(BotSpec, "spec", ""), _rules()]
    return "\n".join(parts)


def _section(section: type[Section], path: str, description: str) -> Iterator[str]:
    yield f"## {path}\n\n{f'{description} {inspect.getdoc(section)}'.strip()}\n"
    rows = [_row(member, f"{path}.{member.key}") for member in members(section) if member.section is None]
    if rows:
        yield "\n".join([_cells(_COLUMNS), _cells(["---"] * len(_COLUMNS)), *rows]) + "\n"
    for member in members(section):
        if member.section is not None:
            yield from _section(member.section, f"{path}.{member.key}", member.about.description)


def _row(member: Member, path: str) -> str:
    leaf = leaf_by_path().get(path)
    reload, built = (leaf.reload, leaf.built) if leaf else (member.about.reload, member.about.built)
    cells = (
        f"`{path}`",
        type_name(member.type),
        "required" if member.required else _default(member.default),
        _allowed(member.about),
        reload.value,
        _TIGHTER[member.about.tightens],
        member.about.description + ("" if built else " **Not built yet.**"),
    )
    return _cells(cells)


def _cells(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"`{key}`: {_default(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value) or "none"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    return "empty" if value == "" else f"`{value if isinstance(value, str) else shown(value)}`"


def _allowed(about: Field) -> str:
    bounds = [
        allowed(about),
        about.unit or "",
        f"`{about.pattern}`" if about.pattern else "",
        f"{about.max_length} characters" if about.max_length else "",
        _count(about),
    ]
    return ", ".join(bound for bound in bounds if bound)


def _count(about: Field) -> str:
    if about.max_items is None:
        return ""
    return f"{about.min_items or 0} to {about.max_items} items"


def _rules() -> str:
    return "\n".join(["## Rules between fields\n", *map(_rule, RULES)]) + "\n"


def _rule(rule: Rule) -> str:
    fields = ", ".join(f"`{path}`" for path in rule.paths)
    return f"- `{rule.id}` ({fields}): {rule.meaning}"


if __name__ == "__main__":
    sys.stdout.write(render())
