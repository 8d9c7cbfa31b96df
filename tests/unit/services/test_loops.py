"""Endless loops: none ends unnoticed, all end when they are told."""

import asyncio

import pytest

from tradefleet.services import loops


async def for_ever() -> None:
    await asyncio.Event().wait()


async def returns() -> None:
    await asyncio.sleep(0)


async def is_cancelled_from_inside() -> None:
    raise asyncio.CancelledError


async def fails() -> None:
    raise ValueError("broken")


class Deaf:
    """A loop that loses the first requests to stop, as a library can."""

    def __init__(self, losses: int) -> None:
        self.losses = losses

    async def run(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.losses -= 1
                if self.losses < 0:
                    raise


@pytest.mark.parametrize("loop", [returns, is_cancelled_from_inside])
async def test_a_loop_that_ends_by_itself_is_named(loop: object) -> None:
    with pytest.raises(loops.LoopEnded, match=loop.__name__):  # type: ignore[attr-defined]
        await loops.serve([for_ever(), loop()], asyncio.Event())  # type: ignore[operator]


async def test_a_loops_own_error_is_raised_and_the_others_have_ended() -> None:
    other = Deaf(losses=0)

    with pytest.raises(ValueError, match="broken"):
        await loops.serve([other.run(), fails()], asyncio.Event())

    assert other.losses == -1


async def test_a_request_to_stop_that_is_lost_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "ASK_AGAIN_S", 0.001)
    stop, deaf = asyncio.Event(), Deaf(losses=3)
    asyncio.get_running_loop().call_soon(stop.set)

    await loops.serve([deaf.run(), for_ever()], stop)

    assert deaf.losses == -1


async def test_an_event_is_waited_for_no_longer_than_told() -> None:
    event = asyncio.Event()

    assert await loops.set_within(event, 0.001) is False
    event.set()
    assert await loops.set_within(event, 0.001) is True
