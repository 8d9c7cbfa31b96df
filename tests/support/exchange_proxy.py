"""A proxy before the exchange's REST that does to requests what networks and busy exchanges do.

Troubles are armed for a number of requests of a path; `weather` strikes all of them until it clears.
Every create that came by is remembered with what became of it: what has left an executor is known here
and nowhere else.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import Enum
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

CREATE = "/v5/order/create"
CREATE_BATCH = "/v5/order/create-batch"

_HTML = "<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"
_HOP_BY_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "content-encoding"})


class Trouble(Enum):
    """What happens to a request."""

    LOST = "lost"
    """The exchange carries it out; the connection breaks before the answer."""
    LATE = "late"
    """The exchange carries it out; the answer comes late."""
    HELD = "held"
    """It is long on its way; whatever the exchange says then is answered."""
    ABANDONED = "abandoned"
    """The connection breaks at once, and yet it arrives later."""
    CUT = "cut"
    """The connection breaks; it never arrives."""
    BUSY = "busy"
    """503 with a page for people; it never arrives."""
    ERROR = "error"
    """500 with nothing; it never arrives."""
    LIMITED = "limited"
    """10006, too many visits; it never arrives."""
    BROKEN = "broken"
    """10016, an error of the exchange's own; it never arrives."""

    @property
    def arrives(self) -> bool:
        """Whether the exchange sees the request."""
        return self in (Trouble.LOST, Trouble.LATE, Trouble.HELD, Trouble.ABANDONED)


class Create(msgspec.Struct, kw_only=True):
    """A create that an executor has sent. signed_ms: its timestamp. arrived_ns: when it was handed to the
    exchange, 0 for never. ret_code: of the exchange's answer, None without one. reduces: it can only make a
    position smaller."""

    client_order_id: str
    reduces: bool
    signed_ms: int
    at_ns: int
    trouble: Trouble | None
    arrived_ns: int = 0
    ret_code: int | None = None


PRICES = ("price", "triggerPrice", "stopLoss", "takeProfit")
GRID_KNOWN_NS = 8_000_000_000
"""An executor reads rules each 2 s here; an outage of the exchange may lie between."""


class Word(msgspec.Struct):
    """A field of a list's rows in which the next answers say a word that nobody knows."""

    path: str
    field: str
    times: int

    def put_into(self, payload: bytes) -> bytes:
        """The answer with the word in its first row that has the field."""
        pattern = rb'("' + self.field.encode() + rb'":\s*")[A-Za-z]+(")'
        return re.sub(pattern, rb"\1Contemplating\2", payload, count=1)


class _Armed(msgspec.Struct):
    trouble: Trouble
    part: str
    times: int
    delay_s: float


class _Body(msgspec.Struct):
    orderLinkId: str = ""  # noqa: N815
    reduceOnly: bool = False  # noqa: N815


class _Batch(msgspec.Struct):
    request: list[_Body]


class _Code(msgspec.Struct):
    code: int


class _Codes(msgspec.Struct):
    items: list[_Code] = msgspec.field(default_factory=list, name="list")


class _Answer(msgspec.Struct):
    retCode: int  # noqa: N815
    retExtInfo: _Codes = msgspec.field(default_factory=_Codes)  # noqa: N815


class ExchangeProxy:
    """`url` is what an executor takes for the exchange. clock: int64 ns UTC, the exchange's."""

    def __init__(self, upstream: str, clock: Callable[[], int]) -> None:
        self._upstream = upstream
        self._clock = clock
        self._armed: list[_Armed] = []
        self._left: set[asyncio.Task[None]] = set()
        self.weather: Trouble | None = None
        self.broken: dict[str, tuple[Trouble, float]] = {}
        """By a part of the path: what strikes each request, and its delay in s. `heal` leaves it."""
        self.words: list[Word] = []
        self.ticks: dict[str, tuple[Decimal, int]] = {}
        """Of contracts whose tick is another one than the exchange knows, and since when."""
        self.off_grid: list[str] = []
        """Numbers of requests that did not lie on such a tick GRID_KNOWN_NS after it came."""
        self.instead: Callable[[str], Awaitable[web.Response | None]] | None = None
        """Answers requests of a path in the exchange's place, which never sees them; None passes them on."""
        self.rewrite: Callable[[str, dict[str, Any]], object] | None = None
        """Changes the result of an answer (path, result) before it is handed on."""
        self.creates: list[Create] = []
        self.struck: list[tuple[str, Trouble]] = []
        self.url = ""

    @classmethod
    async def before(cls, upstream: str, clock: Callable[[], int]) -> Self:
        """A proxy that listens."""
        proxy = cls(upstream, clock)
        await proxy._start()
        return proxy

    def arm(self, trouble: Trouble, part: str = CREATE, times: int = 1, delay_s: float = 0.0) -> None:
        """For the next requests whose path holds the part."""
        self._armed.append(_Armed(trouble, part, times, delay_s))

    def heal(self) -> None:
        """From now on everything passes."""
        self._armed.clear()
        self.words.clear()
        self.weather = None

    async def close(self) -> None:
        """End the server; requests that were held back are dropped."""
        for task in tuple(self._left):
            task.cancel()
        await asyncio.gather(*self._left, return_exceptions=True)
        await self._runner.cleanup()
        await self._http.close()

    async def _start(self) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])

    def _strike(self, path: str) -> tuple[Trouble | None, float]:
        if self.weather is not None:
            self.struck.append((path, self.weather))
            return self.weather, 0.0
        for part, (trouble, delay_s) in self.broken.items():
            if part in path:
                self.struck.append((path, trouble))
                return trouble, delay_s
        for armed in self._armed:
            if armed.part in path:
                armed.times -= 1
                if armed.times <= 0:
                    self._armed.remove(armed)
                self.struck.append((path, armed.trouble))
                return armed.trouble, armed.delay_s
        return None, 0.0

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.instead is not None and (answer := await self.instead(request.path)) is not None:
            return answer
        trouble, delay_s = self._strike(request.path)
        self._look_at_numbers(request, body)
        creates = self._remember(request, body, trouble)
        if trouble is not None and not trouble.arrives:
            return _not_arrived(request, trouble)
        if trouble is Trouble.ABANDONED:
            late = asyncio.create_task(self._arrives_later(request, body, creates, delay_s))
            self._left.add(late)
            late.add_done_callback(self._left.discard)
            return _broken(request)
        if trouble is Trouble.HELD:
            await asyncio.sleep(delay_s)
        passed = await self._pass_on(request, body, creates)
        if trouble is Trouble.LATE:
            await asyncio.sleep(delay_s)
        return _broken(request) if trouble is Trouble.LOST else passed

    def _look_at_numbers(self, request: web.Request, body: bytes) -> None:
        """Prices of a request that changes something, held against a tick that came a while ago."""
        if not self.ticks or request.method != "POST":
            return
        said = msgspec.json.decode(body, type=dict[str, Any])
        for one in said.get("request", [said]):
            tick, since_ns = self.ticks.get(one.get("symbol", ""), (Decimal(0), 0))
            if not tick or self._clock() - since_ns < GRID_KNOWN_NS:
                continue
            for name in PRICES:
                if (price := one.get(name)) and Decimal(price) % tick:
                    self.off_grid.append(f"{request.path} {one['symbol']}: {name} {price}, tick {tick}")

    def _altered(self, path: str, payload: bytes) -> bytes:
        """What the exchange has answered, with words that it never said."""
        for word in tuple(self.words):
            if word.path in path and word.times and (new := word.put_into(payload)) != payload:
                word.times -= 1
                payload = new
        if self.ticks and path.endswith("instruments-info"):
            said = msgspec.json.decode(payload)
            for row in said["result"]["list"]:
                if row["symbol"] in self.ticks:
                    row["priceFilter"]["tickSize"] = f"{self.ticks[row['symbol']][0]:f}"
            payload = msgspec.json.encode(said)
        return payload

    def _remember(self, request: web.Request, body: bytes, trouble: Trouble | None) -> list[Create]:
        """The orders of a create, or of a batch of them; none of any other request."""
        if request.path == CREATE:
            asked = [msgspec.json.decode(body, type=_Body)]
        elif request.path == CREATE_BATCH:
            asked = msgspec.json.decode(body, type=_Batch).request
        else:
            return []
        creates = [
            Create(
                client_order_id=order.orderLinkId,
                reduces=order.reduceOnly,
                signed_ms=int(request.headers["X-BAPI-TIMESTAMP"]),
                at_ns=self._clock(),
                trouble=trouble,
            )
            for order in asked
        ]
        self.creates += creates
        return creates

    async def _arrives_later(
        self, request: web.Request, body: bytes, creates: list[Create], delay_s: float
    ) -> None:
        await asyncio.sleep(delay_s)
        await self._pass_on(request, body, creates)

    async def _pass_on(self, request: web.Request, body: bytes, creates: list[Create]) -> web.Response:
        for create in creates:
            create.arrived_ns = self._clock()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        # encoded: what is signed is what must arrive, escapes included.
        url = URL(self._upstream + request.raw_path, encoded=True)
        try:
            async with self._http.request(request.method, url, headers=headers, data=body or None) as answer:
                payload = self._altered(request.path, await answer.read())
                status = answer.status
                kept = {n: v for n, v in answer.headers.items() if n.lower() not in _HOP_BY_HOP}
        except aiohttp.ClientError:
            return _broken(request)  # the simulator has cut it off by a fault of its own
        if creates and status == 200:
            said = msgspec.json.decode(payload, type=_Answer)
            codes = [one.code for one in said.retExtInfo.items] or [said.retCode] * len(creates)
            for create, code in zip(creates, codes, strict=True):
                create.ret_code = code
        if self.rewrite is not None and status == 200:
            said_all = msgspec.json.decode(payload)
            self.rewrite(request.path, said_all.get("result") or {})
            payload = msgspec.json.encode(said_all)
        return web.Response(status=status, body=payload, headers=kept)


def _not_arrived(request: web.Request, trouble: Trouble) -> web.StreamResponse:
    if trouble is Trouble.BUSY:
        return web.Response(status=503, text=_HTML, content_type="text/html")
    if trouble is Trouble.ERROR:
        return web.Response(status=500)
    said = {Trouble.LIMITED: (10006, "Too many visits!"), Trouble.BROKEN: (10016, "Internal System Error.")}
    if trouble in said:
        code, text = said[trouble]
        return web.json_response({"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": 0})
    return _broken(request)


def _broken(request: web.Request) -> web.Response:
    """The connection is gone without a goodbye."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # never leaves: there is no connection any more
