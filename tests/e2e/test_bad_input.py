"""What cannot run says so, with a reason and a message a person can act on, and disturbs nobody else."""

import pytest
from tests.e2e import kube
from tests.e2e.conftest import OTHER, SYMBOLS, bot_manifest


def _says(kind: str, status: str) -> dict[str, str]:
    said = kube.condition(kube.bot(OTHER), kind)
    return said if said.get("status") == status else {}


def _degraded(reason: str) -> dict[str, str]:
    said = kube.condition(kube.bot(), "Degraded")
    return said if said.get("reason") == reason else {}


def _pods_that_complain(bot: str) -> list[dict[str, str]]:
    return [
        pod for pod in kube.get("symbolshard", f"{bot}-4")["status"].get("pods", []) if pod.get("message")
    ]


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


def test_a_symbol_that_is_not_traded_is_named_and_stops_no_other(bot: str) -> None:
    kube.patch({"universe": {"symbols": [*SYMBOLS, "BTCUSD"]}})
    said = kube.eventually("it says which", 120, lambda: _degraded("SymbolsNotTraded"))
    assert "BTCUSD is not traded; did you mean BTCUSDT?" in said["message"]
    new = kube.eventually("its shard is there", 60, lambda: kube.get("symbolshard", f"{bot}-4"))
    pods = kube.eventually("its pod says so too", 60, lambda: _pods_that_complain(bot))
    kube.eventually("the others trade", 60, lambda: kube.executor_status().get("mayOpen"))
    failed = sum(kube.restarts(bot).values())

    kube.patch({"universe": {"symbols": SYMBOLS}})
    kube.eventually(
        "all is as before", 180, lambda: kube.condition(kube.bot(), "Degraded")["status"] == "False"
    )

    assert new["spec"]["symbols"] == ["BTCUSD"]
    assert "did you mean" in pods[0]["message"]
    assert failed == 0


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
