"""A wall clock of this process that comes to 00:00 UTC while a schedule is played."""

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from tests.chaos import scaled_executor

DAY_NS: Final = 86_400 * 10**9
SOON_NS: Final = 18 * 10**9
"""Processes need a dozen seconds until one leads, more on a machine that is busy; then the acts begin."""


@contextlib.contextmanager
def ahead_to_midnight() -> Iterator[int]:
    """By how many ns the clock is ahead for the length of a block."""
    true_ns, true_s = time.time_ns, time.time
    ahead_ns = DAY_NS - (true_ns() + SOON_NS) % DAY_NS
    scaled_executor.set_ahead(ahead_ns)
    try:
        yield ahead_ns
    finally:
        time.time_ns, time.time = true_ns, true_s
