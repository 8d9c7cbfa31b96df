"""How both ends connect: no retry behind our back, and one error for "not now"."""

import contextlib
from collections.abc import Iterator
from typing import Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tradefleet.adapters.redis.messages import BusDown

CONNECT_S: Final = 1.0
MOST_BLOCK_MS: Final = 2000
"""The longest wait of an XREAD."""
ANSWER_S: Final = 3.0
"""When an answer is given up; it must outlast MOST_BLOCK_MS."""


def connect(url: str) -> redis.asyncio.Redis:
    """A client; it connects with its first command. Raises ValueError for a bad address."""
    # Without retries: a repeated XADD would publish twice, and we say ourselves what is down.
    return redis.asyncio.Redis.from_url(
        url, socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0)
    )


@contextlib.contextmanager
def bus_errors(doing: str) -> Iterator[None]:
    """Turn everything that the server or the network can do into BusDown."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise BusDown(f"{doing}: {type(error).__name__}: {error}") from error
