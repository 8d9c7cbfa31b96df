"""Waiting for something that another task or process does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE_S = 40.0


async def eventually(check: Callable[[], Any]) -> Any:
    """The first true value of `check`, asked again and again; it may be a coroutine function."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        value = check()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.02)
