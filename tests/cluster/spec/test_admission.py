"""The policy in force on a real API server: tightening needs update alone, loosening needs loosen."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.spec.conftest import bot
from tests.support.kube_api import APPLY, MERGE, Answer, KubeApi, bots

from tradefleet.spec import admission

pytestmark = pytest.mark.cluster

START = {
    "risk": {"maxPositions": 5, "maxDailyLoss": 0.04, "maxRiskPerTrade": 0.01, "maxPositionsPerSymbol": 2},
    "exits": {"stopLoss": 0.015},
    "killSwitch": {"clear": "spec-1"},
}


@pytest.fixture
def limited(api: KubeApi, policed: str) -> Iterator[str]:
    """The path of a bot whose limits are tighter than the defaults."""
    path = f"{bots(policed)}/limited"
    answer = api.ask("POST", bots(policed), bot("limited", **START))
    assert answer.accepted, answer.message
    yield path
    api.ask("DELETE", path)


def patch(api: KubeApi, path: str, spec: Any, user: str) -> Answer:
    return api.ask("PATCH", path, {"spec": spec}, kind=MERGE, user=user, dryRun="All")


TIGHTENING = [
    {"risk": {"maxPositions": 4}},
    {"risk": {"maxPositions": 0, "maxDailyLoss": 0.0001, "maxRiskPerTrade": 0, "maxPositionsPerSymbol": 0}},
    {"risk": {"maxPositionsPerSymbol": None}},  # the default is tighter than what stands there
    {"exits": {"stopLoss": 0.0149}},
    {"exits": {"takeProfit": 0.05}},  # further, but no limit
    {"killSwitch": {"engaged": True, "reason": "the desk says so"}},
    {"killSwitch": {"clear": ""}},
    {"killSwitch": None},
    {"paused": True},
    {"paused": False, "strategies": {"imbalance": {"enabled": True}}},
    {"risk": {"correlation": {"groups": {"majors": ["ETH", "BTC"]}}}},  # the same set
    {"protection": {"foreignPositions": "protect"}, "sizing": {"equity": "settleCoin"}},  # the defaults
]


@pytest.mark.parametrize("spec", TIGHTENING, ids=str)
def test_who_may_update_may_tighten_and_stop(spec: Any, api: KubeApi, limited: str) -> None:
    answer = patch(api, limited, spec, "updater")

    assert answer.accepted, answer.message


LOOSENING = [
    ({"risk": {"maxPositions": 6}}, "risk.maxPositions"),
    ({"risk": {"maxDailyLoss": 0.040001}}, "risk.maxDailyLoss"),
    ({"risk": {"maxDailyLoss": 1}}, "risk.maxDailyLoss"),  # an integer against a fraction
    ({"exits": {"stopLoss": 0.02}}, "exits.stopLoss"),
    ({"risk": {"maxPositions": 1, "maxRiskPerTrade": 0.011}}, "risk.maxRiskPerTrade"),
    ({"risk": {"maxPositions": None}}, "risk.maxPositions"),
    ({"risk": None}, "risk.maxPositions, risk.maxRiskPerTrade, risk.maxDailyLoss"),
    ({"exits": None}, "exits.stopLoss"),
    ({"leverage": {"maximum": 51}}, "leverage.maximum"),
    ({"sizing": {"equity": "account"}}, "sizing.equity"),
    ({"protection": {"foreignPositions": "observe"}}, "protection.foreignPositions"),
    ({"killSwitch": {"clear": "daily-loss-2"}}, "killSwitch.clear"),
    ({"killSwitch": {"engaged": True, "clear": "daily-loss-2"}}, "killSwitch.clear"),
]


@pytest.mark.parametrize(("spec", "named"), LOOSENING, ids=[str(spec) for spec, _ in LOOSENING])
def test_loosening_is_refused_by_name_without_the_permission_and_accepted_with_it(
    spec: Any, named: str, api: KubeApi, limited: str
) -> None:
    refused = patch(api, limited, spec, "updater")
    accepted = patch(api, limited, spec, "officer")

    assert refused.status == 403
    assert f"TradingBot limited: loosening {named} needs the permission loosen" in refused.message
    assert "which updater does not have on it" in refused.message
    assert accepted.accepted, accepted.message


def test_a_limit_that_is_no_longer_applied_loosens_to_its_default(api: KubeApi, policed: str) -> None:
    path = f"{bots(policed)}/applied"
    query = {"fieldManager": "somebody", "force": "true"}

    def apply(document: dict[str, Any], user: str) -> Answer:
        return api.ask("PATCH", path, document, kind=APPLY, user=user, **query)

    created = apply(bot("applied", risk={"maxPositions": 3}), "updater")
    refused = apply(bot("applied"), "updater")
    accepted = apply(bot("applied"), "officer")
    api.ask("DELETE", path)

    assert created.accepted, created.message
    assert refused.status == 403
    assert "loosening risk.maxPositions needs" in refused.message
    assert accepted.body["spec"]["risk"]["maxPositions"] == 10


def test_a_whole_object_put_in_place_of_another_is_judged_too(api: KubeApi, limited: str) -> None:
    stored = api.ask("GET", limited).body
    stored["spec"].pop("risk")

    assert api.ask("PUT", limited, stored, user="updater").status == 403
    assert api.ask("GET", limited).body["spec"]["risk"]["maxPositions"] == 5


LIVE: dict[str, Any] = {"mode": "live", "confirmLive": True, "exchange": {}}


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (LIVE, "mode, confirmLive"),
        ({"confirmLive": True}, "confirmLive"),
        ({"killSwitch": {"clear": "spec-1"}}, "killSwitch.clear"),
    ],
    ids=["live", "confirmed", "clearing"],
)
def test_creating_such_a_bot_needs_the_permission(
    spec: dict[str, Any], named: str, api: KubeApi, policed: str
) -> None:
    refused = api.ask("POST", bots(policed), bot("new", **spec), user="updater", dryRun="All")
    accepted = api.ask("POST", bots(policed), bot("new", **spec), user="officer", dryRun="All")

    assert refused.status == 403
    assert f"TradingBot new: loosening {named} needs" in refused.message
    assert accepted.accepted, accepted.message


def test_a_live_bot_with_a_generated_name_needs_it_as_well(api: KubeApi, policed: str) -> None:
    document = bot("new", **LIVE) | {"metadata": {"generateName": "new-"}}

    assert api.ask("POST", bots(policed), document, user="updater", dryRun="All").status == 403


def test_a_bot_that_is_not_live_may_be_created_with_any_limits(api: KubeApi, policed: str) -> None:
    loose = bot("new", risk={"maxPositions": 500, "maxDailyLoss": 1})

    assert api.ask("POST", bots(policed), loose, user="updater", dryRun="All").accepted


def test_a_status_needs_no_permission_to_loosen(api: KubeApi, limited: str) -> None:
    said = {"status": {"phase": "Running"}, "spec": {"risk": {"maxPositions": 500}}}

    answer = api.ask("PATCH", f"{limited}/status", said, kind=MERGE, user="updater")

    assert answer.accepted, answer.message
    assert answer.body["spec"]["risk"]["maxPositions"] == 5


def test_the_policy_judges_every_limit_that_a_user_can_change() -> None:
    tried = ", ".join(named for _, named in LOOSENING) + ", confirmLive"
    built = [leaf.path.removeprefix("spec.") for leaf in admission.limits() if leaf.built]

    assert [name for name in built if name not in tried] == ["risk.maxPositionsPerSymbol"]
