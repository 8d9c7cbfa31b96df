"""The private stream silent for as long as the executor bears with it by default."""

import pytest
from tests.chaos.fleet import Fleet
from tests.chaos.silence import the_private_stream_falls_silent

from tradefleet.adapters.bybit.private_stream import PrivateStreamSettings

pytestmark = [pytest.mark.process, pytest.mark.timeout(400)]


async def test_a_private_stream_that_is_silent_for_45_s_is_noticed_and_nothing_is_doubled(
    fleet: Fleet,
) -> None:
    full_s = PrivateStreamSettings().silence_s

    await the_private_stream_falls_silent(fleet, full_s, full_s)
