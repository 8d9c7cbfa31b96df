"""Laws of the whole spec: nothing crashes the loader, and a spec survives every way it travels."""

from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tradefleet.spec.bot import API_VERSION, KIND, BotSpec, TradingBot
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.fields import Field, Reload, Tightens
from tradefleet.spec.market import Section
from tradefleet.spec.problems import SpecError
from tradefleet.spec.reload import changes, pinned, worst
from tradefleet.spec.rules import RULES
from tradefleet.spec.schema_walk import concerns, leaf_by_path, leaves, members, unbuilt_subject
from tradefleet.spec.snapshot import ConfigSnapshot

PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


def values(declared: Any, about: Field) -> st.SearchStrategy[Any]:
    """Values that the annotation allows."""
    if declared is bool:
        return st.booleans()
    if declared is int:
        return st.integers(int(about.low or 0), int(about.high or 0))
    if declared is Decimal:
        return st.decimals(about.low, about.high, places=4)
    if declared is str:
        written = st.from_regex(about.pattern or ".*", fullmatch=True, alphabet=PRINTABLE)
        return written.filter(lambda text: len(text) <= (about.max_length or 0))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return st.sampled_from(list(declared))
    return st.lists(values(str, about), unique=True, min_size=about.min_items or 0, max_size=3)


def sections(section: type[Section], path: str) -> st.SearchStrategy[Any]:
    """Sections in which every built field takes any value it allows; the unbuilt keep their default."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for member in members(section):
        here = f"{path}.{member.key}"
        if member.section is not None:
            fields[member.attribute] = sections(member.section, here)
        elif unbuilt_subject(here) is None:
            fields[member.attribute] = values(member.type, member.about)
    return st.builds(section, **fields)


specs = sections(BotSpec, "spec")
a_few = settings(max_examples=40)  # a spec has 50 fields that vary; 40 of them are 2,000 draws
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def snapshot(spec: BotSpec) -> ConfigSnapshot:
    return ConfigSnapshot(generation=1, uid="u", name="bot", namespace="default", spec=spec, shards=())


def decoded_or_problems(raw: Any) -> TradingBot | SpecError:
    try:
        return decode_bot(raw, "x")
    except SpecError as error:
        return error


@a_few
@given(specs)
def test_a_spec_written_as_json_reads_as_itself_or_breaks_a_rule(spec: BotSpec) -> None:
    encoder = msgspec.json.Encoder(decimal_format="number")
    document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "bot"}, "spec": spec}

    result = decoded_or_problems(encoder.encode(document))

    if isinstance(result, TradingBot):
        assert result.spec == spec
    else:
        assert {problem.message for problem in result.problems} <= {rule.message for rule in RULES}


@a_few
@given(specs)
def test_a_snapshot_reads_as_itself(spec: BotSpec) -> None:
    sent = snapshot(spec)

    received = ConfigSnapshot.decode(sent.encode())

    assert received == sent
    assert received.content_hash() == sent.content_hash()
    assert changes(spec, received.spec) == []


@a_few
@given(specs)
def test_a_spec_does_not_differ_from_itself(spec: BotSpec) -> None:
    assert changes(spec, spec) == []


@a_few
@given(specs, specs)
def test_a_change_there_and_back_touches_the_same_fields(one: BotSpec, other: BotSpec) -> None:
    there, back = changes(one, other), changes(other, one)

    assert [(change.path, change.old, change.new) for change in there] == [
        (change.path, change.new, change.old) for change in back
    ]
    assert worst(there) == worst(back)
    ordered = [
        (forth.loosens, return_.loosens)
        for forth, return_ in zip(there, back, strict=True)
        if leaf_by_path()[forth.path].about.tightens in (Tightens.LOWER, Tightens.HIGHER)
    ]
    assert all(forth != return_ for forth, return_ in ordered)


@a_few
@given(specs, specs)
def test_what_a_running_process_applies_differs_from_the_newest_in_what_waits_alone(
    begun_with: BotSpec, newest: BotSpec
) -> None:
    tied = {path for rule in RULES for path in rule.paths}

    applied = pinned(snapshot(begun_with), snapshot(newest)).spec

    for change in changes(newest, applied):
        assert change.reload is not Reload.HOT or any(concerns(path, change.path) for path in tied)
    assert all(change.reload is Reload.HOT for change in changes(begun_with, applied))
    assert {r.id for r in RULES if r.holds(begun_with) and r.holds(newest)} <= {
        r.id for r in RULES if r.holds(applied)
    }


@given(st.text(alphabet=st.sampled_from(list("ab:- \n\t[]{}&*!'\"#?|>%@`01.e~<")), max_size=40))
def test_no_text_crashes_the_loader(text: str) -> None:
    assert isinstance(decoded_or_problems(text.encode()), SpecError)


@given(st.binary(max_size=40))
def test_no_bytes_crash_the_loader(raw: bytes) -> None:
    assert isinstance(decoded_or_problems(raw), SpecError)


@given(st.sampled_from(leaves()), anything)
def test_no_value_of_a_field_crashes_the_loader(leaf: Any, value: Any) -> None:
    document: dict[str, Any] = yaml.safe_load(
        f"{{apiVersion: {API_VERSION}, kind: {KIND}, metadata: {{name: bot}}, "
        "spec: {exchange: {simulator: {enabled: true}}, universe: {symbols: [BTCUSDT]}}}"
    )
    *way, last = leaf.path.split(".")
    place = document
    for step in way:
        place = place.setdefault(step, {})
    place[last] = value

    result = decoded_or_problems(document)

    if isinstance(result, SpecError):
        assert str(result).startswith("x: spec.")
