"""The public socket's conversation, without a socket: what a client may say and how it is answered.

Answers carry the exchange's own texts, recorded where a recording exists (reference A3, A4), so
that a client's parsing of them is exercised as it will be in earnest.
"""

from typing import Final

import msgspec


class Request(msgspec.Struct, frozen=True):
    """A client's frame. req_id: echoed as text whatever it was; args: topics."""

    op: str
    req_id: str
    args: tuple[str, ...]


class Undecodable(ValueError):
    """Not a request; the text is the plain-text answer that the exchange gives (the socket stays open)."""


class _Raw(msgspec.Struct):
    op: str = ""
    req_id: str | int | None = None
    args: list[str] | None = None


def parse_request(text: str) -> Request:
    """Decode one client frame; raises Undecodable."""
    stripped = text.lstrip()
    if not stripped.startswith("{"):
        found = stripped[:1] or "\x00"
        raise Undecodable(
            f"Failed to decode incoming data:readObjectStart: expect {{ or n, but found {found}, "
            f"error found in #1 byte of ...|{text[:10]}|..., bigger context ...|{text[:100]}|..."
        )
    try:
        raw = msgspec.json.decode(stripped, type=_Raw)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Undecodable(f"Failed to decode incoming data:{error}") from error
    req_id = "" if raw.req_id is None else str(raw.req_id)
    return Request(raw.op, req_id, tuple(raw.args or ()))


def ack(request: Request, connection_id: str, error: str | None = None, *, spot: bool = False) -> bytes:
    """The one answer to a request: success, or the reason for refusing all of it. On spot the word for
    success is the operation's, and too many topics are told without the usual prefix."""
    if error is None:
        text = request.op if spot else ""
    else:
        text = error if spot and error.startswith(_BARE) else f"error:{error}"
    return _answer(request, connection_id, request.op, text, error is None, spot)


_BARE: Final = "args size"


def pong(request: Request, connection_id: str, *, spot: bool = False) -> bytes:
    """The answer to a JSON ping on a public socket: `op` stays "ping"."""
    return _answer(request, connection_id, "ping", "pong", True, spot)


def _answer(request: Request, connection_id: str, op: str, text: str, success: bool, spot: bool) -> bytes:
    # Linear echoes an empty req_id, spot leaves it out.
    echoed = {} if spot and not request.req_id else {"req_id": request.req_id}
    return msgspec.json.encode(
        {"success": success, "ret_msg": text, "conn_id": connection_id, **echoed, "op": op}
    )
