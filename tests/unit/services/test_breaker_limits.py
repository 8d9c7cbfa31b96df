"""What the bot says of the circuit breaker reaches it in its own units."""

from tradefleet.orders.breaker import Limits
from tradefleet.services.executor.breaker_limits import breaker_limits
from tradefleet.spec.trading import CircuitBreaker


def test_the_specs_defaults_are_the_breakers() -> None:
    assert breaker_limits(CircuitBreaker()) == Limits()


def test_seconds_become_nanoseconds() -> None:
    given = CircuitBreaker(failures=2, window_seconds=7, open_seconds=11)

    assert breaker_limits(given) == Limits(failures=2, window_ns=7 * 10**9, open_ns=11 * 10**9)
