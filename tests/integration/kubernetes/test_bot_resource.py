"""A bot's resource as a source of configuration, through everything that happens to a watch."""

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.kubernetes.conftest import BOT, SHARD, spec
from tests.support.eventually import eventually
from tests.support.fake_api_server import FakeApiServer

from tradefleet.adapters.config_source import BadSnapshot, BotGone, SourceAway
from tradefleet.adapters.kubernetes import api as api_module
from tradefleet.adapters.kubernetes.api import Api
from tradefleet.adapters.kubernetes.config import BotResource
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment

PATIENCE_S = 20.0


async def following(changes: AsyncIterator[ConfigSnapshot | BadSnapshot]) -> ConfigSnapshot | BadSnapshot:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(changes)


async def watching(server: FakeApiServer) -> None:
    """A watch has been asked for."""
    await eventually(lambda: any("watch" in query for _, _, query in server.requests))


async def edited_under_watch(
    server: FakeApiServer, source: BotResource, **changes: Any
) -> tuple[AsyncIterator[Any], asyncio.Task[Any]]:
    """A watch that stands, and somebody who waits for the next change."""
    changes_of = source.changes()
    waiting = asyncio.create_task(following(changes_of))
    await watching(server)
    return changes_of, waiting


async def test_the_resource_becomes_a_snapshot_with_exact_numbers(source: BotResource) -> None:
    snapshot = await source.read()

    assert (snapshot.uid, snapshot.generation, snapshot.name, snapshot.namespace) == (
        *("uid-alpha", 1, "alpha", "trading"),
    )
    assert snapshot.spec.risk.max_daily_loss == Decimal("0.05")
    assert snapshot.shards == (ShardAssignment(0, ("BTCUSDT", "ETHUSDT")),)


async def test_an_edit_arrives_by_the_watch(server: FakeApiServer, source: BotResource) -> None:
    await source.read()
    _, waiting = await edited_under_watch(server, source)

    begun_s = time.monotonic()
    await server.edit(BOT, spec(risk={"maxDailyLoss": 0.02}))
    change = await waiting

    print(f"edit to snapshot: {(time.monotonic() - begun_s) * 1000:.1f} ms")
    assert isinstance(change, ConfigSnapshot)
    assert (change.generation, change.spec.risk.max_daily_loss) == (2, Decimal("0.02"))


async def test_somebodys_status_is_no_change(server: FakeApiServer, api: Api, source: BotResource) -> None:
    await source.read()
    _, waiting = await edited_under_watch(server, source)

    await api.apply(f"{BOT}/status", {"metadata": {"name": "alpha"}, "status": {"phase": "Running"}}, "m")
    await asyncio.sleep(0.1)
    assert not waiting.done()

    await server.edit(BOT, spec(paused=True))
    change = await waiting
    assert isinstance(change, ConfigSnapshot)
    assert change.generation == 2


async def test_fields_that_need_a_new_process_stay_as_it_began(
    server: FakeApiServer, source: BotResource
) -> None:
    await source.read()
    _, waiting = await edited_under_watch(server, source)

    await server.edit(BOT, spec(universe={"symbols": ["BTCUSDT", "SOLUSDT"]}, paused=True))

    change = await waiting
    assert isinstance(change, ConfigSnapshot)
    assert change.generation == 2
    assert change.spec.paused
    assert change.spec.universe.symbols == ["BTCUSDT", "ETHUSDT"]
    assert change.shards == (ShardAssignment(0, ("BTCUSDT", "ETHUSDT")),)


async def test_a_bad_resource_is_said_and_a_better_one_taken(
    server: FakeApiServer, source: BotResource
) -> None:
    good = await source.read()
    changes, waiting = await edited_under_watch(server, source)

    await server.edit(BOT, spec(risk={"maxDailyLoss": 5}))
    bad = await waiting
    assert isinstance(bad, BadSnapshot)
    assert bad.generation == 2
    assert "spec.risk.maxDailyLoss: 5 is above 1" in str(bad)

    await server.edit(BOT, spec(paused=True))
    better = await following(changes)
    assert isinstance(better, ConfigSnapshot)
    assert (better.generation, better.uid) == (3, good.uid)


async def test_a_version_that_is_too_old_means_listing_again(
    server: FakeApiServer, source: BotResource
) -> None:
    await source.read()
    await server.edit(BOT, spec(paused=True))
    server.forget_history()

    change = await following(source.changes())

    assert isinstance(change, ConfigSnapshot)
    assert change.generation == 2


async def test_a_cut_watch_misses_nothing(server: FakeApiServer, source: BotResource) -> None:
    await source.read()
    _, waiting = await edited_under_watch(server, source)

    server.cut_watches()
    await server.edit(BOT, spec(paused=True))

    change = await waiting
    assert isinstance(change, ConfigSnapshot)
    assert change.generation == 2


async def test_a_watch_that_falls_silent_is_given_up(
    server: FakeApiServer, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "LATE_S", 0.2)
    source = BotResource(api, "trading", "alpha", watch_s=1)
    await source.read()
    server.silent = True

    waiting = asyncio.create_task(following(source.changes()))
    await watching(server)
    await server.edit(BOT, spec(paused=True))

    change = await waiting
    assert isinstance(change, ConfigSnapshot)
    assert change.generation == 2


async def test_a_server_that_is_away_changes_nothing_until_it_is_back(
    server: FakeApiServer, source: BotResource
) -> None:
    before = await source.read()
    _, waiting = await edited_under_watch(server, source)

    await server.down()
    await eventually(lambda: source.trouble)
    assert await source.read() == before
    assert not waiting.done()

    await server.edit(BOT, spec(paused=True))
    await server.up()
    change = await waiting
    assert isinstance(change, ConfigSnapshot)
    assert change.generation == 2
    assert source.trouble == ""


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
async def test_a_server_that_refuses_is_asked_again(
    server: FakeApiServer, source: BotResource, code: int
) -> None:
    server.status_code = code
    with pytest.raises(SourceAway, match=f"kubernetes://trading/alpha: GET .*: {code} the test wants it so"):
        await source.read()

    server.status_code = 200
    assert (await source.read()).generation == 1


async def test_a_bot_that_is_not_there_is_said(server: FakeApiServer, source: BotResource) -> None:
    await server.delete(BOT)

    with pytest.raises(BadSnapshot, match="there is no such TradingBot"):
        await source.read()


async def test_a_bot_made_again_under_the_same_name_is_another_one(
    server: FakeApiServer, source: BotResource
) -> None:
    await source.read()
    changes, waiting = await edited_under_watch(server, source)

    await server.delete(BOT)
    assert isinstance(await waiting, BotGone)
    await server.create(BOT, "TradingBot", spec(), uid="uid-second")

    bad = await anext(changes)
    assert isinstance(bad, BadSnapshot)
    assert "uid-second" in str(bad)


async def test_a_malformed_shard_is_named(server: FakeApiServer, source: BotResource) -> None:
    server.objects[SHARD]["spec"]["symbols"] = "BTCUSDT"

    with pytest.raises(BadSnapshot, match="SymbolShard alpha-0: Expected `array`"):
        await source.read()


async def test_without_an_api_server_a_journal_may_say_what_to_begin_with(
    server: FakeApiServer, source: BotResource, api: Api
) -> None:
    remembered = await source.read()
    fresh = BotResource(api, "trading", "alpha", watch_s=30)
    await server.down()
    with pytest.raises(SourceAway):
        await fresh.read()

    fresh.begin(remembered)

    assert await fresh.read() == remembered
    await server.edit(BOT, spec(paused=True))
    await server.up()
    change = await following(fresh.changes())
    assert isinstance(change, ConfigSnapshot)
    assert change.spec.paused
