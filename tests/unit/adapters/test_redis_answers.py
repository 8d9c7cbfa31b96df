"""A question to the bus has an end, whatever the client does."""

import asyncio

import pytest
import redis.exceptions

from tradefleet.adapters.redis import connection
from tradefleet.adapters.redis.messages import BusDown


async def test_a_client_that_never_comes_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "DEADLINE_S", 0.01)

    with pytest.raises(BusDown, match=r"publish: no answer within 0\.01 s"):
        await connection.answered("publish", asyncio.sleep(3600))


async def test_a_cancellation_from_inside_the_client_does_not_end_the_caller() -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(BusDown, match="announce: the client gave up"):
        await connection.answered("announce", gives_up())


@pytest.mark.parametrize(
    "error", [redis.exceptions.ConnectionError("gone"), OSError("reset"), TimeoutError()]
)
async def test_what_the_network_can_do_is_one_error(error: Exception) -> None:
    async def fails() -> None:
        raise error

    with pytest.raises(BusDown, match=f"read: {type(error).__name__}"):
        await connection.answered("read", fails())
