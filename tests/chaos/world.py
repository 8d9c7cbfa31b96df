"""Lengths and names that all schedules share."""

import random
from typing import Final

SCALE: Final = 20
"""A pause of sixty seconds in the world is one of three seconds in a schedule."""

LENGTH_MS: Final = 10_000
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
OUTSIDE: Final = "ETHCOPY1USDT"
"""A contract of the exchange that the bot does not trade."""
MOST_POSITIONS: Final = 3
"""One less than symbols, so that the limit is reached in every schedule."""


def when(dice: random.Random) -> int:
    """A moment at which something may begin."""
    return dice.randint(300, LENGTH_MS - 3000)


def scaled(dice: random.Random, *seconds: float) -> int:
    """Milliseconds of one of these lengths in the world, scaled."""
    return int(dice.choice(seconds) * 1000 / SCALE)
