"""The private stream says nothing more, not even that it is gone: played short, and at its full length."""

import asyncio
import time

from tests.chaos.fleet import Fleet
from tests.chaos.scenes import calm, hold
from tests.support.eventually import eventually

from tradefleet.domain.signals import Target

HELD, OPENED, REFUSED = "ETHUSDT", "SOLUSDT", "DOGEUSDT"

SOON_S = 20.0
"""So long before the limit the status is watched."""


async def the_private_stream_falls_silent(fleet: Fleet, limit_s: float, full_s: float) -> None:
    """What is sent meanwhile is asked for; then opening stops; what comes back is compared, counted once."""
    leader = fleet.begin("a", private_silence_s=limit_s)
    await fleet.ready(leader)
    await hold(fleet, HELD)
    print(f"\nprivate stream silent for {limit_s:g} s (scaled by 1/{full_s / limit_s:g} of {full_s:g} s)")

    fleet.stream_wire.silence()
    began = time.monotonic()
    # Nobody can know yet that it is silent: what is done now is learned by asking.
    await fleet.bus.publish(fleet.signal(Target.LONG, OPENED))
    await fleet.bus.publish(fleet.signal(Target.FLAT, HELD))
    await eventually(lambda: fleet.exchange_size(OPENED) and not fleet.exchange_size(HELD))
    await asyncio.sleep(max(0.0, limit_s - SOON_S - (time.monotonic() - began)))
    await leader.until(lambda status: status["why_not"].startswith("private_stream_down"))
    print(f"noticed {time.monotonic() - began:.1f} s after the last row")
    await fleet.bus.publish(fleet.signal(Target.LONG, REFUSED))
    await eventually(lambda: _refused(fleet))
    fleet.stream_wire.heal()

    await leader.until(lambda status: status["may_open"])
    await calm(fleet)
    assert fleet.exchange_size(REFUSED) == 0
    assert [create.ret_code for create in fleet.proxy.creates] == [0, 0, 0]
    await hold(fleet, REFUSED)
    await calm(fleet)


async def _refused(fleet: Fleet) -> bool:
    rows = await fleet.rows(f"SELECT reason FROM signals WHERE symbol = '{REFUSED}'")
    return [row["reason"] for row in rows] == ["private_stream_down"]
