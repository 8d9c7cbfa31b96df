"""`tradefleet flatten` against the simulated exchange over real sockets, and nothing else."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.ports import free_port
from tests.support.postgres_server import running_postgres
from tests.support.simulated_account import ACCOUNT, KEY, SECRET, SimulatedAccount, simulated_account

from tradefleet.adapters.postgres.lease_row import Claim, LeaseRow
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.orders.flatten import Standing
from tradefleet.services import audit_command, flatten_command
from tradefleet.services.flatten import Settings, flatten, look
from tradefleet.services.fleet.problems import FleetFailed


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[SimulatedAccount]:
    async with simulated_account(tmp_path) as account:
        yield account


@pytest.fixture
def dsn() -> Iterator[str]:
    with running_postgres() as server:
        yield server.dsn()


def settings(served: SimulatedAccount, **changes: Any) -> Settings:
    values: dict[str, Any] = {"rest": served.rest, "key": KEY, "secret": SECRET, "clear_for_s": 0.5}
    return Settings(**(values | {"patience_s": 30.0} | changes))


def create(served: SimulatedAccount, **body: Any) -> None:
    served.exchange.create({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.1", **body})


def a_long_with_stop_target_and_entries(served: SimulatedAccount) -> None:
    create(served, orderType="Market", stopLoss="59000", takeProfit="62000")
    for number in range(3):
        create(served, orderType="Limit", price=str(59500 + number), qty="0.001")


async def test_everything_is_cancelled_and_closed(served: SimulatedAccount) -> None:
    a_long_with_stop_target_and_entries(served)
    said: list[str] = []

    ended = await flatten(settings(served), said.append)

    assert ended.clear
    assert ended.seconds_to_flat is not None
    assert await look(settings(served)) == Standing(orders=(), positions=())
    assert "closing: Sell 0.1 BTCUSDT, reduce-only" in said


async def test_a_short_is_bought_back(served: SimulatedAccount) -> None:
    create(served, side="Sell", orderType="Market", stopLoss="61000")

    ended = await flatten(settings(served), print)

    assert ended.clear


async def test_an_exchange_that_is_away_is_waited_for_and_never_taken_for_flat(
    served: SimulatedAccount,
) -> None:
    a_long_with_stop_target_and_entries(served)
    back_at = time.monotonic() + 2.0

    def away(_request: web.Request) -> web.Response | None:
        return web.Response(status=503) if time.monotonic() < back_at else None

    served.trouble = away
    said: list[str] = []

    ended = await flatten(settings(served), said.append)

    assert ended.clear
    assert ended.seconds_to_flat is not None
    assert ended.seconds_to_flat > 2.0
    assert said[0].startswith("the account cannot be read")


async def test_orders_that_the_exchange_does_not_take_are_tried_again(served: SimulatedAccount) -> None:
    a_long_with_stop_target_and_entries(served)
    refused = 0

    def busy(request: web.Request) -> web.Response | None:
        nonlocal refused
        if request.method == "POST" and refused < 4:
            refused += 1
            return web.json_response(
                {"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "time": 1}
            )
        return None

    served.trouble = busy
    said: list[str] = []

    ended = await flatten(settings(served), said.append)

    assert ended.clear
    assert any("not done, looking again" in line and "10006" in line for line in said)


async def test_what_does_not_become_flat_is_said(
    served: SimulatedAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    a_long_with_stop_target_and_entries(served)
    served.trouble = lambda request: web.Response(status=503) if request.method == "POST" else None

    status = await flatten_command.run(settings(served, patience_s=1.0), do_it=True)

    assert status == 1
    assert "NOT clear after 1 s: 5 orders, positions: BTCUSDT 0.1" in capsys.readouterr().err


async def test_without_yes_it_only_looks(
    served: SimulatedAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    a_long_with_stop_target_and_entries(served)

    status = await flatten_command.run(settings(served), do_it=False)

    assert status == 1
    assert "5 orders, positions: BTCUSDT 0.1" in capsys.readouterr().out
    assert not [path for method, path in served.requests if method == "POST"]


@pytest.mark.process
async def test_each_step_is_in_the_audit_before_it_is_done(served: SimulatedAccount, dsn: str) -> None:
    a_long_with_stop_target_and_entries(served)
    await migrate(dsn)
    row = LeaseRow(Claim(dsn=dsn, account=str(ACCOUNT), bot_uid="b", holder="h", ttl_s=1))
    await row.take(timeout_s=5)
    await row.close()
    said: list[str] = []

    ended = await flatten(settings(served, postgres=dsn, actor="cli:somebody"), said.append)

    (checked,) = await audit_command.verify(dsn, None, None)
    lines = await audit_command.listed(dsn, None, "flatten", None, 100)
    assert ended.clear
    assert checked.broken is None
    steps = [line.partition("somebody (cli): ")[2] for line in lines]
    words = ("cancelling", "closing", "flat;")
    assert steps == [*(text for text in said if text.startswith(words)), "the account is clear"]
    assert len(steps) >= 3


async def test_a_database_that_is_away_holds_nothing_up_and_is_said(served: SimulatedAccount) -> None:
    a_long_with_stop_target_and_entries(served)
    said: list[str] = []
    nowhere = f"postgresql://x@127.0.0.1:{free_port()}/x"

    ended = await flatten(settings(served, postgres=nowhere), said.append)

    assert ended.clear
    assert sum("the audit is not written, going on without" in line for line in said) == 1
    assert said[-1].endswith("steps are NOT in the audit")


def test_no_exchange_or_no_key_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)

    with pytest.raises(FleetFailed, match="name the exchange with --rest"):
        flatten_command.exchange_of(None, None, "A_KEY", "A_SECRET", 1.0)
    with pytest.raises(FleetFailed, match="environment variable A_KEY is not set"):
        flatten_command.exchange_of("http://127.0.0.1:1", None, "A_KEY", "A_SECRET", 1.0)


@pytest.mark.parametrize(
    ("rest", "address"),
    [
        ("live", "https://api.bybit.com"),
        ("demo", "https://api-demo.bybit.com"),
        ("https://api.bybit.nl", "https://api.bybit.nl"),
    ],
)
def test_an_exchange_is_named_by_its_mode_or_its_address(
    rest: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "k")
    monkeypatch.setenv("A_SECRET", "s")

    assert flatten_command.exchange_of(rest, None, "A_KEY", "A_SECRET", 1.0).rest == address
