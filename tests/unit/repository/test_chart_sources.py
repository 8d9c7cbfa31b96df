"""What `make chart` reads from the comments of values.yaml, and makes of its values."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[3] / "hack" / "chart.py"


def chart() -> Any:
    spec = importlib.util.spec_from_file_location("chart", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1  # behind\n", {"a": "behind"}),
        ("# above,\n# on two lines\na: 1\n", {"a": "above, on two lines"}),
        ("# of the file\n\na: 1\n", {"a": ""}),
        ("a:\n  # of b\n  b: {x: 1}\nc: 2\n", {"a": "", "a.b": "of b", "c": ""}),
        ("# above\na: x  # and behind\n", {"a": "above and behind"}),
        ("a:\n  b:\n    c: 1\n  d: 2  # of d\n", {"a": "", "a.b": "", "a.b.c": "", "a.d": "of d"}),
    ],
)
def test_a_comment_belongs_to_the_key_below_it_or_before_it(text: str, said: dict[str, str]) -> None:
    assert chart().comments(text) == said


def test_every_file_that_make_chart_writes_is_up_to_date() -> None:
    stale = [path.name for path, text in chart().files().items() if path.read_text() != text]

    assert stale == []


def test_a_key_that_nobody_knows_is_refused_at_every_depth() -> None:
    def objects(schema: dict[str, Any], path: str) -> list[str]:
        below = schema.get("properties", {})
        found = [path] if below and schema.get("additionalProperties") is not False else []
        return found + [name for key, value in below.items() for name in objects(value, f"{path}.{key}")]

    written = next(text for path, text in chart().files().items() if path.name == "values.schema.json")

    assert objects(json.loads(written), "values") == []
