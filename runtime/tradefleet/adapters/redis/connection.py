"""How both ends connect and ask: no retry behind our back, one error for "not now", always an end."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tradefleet.adapters.redis.messages import BusDown

CONNECT_S: Final = 1.0
MOST_BLOCK_MS: Final = 2000
"""The longest wait of an XREAD."""
ANSWER_S: Final = 3.0
"""When the client gives an answer up; it must outlast MOST_BLOCK_MS."""
DEADLINE_S: Final = 2 * (CONNECT_S + ANSWER_S)
"""When we give the client up: it may connect, write and read, each with its own limit."""

Answer = TypeVar("Answer")


def connect(url: str) -> redis.asyncio.Redis:
    """A client; it connects with its first command. Raises ValueError for a bad address."""
    # Without retries: a repeated XADD would publish twice, and we say ourselves what is down.
    return redis.asyncio.Redis.from_url(
        url, socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0)
    )


async def answered(doing: str, question: Awaitable[Answer]) -> Answer:
    """What the server answers. Raises BusDown, in bounded time whatever the client does.

    The question runs in a task of its own. Under Python 3.11 the client loses a request to stop that
    arrives in the turn in which its write ends (`asyncio.wait_for` then returns the write's result), and
    a loop around it would run for ever; measured in one cancellation of four. A cancellation from inside
    the client, which would end the calling loop in silence, is one more way of not answering.
    """
    task = asyncio.ensure_future(question)
    task.add_done_callback(_looked_at)
    try:
        await asyncio.wait({task}, timeout=DEADLINE_S)
    finally:
        task.cancel()
    if not task.done():
        raise BusDown(f"{doing}: no answer within {DEADLINE_S:g} s")
    if task.cancelled():
        raise BusDown(f"{doing}: the client gave up")
    try:
        return task.result()
    except (RedisError, OSError) as error:
        raise BusDown(f"{doing}: {type(error).__name__}: {error}") from error


def _looked_at(task: asyncio.Future[Any]) -> None:
    """Nobody waits for the failure of a question that was given up."""
    if not task.cancelled():
        task.exception()
