"""Everything that must stand beside a field of the spec does, and its default is one it would accept."""

import typing
from decimal import Decimal
from pathlib import Path

import pytest

from tradefleet.spec import reference_page
from tradefleet.spec.decode import load_bot
from tradefleet.spec.fields import Tightens
from tradefleet.spec.schema_walk import Leaf, leaf_by_path, leaves, unbuilt_subject
from tradefleet.spec.values import checked

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = sorted((REPOSITORY / "config" / "examples").glob("*.yaml"))

every_leaf = pytest.mark.parametrize("leaf", leaves(), ids=[leaf.path for leaf in leaves()])


@every_leaf
def test_a_field_says_what_it_is(leaf: Leaf) -> None:
    assert leaf.about.description.endswith(".")


@every_leaf
def test_a_default_is_one_that_the_field_accepts(leaf: Leaf) -> None:
    if leaf.member.required:
        assert leaf.path == "spec.universe.symbols"
        return

    plain = getattr(leaf.member.default, "value", leaf.member.default)
    assert checked(leaf.member.type, leaf.about, plain) == leaf.member.default


@every_leaf
def test_a_field_is_bounded(leaf: Leaf) -> None:
    about, declared = leaf.about, leaf.member.type
    if declared in (int, Decimal):
        assert about.low is not None or about.above is not None
        assert about.high is not None
    if declared is str:
        assert about.max_length is not None
    if typing.get_origin(declared) in (list, dict):
        assert about.max_items is not None
        assert about.max_length is not None


@every_leaf
def test_a_risk_limit_says_which_direction_tightens(leaf: Leaf) -> None:
    if leaf.path.startswith("spec.risk."):
        assert isinstance(leaf.about.tightens, Tightens)


def test_the_spec_names_every_section_of_the_design() -> None:
    sections = {leaf.path.split(".")[1] for leaf in leaves()}

    assert sections == {
        "mode", "confirmLive", "exchange", "stores", "universe", "sharding", "feed", "features", "strategies",
        "models", "sizing", "leverage", "exits", "protection", "risk", "execution", "killSwitch", "flags",
        "paused", "onDelete", "executor", "shard",
    }  # fmt: skip


def test_an_unbuilt_field_is_called_by_the_widest_part_that_is_missing() -> None:
    assert unbuilt_subject("spec.models.enabled") == "models"
    assert unbuilt_subject("spec.leverage.adaptive") == "leverage.adaptive"
    assert unbuilt_subject("spec.risk.maxTotalRisk") == "risk.maxTotalRisk"
    assert unbuilt_subject("spec.universe.query.exclude") == "universe.query"
    assert unbuilt_subject("spec.risk.maxPositions") is None
    assert leaf_by_path()["spec.risk.maxPositions"].built


def test_the_reference_page_is_up_to_date() -> None:
    committed = (REPOSITORY / "docs" / "reference" / "tradingbot.md").read_text(encoding="utf-8")

    assert committed == reference_page.render(), "run `make reference`"


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_loads(path: Path) -> None:
    assert load_bot(path).metadata.name


def test_the_demo_overrides_no_threshold_of_a_strategy() -> None:
    demo = load_bot(REPOSITORY / "config" / "examples" / "paper.yaml")

    set_by_demo = {
        leaf.path
        for leaf in leaves()
        if leaf.path.startswith("spec.strategies.") and leaf.value(demo.spec) != leaf.member.default
    }
    assert set_by_demo == {"spec.strategies.imbalance.enabled"}


def test_the_demo_runs_two_shards_on_the_simulator() -> None:
    demo = load_bot(REPOSITORY / "config" / "examples" / "paper.yaml")

    assert demo.metadata.name == "paper-demo"
    assert demo.spec.exchange.simulator.enabled
    assert sorted(demo.spec.universe.symbols) == ["BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT"]
    assert demo.spec.sharding.symbols_per_shard == 2
