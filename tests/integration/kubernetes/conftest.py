"""A bot with one shard on a fake API server, and a source that reads it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_api_server import FakeApiServer, fake_api_server

from tradefleet.adapters.kubernetes.api import Api, connect
from tradefleet.adapters.kubernetes.config import BotResource

BOT = "/apis/tradefleet.dev/v1alpha1/namespaces/trading/tradingbots/alpha"
SHARD = "/apis/tradefleet.dev/v1alpha1/namespaces/trading/symbolshards/alpha-0"


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "universe": {"symbols": ["BTCUSDT", "ETHUSDT"]},
        "exchange": {
            "endpoints": {"rest": "http://sim:80", "publicStream": "ws://s", "privateStream": "ws://s"}
        },
        "risk": {"maxDailyLoss": 0.05},
    } | changes


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with fake_api_server() as server:
        await server.create(BOT, "TradingBot", spec())
        await server.create(
            SHARD,
            "SymbolShard",
            {"bot": "alpha", "index": 0, "symbols": ["ETHUSDT", "BTCUSDT"]},
            labels={"tradefleet.dev/bot": "alpha"},
        )
        yield server


@pytest.fixture
async def api(server: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
    api = connect()
    yield api
    await api.close()


@pytest.fixture
def source(api: Api) -> BotResource:
    return BotResource(api, "trading", "alpha", watch_s=30)
