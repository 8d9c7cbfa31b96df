"""The endless loops of a process: none ends unnoticed, all end when they are told.

A loop that returns, or is cancelled from inside a library, would leave a process that looks alive and
does half of its work: asyncio's TaskGroup forgets a cancelled task. Here that ends the process, which is
then started again. And a request to stop can be lost on the way (a library that catches it, or
`asyncio.wait_for` of Python 3.11), so stopping asks again until it is done.
"""

import asyncio
from collections.abc import Collection, Coroutine, Iterable
from typing import Any, Final

ASK_AGAIN_S: Final = 0.2


class LoopEnded(Exception):
    """A loop without an end has ended; the text names it."""


async def serve(loops: Iterable[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run the loops until `stop` is set; all have ended when this returns or raises.

    Raises the first loop's own error, or LoopEnded for one that ended without."""
    tasks = [asyncio.create_task(loop, name=getattr(loop, "__qualname__", repr(loop))) for loop in loops]
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await end(tasks)
    for task in done - {stopping}:
        raise why_it_ended(task)


def why_it_ended(task: asyncio.Task[Any]) -> BaseException:
    """The error of a loop that is done; LoopEnded when it has none."""
    if task.cancelled():
        return LoopEnded(f"{task.get_name()} was cancelled by something that it called")
    return task.exception() or LoopEnded(f"{task.get_name()} returned")


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel the tasks, again and again until all are done; their errors are not raised here."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains of an exception unseen


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set; False when it is not within the time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
