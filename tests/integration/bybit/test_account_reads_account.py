"""Reads of the account: whole to the last page, or Unreadable."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from tests.support.simulated_account import (
    KEY,
    SECOND_NS,
    SECRET,
    SimulatedAccount,
    WallClock,
    intent,
)

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.order_client import EXECUTIONS, OPEN_ORDERS, OrderClient
from tradefleet.simulation.account.faults import Fault, FaultKind

POSITIONS = "/v5/position/list"
WALLET = "/v5/account/wallet-balance"


@pytest.fixture
async def reads(served: SimulatedAccount) -> AsyncIterator[AccountReads]:
    async with AccountReads(served.rest, KEY, SECRET) as ours:
        yield ours


def order(served: SimulatedAccount, link_id: str, **body: Any) -> None:
    """An order of anybody's: a small limit far below the market unless the body says otherwise."""
    asked = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.001", "orderLinkId": link_id}
    served.exchange.create({**asked, "orderType": "Limit", "price": "59500", **body})


async def test_the_uid_is_the_exchanges(served: SimulatedAccount, reads: AccountReads) -> None:
    assert await reads.uid() == served.exchange.uid


async def test_the_taker_fee_is_the_accounts(served: SimulatedAccount, reads: AccountReads) -> None:
    assert await reads.taker_fee() == served.exchange.engine.fees.taker
    assert await reads.taker_fee(["BTCUSDT"]) == served.exchange.engine.fees.taker


async def test_a_fee_that_nobody_names_is_unreadable(reads: AccountReads) -> None:
    with pytest.raises(Unreadable, match="NOSUCHUSDT"):
        await reads.taker_fee(["NOSUCHUSDT"])


async def test_the_view_holds_every_page(served: SimulatedAccount, reads: AccountReads) -> None:
    began_ns = time.time_ns()
    for number in range(120):
        order(served, f"rests-{number}")
    for number in range(130):
        order(served, f"fills-{number}", orderType="Market")

    view = await reads.account_view((), began_ns - SECOND_NS, time.time_ns())

    assert {o.client_order_id for o in view.open_orders} == {f"rests-{n}" for n in range(120)}
    assert {e.client_order_id for e in view.executions} == {f"fills-{n}" for n in range(130)}
    assert [position.size for position in view.positions] == [Decimal("0.130")]
    assert sum(e.signed_qty for e in view.executions) == view.positions[0].size
    figures = served.exchange.engine.figures()
    assert (view.wallet.wallet_balance, view.wallet.equity) == (figures.wallet.balance, figures.equity)
    assert view.asked_ns <= view.answered_ns


async def test_a_flat_account_is_a_view_too(served: SimulatedAccount, reads: AccountReads) -> None:
    view = await reads.account_view((), time.time_ns(), time.time_ns())

    assert (view.open_orders, view.closed_orders, view.executions, view.positions) == ((), (), (), ())
    assert view.wallet.wallet_balance == Decimal(10_000)


async def test_executions_of_more_than_a_week_are_read_in_windows(
    served: SimulatedAccount, reads: AccountReads
) -> None:
    order(served, "fills", orderType="Market")
    now_ns = time.time_ns()

    view = await reads.account_view((), now_ns - 20 * 86_400 * SECOND_NS, now_ns)

    assert [e.client_order_id for e in view.executions] == ["fills"]
    assert served.paths().count(EXECUTIONS) >= 3


async def test_unresolved_intents_are_looked_up_among_closed_orders(
    served: SimulatedAccount, reads: AccountReads
) -> None:
    entry, never = intent(), intent("never")
    async with OrderClient(served.rest, KEY, SECRET, WallClock()) as client:
        await client.create(entry, lambda _: None)

    view = await reads.account_view(
        [(entry.client_order_id, "BTCUSDT"), (never.client_order_id, "BTCUSDT")],
        entry.created_ns,
        time.time_ns(),
    )

    assert [o.client_order_id for o in view.closed_orders] == [entry.client_order_id]
    # What is open are the stop and the target that the entry brought.
    assert {o.stop_order_type for o in view.open_orders} == {"StopLoss", "TakeProfit"}
    assert (view.positions[0].stop_loss, view.positions[0].take_profit) == (
        entry.stop_loss,
        entry.take_profit,
    )


@pytest.mark.parametrize("path", [OPEN_ORDERS, POSITIONS, EXECUTIONS, WALLET])
@pytest.mark.parametrize("nth", [1, 2])
async def test_an_error_in_any_page_makes_the_account_unreadable(
    served: SimulatedAccount, reads: AccountReads, path: str, nth: int
) -> None:
    if (path, nth) == (WALLET, 2):
        nth = 1  # the wallet has one page
    for number in range(60):
        order(served, f"rests-{number}")
    for number in range(110):
        order(served, f"fills-{number}", orderType="Market")
    served.trouble = lambda request: (
        web.Response(status=500) if request.path == path and served.paths().count(path) == nth else None
    )

    with pytest.raises(Unreadable, match="500"):
        await reads.account_view((), time.time_ns() - 60 * SECOND_NS, time.time_ns())

    assert served.paths().count(path) == nth


@pytest.mark.parametrize("ret_code", [10002, 10010, 10016])
async def test_a_refusal_is_not_retried(served: SimulatedAccount, reads: AccountReads, ret_code: int) -> None:
    served.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint=WALLET, ret_code=ret_code, count=5))

    with pytest.raises(Unreadable, match=str(ret_code)):
        await reads.account_view((), time.time_ns(), time.time_ns())

    assert served.paths().count(WALLET) == 1


async def test_html_in_place_of_a_list_is_unreadable(served: SimulatedAccount, reads: AccountReads) -> None:
    served.trouble = lambda request: web.Response(text="<html>", content_type="text/html")

    with pytest.raises(Unreadable):
        await reads.uid()


async def test_an_unknown_word_in_a_row_is_named_and_the_account_is_read(
    served: SimulatedAccount, reads: AccountReads
) -> None:
    row = {"symbol": "BTCUSDT", "positionIdx": 0, "side": "Sideways", "size": "1"}
    served.trouble = lambda request: (
        web.json_response({"retCode": 0, "retMsg": "OK", "result": {"list": [row], "nextPageCursor": ""}})
        if request.path == POSITIONS
        else None
    )

    view = await reads.account_view((), time.time_ns(), time.time_ns())

    assert view.positions == ()
    (unclear,) = view.unclear
    assert (unclear.symbol, unclear.side, unclear.size) == ("BTCUSDT", None, Decimal(1))
    assert "side: 'Sideways'" in unclear.trouble


async def test_nobody_listening_is_unreadable() -> None:
    async with AccountReads("http://127.0.0.1:1", KEY, SECRET) as ours:
        with pytest.raises(Unreadable):
            await ours.uid()
