"""The definitions of the resources: bounded, described, current, and with the defaults of the code."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tradefleet.spec import crd
from tradefleet.spec.bot import API_VERSION, KIND, BotSpec
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.fields import Reload
from tradefleet.spec.market import Exchange, Simulator, Universe
from tradefleet.spec.openapi import as_json, cel_literal
from tradefleet.spec.rules import RULES
from tradefleet.spec.schema_walk import leaves

DOCUMENTS = {"tradingbots": crd.trading_bots(), "symbolshards": crd.symbol_shards()}

Node = tuple[str, dict[str, Any]]


def schema_of(kind: str) -> dict[str, Any]:
    (version,) = DOCUMENTS[kind]["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str) -> Iterator[Node]:
    """Every schema below one, with its path; items of lists and maps are called *."""
    yield path, schema
    for key, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{key}" if path else key)
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}.*")


NODES = [
    (f"{kind}:{path}", node)
    for kind in DOCUMENTS
    for path, node in nodes(schema_of(kind), "")
    if path not in ("apiVersion", "kind", "metadata")  # the server knows these itself
]
every_node = pytest.mark.parametrize("node", [node for _, node in NODES], ids=[path for path, _ in NODES])
BOT_NODES = dict(nodes(schema_of("tradingbots"), ""))


@every_node
def test_a_node_is_structural_and_bounded(node: dict[str, Any]) -> None:
    assert not {"$ref", "anyOf", "oneOf", "allOf", "nullable"} & set(node)
    match node["type"]:
        case "string":
            assert "maxLength" in node or "enum" in node
        case "array":
            assert node["maxItems"] > 0
            assert node["x-kubernetes-list-type"] in ("set", "map")
        case "integer" | "number":
            assert ("minimum" in node and "maximum" in node) or "enum" in node
        case "object":
            assert "properties" in node or node["maxProperties"] > 0
        case other:
            assert other == "boolean"


@pytest.mark.parametrize(("path", "node"), NODES, ids=[path for path, _ in NODES])
def test_a_field_says_what_it_is(path: str, node: dict[str, Any]) -> None:
    assert path.endswith(".*") or node["description"].endswith(".")


def filled(value: Any, schema: dict[str, Any]) -> Any:
    """What the API server makes of a value: fields that are missing or null get their default."""
    if schema["type"] != "object" or "properties" not in schema:
        return value
    result = {key: item for key, item in value.items() if item is not None}
    for key, below in schema["properties"].items():
        if key not in result and "default" in below:
            result[key] = copy.deepcopy(below["default"])
        if key in result:
            result[key] = filled(result[key], below)
    return result


@pytest.mark.parametrize("risk", [{}, {"risk": None}, {"risk": {}}, {"risk": {"correlation": None}}])
def test_the_server_fills_in_the_defaults_of_the_code(risk: dict[str, Any]) -> None:
    written = {"exchange": {"simulator": {"enabled": True}}, "universe": {"symbols": ["BTCUSDT"]}, **risk}

    spec = filled(written, BOT_NODES["spec"])

    expected = BotSpec(
        exchange=Exchange(simulator=Simulator(enabled=True)), universe=Universe(symbols=["BTCUSDT"])
    )
    assert spec == as_json(expected)
    document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "bot"}, "spec": spec}
    assert decode_bot(document, "server").spec == expected


def rules_at(path: str) -> list[str]:
    return [rule["rule"] for rule in BOT_NODES[path].get("x-kubernetes-validations", [])]


def test_what_is_immutable_in_the_code_is_immutable_on_the_server() -> None:
    frozen = {path for path in BOT_NODES if "self == oldSelf" in rules_at(path)}

    assert frozen == {leaf.path for leaf in leaves() if leaf.reload is Reload.IMMUTABLE}


def test_every_field_that_is_not_built_is_refused_on_the_server_with_the_words_of_the_loader() -> None:
    said = {
        path: rule["message"]
        for path, node in BOT_NODES.items()
        for rule in node.get("x-kubernetes-validations", [])
        if "is not built yet" in rule["message"]
    }

    assert set(said) == {leaf.path for leaf in leaves() if not leaf.built}
    assert said["spec.leverage.adaptive"] == (
        "is not the default (false), and leverage.adaptive is not built yet; leave it out"
    )


def test_every_rule_stands_in_the_definition() -> None:
    in_definition = [rule["message"].rpartition("(")[2].rstrip(")") for rule in
                     BOT_NODES["spec"]["x-kubernetes-validations"]]  # fmt: skip

    assert in_definition == [rule.id for rule in RULES]


def test_a_bot_is_not_in_the_category_that_people_delete_as_a_whole() -> None:
    assert DOCUMENTS["tradingbots"]["spec"]["names"]["categories"] == ["tradefleet"]


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (True, "true"),
        (10.0, "10.0"),
        (3, "3"),
        ("it's a \\", r"'it\'s a \\'"),
        (["A", "B"], "['A', 'B']"),
        ({"a": ["B"]}, "{'a': ['B']}"),
    ],
)
def test_a_value_is_written_as_cel_reads_it(value: Any, literal: str) -> None:
    assert cel_literal(value) == literal
