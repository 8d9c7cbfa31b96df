"""Rolling seconds, faults that are used up, and how long a silent socket lives."""

import pytest

from tradefleet.simulation.server.private_stream import idle_cut_s
from tradefleet.simulation.server.rate_limits import PER_SECOND, RollingLimits

CREATE = "/v5/order/create"
MS = 1_000_000
START = 1_800_000_000_000_000_000


def test_ten_creates_pass_in_any_second_and_the_eleventh_is_told_when_to_come_back() -> None:
    limits = RollingLimits()

    answers = [limits.take(CREATE, START + number * 10 * MS) for number in range(11)]

    assert [allowed for allowed, _ in answers] == [True] * 10 + [False]
    assert [rate.remaining for _, rate in answers] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    refused = answers[-1][1]
    assert refused.limit == 10
    assert refused.reset_ms is not None
    assert refused.reset_ms > (START + 1000 * MS) // MS


def test_the_second_rolls() -> None:
    limits = RollingLimits()
    for number in range(10):
        limits.take(CREATE, START + number * 50 * MS)

    just_before = limits.take(CREATE, START + 1000 * MS - 1)[0]
    first_is_out = limits.take(CREATE, START + 1000 * MS)[0]
    second_is_in = limits.take(CREATE, START + 1000 * MS)[0]

    assert (just_before, first_is_out, second_is_in) == (False, True, False)


def test_a_caller_who_comes_back_at_the_reset_time_is_let_in() -> None:
    limits = RollingLimits()
    for _ in range(10):
        limits.take(CREATE, START)
    reset_ms = limits.take(CREATE, START)[1].reset_ms

    assert reset_ms is not None
    assert limits.take(CREATE, reset_ms * MS)[0]


def test_endpoints_do_not_share_their_budgets() -> None:
    limits = RollingLimits()
    for _ in range(10):
        limits.take(CREATE, START)

    assert limits.take("/v5/order/cancel", START)[0]


@pytest.mark.parametrize(
    ("path", "limit"), [("/v5/order/create", 10), ("/v5/order/realtime", 50), ("/v5/account/fee-rate", 5)]
)
def test_the_documented_limits_hold(path: str, limit: int) -> None:
    assert PER_SECOND[path] == limit


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("", 600), ("60s", 60), ("1m", 60), ("5s", 30), ("90m", 600), ("soon", 600), ("60", 600), ("-5m", 600)],
)
def test_a_private_sockets_idle_time_can_be_asked_for_within_bounds(asked: str, seconds: float) -> None:
    assert idle_cut_s(asked) == seconds
