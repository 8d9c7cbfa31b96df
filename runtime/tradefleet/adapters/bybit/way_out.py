"""Orders that only reduce, sent without a journal: what `tradefleet flatten` uses when all else is gone.

pybit, not the order path: this has to work when our own code is what is broken, and every request may be
repeated, since none can open anything. What the exchange refuses is a sentence for the person who watches.
Source: Bybit V5, "cancel-all", "cancel-order", "create-order" (reduceOnly).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError

from tradefleet.adapters.bybit.account_reads import SETTLE_COINS, blocking_session
from tradefleet.domain.quantities import plain
from tradefleet.orders.flatten import Act, CancelActive, CancelOne, CancelRest, Close

CATEGORY: Final = "linear"


class NotDone(Exception):
    """The exchange did not do it, or did not say so; look again, then decide. code: None without an
    answer."""

    def __init__(self, what: str, code: int | None, reason: str) -> None:
        self.code = code
        super().__init__(f"{what}: {reason}" + ("" if code is None else f" ({code})"))


class WayOut:
    """Does the acts of `orders.flatten`, one after the other. Close it when done: it owns a thread."""

    def __init__(self, rest_url: str, key: str, secret: str, *, timeout_s: float = 5.0) -> None:
        """rest_url: such as https://api.bybit.com. timeout_s: of each request."""
        self._session = blocking_session(rest_url, key, secret, timeout_s)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="way-out")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def do(self, act: Act) -> None:
        """Do one act; raises NotDone."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._do, act)

    def _do(self, act: Act) -> None:
        match act:
            case CancelActive():
                for coin in SETTLE_COINS:
                    self._ask(self._session.cancel_all_orders, settleCoin=coin, orderFilter="Order")
            case CancelRest():
                for coin in SETTLE_COINS:
                    self._ask(self._session.cancel_all_orders, settleCoin=coin)
            case CancelOne():
                self._ask(self._session.cancel_order, symbol=act.symbol, orderId=act.order_id)
            case Close():
                self._ask(
                    self._session.place_order,
                    symbol=act.key.symbol,
                    side=act.side.value,
                    orderType="Market",
                    qty=plain(act.qty),
                    timeInForce="IOC",
                    positionIdx=act.key.position_idx,
                    reduceOnly=True,
                )

    def _ask(self, call: Callable[..., Any], **body: Any) -> None:
        what = " ".join([call.__name__, *(str(body[key]) for key in ("symbol", "settleCoin") if key in body)])
        try:
            call(category=CATEGORY, **body)
        except InvalidRequestError as refused:
            raise NotDone(what, refused.status_code, refused.message) from refused
        except (FailedRequestError, requests.RequestException) as error:
            # Neither text holds the key; the signed headers are left out.
            raise NotDone(what, None, f"{type(error).__name__}: {error}") from error
