"""What the chart tells the operator by its environment."""

import pytest

from tradefleet_operator.settings import OperatorSettings, SettingsUnusable, from_environment

IMAGE = {"TRADEFLEET_RUNTIME_IMAGE": "runtime:1"}


def test_an_image_is_all_it_needs() -> None:
    assert from_environment(IMAGE) == OperatorSettings(runtime_image="runtime:1")


def test_names_stand_between_commas() -> None:
    given = {"TRADEFLEET_WATCH_NAMESPACES": "alpha, beta,", "TRADEFLEET_PULL_SECRETS": "registry"}

    settings = from_environment(IMAGE | given)

    assert settings.namespaces == ("alpha", "beta")
    assert settings.pull_secrets == ("registry",)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "TRADEFLEET_RUNTIME_IMAGE"),
        (IMAGE | {"TRADEFLEET_RESYNC_SECONDS": "often"}, "TRADEFLEET_RESYNC_SECONDS: 'often'"),
        (IMAGE | {"TRADEFLEET_HEALTH_PORT": "-1"}, "TRADEFLEET_HEALTH_PORT: '-1'"),
    ],
)
def test_what_cannot_be_used_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsUnusable, match=named):
        from_environment(environment)
