"""The account's plain reads: who we are, what we pay, and all that stands on the exchange.

Positions and open orders come first and each by itself (`listing_reads`); what else a comparison needs is
read afterwards, in one thread. How a list is read to its end, within the budget of calls, is in
`blocking_lists`.
Source: Bybit V5.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, Self, TypeVar

from tradefleet.adapters.bybit.blocking_lists import Reader, rows_of
from tradefleet.adapters.bybit.bodies import LINEAR, SPOT
from tradefleet.adapters.bybit.errors import CREDENTIAL_CODES, UNAUTHORISED, BadRow, KeyRefused, Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.lenient_rows import lenient_position
from tradefleet.adapters.bybit.listing_reads import SETTLE_COINS, ListingReads
from tradefleet.adapters.bybit.money_moves import MoneyMoved, moved
from tradefleet.adapters.bybit.preflight import (
    NOT_ON_DEMO,
    AccountFacts,
    KeyFacts,
    coins_beside,
    demo_uid,
    key_facts,
    margin_of,
    uid_of,
)
from tradefleet.adapters.bybit.rows import (
    MILLISECOND_NS,
    Row,
    coins_of,
    execution_of,
    order_of,
    position_of,
    wallet_of,
    with_totals,
)
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.quantities import ZERO
from tradefleet.orders.budget import Lane
from tradefleet.orders.exchange_view import ExchangeView, Listing, UnclearRow, Wallet

T = TypeVar("T")

__all__ = ["SETTLE_COINS", "AccountReads"]

WALLET_COIN: Final = "USDT"

UNCOVERED: Final = ("inverse", "option")
"""Categories whose positions nothing here protects, counts or closes."""

WINDOW_NS: Final = 7 * 86_400 * 1_000_000_000
"""Executions are asked for at most seven days at once."""


class AccountReads:
    """Reads of one account. Close it when done: it owns threads."""

    def __init__(
        self,
        rest_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float = 5.0,
        settle_coins: Sequence[str] = SETTLE_COINS,
        governor: Governor | None = None,
        untold_taker_fee: Decimal | None = None,
    ) -> None:
        """rest_url: such as https://api.bybit.com. timeout_s: of each page. governor: shared by all who
        call with this account and address. untold_taker_fee: of demo, which tells neither fees nor whose
        key it is; None for an exchange that tells both."""
        shared = governor or Governor()
        self._reader = Reader("bybit-reads", rest_url, key, secret, timeout_s=timeout_s, governor=shared)
        self._session, self._lists = self._reader.session, self._reader.lists
        self._step_1 = ListingReads(
            rest_url, key, secret, timeout_s=timeout_s, settle_coins=settle_coins, governor=shared
        )
        self._key = key
        self._settle_coins = tuple(settle_coins)
        self._untold_taker_fee = untold_taker_fee

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the threads end after what they are doing."""
        self._reader.close()
        self._step_1.close()

    async def uid(self) -> str:
        """The account's UID as the exchange reports it; raises Unreadable."""
        return await self._in_thread(self._uid)

    async def key(self) -> KeyFacts | None:
        """What the key may do now; None where the exchange takes it and tells no more (demo). Raises
        KeyRefused when it does not take it, Unreadable when it does not say."""
        return await self._in_thread(self._key_now)

    async def taker_fee(self, symbols: Iterable[str] = ()) -> Decimal:
        """The highest taker fee of these symbols (of all when none), a fraction; raises Unreadable."""
        return await self._in_thread(partial(self._taker_fee, frozenset(symbols)))

    async def account_facts(self, symbols: Iterable[str]) -> AccountFacts:
        """Whose account it is, and how it is set up for these symbols; raises Unreadable."""
        return await self._in_thread(partial(self._account_facts, tuple(symbols)))

    def listings(self, now_ns: int) -> AsyncIterator[Listing]:
        """Step 1: positions and open orders, each complete to the last page or with its trouble. The last
        one is the whole answer; one before it lacks a list that is late. now_ns: the exchange's clock now."""
        return self._step_1.listings(now_ns)

    async def compared(
        self, listing: Listing, ask_for: Sequence[tuple[str, str]], executions_from_ns: int
    ) -> ExchangeView:
        """Step 2: everything else that a comparison needs, complete to the last page; raises Unreadable,
        also when the listing lacks a list.

        ask_for: (client order id, symbol) of intents without a known end. executions_from_ns: exchange time.
        """
        if listing.positions is None or listing.open_orders is None:
            troubles = (listing.positions_trouble, listing.orders_trouble)
            raise Unreadable("; ".join(trouble for trouble in troubles if trouble))
        return await self._in_thread(partial(self._view, listing, tuple(ask_for), executions_from_ns))

    async def account_view(
        self, ask_for: Sequence[tuple[str, str]], executions_from_ns: int, now_ns: int
    ) -> ExchangeView:
        """Both steps at once; raises Unreadable. now_ns: the exchange's clock now; it becomes the view's
        asked_ns."""
        listing = [listing async for listing in self.listings(now_ns)][-1]
        return await self.compared(listing, ask_for, executions_from_ns)

    async def transfers(self, from_ns: int) -> Decimal:
        """What came or went of the settle coin since then without trading of contracts; as `money_moved`."""
        return (await self.money_moved(from_ns)).transfers

    async def money_moved(self, from_ns: int, *, first_ns: int = 0, day_ns: int = 0) -> MoneyMoved:
        """What moved the settle coin's balance, by the transaction log to its last page; raises Unreadable.

        first_ns: transfers before it are told as well; 0 for none. day_ns: what trading brought between
        then and from_ns is told as well; 0 for nothing.
        """
        return await self._in_thread(partial(self._money_moved, from_ns, first_ns, day_ns))

    async def open_orders(self, category: str = SPOT) -> tuple[ExchangeOrder, ...]:
        """Every open order of a category, complete to the last page; raises Unreadable."""
        return await self._in_thread(partial(self._open_orders, category))

    async def order_history(self, from_ns: int, category: str = SPOT) -> tuple[ExchangeOrder, ...]:
        """Orders made since then (at most seven days) that have ended; raises Unreadable."""
        return await self._in_thread(partial(self._history, from_ns, category))

    async def executions(self, from_ns: int, now_ns: int, category: str = SPOT) -> tuple[Execution, ...]:
        """Executions of a category since then, oldest first; raises Unreadable. Exchange time."""
        return await self._in_thread(partial(self._executions, from_ns, now_ns, category))

    async def coins(self, at_ns: int) -> tuple[Wallet, ...]:
        """Every coin of the account with what spot orders hold back of it; raises Unreadable. at_ns: the
        exchange's clock now."""
        return await self._in_thread(lambda: coins_of(self._wallet_row(), at_ns))

    async def _in_thread(self, read: Callable[[], T], lane: Lane = Lane.RESOLVING) -> T:
        return await self._reader.read(read, lane)

    # ---- in the thread

    def _uid(self) -> str:
        return uid_of(self._lists.result(self._session.get_api_key_information))

    def _key_now(self) -> KeyFacts | None:
        try:
            told = self._told(self._session.get_api_key_information)
            if told is None:
                self._lists.result(self._session.get_account_info)
                return None
        except Unreadable as error:
            code = getattr(error.__cause__, "status_code", None)
            if code in CREDENTIAL_CODES or code == UNAUTHORISED:
                raise KeyRefused(str(error)) from error
            raise
        return key_facts(told)

    def _taker_fee(self, symbols: frozenset[str]) -> Decimal:
        told = self._told(self._session.get_fee_rates, category="linear")
        if told is None:
            assert self._untold_taker_fee is not None  # else it would have been Unreadable
            return self._untold_taker_fee
        rows = rows_of(told)
        fees = [_fee(row) for row in rows if not symbols or row.get("symbol") in symbols]
        if not fees:
            raise Unreadable(f"account/fee-rate names none of {', '.join(sorted(symbols)) or 'our symbols'}")
        return max(fees)

    def _told(self, ask: Callable[..., Any], **query: Any) -> dict[str, Any] | None:
        """As `_result`; None for what demo does not serve."""
        try:
            return self._lists.result(ask, **query)
        except Unreadable as error:
            code = getattr(error.__cause__, "status_code", None)
            if self._untold_taker_fee is not None and code in NOT_ON_DEMO:
                return None
            raise

    def _account_facts(self, symbols: tuple[str, ...]) -> AccountFacts:
        told = self._told(self._session.get_api_key_information)
        key = None if told is None else key_facts(told)
        status, mode = margin_of(self._lists.result(self._session.get_account_info))
        hedged = tuple(symbol for symbol in symbols if self._is_hedged(symbol))
        return AccountFacts(
            uid=demo_uid(self._key) if key is None else key.uid,
            key=key,
            unified_status=status,
            margin_mode=mode,
            hedged=hedged,
            one_way=tuple(symbol for symbol in symbols if symbol not in hedged),
            beside=tuple(self._beside()),
        )

    def _beside(self) -> Iterator[str]:
        """What stands on the account and is none of ours to cover. It is only told: a category that is not
        read keeps nobody from starting."""
        for category in UNCOVERED:
            with contextlib.suppress(Unreadable, BadRow):
                rows = self._lists.pages(
                    self._session.get_positions, category=category, lenient=True, limit=200
                )
                for row in map(lenient_position, rows):
                    symbol = row.symbol if isinstance(row, UnclearRow) else row.key.symbol
                    if row.size != ZERO:
                        yield f"a position in {symbol} ({category})"
        with contextlib.suppress(Unreadable, BadRow):
            yield from coins_beside(self._wallet_row(), self._settle_coins)

    def _is_hedged(self, symbol: str) -> bool:
        # By symbol a row comes even when it is flat: one of index 0, or two of the legs 1 and 2.
        rows = self._lists.pages(self._session.get_positions, symbol=symbol)
        return any(position.key.position_idx != 0 for position in map(position_of, rows))

    def _view(
        self, listing: Listing, ask_for: tuple[tuple[str, str], ...], executions_from_ns: int
    ) -> ExchangeView:
        assert listing.positions is not None
        assert listing.open_orders is not None
        began_ns = time.monotonic_ns()
        open_orders = listing.open_orders
        asked = self._asked_orders(ask_for)
        wallet_row = self._wallet_row()
        # Executions come last, so that none is missing that a list above already shows.
        executions = self._executions(executions_from_ns, listing.answered_ns)
        answered_ns = listing.answered_ns + time.monotonic_ns() - began_ns
        known = {order.order_id for order in open_orders}
        return ExchangeView(
            asked_ns=listing.asked_ns,
            answered_ns=answered_ns,
            executions_from_ns=executions_from_ns,
            open_orders=(
                *open_orders,
                *(o for o in asked if not o.status.is_terminal and o.order_id not in known),
            ),
            closed_orders=tuple(order for order in asked if order.status.is_terminal),
            executions=executions,
            positions=listing.positions,
            wallet=_wallet(wallet_row, answered_ns),
            unclear=listing.unclear,
        )

    def _open_orders(self, category: str = LINEAR) -> tuple[ExchangeOrder, ...]:
        rows: list[Row] = []
        scopes: list[dict[str, Any]] = [{"settleCoin": coin} for coin in self._settle_coins]
        for scope in [{}] if category == SPOT else scopes:
            rows += self._lists.pages(
                self._session.get_open_orders, category=category, **scope, openOnly=0, limit=50
            )
        return tuple(_newest(map(order_of, rows)))

    def _history(self, from_ns: int, category: str) -> tuple[ExchangeOrder, ...]:
        since = from_ns // MILLISECOND_NS
        rows = self._lists.pages(
            self._session.get_order_history, category=category, startTime=since, limit=50
        )
        return tuple(_newest(map(order_of, rows)))

    def _asked_orders(self, ask_for: tuple[tuple[str, str], ...]) -> tuple[ExchangeOrder, ...]:
        found: list[ExchangeOrder] = []
        for link_id, symbol in ask_for:
            for ask in (self._session.get_open_orders, self._session.get_order_history):
                rows = self._lists.pages(ask, symbol=symbol, orderLinkId=link_id)
                with _named(f"the row of order {link_id} of {symbol}"):
                    orders = [order for order in map(order_of, rows) if order.client_order_id == link_id]
                if orders:
                    found += _newest(orders)
                    break
        return tuple(found)

    def _executions(self, from_ns: int, now_ns: int, category: str = LINEAR) -> tuple[Execution, ...]:
        """Oldest first, each once. The last window has no end: what happens meanwhile belongs to it."""
        found: dict[str, Execution] = {}
        while True:
            last = now_ns - from_ns < WINDOW_NS
            window: dict[str, Any] = {"startTime": from_ns // MILLISECOND_NS}
            if not last:
                window["endTime"] = (from_ns + WINDOW_NS) // MILLISECOND_NS
            rows = self._lists.pages(self._session.get_executions, category=category, limit=100, **window)
            found |= {execution.exec_id: execution for execution in map(_execution, rows)}
            if last:
                return tuple(sorted(found.values(), key=lambda e: (e.at_ns, e.seq, e.exec_id)))
            from_ns += WINDOW_NS

    def _money_moved(self, from_ns: int, first_ns: int, day_ns: int) -> MoneyMoved:
        rows = self._lists.pages(
            self._session.get_transaction_log,
            category="",  # a transfer is of none
            accountType="UNIFIED",
            currency=WALLET_COIN,
            startTime=(min(day_ns, from_ns) if day_ns else from_ns) // MILLISECOND_NS,
            limit=50,
        )
        return moved(rows, from_ns, first_ns)

    def _wallet_row(self) -> Row:
        rows = rows_of(self._lists.result(self._session.get_wallet_balance, accountType="UNIFIED"))
        if len(rows) != 1:
            raise Unreadable(f"account/wallet-balance: {len(rows)} unified accounts")
        return rows[0]


def _execution(row: Row) -> Execution:
    with _named(f"execution {row.get('execId')} of {row.get('symbol')}"):
        return execution_of(row)


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """Say which row it is that is not understood: a person has to look at it."""
    try:
        yield
    except BadRow as error:
        raise Unreadable(f"{what} is not understood: {error}") from error


def _newest(orders: Iterable[ExchangeOrder]) -> list[ExchangeOrder]:
    """Each order once: an order that changes while we page can stand on two pages."""
    newest: dict[str, ExchangeOrder] = {}
    for order in orders:
        kept = newest.get(order.order_id)
        if kept is None or order.at_ns >= kept.at_ns:
            newest[order.order_id] = order
    return list(newest.values())


def _fee(row: Row) -> Decimal:
    try:
        return Decimal(str(row["takerFeeRate"]))
    except (KeyError, ArithmeticError):
        raise BadRow("takerFeeRate", row.get("takerFeeRate"), "a fraction") from None


def _wallet(row: Row, at_ns: int) -> Wallet:
    """The settle coin's wallet; a coin that was never held is not listed and counts as zero."""
    wallet = wallet_of(row, at_ns, WALLET_COIN)
    if wallet is None:
        return with_totals(Wallet(coin=WALLET_COIN, wallet_balance=ZERO, equity=ZERO, at_ns=at_ns), row)
    return wallet
