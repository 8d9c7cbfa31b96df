"""The executor's own kill switch: one request to the process itself, for when nothing else can be reached.

    POST /kill-switch   {"reason": "why", "actor": "who"}   ->   {"latch": "endpoint-..."}

Answered when the latch is on this machine's disk; the closing has begun by then. From the same machine or
pod (`kubectl port-forward`, `kubectl exec`) it needs nothing; from elsewhere the token that the variable
TRADEFLEET_KILL_SWITCH_TOKEN holds, as `Authorization: Bearer TOKEN`; without such a variable it is refused.
It engages and never clears: clearing names the latch where its record is.
"""

import hmac
import ipaddress
import os
import time
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from aiohttp import web

from tradefleet.adapters.files.spool import SpoolFailed
from tradefleet.core.account_kill_switch import KIND
from tradefleet.core.events import LatchRecord

PATH: Final = "/kill-switch"
TOKEN_VARIABLE: Final = "TRADEFLEET_KILL_SWITCH_TOKEN"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body. Both are kept with the latch."""

    reason: Text
    actor: Text


def routes(engage: Callable[[LatchRecord], None]) -> list[web.RouteDef]:
    """What to serve. engage: raises SpoolFailed when the latch could not be written."""

    async def answer(request: web.Request) -> web.Response:
        refusal = _refusal(request.remote or "", request.headers.get("Authorization", ""))
        if refusal:
            return web.json_response({"error": refusal}, status=403)
        try:
            asked = msgspec.json.decode(await request.read(), type=Asked)
        except msgspec.DecodeError as error:
            return web.json_response({"error": f"body: {error}; send reason and actor"}, status=400)
        now_ns = time.time_ns()
        latch = LatchRecord(
            latch_id=f"endpoint-{now_ns // 1_000_000}",
            kind=KIND,
            reason=asked.reason,
            actor=f"endpoint:{asked.actor}",
            engaged_ns=now_ns,
        )
        try:
            engage(latch)
        except SpoolFailed as error:
            return web.json_response({"error": f"the latch could not be written: {error}"}, status=500)
        return web.json_response({"latch": latch.latch_id})

    return [web.post(PATH, answer)]


def _refusal(remote: str, authorization: str) -> str:
    """Why not, "" for yes."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if token and hmac.compare_digest(authorization, f"Bearer {token}"):
        return ""
    if _is_here(remote):
        return ""
    return f"only from the same machine, or with the token of {TOKEN_VARIABLE}"


def _is_here(remote: str) -> bool:
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
