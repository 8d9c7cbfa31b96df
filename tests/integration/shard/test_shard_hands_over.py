"""A pod that is told to stop goes on as the owner until its successor is chosen, and not for ever."""

import signal
import time

import msgspec
import pytest
import redis
from tests.integration.shard.conftest import Start, make_config
from tests.integration.shard.test_shard_process import EAGER, choose, signals_in
from tests.support.shard_process import PATIENCE_S, ShardProcess
from tests.support.valkey_server import RunningValkey

from tradefleet.adapters.redis.messages import ShardAnnouncement

pytestmark = pytest.mark.process

ANNOUNCEMENTS = "tradefleet:bot-uid:announcements"


def says_that_it_leaves(valkey: RunningValkey, instance: str) -> bool:
    with redis.Redis.from_url(valkey.url) as client:
        newest = client.xrevrange(ANNOUNCEMENTS, count=20)
    said = [msgspec.json.decode(next(iter(fields.values())), type=ShardAnnouncement) for _, fields in newest]
    return any(one.instance == instance and one.leaving for one in said)


def owning(start: Start, valkey: RunningValkey, **settings: object) -> tuple[ShardProcess, str]:
    shard = start(make_config(**EAGER), podName="pod-a", **settings).shard
    instance = shard.wait_for(lambda status: status["warm"])["instance"]
    choose(valkey, instance, 1)
    shard.wait_for(lambda status: status["owner"])
    return shard, instance


def test_the_owner_goes_on_until_its_successor_is_chosen(start: Start, valkey: RunningValkey) -> None:
    old, first = owning(start, valkey, handOverSeconds=PATIENCE_S)
    new = start(make_config(**EAGER), podName="pod-b").shard
    second = new.wait_for(lambda status: status["warm"])["instance"]
    before = len(signals_in(valkey, 1))

    old.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while not says_that_it_leaves(valkey, first):
        assert time.monotonic() < deadline
    published = signals_in(valkey, before + 2)
    choose(valkey, second, 2)

    assert old.process.wait(PATIENCE_S) == 0
    assert {one.instance for one in published} == {first}
    new.wait_for(lambda status: status["owner"])


def test_an_owner_without_a_successor_ends_when_its_time_is_over(start: Start, valkey: RunningValkey) -> None:
    shard, _instance = owning(start, valkey, handOverSeconds=0.5)

    assert shard.stop() == 0
    assert shard.status()["state"] == "stopped"
