"""What is wrong with a TradingBot, as a person should read it.

Everything that reads a bot collects `Problem`s and raises them together as one `SpecError`.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

_LONGEST_VALUE = 60


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong.

    source: where the bot came from, usually a file. path: of the field, as in YAML; empty when the
    problem is the file's. value: what stands there, as `shown` gives it; empty when nothing does.
    message: what is wrong with it and what would be right; it continues a sentence that begins
    with the value.
    """

    source: str
    path: str
    value: str
    message: str

    def __str__(self) -> str:
        sentence = f"{self.value} {self.message}" if self.value else self.message
        return ": ".join(part for part in (self.source, self.path, sentence) if part)


class SpecError(Exception):
    """A TradingBot that cannot be run; `problems` says everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(value: Any) -> str:
    """A value of the spec as an error shows it: text in quotes, long text cut, lists by name."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(_cut(str(value)))
        case int() | float() | Decimal():
            return _cut(str(value))
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def nearest(written: Any, names: Sequence[str]) -> str:
    """The end of a sentence that names the name meant, when one is near; else nothing."""
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(written).lower(), lower, n=1)
    return f"; did you mean {lower[near[0]]}?" if near else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
