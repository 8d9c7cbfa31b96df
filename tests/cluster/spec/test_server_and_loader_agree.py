"""A real API server accepts and refuses the same specs as the loader of the local fleet.

Every field is tried with values at its bounds, beyond them, and of every wrong type; every rule
between fields with its good and bad cases. Nothing is stored: the server is asked for a dry run.
"""

import copy
import typing
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from tests.cluster.spec.conftest import bot
from tests.support.kube_api import Answer, KubeApi, bots
from tests.support.rule_cases import RULE_CASES, spec_with

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.fields import Field
from tradefleet.spec.openapi import as_json
from tradefleet.spec.problems import Problem, SpecError
from tradefleet.spec.rules import RULES
from tradefleet.spec.schema_walk import Leaf, leaves

pytestmark = pytest.mark.cluster

_ONLY_THE_LOADERS = {rule.message for rule in RULES if rule.cel is None}

UNBUILT = [leaf for leaf in leaves() if not leaf.built]


def of_every_type() -> list[Any]:
    return [None, True, 3, 3.5, "", "x", [], ["A1"], {}, {"a": True}]


def candidates(declared: Any, about: Field) -> list[Any]:
    """Values at the bounds of a field and just beyond them."""
    if declared in (int, Decimal):
        low, high = about.low if about.low is not None else about.above, about.high
        assert low is not None
        assert high is not None
        step = Decimal(1) if declared is int else Decimal("0.00001")
        return [low - step, low, low + step, high - step, high, high + step]
    if declared is str:
        assert about.max_length is not None
        long = "a" * about.max_length
        return [long, long + "a", "A", "a", "a b", "1", "é", "a\n", "http://h", "wss://h/v5", "250m", "1Gi"]
    if declared is bool:
        return [True, False]
    if isinstance(declared, type) and issubclass(declared, Enum):
        return [choice.value for choice in declared]
    assert about.max_items is not None
    names = [f"A{number}" for number in range(about.max_items + 1)]
    if typing.get_origin(declared) is list:
        return [names[:-1], names, ["A1", "A1"], ["a1"], ["A" * 30], ["A" * 31], [1], [None]]
    return [{"one": ["A1", "A1"]}, {"one": ["a1"]}, {"one": True}, {"one": ["A1"]}]


def document_with(path: str, value: Any) -> dict[str, Any]:
    document = bot("tried")
    *way, last = path.split(".")
    place = document
    for step in way:
        place = place.setdefault(step, {})
    place[last] = value
    return document


def problems_of(document: dict[str, Any]) -> list[Problem]:
    """What the loader says, besides that an adapter is missing, which the server leaves to the operator."""
    try:
        decode_bot(copy.deepcopy(document), "tried")
    except SpecError as error:
        return [problem for problem in error.problems if problem.message not in _ONLY_THE_LOADERS]
    return []


def dry_run(api: KubeApi, namespace: str, document: dict[str, Any], **query: str) -> Answer:
    return api.ask("POST", bots(namespace), document, dryRun="All", **query)


@pytest.mark.parametrize("leaf", leaves(), ids=[leaf.path for leaf in leaves()])
def test_a_field_takes_the_same_values_in_both(leaf: Leaf, api: KubeApi, namespace: str) -> None:
    for value in of_every_type() + candidates(leaf.member.type, leaf.about):
        document = document_with(leaf.path, value)

        answer, problems = dry_run(api, namespace, document), problems_of(document)

        assert answer.accepted == (not problems), f"{value!r}: {answer.message} | {problems}"


@pytest.mark.parametrize(
    "leaf", [leaf for leaf in leaves() if not leaf.built], ids=lambda leaf: str(leaf.path)
)
def test_what_is_not_built_is_refused_in_the_same_words(leaf: Leaf, api: KubeApi, namespace: str) -> None:
    refused = 0
    for value in candidates(leaf.member.type, leaf.about):
        document = document_with(leaf.path, value)
        unbuilt = [problem.message for problem in problems_of(document) if "not built" in problem.message]
        if not unbuilt:
            continue
        answer = dry_run(api, namespace, document)
        assert leaf.path in answer.blamed
        assert unbuilt[0] in answer.message
        refused += 1

    assert refused or leaf.path == "spec.execution.foreignOrders"  # of its one choice


def complete(spec: BotSpec) -> dict[str, Any]:
    """The spec as JSON, with a symbol where the case names none, since the schema wants one."""
    written: dict[str, Any] = as_json(spec)
    written["universe"]["symbols"] = written["universe"]["symbols"] or ["BTCUSDT"]
    return written


@pytest.mark.parametrize(
    "given",
    [given for _, good, bad in RULE_CASES for given in (good, bad)],
    ids=[f"{rule}-{kind}" for rule, _, _ in RULE_CASES for kind in ("good", "bad")],
)
def test_a_rule_between_fields_is_the_same_in_both(
    given: dict[str, Any], api: KubeApi, namespace: str
) -> None:
    spec = spec_with(**given)
    broken = [rule for rule in RULES if rule.cel is not None and not rule.holds(spec)]

    answer = dry_run(api, namespace, bot("tried", **complete(spec)))

    assert {rule.id for rule in RULES if f"({rule.id})" in answer.message} == {rule.id for rule in broken}
    assert answer.accepted == (not broken), answer.message
    assert {rule.paths[0] for rule in broken} <= answer.blamed


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_section_that_is_null_or_empty_means_its_defaults_in_both(
    nothing: Any, api: KubeApi, namespace: str
) -> None:
    for section in {leaf.path.split(".")[1] for leaf in leaves() if leaf.path.count(".") > 1}:
        if section in ("exchange", "universe"):  # without these there is no bot
            continue
        document = bot("tried", **{section: nothing})

        stored = dry_run(api, namespace, document)

        assert stored.accepted, stored.message
        assert decode_bot(stored.body, "server") == decode_bot(
            document | {"metadata": stored.body["metadata"]}, ""
        )


def test_a_whole_number_may_be_written_with_an_empty_fraction_where_no_rule_reads_it(
    api: KubeApi, namespace: str
) -> None:
    # In CEL the server takes 50.0 for no integer. kubectl writes 50 for it, so that only programs meet this.
    document = bot("tried", risk={"maxPositions": Decimal("5.0")})
    read_by_a_rule = bot("tried", strategies={"imbalance": {"levels": Decimal("5.0")}})

    assert dry_run(api, namespace, document).body["spec"]["risk"]["maxPositions"] == 5
    assert "expected int, got float64" in dry_run(api, namespace, read_by_a_rule).message
    assert problems_of(document) == problems_of(read_by_a_rule) == []


def test_a_bot_of_a_few_lines_gets_the_defaults_of_the_code(api: KubeApi, namespace: str) -> None:
    stored = dry_run(api, namespace, bot("tried")).body["spec"]

    expected = spec_with(**{"exchange.simulator.enabled": True, "universe.symbols": ["BTCUSDT"]})
    assert stored == as_json(expected)


@pytest.mark.parametrize("name", ["a", "my-bot-2", "a" * 40])
def test_a_name_that_its_pods_and_service_can_carry_is_accepted(
    name: str, api: KubeApi, namespace: str
) -> None:
    assert dry_run(api, namespace, bot(name)).accepted
    assert problems_of(bot(name)) == []


@pytest.mark.parametrize("name", ["a" * 41, "1bot", "my.bot", "-bot", "bot-"])
def test_any_other_name_is_refused_in_both(name: str, api: KubeApi, namespace: str) -> None:
    answer = dry_run(api, namespace, bot(name))

    assert "metadata.name" in answer.message
    assert [problem.path for problem in problems_of(bot(name))] == ["metadata.name"]


def test_an_unknown_field_is_refused_where_the_client_asks_for_it_and_dropped_else(
    api: KubeApi, namespace: str
) -> None:
    document = bot("tried", risk={"maxPosition": 3})

    strict = dry_run(api, namespace, document, fieldValidation="Strict")
    lenient = dry_run(api, namespace, document, fieldValidation="Ignore")

    assert 'unknown field "spec.risk.maxPosition"' in strict.message
    assert "maxPosition" not in lenient.body["spec"]["risk"]


def test_a_bot_without_a_spec_is_refused(api: KubeApi, namespace: str) -> None:
    document = {key: value for key, value in bot("tried").items() if key != "spec"}

    assert dry_run(api, namespace, document).blamed >= {"spec"}
