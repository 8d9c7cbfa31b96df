"""A real shard between a real simulator and a real Valkey."""

import signal
import socket
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from tests.integration.shard.conftest import (
    SimulatorProcess,
    Start,
    make_config,
    running_simulator,
    write_config,
)
from tests.support.shard_process import PATIENCE_S
from tests.support.valkey_server import RunningValkey

from tradefleet.adapters import failpoints
from tradefleet.core.events import ShardOwner
from tradefleet.domain.signals import Signal, book_signal_id
from tradefleet.spec.strategies import Breakout, Strategies, Timeframe

pytestmark = pytest.mark.process

OWNERS = "tradefleet:bot-uid:owners"
SIGNALS = "tradefleet:bot-uid:signals"

# Loose enough to say something every second or two of the recorded market.
EAGER = {
    "threshold": Decimal("0.3"),
    "hold_seconds": Decimal("0.05"),
    "flat_after_seconds": Decimal("0.5"),
    "cooldown_seconds": Decimal("0.1"),
}


def choose(valkey: RunningValkey, instance: str, epoch: int) -> None:
    """Do what the executor does when it makes an instance the owner."""
    owner = ShardOwner(shard=0, instance=instance, owner_epoch=epoch, generation=1)
    with redis.Redis.from_url(valkey.url) as client:
        client.hset(OWNERS, "0", msgspec.json.encode(owner).decode())


def signals_in(valkey: RunningValkey, at_least: int) -> list[Signal]:
    """The stream, once it is that long."""
    deadline = time.monotonic() + PATIENCE_S
    with redis.Redis.from_url(valkey.url) as client:
        while True:
            entries: Any = client.xrange(SIGNALS)
            if len(entries) >= at_least:
                return [msgspec.json.decode(fields[b"signal"], type=Signal) for _, fields in entries]
            assert time.monotonic() < deadline, f"{len(entries)} signals of {at_least}"
            time.sleep(0.05)


def test_a_shard_in_shadow_publishes_nothing_and_its_owner_numbers_its_signals(
    start: Start, valkey: RunningValkey
) -> None:
    shard = start(make_config(**EAGER)).shard

    warm = shard.wait_for(lambda status: status["warm"] and status["shadow_signals"] > 0)
    assert (warm["owner"], warm["signals"], warm["redis"]) == (False, 0, "up")
    choose(valkey, warm["instance"], 7)
    shard.wait_for(lambda status: status["owner"])
    signals = signals_in(valkey, 8)

    for symbol in {one.symbol for one in signals}:
        ids = [one.signal_id for one in signals if one.symbol == symbol]
        numbers = range(1, len(ids) + 1)
        assert ids == [
            book_signal_id("bot-uid", "bybit", symbol, "imbalance", 7, number) for number in numbers
        ]
    assert {one.instance for one in signals} == {warm["instance"]}
    assert shard.errors() == []


def test_a_shard_whose_place_is_given_to_another_goes_into_shadow(
    start: Start, valkey: RunningValkey
) -> None:
    shard = start(make_config(**EAGER)).shard
    choose(valkey, shard.wait_for(lambda status: status["warm"])["instance"], 1)
    shard.wait_for(lambda status: status["signals"] > 0)

    choose(valkey, "another", 2)

    before = shard.wait_for(lambda status: not status["owner"])
    after = shard.wait_for(lambda status: status["shadow_signals"] > before["shadow_signals"] + 2)
    assert after["signals"] == before["signals"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("gap", "gap"),
        ("not_json", "not_json"),
        ("crossed", "crossed"),
        ("negative_size", "negative_size"),
        ("absurd_size", "absurd_size"),
        ("unknown_symbol", "unknown_symbol"),
        ("silence", "gap"),
    ],
)
def test_a_bad_frame_is_counted_by_its_reason_and_disturbs_no_other_symbol(
    start: Start, simulator: SimulatorProcess, kind: str, reason: str
) -> None:
    shard = start().shard
    before = shard.wait_for(lambda status: status["warm"])
    assert before["faults"] == {}

    simulator.inject(kind=kind, topic="orderbook.50.BTCUSDT", seconds=0.5)

    def counted(status: dict[str, Any]) -> bool:
        # A silence across the start of a lap ends with a snapshot, and nothing is missing then.
        if kind == "silence" and not status["faults"] and status["messages"] > before["messages"] + 500:
            before["messages"] = status["messages"]
            simulator.inject(kind=kind, topic="orderbook.50.BTCUSDT", seconds=0.5)
        return bool(status["warm"] and status["faults"].get(reason))

    after = shard.wait_for(counted)
    seen = after["messages"]
    later = shard.wait_for(lambda status: status["warm"] and status["messages"] > seen + 200)
    assert later["symbols"]["ETHUSDT"]["faults"] == {}
    assert later["symbols"]["BTCUSDT"]["book_age_ms"] is not None
    assert later["connections"] == 1
    assert shard.errors() == []


def test_a_lost_connection_makes_every_book_stale_until_it_is_back(
    start: Start, simulator: SimulatorProcess
) -> None:
    shard = start().shard
    shard.wait_for(lambda status: status["warm"])

    simulator.inject(kind="disconnect", topic="orderbook.50.BTCUSDT")

    after = shard.wait_for(lambda status: status["warm"] and status["faults"].get("disconnected"))
    assert after["faults"]["disconnected"] == 2
    assert after["connections"] == 1


def test_an_edit_of_the_snapshot_takes_effect_without_losing_a_book(start: Start) -> None:
    shard, config = start(make_config(threshold=Decimal(1), hold_seconds=Decimal(600)))
    before = shard.wait_for(lambda status: status["warm"] and status["messages"] > 300)
    assert before["shadow_signals"] == 0

    write_config(config, make_config(2, **EAGER))

    after = shard.wait_for(lambda status: status["generation"] == 2 and status["shadow_signals"] > 0)
    assert after["config_hash"] != before["config_hash"]
    assert after["faults"] == {}
    assert not any("resubscribing" in line or "public_stream_lost" in line for line in shard.lines())


def test_a_bad_snapshot_keeps_the_last_good_one_and_says_so(start: Start) -> None:
    shard, config = start()
    shard.wait_for(lambda status: status["warm"])

    config.write_text("{")
    bad = shard.wait_for(lambda status: status["config_error"])
    write_config(config, make_config(3))
    good = shard.wait_for(lambda status: status["generation"] == 3)

    assert (bad["generation"], bad["warm"]) == (1, True)
    assert "snapshot.json: is no configuration" in bad["config_error"]
    assert good["config_error"] == ""
    assert {error["kind"] for error in shard.errors()} == {"bad_snapshot"}


def test_missing_candles_are_fetched_before_a_bar_strategy_is_warm(start: Start) -> None:
    breakout = Breakout(enabled=True, timeframe=Timeframe.M1, lookback=10)
    snapshot = make_config()
    spec = msgspec.structs.replace(snapshot.spec, strategies=Strategies(breakout=breakout))

    shard = start(msgspec.structs.replace(snapshot, spec=spec)).shard

    warm = shard.wait_for(lambda status: status["warm"])
    # Ten closed minutes: a shard that fetched none would be warm in ten minutes.
    assert [symbol["warm"] for symbol in warm["symbols"].values()] == [True, True]


def test_an_older_generation_is_not_taken(start: Start) -> None:
    shard, config = start(make_config(5))
    shard.wait_for(lambda status: status["warm"])

    write_config(config, make_config(4))

    refused = shard.wait_for(lambda status: status["config_error"])
    assert refused["generation"] == 5
    assert "generation 4" in refused["config_error"]


def test_a_shard_outlives_its_bus(start: Start, valkey: RunningValkey) -> None:
    shard = start(make_config(**EAGER)).shard
    instance = shard.wait_for(lambda status: status["warm"])["instance"]
    choose(valkey, instance, 1)
    signals_in(valkey, 1)

    valkey.kill()
    # Not until one has expired: when the first that waits is a flat, that takes a minute.
    down = shard.wait_for(lambda status: status["redis"] == "down" and status["waiting"] > 0)
    shard.wait_for(lambda status: status["warm"] and status["messages"] > down["messages"])
    valkey.start_again()
    choose(valkey, instance, 1)
    back = shard.wait_for(lambda status: status["redis"] == "up" and status["owner"])
    published = signals_in(valkey, 3)

    numbers = [
        (one.symbol, one.signal_id) for one in published if one.instance == instance and one.owner_epoch == 1
    ]
    assert len(set(numbers)) == len(numbers) >= 3
    assert back["pid"] == down["pid"]
    assert [error["kind"] for error in shard.errors()] == ["redis_down"]
    assert sum('"redis_back"' in line for line in shard.lines()) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start: Start, how: signal.Signals) -> None:
    shard = start().shard
    shard.wait_for(lambda status: status["warm"])

    assert shard.stop(how) == 0
    assert shard.status()["state"] == "stopped"
    assert "shard_stopped" in shard.lines()[-1]


def test_a_symbol_that_does_not_exist_is_one_line_with_the_nearest_name(start: Start) -> None:
    shard = start(make_config(symbols=("BTCUSDT", "ETHUSD"))).shard

    assert shard.process.wait(PATIENCE_S) == 1
    assert len(shard.lines()) == 1
    assert shard.lines()[0].startswith(
        "shard: spec.universe.symbols: ETHUSD is not traded; did you mean ETHUSDT?"
    )


def test_a_pod_goes_on_with_the_symbols_that_there_are(start: Start) -> None:
    shard = start(make_config(symbols=("BTCUSDT", "ETHUSD")), podName="alpha-shard-0-x").shard

    status = shard.wait_for(lambda status: status["warm"])

    assert list(status["symbols"]) == ["BTCUSDT"]
    assert status["unknown_symbols"].startswith(
        "spec.universe.symbols: ETHUSD is not traded; did you mean ETHUSDT?"
    )


def test_a_pod_without_a_symbol_that_is_traded_waits_for_one(start: Start) -> None:
    shard = start(make_config(symbols=("ETHUSD",)), podName="alpha-shard-0-x").shard

    status = shard.wait_for(lambda status: status["state"] == "running")

    assert status["symbols"] == {}
    assert shard.stop() == 0
    assert shard.errors() == []


def test_an_exchange_that_does_not_answer_is_one_line(start: Start) -> None:
    shard = start(rest="http://127.0.0.1:9").shard

    assert shard.process.wait(PATIENCE_S) == 1
    assert len(shard.lines()) == 1
    assert shard.lines()[0].startswith("shard: the exchange does not answer: http://127.0.0.1:9/v5/market/")


def test_a_shard_that_the_snapshot_does_not_have_is_one_line(start: Start) -> None:
    shard = start(shard=4).shard

    assert shard.process.wait(PATIENCE_S) == 1
    assert "shard 4: this configuration has shards [0]" in shard.lines()[0]


def test_a_status_file_that_cannot_be_written_is_one_line(start: Start) -> None:
    shard = start(status="/proc/nowhere/status.json").shard

    assert shard.process.wait(PATIENCE_S) == 1
    assert "cannot be written" in shard.lines()[0]


def test_a_shard_stopped_while_its_bus_is_down_ends_at_once(start: Start, valkey: RunningValkey) -> None:
    valkey.kill()
    shard = start().shard
    shard.wait_for(lambda status: status["warm"])

    assert shard.stop() == 0
    assert shard.status()["state"] == "stopped"


@pytest.mark.parametrize(("point", "published"), [("shard.before_publish", 0), ("shard.published", 1)])
def test_a_shard_can_be_killed_around_a_publish(
    start: Start, valkey: RunningValkey, tmp_path: Path, point: str, published: int
) -> None:
    points = tmp_path / "points"
    points.mkdir()
    shard = start(make_config(**EAGER), environment={failpoints.VARIABLE: f"{points}:{point}"}).shard
    choose(valkey, shard.wait_for(lambda status: status["warm"])["instance"], 1)
    deadline = time.monotonic() + PATIENCE_S
    while not (points / f"{point}.hit").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)

    shard.stop(signal.SIGKILL)

    assert len(signals_in(valkey, 0)) == published


def test_a_shard_outlives_its_exchange(start: Start, tmp_path: Path) -> None:
    with running_simulator(tmp_path / "first") as first:
        shard = start(rest=first.rest, publicStream=first.public_stream).shard
        shard.wait_for(lambda status: status["warm"])

    down = shard.wait_for(lambda status: not status["warm"] and status["connections"] == 0)
    with running_simulator(tmp_path / "second", int(first.rest.rpartition(":")[2])):
        back = shard.wait_for(lambda status: status["warm"])

    assert all(symbol["book_age_ms"] is None for symbol in down["symbols"].values())
    assert back["instance"] == down["instance"]
    assert back["connections"] == 1
    assert shard.errors() == []


def test_a_shard_stopped_before_the_exchange_answers_ends_at_once(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(PATIENCE_S)
        shard = start(rest=f"http://127.0.0.1:{mute.getsockname()[1]}").shard
        connection, _ = mute.accept()
        with connection:
            assert shard.stop() == 0

    assert shard.status() == {}
    assert shard.errors() == []
