"""Dead letters over a real Valkey: kept, bounded, never waited for, looked at and put back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import redis.asyncio
from tests.integration.redis.test_bus import UID, make_signal
from tests.support.eventually import eventually
from tests.support.valkey_server import RunningValkey, running_valkey
from typer.testing import CliRunner

from tradefleet import cli
from tradefleet.adapters.redis import BadMessage, ExecutorBus, ShardBus, StreamPosition, dead_letters
from tradefleet.adapters.redis.dead_letters import DeadLetter, DeadLetterBox, letter
from tradefleet.adapters.redis.messages import MOST_DEAD_LETTERS
from tradefleet.domain.signals import Signal

pytestmark = pytest.mark.process

SIGNALS = f"tradefleet:{UID}:signals"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RunningValkey]:
    with running_valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def bus(valkey: RunningValkey) -> AsyncIterator[ExecutorBus]:
    bus = ExecutorBus(valkey.url, UID)
    keeping = asyncio.create_task(bus.letters.keep())
    yield bus
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    await bus.close()


def dead(raw: bytes = b"{", **changes: object) -> DeadLetter:
    fields = {"entry_id": "1-0", "field": "signal"} | changes
    return letter(SIGNALS, raw, "truncated", time.time_ns(), **fields)  # type: ignore[arg-type]


async def kept(bus: ExecutorBus, count: int) -> None:
    await eventually(lambda: bus.letters.counts()["kept"] == count)


async def tradefleet(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was said."""
    result = await asyncio.to_thread(CliRunner().invoke, cli.app, ["dlq", *arguments])
    return result.exit_code, result.output


async def number_of_the_only_letter(valkey: RunningValkey) -> str:
    _, said = await tradefleet("list", "--redis", valkey.url)
    (line,) = said.splitlines()
    return line.split()[0]


async def test_a_letter_outlives_the_executor_and_is_listed_and_shown(
    valkey: RunningValkey, bus: ExecutorBus
) -> None:
    bus.letters.bury(dead(b"\xff{"))
    await kept(bus, 1)

    status, said = await tradefleet("list", "--redis", valkey.url)
    shown = await tradefleet("show", await number_of_the_only_letter(valkey), "--redis", valkey.url)

    assert status == 0
    assert f"{SIGNALS}  truncated" in said
    assert shown[0] == 0
    assert f"from     {SIGNALS} 1-0\nerror    truncated\nmessage  \\xff{{\n" in shown[1]


async def test_the_box_is_bounded_and_so_is_a_letter(valkey: RunningValkey, bus: ExecutorBus) -> None:
    for start in range(0, MOST_DEAD_LETTERS + 500, 500):
        for _ in range(500):
            bus.letters.bury(dead())
        await kept(bus, start + 500)
    bus.letters.bury(dead(b"x" * 100_000))
    await kept(bus, MOST_DEAD_LETTERS + 501)

    async with redis.asyncio.Redis.from_url(valkey.url) as client:
        assert await client.xlen(f"tradefleet:{UID}:dead-letters") <= MOST_DEAD_LETTERS + 100
    box = DeadLetterBox(valkey.url, UID)
    (newest,) = await box.newest(1)
    await box.close()
    assert (len(newest.letter.raw), newest.letter.size) == (dead_letters.LONGEST, 100_000)
    status, said = await tradefleet("replay", newest.number, "--redis", valkey.url)
    assert (status, "65536 of 100000 bytes" in said) == (1, True)


async def test_while_redis_is_away_nobody_waits_and_what_is_too_much_is_counted(
    valkey: RunningValkey, bus: ExecutorBus
) -> None:
    valkey.kill()

    began = time.monotonic()
    for _ in range(dead_letters.MOST_WAITING + 7):
        bus.letters.bury(dead())
    assert time.monotonic() - began < 2.0
    assert bus.letters.counts() == {"kept": 0, "lost": 7, "waiting": dead_letters.MOST_WAITING}

    valkey.start_again()
    await kept(bus, dead_letters.MOST_WAITING)
    assert bus.letters.counts() == {"kept": dead_letters.MOST_WAITING, "lost": 7, "waiting": 0}


async def test_a_letter_that_was_put_back_is_read_as_it_first_was_and_leaves_the_box(
    valkey: RunningValkey, bus: ExecutorBus
) -> None:
    _, position = await bus.read(StreamPosition(), 1)
    signal = msgspec.structs.replace(make_signal(1), expires_ns=time.time_ns() + 10**12)
    bus.letters.bury(dead(msgspec.json.encode(signal)))
    await kept(bus, 1)

    status, said = await tradefleet("replay", await number_of_the_only_letter(valkey), "--redis", valkey.url)

    assert status == 0
    assert "expired" not in said
    assert (await bus.read(position, 100))[0] == [signal]
    assert await tradefleet("list", "--redis", valkey.url) == (0, "no dead letters\n")


async def test_replaying_says_of_an_expired_signal_that_it_will_be_refused(
    valkey: RunningValkey, bus: ExecutorBus
) -> None:
    bus.letters.bury(dead(msgspec.json.encode(make_signal(1))))
    await kept(bus, 1)

    _, said = await tradefleet("replay", await number_of_the_only_letter(valkey), "--redis", valkey.url)

    assert "an entry on it is refused as stale" in said


async def test_what_is_still_no_message_comes_back_as_one(valkey: RunningValkey, bus: ExecutorBus) -> None:
    _, position = await bus.read(StreamPosition(), 1)
    bus.letters.bury(dead(b'{"signal_id": 5}'))
    await kept(bus, 1)

    _, said = await tradefleet("replay", await number_of_the_only_letter(valkey), "--redis", valkey.url)

    assert "it will be a dead letter again" in said
    ((message,), _) = await bus.read(position, 100)
    assert isinstance(message, BadMessage)
    assert message.raw == b'{"signal_id": 5}'


async def test_a_private_row_cannot_be_put_back_and_stays(valkey: RunningValkey, bus: ExecutorBus) -> None:
    bus.letters.bury(letter(f"{dead_letters.PRIVATE}:order.linear", b"{}", "side: 'Sideways'", 1))
    await kept(bus, 1)
    number = await number_of_the_only_letter(valkey)

    status, said = await tradefleet("replay", number, "--redis", valkey.url)

    assert status == 1
    assert "which nobody can write to" in said
    assert await number_of_the_only_letter(valkey) == number


async def test_what_cannot_be_asked_is_one_line(valkey: RunningValkey, bus: ExecutorBus) -> None:
    other = ExecutorBus(valkey.url, "bot-2")
    other.letters.bury(dead())
    await other.close()
    bus.letters.bury(dead())
    await kept(bus, 1)

    assert "name one bot with --bot" in (await tradefleet("list", "--redis", valkey.url))[1]
    assert (await tradefleet("list", "--redis", valkey.url, "--bot", "bot-2"))[0] == 0
    for number in ("5-5", "x", ""):
        status, said = await tradefleet("show", number, "--redis", valkey.url, "--bot", UID)
        assert (status, len(said.splitlines())) == (1, 1)
        assert "see: tradefleet dlq list" in said
    valkey.kill()
    assert "does not answer" in (await tradefleet("list", "--redis", valkey.url))[1]
    assert "name the fleet's folder" in (await tradefleet("list"))[1]


async def test_a_signal_of_a_shard_is_no_dead_letter(valkey: RunningValkey, bus: ExecutorBus) -> None:
    _, position = await bus.read(StreamPosition(), 1)
    shard = ShardBus(valkey.url, UID)
    await shard.publish(make_signal(1))

    messages, _ = await bus.read(position, 100)

    assert [type(message) for message in messages] == [Signal]
    await shard.close()
