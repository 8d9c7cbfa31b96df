"""The look at an account before it is traded, over real sockets."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.rule_cases import spec_with
from tests.support.simulated_account import KEY, SECRET, SimulatedAccount, simulated_account

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import PreflightRefused, Unreadable
from tradefleet.adapters.bybit.preflight import demo_uid
from tradefleet.services.executor.exchange import Seen, exchange_of, look_at
from tradefleet.services.executor.settings import ExecutorSettings
from tradefleet.simulation.account.faults import Fault, FaultKind
from tradefleet.spec.bot import BotSpec, Mode

FEES, KEY_INFO, INFO = "/v5/account/fee-rate", "/v5/user/query-api", "/v5/account/info"
POSITIONS = "/v5/position/list"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[SimulatedAccount]:
    async with simulated_account(tmp_path) as account:
        account.trouble = market_time
        yield account


def market_time(request: web.Request, ahead_ns: int = 0) -> web.Response | None:
    if request.path != "/v5/market/time":
        return None
    return web.json_response({"retCode": 0, "result": {"timeNano": str(time.time_ns() + ahead_ns)}})


def answer(served: SimulatedAccount, path: str, result: Any) -> None:
    """From now on this path answers so."""
    body = {"retCode": 0, "retMsg": "OK", "result": result, "time": 1}
    served.trouble = lambda request: web.json_response(body) if request.path == path else market_time(request)


async def looked_at(
    served: SimulatedAccount, monkeypatch: pytest.MonkeyPatch, spec: BotSpec, key: str = KEY
) -> Seen:
    monkeypatch.setenv("TRADEFLEET_API_KEY", key)
    monkeypatch.setenv("TRADEFLEET_API_SECRET", SECRET)
    settings = ExecutorSettings(
        postgres="",
        redis="",
        snapshot_path="",
        status_path="",
        decisions_folder="",
        holder="",
        rest=served.rest,
        public_stream="",
        private_stream="",
    )
    async with exchange_of(settings, spec) as exchange:
        return await look_at(exchange, spec, spec.universe.symbols)


def spec(mode: Mode) -> BotSpec:
    return spec_with(**{"mode": mode, "universe.symbols": ["BTCUSDT"]})


async def test_the_simulated_account_is_let_through_and_on_paper_without_a_word(
    served: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = await looked_at(served, monkeypatch, spec(Mode.PAPER))
    testnet = await looked_at(served, monkeypatch, spec(Mode.TESTNET))

    assert paper == Seen(uid=served.exchange.uid, key_expires_ns=None, warnings=())
    assert testnet.uid == served.exchange.uid
    assert [warning.kind for warning in testnet.warnings] == ["no_address"]
    assert testnet.key_expires_ns is not None


@pytest.mark.parametrize(
    ("path", "result", "says"),
    [
        (INFO, {"unifiedMarginStatus": 1, "marginMode": "REGULAR_MARGIN"}, "no unified trading account"),
        (INFO, {"unifiedMarginStatus": 6, "marginMode": "ISOLATED_MARGIN"}, "ISOLATED_MARGIN"),
        (
            POSITIONS,
            {
                "list": [
                    {
                        "symbol": "BTCUSDT",
                        "positionIdx": leg,
                        "side": "",
                        "size": "0",
                        "seq": 1,
                        "updatedTime": "1",
                    }
                    for leg in (1, 2)
                ],
                "nextPageCursor": "",
            },
            "BTCUSDT: in hedge mode",
        ),
    ],
)
async def test_an_account_that_is_set_up_otherwise_is_refused(
    served: SimulatedAccount, monkeypatch: pytest.MonkeyPatch, path: str, result: Any, says: str
) -> None:
    answer(served, path, result)

    with pytest.raises(PreflightRefused, match=says):
        await looked_at(served, monkeypatch, spec(Mode.PAPER))


async def test_a_clock_that_is_wrong_is_named_before_anything_is_signed_with_it(
    served: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.trouble = lambda request: market_time(request, ahead_ns=3 * 10**9)

    with pytest.raises(PreflightRefused, match=r"clock is (2999|30\d\d) ms behind the exchange's"):
        await looked_at(served, monkeypatch, spec(Mode.PAPER))

    assert set(served.paths()) == {"/v5/market/time"}


async def test_a_key_of_another_mode_is_unreadable_with_the_exchanges_code(
    served: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unreadable) as caught:
        await looked_at(served, monkeypatch, spec(Mode.PAPER), key="of another environment")

    assert getattr(caught.value.__cause__, "status_code", None) == 10003


async def test_demo_which_tells_neither_fees_nor_whose_key_it_is_can_be_traded(
    served: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, code in ((KEY_INFO, 10032), (FEES, 10001)):
        served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=path, ret_code=code))

    seen = await looked_at(served, monkeypatch, spec(Mode.DEMO))
    async with AccountReads(served.rest, KEY, SECRET, untold_taker_fee=Decimal("0.00055")) as reads:
        fee = await reads.taker_fee(["BTCUSDT"])

    assert seen == Seen(uid=demo_uid(KEY), key_expires_ns=None, warnings=())
    assert fee == Decimal("0.00055")


async def test_elsewhere_a_fee_that_is_not_told_is_unreadable(served: SimulatedAccount) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=FEES, ret_code=10001))

    async with AccountReads(served.rest, KEY, SECRET) as reads:
        with pytest.raises(Unreadable, match="10001"):
            await reads.taker_fee(["BTCUSDT"])


async def test_a_server_error_on_demo_is_unreadable_and_no_permission_to_guess(
    served: SimulatedAccount,
) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=FEES, ret_code=10016))

    async with AccountReads(served.rest, KEY, SECRET, untold_taker_fee=Decimal("0.00055")) as reads:
        with pytest.raises(Unreadable, match="10016"):
            await reads.taker_fee(["BTCUSDT"])


async def test_positions_of_other_categories_are_told_and_what_cannot_be_read_of_them_is_not_needed(
    served: SimulatedAccount,
) -> None:
    row = {"symbol": "BTCUSD", "positionIdx": 0, "side": "Buy", "size": "100"}

    def other(request: web.Request) -> web.Response | None:
        match request.query.get("category"):
            case "inverse":
                return web.json_response({"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}})
            case "option":
                return web.json_response({"retCode": 10016, "retMsg": "Server error", "result": {}})
        return None

    served.trouble = other
    async with AccountReads(served.rest, KEY, SECRET) as reads:
        facts = await reads.account_facts(["BTCUSDT"])

    assert facts.beside == ("a position in BTCUSD (inverse)",)
    assert facts.one_way == ("BTCUSDT",)
