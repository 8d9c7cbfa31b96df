"""What shows that a change decides as before: the same seed is the same digest, and a log replays."""

import pytest
from tests.epochs.play import WORLDS, play

from tradefleet.core.account import AccountCore
from tradefleet.core.digest import replay

STEPS = 60
ONE_OF_EACH = range(len(WORLDS))


@pytest.mark.parametrize("seed", ONE_OF_EACH)
def test_a_seed_plays_the_same_epochs_each_time(seed: int) -> None:
    assert play(seed, STEPS) == play(seed, STEPS)


@pytest.mark.parametrize("seed", ONE_OF_EACH)
def test_a_logged_epoch_replays_to_its_digest(seed: int) -> None:
    for epoch in play(seed, STEPS):
        assert replay(epoch.lines, AccountCore()).value == epoch.digest


def test_every_world_makes_orders() -> None:
    for seed in ONE_OF_EACH:
        lines = b"".join(line for epoch in play(seed) for line in epoch.lines)
        assert b'"type":"Submit"' in lines, seed
