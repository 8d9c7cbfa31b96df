"""Positions and open orders are read each by itself: one that fails, hangs or has a bad row keeps nothing
from the other."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from tests.support.simulated_account import KEY, SECOND_NS, SECRET, SimulatedAccount, WallClock, intent

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.listing_reads import SETTLE_COINS, ListingReads
from tradefleet.adapters.bybit.order_client import EXECUTIONS, OPEN_ORDERS, OrderClient
from tradefleet.domain.orders import Side
from tradefleet.orders.exchange_view import Listing, symbols_of

POSITIONS = "/v5/position/list"
LISTS = [POSITIONS, OPEN_ORDERS]


async def _listings(served: SimulatedAccount, late_s: float = 2.0, timeout_s: float = 5.0) -> list[Listing]:
    reads = ListingReads(
        served.rest,
        KEY,
        SECRET,
        timeout_s=timeout_s,
        settle_coins=SETTLE_COINS,
        governor=Governor(),
        late_s=late_s,
    )
    try:
        return [listing async for listing in reads.listings(time.time_ns())]
    finally:
        reads.close()


async def _held(served: SimulatedAccount) -> None:
    """One position with its stop and its target."""
    async with OrderClient(served.rest, KEY, SECRET, WallClock()) as client:
        await client.create(intent(), lambda _: None)


def _lists(listing: Listing) -> dict[str, Any]:
    return {POSITIONS: listing.positions, OPEN_ORDERS: listing.open_orders}


def _troubles(listing: Listing) -> dict[str, str]:
    return {POSITIONS: listing.positions_trouble, OPEN_ORDERS: listing.orders_trouble}


async def test_both_lists_are_whole_and_name_their_symbols(served: SimulatedAccount) -> None:
    await _held(served)

    (listing,) = await _listings(served)

    assert listing.positions is not None
    assert listing.open_orders is not None
    assert [position.size for position in listing.positions] == [Decimal("0.1")]
    assert {order.stop_order_type for order in listing.open_orders} == {"StopLoss", "TakeProfit"}
    assert (listing.positions_trouble, listing.orders_trouble, listing.unclear) == ("", "", ())
    assert symbols_of(listing) == ("BTCUSDT",)
    assert listing.asked_ns < listing.answered_ns


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: web.json_response({"retCode": 10016, "retMsg": "busy", "result": {}}), "10016"),
        (lambda: web.Response(status=503), "503"),
        (lambda: web.Response(text="<html>"), "get_"),
        (lambda: web.json_response({"retCode": 0, "retMsg": "", "result": {"list": {}}}), "list of rows"),
    ],
)
async def test_a_list_that_breaks_is_missing_with_its_trouble_and_the_other_is_whole(
    served: SimulatedAccount, path: str, nth: int, answer: Callable[[], web.Response], said: str
) -> None:
    await _held(served)
    # The second page is that of the other settle coin.
    served.trouble = lambda request: (
        answer() if request.path == path and served.paths().count(path) == nth else None
    )

    (listing,) = await _listings(served)

    other = next(one for one in LISTS if one != path)
    assert _lists(listing)[path] is None
    assert said in _troubles(listing)[path]
    assert _lists(listing)[other]
    assert _troubles(listing)[other] == ""


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_that_hangs_lets_the_other_one_be_told_first(
    served: SimulatedAccount, path: str
) -> None:
    await _held(served)
    served.held_back_s[path] = 1.0

    early, whole = await _listings(served, late_s=0.1, timeout_s=30.0)

    other = next(one for one in LISTS if one != path)
    assert _lists(early)[path] is None
    assert "not answered" in _troubles(early)[path]
    assert _lists(early)[other] == _lists(whole)[other]
    assert _lists(whole)[path]


async def test_a_row_with_an_unknown_word_is_unclear_and_its_list_is_whole(served: SimulatedAccount) -> None:
    await _held(served)

    def lie(path: str, rows: list[dict[str, Any]]) -> None:
        for row in rows[:1]:
            row |= {POSITIONS: {"leverage": "ten"}, OPEN_ORDERS: {"orderStatus": "Asleep"}}[path]

    served.rewrite = lie
    (listing,) = await _listings(served)

    assert listing.positions == ()
    assert listing.open_orders is not None
    assert len(listing.open_orders) == 1
    position, order = listing.unclear
    assert (position.what, position.symbol, position.size) == ("position", "BTCUSDT", Decimal("0.1"))
    assert (order.what, order.side, order.reduce_only) == ("order", Side.SELL, True)
    assert "orderStatus: 'Asleep'" in order.trouble


async def test_an_execution_that_is_not_understood_is_named(served: SimulatedAccount) -> None:
    await _held(served)
    served.rewrite = lambda path, rows: [row.update(execType="Odd") for row in rows if path == EXECUTIONS]
    now_ns = time.time_ns()

    async with AccountReads(served.rest, KEY, SECRET) as reads:
        with pytest.raises(Unreadable, match=r"execution .* of BTCUSDT is not understood: execType: 'Odd'"):
            await reads.account_view((), now_ns - 60 * SECOND_NS, now_ns)


async def test_the_second_step_needs_both_lists(served: SimulatedAccount) -> None:
    listing = Listing(
        asked_ns=1, answered_ns=2, positions=(), open_orders=None, orders_trouble="get_open_orders: 10016"
    )

    async with AccountReads(served.rest, KEY, SECRET) as reads:
        with pytest.raises(Unreadable, match="get_open_orders: 10016"):
            await reads.compared(listing, (), 0)

    assert served.paths() == []
