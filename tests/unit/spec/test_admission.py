"""The policy that asks for `loosen`: it knows every limit, and judges the resource alone."""

import pytest

from tradefleet.spec import admission
from tradefleet.spec.schema_walk import leaves

POLICY = admission.policy()["spec"]


def test_every_limit_of_the_spec_is_named_once_beside_the_mode() -> None:
    updated = admission.loosened().partition("\n: [")[2]
    named = [part.partition("' : ''")[0] for part in updated.split(" ? '")[1:]]

    limits = [leaf.path.removeprefix("spec.") for leaf in leaves() if leaf.about.tightens is not None]
    assert named == ["mode", *limits]
    assert {"risk.maxPositions", "exits.stopLoss", "killSwitch.clear", "confirmLive"} <= set(limits)


@pytest.mark.parametrize(
    ("limit", "looser"),
    [
        ("risk.maxPositions", "{now} > {was}"),
        ("risk.cooldownAfterLossSeconds", "{now} < {was}"),
        ("killSwitch.clear", "{now} != '' && {now} != {was}"),
        ("confirmLive", "{now} && !{was}"),
    ],
)
def test_a_limit_is_loosened_against_the_direction_that_tightens_it(limit: str, looser: str) -> None:
    condition = looser.format(now=f"variables.now.{limit}", was=f"oldObject.spec.{limit}")

    assert f"\n{condition} ? '{limit}' : ''" in admission.loosened()


def test_a_new_bot_is_asked_about_being_live_and_about_clearing_a_latch_alone() -> None:
    created = admission.loosened().partition("\n: [")[0]

    assert [part.partition("'")[0] for part in created.split(" ? '")[1:]] == [
        "mode",
        "confirmLive",
        "killSwitch.clear",
    ]


def test_creating_and_updating_are_judged_and_the_status_is_not() -> None:
    (rule,) = POLICY["matchConstraints"]["resourceRules"]

    assert rule["operations"] == ["CREATE", "UPDATE"]
    assert rule["resources"] == ["tradingbots"]
    assert POLICY["failurePolicy"] == "Fail"


def test_the_binding_denies_by_the_policy() -> None:
    assert admission.binding()["spec"] == {
        "policyName": admission.policy()["metadata"]["name"],
        "validationActions": ["Deny"],
    }
