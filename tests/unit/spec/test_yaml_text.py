"""YAML scalars: what becomes a number, a switch or nothing, and what stays text."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.spec.yaml_text import parse

SCALARS: list[tuple[str, Any]] = [
    ("0.02", Decimal("0.02")),
    (".5", Decimal("0.5")),
    ("-1.50", Decimal("-1.50")),
    ("1e3", Decimal("1E+3")),
    ("12", 12),
    ("+5", 5),
    ("0", 0),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("'5'", "5"),
    ("010", "010"),
    ("0x1F", "0x1F"),
    ("0o17", "0o17"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("yes", "yes"),
    ("off", "off"),
    (".nan", ".nan"),
    ("-.inf", "-.inf"),
    ("2020-01-01", "2020-01-01"),
    ("NO", "NO"),
]


@pytest.mark.parametrize(("written", "value"), SCALARS, ids=[written for written, _ in SCALARS])
def test_a_scalar_is_what_yaml_1_2_says_and_never_a_float(written: str, value: Any) -> None:
    document, repeated = parse(f"a: {written}", "x")

    assert document == {"a": value}
    assert type(document["a"]) is type(value)
    assert str(document["a"]) == str(value)
    assert repeated == []


def test_a_merge_key_is_no_magic() -> None:
    assert parse("base: &base {a: 1}\n<<: *base\n", "x")[0] == {"base": {"a": 1}, "<<": {"a": 1}}


def test_repeated_keys_are_found_at_every_depth() -> None:
    _, repeated = parse("a: 1\nb:\n- {c: 1, c: 2}\n- d: 1\na: 2\n", "x")

    assert [(problem.path, problem.message) for problem in repeated] == [
        ("b[0].c", "is given twice, in lines 3 and 3; keep one"),
        ("a", "is given twice, in lines 1 and 5; keep one"),
    ]


def test_an_alias_into_itself_does_not_loop() -> None:
    document, repeated = parse("a: &a [*a]", "x")

    assert document["a"][0] is document["a"]
    assert repeated == []
