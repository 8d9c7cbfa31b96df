"""The circuit breaker's limits, from the bot's words to the breaker's own."""

from typing import Final

from tradefleet.orders.breaker import Limits
from tradefleet.spec.trading import CircuitBreaker

SECOND_NS: Final = 1_000_000_000


def breaker_limits(given: CircuitBreaker) -> Limits:
    """What the bot's spec says, in nanoseconds."""
    return Limits(
        failures=given.failures,
        window_ns=given.window_seconds * SECOND_NS,
        open_ns=given.open_seconds * SECOND_NS,
    )
