"""A leader that the operating system stops for a whole minute, before and after it has signed."""

import asyncio
import time

import pytest
from tests.chaos.fleet import Fleet
from tests.chaos.scenes import calm, pause, takes_over, wake

from tradefleet.domain.signals import Target

pytestmark = [pytest.mark.process, pytest.mark.timeout(400)]

MINUTE_S = 60.0
SYMBOL = "ETHUSDT"


@pytest.mark.parametrize(("failpoint", "answers"), [("order.signed", [10002]), ("order.written", [])])
async def test_2_and_3_sigstop_for_60_s_takeover_sigcont_no_order_of_the_old_epoch_lives(
    fleet: Fleet, failpoint: str, answers: list[int]
) -> None:
    sleeper, standby = await fleet.two(failpoint)
    await fleet.bus.publish(fleet.signal(Target.LONG, SYMBOL))
    await fleet.hit(failpoint)

    pause(sleeper)
    asleep = time.monotonic()
    await takes_over(standby)
    await fleet.bus.publish(fleet.signal(Target.LONG, "SOLUSDT"))
    await asyncio.sleep(MINUTE_S - (time.monotonic() - asleep))
    wake(fleet, sleeper, failpoint)

    await sleeper.until(lambda status: status["state"] == "waiting_for_lease")
    await calm(fleet)
    first, *_ = await fleet.rows("SELECT client_order_id, state FROM intents WHERE intent_epoch = 1")
    named = [create for create in fleet.proxy.creates if create.client_order_id == first["client_order_id"]]
    assert [create.ret_code for create in named] == answers
    assert first["state"] == "absent"
    assert fleet.exchange_size(SYMBOL) == 0
    assert fleet.exchange_size("SOLUSDT") > 0
