"""What cannot run says so, with a reason and a message a person can act on, and disturbs nobody else."""

from collections.abc import Iterator

import pytest
from tests.e2e import kube
from tests.e2e.conftest import bot_manifest

OTHER = "second"


@pytest.fixture
def other(bot: str) -> Iterator[str]:
    """The name of a second bot, gone afterwards."""
    yield OTHER
    kube.kubectl("delete", "tradingbot", OTHER, "--ignore-not-found", "--timeout=60s")


def _says(kind: str, status: str) -> dict[str, str]:
    said = kube.condition(kube.bot(OTHER), kind)
    return said if said.get("status") == status else {}


def test_a_second_bot_on_the_account_says_that_it_is_in_use(bot: str, other: str) -> None:
    leader = kube.executor_status()["leader"]

    kube.kubectl("apply", "--filename", "-", given=bot_manifest(other, universe={"symbols": ["BTCUSDT"]}))
    said = kube.eventually("it finds the account taken", 120, lambda: _says("AccountInUse", "True"))

    assert "subaccount" in said["message"]
    assert kube.condition(kube.bot(other), "Ready")["reason"] == "AccountInUse"
    assert kube.executor_status()["leader"] == leader


def test_a_missing_secret_is_named(bot: str, other: str) -> None:
    manifest = bot_manifest(other, universe={"symbols": ["BTCUSDT"]}, stores={"secretName": "not-there"})

    kube.kubectl("apply", "--filename", "-", given=manifest)
    said = kube.eventually("it says what it waits for", 60, lambda: _says("Degraded", "True"))

    assert "not-there" in said["message"]
    assert sum(kube.restarts(other).values()) == 0


def test_a_bot_without_symbols_is_refused(bot: str, other: str) -> None:
    with pytest.raises(kube.Refused, match=r"spec\.universe\.symbols"):
        kube.kubectl("apply", "--filename", "-", given=bot_manifest(other, universe={"symbols": []}))


def test_an_unknown_strategy_is_refused_by_its_name(bot: str, other: str) -> None:
    manifest = bot_manifest(other, strategies={"astrology": {"enabled": True}})

    with pytest.raises(kube.Refused, match=r"unknown field .*spec\.strategies\.astrology"):
        kube.kubectl("apply", "--filename", "-", given=manifest)


def test_more_symbols_than_its_shards_hold_are_refused_in_words(bot: str, other: str) -> None:
    universe = {"symbols": [f"C{number}USDT" for number in range(5)]}
    manifest = bot_manifest(other, universe=universe, sharding={"symbolsPerShard": 1, "maxShards": 4})

    with pytest.raises(kube.Refused, match="maxShards"):
        kube.kubectl("apply", "--filename", "-", given=manifest)
