"""Laws of the budgets: no rolling window holds more than its limit, waits are exact, no lane starves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.adapters.bybit.quotas import QUOTAS, default_budgets
from tradefleet.orders.budget import (
    BAN_NS,
    PROBE_NS,
    READING_SHARES,
    SECOND_NS,
    TRADING_SHARES,
    Budgets,
    Lane,
    Quota,
    Window,
)

CREATE = "/v5/order/create"
BATCH = "/v5/order/create-batch"
lanes = st.sampled_from(Lane)
quotas = st.builds(
    Quota,
    limit=st.integers(1, 12),
    window_ns=st.integers(1, 50),
    shares=st.sampled_from([TRADING_SHARES, READING_SHARES, {}]),
)
calls = st.lists(st.tuples(lanes, st.integers(0, 20), st.integers(1, 4)), max_size=80)


def played(window: Window, wishes: list[tuple[Lane, int, int]]) -> tuple[list[tuple[int, Lane]], int]:
    """Tries each wish for so many calls at once after its pause; what went, and when it is now."""
    now_ns, went = 0, []
    for lane, pause_ns, many in wishes:
        now_ns += pause_ns
        many = min(many, window.quota.cap(lane))
        if window.wait_ns(lane, now_ns, many) == 0:
            window.count(lane, now_ns, many)
            went += [(now_ns, lane)] * many
    return went, now_ns


@given(quotas, calls)
def test_no_rolling_window_holds_more_than_the_limit_nor_a_lane_more_than_its_share(
    quota: Quota, wishes: list[tuple[Lane, int, int]]
) -> None:
    went, _ = played(Window(quota), wishes)

    for first_ns, _ in went:
        held = [lane for at_ns, lane in went if first_ns <= at_ns < first_ns + quota.window_ns]
        assert len(held) <= quota.limit
        for lane in Lane:
            assert held.count(lane) <= quota.cap(lane)


@given(quotas, calls, lanes, st.integers(0, 20), st.integers(0, 60), st.integers(1, 4))
def test_a_wait_is_exact(
    quota: Quota, wishes: list[tuple[Lane, int, int]], lane: Lane, pause_ns: int, block_ns: int, many: int
) -> None:
    window = Window(quota)
    _, now_ns = played(window, wishes)
    now_ns += pause_ns
    window.block(now_ns + block_ns)
    many = min(many, quota.cap(lane))

    wait_ns = window.wait_ns(lane, now_ns, many)

    assert window.wait_ns(lane, now_ns + wait_ns, many) == 0
    assert window.room(lane, now_ns + wait_ns) >= many
    if wait_ns:
        assert window.wait_ns(lane, now_ns + wait_ns - 1, many) == 1
        assert window.room(lane, now_ns + wait_ns - 1) < many
    assert wait_ns <= max(quota.window_ns, block_ns)


SHARED = sorted(path for path, quota in QUOTAS.items() if quota.shares)


@given(st.sampled_from(SHARED), st.lists(st.integers(0, 10**8), max_size=60))
def test_what_opens_and_what_polls_cannot_starve_what_reduces_and_what_resolves(
    path: str, pauses: list[int]
) -> None:
    budgets = default_budgets()
    reads = QUOTAS[path].shares is READING_SHARES
    plentiful, important = (Lane.POLLING, Lane.RESOLVING) if reads else (Lane.OPENING, Lane.REDUCING)
    now_ns = 0
    for pause_ns in pauses:
        now_ns += pause_ns
        while budgets.take(path, plentiful, now_ns) == 0:
            pass

    free = 0
    while budgets.take(path, important, now_ns) == 0:
        free += 1

    assert free >= QUOTAS[path].limit // 2


def test_only_leverage_has_no_half_to_keep_since_nothing_that_reduces_is_called_there() -> None:
    assert set(QUOTAS) - set(SHARED) == {"/v5/position/set-leverage"}


def test_a_batch_costs_its_endpoint_each_order_and_the_address_one_request() -> None:
    budgets = default_budgets()

    assert budgets.take(BATCH, Lane.REDUCING, 0, 8) == 0

    assert budgets.room(BATCH, Lane.REDUCING, 0) == 2
    assert budgets.take(BATCH, Lane.REDUCING, 0, 3) == QUOTAS[BATCH].window_ns
    assert budgets.take(BATCH, Lane.REDUCING, 0, 2) == 0
    assert budgets.room(CREATE, Lane.REDUCING, 0) == 10


def test_a_batch_that_no_window_can_hold_is_an_error_and_not_a_wait_for_ever() -> None:
    with pytest.raises(ValueError, match="11 calls at once"):
        default_budgets().take(BATCH, Lane.REDUCING, 0, 11)


def test_there_is_no_room_for_a_batch_while_its_endpoint_rests() -> None:
    budgets = default_budgets()

    budgets.refused(BATCH, 0, 0)

    assert budgets.room(BATCH, Lane.REDUCING, 1) == 0
    assert budgets.room(BATCH, Lane.REDUCING, QUOTAS[BATCH].window_ns) == 10


def test_eleven_calls_at_once_are_ten() -> None:
    # A bucket of capacity ten that refills at ten a second would admit nineteen within a second.
    budgets = default_budgets()

    went = [t for t in range(0, SECOND_NS, SECOND_NS // 100) if budgets.take(CREATE, Lane.REDUCING, t) == 0]

    assert len(went) == 10


def test_half_of_the_creates_of_a_second_may_open() -> None:
    budgets = default_budgets()

    opened = sum(budgets.take(CREATE, Lane.OPENING, 0) == 0 for _ in range(10))
    reduced = sum(budgets.take(CREATE, Lane.REDUCING, 0) == 0 for _ in range(10))

    assert (opened, reduced) == (5, 5)


def test_the_three_other_lanes_leave_room_in_the_addresss_budget() -> None:
    budgets = default_budgets()
    for lane in (Lane.OPENING, Lane.POLLING, Lane.RESOLVING):
        while budgets.take("/v5/market/time", lane, 0) == 0:
            pass

    free = 0
    while budgets.take("/v5/market/time", Lane.REDUCING, 0) == 0:
        free += 1

    assert free == 100


def test_another_program_that_spends_the_accounts_quota_is_counted() -> None:
    budgets = default_budgets()
    assert budgets.take(CREATE, Lane.REDUCING, 0) == 0

    budgets.told(CREATE, 10, 2, sent_ns=0, now_ns=1000)  # one is ours, seven are not

    went = sum(budgets.take(CREATE, Lane.REDUCING, 1000) == 0 for _ in range(10))
    assert went == 2


def test_our_own_calls_in_flight_are_not_taken_for_anothers() -> None:
    budgets = default_budgets()
    for _ in range(4):
        budgets.take(CREATE, Lane.REDUCING, 0)

    budgets.told(CREATE, 10, 6, sent_ns=0, now_ns=1000)

    went = sum(budgets.take(CREATE, Lane.REDUCING, 1000) == 0 for _ in range(10))
    assert went == 6


def test_a_higher_tier_is_learnt_from_the_headers() -> None:
    budgets = default_budgets()
    budgets.take(CREATE, Lane.REDUCING, 0)

    budgets.told(CREATE, 40, 39, sent_ns=0, now_ns=1000)

    opened = sum(budgets.take(CREATE, Lane.OPENING, 1000) == 0 for _ in range(60))
    reduced = sum(budgets.take(CREATE, Lane.REDUCING, 1000) == 0 for _ in range(60))
    assert (opened, reduced) == (20, 19)


def test_too_many_visits_rest_until_the_reset_in_every_lane() -> None:
    budgets = default_budgets()

    budgets.refused(CREATE, 400_000_000, 0)

    assert budgets.take(CREATE, Lane.REDUCING, 0) == 400_000_000
    assert budgets.take(CREATE, Lane.REDUCING, 400_000_000) == 0
    assert budgets.take("/v5/order/cancel", Lane.REDUCING, 0) == 0


@pytest.mark.parametrize("reset_in_ns", [0, -5, -SECOND_NS])
def test_a_reset_in_the_past_rests_for_a_window(reset_in_ns: int) -> None:
    budgets = default_budgets()

    budgets.refused(CREATE, reset_in_ns, 0)

    assert budgets.take(CREATE, Lane.REDUCING, 0) == QUOTAS[CREATE].window_ns


def test_a_ban_stops_all_but_what_reduces_which_tries_once_a_minute() -> None:
    budgets = default_budgets()
    budgets.banned(0)

    assert budgets.take(CREATE, Lane.OPENING, 1) == BAN_NS - 1
    assert budgets.take("/v5/market/time", Lane.POLLING, 1) == BAN_NS - 1
    assert budgets.take(CREATE, Lane.REDUCING, 1) == PROBE_NS - 1
    assert budgets.take(CREATE, Lane.REDUCING, PROBE_NS) == 0
    assert budgets.take("/v5/order/cancel", Lane.REDUCING, PROBE_NS + 1) == PROBE_NS - 1
    assert budgets.take(CREATE, Lane.OPENING, BAN_NS) == 0


def test_an_answered_probe_frees_what_reduces_and_nothing_else() -> None:
    budgets = default_budgets()
    budgets.banned(0)
    budgets.answered(sent_ns=0)  # left before the ban: proves nothing
    assert budgets.take(CREATE, Lane.REDUCING, 1) > 0
    assert budgets.take(CREATE, Lane.REDUCING, PROBE_NS) == 0

    budgets.answered(sent_ns=PROBE_NS)

    assert budgets.take(CREATE, Lane.REDUCING, PROBE_NS + 1) == 0
    assert budgets.take(CREATE, Lane.RESOLVING, PROBE_NS + 1) == BAN_NS - PROBE_NS - 1


def test_an_endpoint_without_a_quota_is_an_error_and_not_unlimited() -> None:
    with pytest.raises(ValueError, match="has no quota"):
        default_budgets().take("/v5/order/no-such", Lane.REDUCING, 0)
    with pytest.raises(ValueError, match="limit 0"):
        Budgets({}, Quota(limit=0))
