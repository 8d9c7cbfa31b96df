"""Lists of the exchange, read by pybit to their last page within the budget of calls.

A `Reader` is one thread with one session: pybit blocks, and requests' session is not for several threads.
Lists that must not wait for each other are read by readers of their own.

pybit's retries are off, as it sleeps, widens the receive window and sends again on its own. A list that
breaks off is no list: whatever goes wrong in any page raises Unreadable.
Source: pybit's behaviour measured in reference H1.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from tradefleet.adapters.bybit.bodies import LINEAR
from tradefleet.adapters.bybit.errors import BadRow, Unreadable
from tradefleet.adapters.bybit.governor import TOO_MANY_VISITS, Governor
from tradefleet.adapters.bybit.quotas import pool
from tradefleet.adapters.bybit.rows import MILLISECOND_NS, Row
from tradefleet.orders.budget import Lane

T = TypeVar("T")

ENDPOINTS: Final = {
    "get_open_orders": "/v5/order/realtime",
    "get_order_history": "/v5/order/history",
    "get_executions": "/v5/execution/list",
    "get_positions": "/v5/position/list",
    "get_wallet_balance": "/v5/account/wallet-balance",
    "get_account_info": "/v5/account/info",
    "get_fee_rates": "/v5/account/fee-rate",
    "get_api_key_information": "/v5/user/query-api",
    "get_transaction_log": "/v5/account/transaction-log",
}
"""Which budget a method of pybit spends."""

ROOM_WITHIN_S: Final = 5.0
"""A read waits so long for room in its budget; afterwards the account is unreadable."""

MOST_PAGES: Final = 1000
"""A list of more pages than this has a cursor that does not advance."""

NO_RETRY_CODES: Final = frozenset({-1})
"""pybit takes an empty set for its own defaults, so the set holds a code that does not exist."""


def blocking_session(rest_url: str, key: str, secret: str, timeout_s: float) -> HTTP:
    """A client of pybit that does what it is told, once. timeout_s: of each request."""
    session = HTTP(
        api_key=key,
        api_secret=secret,
        timeout=timeout_s,
        force_retry=False,
        max_retries=1,
        retry_codes=set(NO_RETRY_CODES),
    )
    session.endpoint = rest_url.rstrip("/")
    # Nothing of the environment (proxies, .netrc) may redirect or sign what we send.
    session.client.trust_env = False
    return session


class BlockingLists:
    """Asks by the methods of one session, whose thread it is called in. lane: of the budget."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor
        self.lane = Lane.RESOLVING

    def pages(
        self,
        ask: Callable[..., Any],
        *,
        category: str = LINEAR,
        lenient: bool = False,
        most_rows: int = 0,
        **query: Any,
    ) -> list[Row]:
        """All rows of a list: the end is a page without rows or without a cursor.

        category: none when "". most_rows: the pages behind so many are not read, 0 for all. lenient: what
        stands in the place of a row and is none comes as an empty row.
        """
        if category:
            query["category"] = category
        rows: list[Row] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            result = self.result(ask, **query, **more)
            page = rows_of(result, lenient=lenient)
            # Recorded rows lack the category that the answer has.
            rows += [{"category": category, **row} for row in page] if category else page
            cursor = result.get("nextPageCursor") or ""
            if not page or not cursor or 0 < most_rows <= len(rows):
                return rows
        raise Unreadable(f"{_name(ask)}: more than {MOST_PAGES} pages")

    def result(self, ask: Callable[..., Any], **query: Any) -> dict[str, Any]:
        """`result` of one answer; whatever else happened raises Unreadable."""
        try:
            answer = self._asked(ask, query)
        except InvalidRequestError as error:
            # Refused before it was looked at; once the endpoint has rested, it may be asked again.
            if error.status_code != TOO_MANY_VISITS:
                raise _unreadable(ask, error) from error
            answer = self._asked_again(ask, query)
        except (FailedRequestError, requests.RequestException) as error:
            raise _unreadable(ask, error) from error
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict) or answer.get("retCode") != 0:
            raise Unreadable(f"{_name(ask)}: the answer is no envelope of Bybit")
        return result

    def _asked_again(self, ask: Callable[..., Any], query: dict[str, Any]) -> Any:
        try:
            return self._asked(ask, query)
        except (FailedRequestError, InvalidRequestError, requests.RequestException) as error:
            raise _unreadable(ask, error) from error

    def _asked(self, ask: Callable[..., Any], query: dict[str, Any]) -> Any:
        """The answer, when there was room for the question; raises what pybit raises."""
        path = pool(ENDPOINTS[_name(ask)], query.get("category", ""))
        if not self._governor.admitted_blocking(path, self.lane, ROOM_WITHIN_S):
            raise Unreadable(f"{_name(ask)}: no room in the budget of calls within {ROOM_WITHIN_S} s")
        sent_ns = time.monotonic_ns()
        try:
            answer = ask(**query)
        except (FailedRequestError, InvalidRequestError) as error:
            self._heard(path, sent_ns, error)
            raise
        self._governor.answered(path, sent_ns=sent_ns, status=200, headers={}, ret_code=None, server_ms=0)
        return answer

    def _heard(self, path: str, sent_ns: int, error: FailedRequestError | InvalidRequestError) -> None:
        """Bans and "too many visits" hold for every call; pybit tells of them in its own words."""
        business = isinstance(error, InvalidRequestError)
        self._governor.answered(
            path,
            sent_ns=sent_ns,
            status=200 if business else error.status_code,
            headers=error.resp_headers or {},
            ret_code=error.status_code if business else None,
            server_ms=time.time_ns() // MILLISECOND_NS,
        )


class Reader:
    """One thread that reads, one call after the other. Close it when done."""

    def __init__(
        self, name: str, rest_url: str, key: str, secret: str, *, timeout_s: float, governor: Governor
    ) -> None:
        """name: of the thread. timeout_s: of each page. governor: may be shared by readers."""
        self.session = blocking_session(rest_url, key, secret, timeout_s)
        self.lists = BlockingLists(governor)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def read(self, what: Callable[[], T], lane: Lane = Lane.RESOLVING) -> T:
        """What it gives, read in the thread; raises Unreadable."""

        def guarded() -> T:
            self.lists.lane = lane  # one thread: nothing else reads meanwhile
            try:
                return what()
            except BadRow as error:
                raise Unreadable(f"{type(error).__name__}: {error}") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _unreadable(ask: Callable[..., Any], error: Exception) -> Unreadable:
    # Neither pybit's nor requests' texts hold the key; the signed headers are left out, and what pybit says
    # of the request on further lines.
    return Unreadable(f"{_name(ask)}: {type(error).__name__}: {str(error).partition(chr(10))[0]}")


def _name(ask: Callable[..., Any]) -> str:
    return str(getattr(ask, "__name__", ask))


def rows_of(result: dict[str, Any], *, lenient: bool = False) -> list[Row]:
    """The rows of a list; raises BadRow. lenient: an empty row for what is no row."""
    rows = result.get("list")
    if not isinstance(rows, list):
        raise BadRow("list", rows, "a list of rows")
    if lenient:
        return [row if isinstance(row, dict) else {} for row in rows]
    if not all(isinstance(row, dict) for row in rows):
        raise BadRow("list", rows, "a list of rows")
    return rows
