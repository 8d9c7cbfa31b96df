"""Signed requests over HTTP, each sent exactly once; what came back, or why nothing did.

No retry, no redirect, no proxy, no cookie. Every answer, and every failure, is told to the governor of
the budgets and to the circuit breaker. Nothing here raises for what the network or the exchange does.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.signing import request_headers
from tradefleet.orders.breaker import Breaker, Seen, seen


class Envelope(msgspec.Struct):
    """What every answer of Bybit's is wrapped in. time: the server's clock, ms."""

    retCode: int  # noqa: N815 - the exchange's names
    retMsg: str = ""  # noqa: N815
    result: msgspec.Raw = msgspec.Raw(b"{}")
    time: int = 0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. envelope: None when the body is none."""

    status: int
    body: bytes
    envelope: Envelope | None


class NoReply(msgspec.Struct, frozen=True, kw_only=True):
    """sent: bytes may have left. False is claimed only where the connection could not be opened."""

    sent: bool
    text: str


ORDER: Final = "order"
"""Marks the request whose leaving is told to `order_sent`."""


class SignedHttp:
    """Connections to one REST address with one key."""

    def __init__(
        self,
        rest_url: str,
        key: str,
        secret: str,
        *,
        timeout_s: float,
        governor: Governor,
        breaker: Breaker,
        order_sent: Callable[[], None] = lambda: None,
    ) -> None:
        """order_sent: called when the bytes of a request marked ORDER are with the kernel."""
        self._rest = rest_url.rstrip("/")
        self._key = key
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._governor = governor
        self._breaker = breaker
        self._order_sent = order_sent
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections. A request in flight ends without an answer."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def headers(self, payload: str, *, timestamp_ms: int, recv_window_ms: int) -> dict[str, str]:
        """The signature and what belongs to it. timestamp_ms: the exchange's clock."""
        return request_headers(
            self._key,
            self._secret,
            timestamp_ms=timestamp_ms,
            recv_window_ms=recv_window_ms,
            payload=payload,
        )

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], mark: str = "", *, pool: str = ""
    ) -> Reply | NoReply:
        """Send this body, once. pool: the budget that it spends, the path's own when not given."""
        return await self._once("POST", pool or path, path, headers, body, mark)

    async def get(
        self, path: str, raw_query: str, headers: Mapping[str, str], *, pool: str = ""
    ) -> Reply | NoReply:
        """Ask, once. raw_query: as signed, escapes included. pool: as in `post`."""
        return await self._once("GET", pool or path, f"{path}?{raw_query}", headers, None, "")

    async def _once(
        self, method: str, pool: str, target: str, headers: Mapping[str, str], body: bytes | None, mark: str
    ) -> Reply | NoReply:
        sent_ns = time.monotonic_ns()
        try:
            async with self._session().request(
                method,
                # encoded: what is signed is what is sent.
                URL(self._rest + target, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=mark,
            ) as response:
                reply = Reply(
                    status=response.status, body=(read := await response.read()), envelope=_envelope(read)
                )
                self._heard(pool, sent_ns, reply, response.headers)
                return reply
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Both come of opening the connection: the request had nowhere to be written to.
            return self._broken(False, error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return self._broken(True, error)

    def _broken(self, sent: bool, error: Exception) -> NoReply:
        self._breaker.saw(seen(None, None), time.monotonic_ns())
        return NoReply(sent=sent, text=f"{type(error).__name__}: {error}")

    def _heard(self, pool: str, sent_ns: int, reply: Reply, headers: Mapping[str, str]) -> None:
        code = None if reply.envelope is None else reply.envelope.retCode
        result = seen(reply.status, code)
        # An answer that says nothing is no word about the probe of somebody else.
        if result is not Seen.NOTHING:
            self._breaker.saw(result, time.monotonic_ns())
        self._governor.answered(
            pool,
            sent_ns=sent_ns,
            status=reply.status,
            headers=headers,
            ret_code=code,
            server_ms=0 if reply.envelope is None else reply.envelope.time,
        )

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_tell_when_sent(self._order_sent)],
            )
        return self._http


def query_text(query: Mapping[str, str]) -> str:
    """The query as it is signed and sent; empty values are left out."""
    return urlencode({name: value for name, value in query.items() if value}, quote_via=quote)


def _envelope(body: bytes) -> Envelope | None:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except msgspec.DecodeError:
        return None


def _tell_when_sent(order_sent: Callable[[], None]) -> aiohttp.TraceConfig:
    async def about_to_write(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        # aiohttp calls before it writes, and uvloop flushes at the end of the turn: two turns later
        # the bytes are with the kernel.
        if context.trace_request_ctx == ORDER:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, order_sent)

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(about_to_write)
    return trace
