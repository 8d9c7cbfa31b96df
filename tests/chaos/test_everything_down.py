"""What is away while twenty positions are to be closed: stores, the Kubernetes API, the exchange.

The kill switch is engaged while the exchange answers nothing, so that nothing can be closed before the
stores are gone; then the exchange comes back, and the time to flat counts from there.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.chaos.fleet import Fleet, Stores, fleet_of
from tests.chaos.scenes import SYMBOLS, calm, flat, hold
from tests.support.eventually import eventually
from tests.support.exchange_proxy import Trouble
from tests.support.executor_world import BOT, ExecutorProcess, can_open
from tests.support.fake_api_server import FakeApiServer, fake_api_server

from tradefleet.domain.signals import Target
from tradefleet.services.fleet.latches import engage_kill_switch
from tradefleet.spec.trading import Risk

pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]

COPIES = 4
TWENTY = tuple(
    symbol.replace("USDT", f"{copy}USDT")
    for symbol in SYMBOLS
    for copy in ("", *(f"COPY{number}" for number in range(1, COPIES + 1)))
)
FLAT_WITHIN_S = 30.0
FIVE_MINUTES_S = 300.0

PATH = "/apis/tradefleet.dev/v1alpha1/namespaces/trading"
SOURCE = "kubernetes://trading/alpha"


@pytest.fixture
async def twenty(tmp_path: Path, stores: Stores) -> AsyncIterator[Fleet]:
    async with fleet_of(tmp_path, stores, TWENTY, copies=COPIES, risk=Risk(max_positions=20)) as fleet:
        yield fleet


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeApiServer]:
    async with fake_api_server() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


async def create_bot(api: FakeApiServer, symbols: tuple[str, ...], **sections: object) -> None:
    """The bot that `Fleet` writes into a file, as a resource."""
    urls = {"rest": "http://sim:1", "publicStream": "ws://sim:1/p", "privateStream": "ws://sim:1/q"}
    spec = {
        "exchange": {"endpoints": urls},
        "universe": {"symbols": list(symbols)},
        "strategies": {"imbalance": {"enabled": True}},
        **sections,
    }
    await api.create(f"{PATH}/tradingbots/alpha", "TradingBot", spec, uid=BOT)
    shard = {"bot": "alpha", "index": 0, "symbols": list(symbols)}
    labels = {"tradefleet.dev/bot": "alpha"}
    await api.create(f"{PATH}/symbolshards/alpha-0", "SymbolShard", shard, labels=labels)


async def latched_without_an_exchange(fleet: Fleet, leader: ExecutorProcess, trouble: Trouble) -> str:
    """The id of the latch; nothing is closed yet."""
    fleet.proxy.weather = trouble
    latch_id, _ = await engage_kill_switch(fleet.dsn, "a test", "cli:me", None)
    await leader.until(lambda status: status["kill_switch"]["engaged"])
    return latch_id


@pytest.mark.parametrize(
    "away",
    [
        ("kubernetes",),
        ("valkey",),
        ("kubernetes", "valkey"),
        ("postgres",),
        ("kubernetes", "valkey", "postgres"),
    ],
    ids=" and ".join,
)
async def test_10_with_these_down_20_positions_are_flat_within_30_s_stops_in_place_the_latch_survives(
    twenty: Fleet, api: FakeApiServer, away: tuple[str, ...]
) -> None:
    await create_bot(api, TWENTY, risk={"maxPositions": 20})
    leader = twenty.begin("a", snapshot_path=SOURCE)
    await twenty.ready(leader)
    await hold(twenty, *TWENTY)
    latch_id = await latched_without_an_exchange(twenty, leader, Trouble.CUT)
    if "kubernetes" in away:
        await api.down()
    if "valkey" in away:
        await asyncio.to_thread(twenty.valkey.kill)
    if "postgres" in away:
        await asyncio.to_thread(twenty.postgres.stop)

    try:
        twenty.proxy.weather = None
        seconds = await flat(twenty, TWENTY, FLAT_WITHIN_S)
    finally:
        # Whatever comes of it, the next test finds its stores.
        if "valkey" in away:
            await asyncio.to_thread(twenty.valkey.start_again)
        if "postgres" in away:
            await twenty.postgres.start_again()
    print(f"\nflat {seconds:.2f} s after the exchange came back, without {' and '.join(away)}")

    assert twenty.naked == []
    await calm(twenty)
    leader.kill()
    successor = twenty.begin("b", snapshot_path=SOURCE)
    status = await successor.until(lambda status: status["leading"])
    assert latch_id in status["latches"]


@pytest.mark.parametrize("seconds", [FIVE_MINUTES_S])
async def test_11_the_exchange_answers_503_for_5_minutes_nothing_opens_flat_within_30_s_of_its_return(
    fleet: Fleet, seconds: float
) -> None:
    leader, _ = await fleet.two()
    await hold(fleet, *SYMBOLS[:3])
    sent = len(fleet.proxy.creates)
    await latched_without_an_exchange(fleet, leader, Trouble.BUSY)
    fleet.stream_wire.cut()

    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await fleet.bus.publish(fleet.signal(Target.LONG, SYMBOLS[3]))
        await asyncio.sleep(1.0)
    assert len(await fleet.rows("SELECT 1 FROM intents WHERE leg = 'open'")) == 3
    assert all(fleet.exchange_size(symbol) != 0 for symbol in SYMBOLS[:3])
    assert fleet.naked == []
    fleet.heal()

    took = await flat(fleet, SYMBOLS, FLAT_WITHIN_S)
    print(f"\nflat {took:.2f} s after the exchange came back; {len(fleet.proxy.creates) - sent} creates")
    await calm(fleet)
    assert fleet.exchange_size(SYMBOLS[3]) == 0


async def test_14_a_limit_is_tightened_then_leader_and_kubernetes_api_die_the_old_one_is_never_used_again(
    fleet: Fleet, api: FakeApiServer
) -> None:
    await create_bot(api, SYMBOLS)
    leader = fleet.begin("a", snapshot_path=SOURCE)
    await fleet.ready(leader)
    found = api.objects[f"{PATH}/tradingbots/alpha"]["spec"]
    await api.edit(f"{PATH}/tradingbots/alpha", {**found, "risk": {"maxPositions": 0}})
    await eventually(lambda: fleet.rows("SELECT 1 FROM config_history WHERE generation = 2"))

    await api.down()
    leader.kill()

    successor = fleet.begin("b", snapshot_path=SOURCE)
    status = await successor.until(can_open)
    assert status["generation"] == 2
    await fleet.bus.publish(fleet.signal(Target.LONG, "ETHUSDT"))
    await successor.until(lambda status: status["refused_by_reason"].get("max_positions"))
    assert fleet.proxy.creates == []
