"""Both ends of the bus over a real Valkey."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import redis.asyncio
from tests.support.valkey_server import RunningValkey, running_valkey

from tradefleet.adapters.redis import (
    BadMessage,
    BusDown,
    ExecutorBus,
    ShardAnnouncement,
    ShardBus,
    StreamPosition,
)
from tradefleet.core.events import ShardOwner
from tradefleet.domain.signals import LONGEST_VALID_NS, Signal, SignalKind, Target

pytestmark = pytest.mark.process

UID = "bot-1"


def make_signal(number: int) -> Signal:
    return Signal(
        signal_id=f"signal-{number}",
        bot_uid=UID,
        venue="bybit",
        symbol="BTCUSDT",
        strategy="imbalance",
        kind=SignalKind.BOOK,
        target=Target.LONG,
        strength=0.75,
        price=Decimal("60000.10"),
        hold_ns=10,
        reason="imbalance 0.75",
        at_ns=1,
        seen_ns=2,
        expires_ns=3,
        shard=0,
        instance="abc",
        owner_epoch=4,
        generation=5,
    )


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RunningValkey]:
    with running_valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def shard(valkey: RunningValkey) -> AsyncIterator[ShardBus]:
    bus = ShardBus(valkey.url, UID)
    yield bus
    await bus.close()


@pytest.fixture
async def executor(valkey: RunningValkey) -> AsyncIterator[ExecutorBus]:
    bus = ExecutorBus(valkey.url, UID)
    yield bus
    await bus.close()


async def test_signals_arrive_as_they_were_sent_and_once(shard: ShardBus, executor: ExecutorBus) -> None:
    _, position = await executor.read(StreamPosition(), 1)

    await shard.publish(make_signal(1))
    await shard.publish(make_signal(2))
    first, position = await executor.read(position, 100)
    second, again = await executor.read(position, 1)

    assert first == [make_signal(1), make_signal(2)]
    assert (second, again) == ([], position)


async def test_signals_that_waited_are_read_from_the_beginning_and_announcements_from_now(
    shard: ShardBus, executor: ExecutorBus
) -> None:
    await shard.publish(make_signal(1))
    await shard.announce(0, "old", 1, True)

    nothing, position = await executor.read(StreamPosition(), 1)
    await shard.announce(0, "new", 2, False)
    messages, _ = await executor.read(position, 100)

    assert nothing == []
    assert messages == [
        make_signal(1),
        ShardAnnouncement(shard=0, instance="new", generation=2, warm=False),
    ]


async def test_an_announcement_is_answered_with_the_owner(shard: ShardBus, executor: ExecutorBus) -> None:
    owner = ShardOwner(shard=1, instance="abc", owner_epoch=7, generation=3)

    before = await shard.announce(1, "abc", 3, True)
    await executor.publish_owners([owner])
    after = await shard.announce(1, "abc", 3, True)
    other = await shard.announce(2, "xyz", 3, True)

    assert (before, after, other) == (None, owner, None)


async def test_what_is_no_message_is_handed_on_as_it_came_and_stops_nothing(
    valkey: RunningValkey, shard: ShardBus, executor: ExecutorBus
) -> None:
    _, position = await executor.read(StreamPosition(), 1)
    async with redis.asyncio.Redis.from_url(valkey.url) as client:
        await client.xadd(f"tradefleet:{UID}:signals", {"signal": '{"signal_id": 5}'})
        await client.xadd(f"tradefleet:{UID}:signals", {"signal": b"\xff\xfe"})
        await client.xadd(f"tradefleet:{UID}:signals", {"else": "x"})
        nul = msgspec.json.encode(msgspec.structs.replace(make_signal(2), reason="a\0b"))
        await client.xadd(f"tradefleet:{UID}:signals", {"signal": nul})
        await shard.publish(make_signal(1))

        messages, _ = await executor.read(position, 100)

    bad = [message for message in messages if isinstance(message, BadMessage)]
    assert [(message.field, message.raw) for message in bad] == [
        ("signal", b'{"signal_id": 5}'),
        ("signal", b"\xff\xfe"),
        ("", b"{b'else': b'x'}"),
        ("signal", nul),
    ]
    assert "signal_id" in bad[0].error
    assert "U+0000" in bad[3].error
    assert messages[-1] == make_signal(1)


SECOND = 1_000_000_000
NOW_NS = 1_900_000_000 * SECOND
LIMIT_NS = NOW_NS - LONGEST_VALID_NS


def _expiring(number: int, expires_ns: int) -> Signal:
    return msgspec.structs.replace(make_signal(number), expires_ns=expires_ns)


@pytest.mark.parametrize(
    ("old", "young", "read_from"),
    [
        (600, [], 600),
        (499, [], 0),  # less than a page: all of it is read
        (600, [LIMIT_NS], 0),  # expired only just so long ago, and less than a page before it
        (1000, [NOW_NS] * 3, 503),
        (1000, [NOW_NS, *[LIMIT_NS - 1] * 10], 511),  # letters that were put back behind a younger one
    ],
)
async def test_a_new_run_is_read_from_where_nothing_unexpired_can_be_missed(
    valkey: RunningValkey, shard: ShardBus, old: int, young: list[int], read_from: int
) -> None:
    bus = ExecutorBus(valkey.url, UID, lambda: NOW_NS)
    expiries = [*[LIMIT_NS - 1] * old, *young]
    async with redis.asyncio.Redis.from_url(valkey.url) as client:
        ids = [
            await client.xadd(
                f"tradefleet:{UID}:signals",
                {"signal": msgspec.json.encode(_expiring(number, at_ns))},
            )
            for number, at_ns in enumerate(expiries)
        ]

    _, position = await bus.read(StreamPosition(), 1)
    await bus.close()

    skipped = 0 if position.signals_id == "0-0" else ids.index(position.signals_id.encode()) + 1
    assert skipped == read_from
    assert all(at_ns < LIMIT_NS for at_ns in expiries[:skipped])


async def test_a_killed_server_is_said_and_a_new_run_is_read_from_its_beginning(
    valkey: RunningValkey, shard: ShardBus, executor: ExecutorBus
) -> None:
    _, position = await executor.read(StreamPosition(), 1)
    await shard.publish(make_signal(1))
    _, position = await executor.read(position, 100)

    valkey.kill()
    with pytest.raises(BusDown, match="publish"):
        await shard.publish(make_signal(2))
    with pytest.raises(BusDown, match="announce"):
        await shard.announce(0, "abc", 1, True)
    with pytest.raises(BusDown, match="read"):
        await executor.read(position, 1)
    valkey.start_again()
    await shard.publish(make_signal(3))
    nothing, fresh = await executor.read(position, 1)
    messages, _ = await executor.read(fresh, 100)

    assert nothing == []
    assert fresh.run_id == await executor.run_id() != position.run_id
    assert messages == [make_signal(3)]


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_loop_over_the_bus_ends_when_told_wherever_it_stands(
    valkey: RunningValkey, turns: int
) -> None:
    bus = ShardBus(valkey.url, UID)

    async def announcing() -> None:
        while True:
            with contextlib.suppress(BusDown):
                await bus.announce(0, "abc", 1, True)

    lost = 0
    for number in range(20):
        task = asyncio.create_task(announcing())
        for _ in range(turns + number % 3):
            await asyncio.sleep(0)
        task.cancel()
        _, pending = await asyncio.wait({task}, timeout=1.0)
        lost += len(pending)
        for left in pending:
            left.cancel()
    await bus.close()

    assert lost == 0
