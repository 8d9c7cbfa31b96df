"""Budgets at their boundaries: the last moment of a window, its last call, the end of a rest and of a ban."""

import pytest

from tradefleet.orders.budget import (
    ADDRESS_SHARES,
    BAN_NS,
    LONGEST_BLOCK_NS,
    PROBE_NS,
    READING_SHARES,
    SECOND_NS,
    TRADING_SHARES,
    Budgets,
    Lane,
    Quota,
    Share,
    Window,
)

PATH, OTHER, MARKET = "/v5/order/create", "/v5/order/cancel", "/v5/market/time"
MINUTE_NS = 60_000_000_000
OPEN, R, S, P = Lane.OPENING, Lane.REDUCING, Lane.RESOLVING, Lane.POLLING


def window(limit: int = 3, window_ns: int = 10, shares: dict[Lane, Share] | None = None) -> Window:
    return Window(Quota(limit=limit, window_ns=window_ns, shares=shares or {}))


def budgets(limit: int = 3, address: int = 100, window_ns: int = 10) -> Budgets:
    quota = Quota(limit=limit, window_ns=window_ns)
    return Budgets({PATH: quota, OTHER: quota}, Quota(limit=address, window_ns=window_ns))


def test_a_ban_a_probe_and_the_longest_rest_have_their_lengths() -> None:
    assert (BAN_NS, PROBE_NS, LONGEST_BLOCK_NS) == (10 * MINUTE_NS, MINUTE_NS, MINUTE_NS)
    assert SECOND_NS == 1_000_000_000
    assert Quota(limit=1).window_ns == SECOND_NS


@pytest.mark.parametrize(
    ("share", "limit", "calls"),
    [
        (Share(1, 2), 10, 5),
        (Share(1, 2), 11, 5),
        (Share(1, 2), 1, 1),
        (Share(2, 3), 9, 6),
        (Share(1, 6), 600, 100),
    ],
)
def test_a_share_is_rounded_down_and_at_least_one_call(share: Share, limit: int, calls: int) -> None:
    assert share.of(limit) == calls


def test_who_has_less_than_the_whole_of_a_limit() -> None:
    quotas = [Quota(limit=60, shares=s) for s in (TRADING_SHARES, READING_SHARES, ADDRESS_SHARES)]

    assert [[quota.cap(lane) for lane in (OPEN, R, S, P)] for quota in quotas] == [
        [30, 60, 60, 60],
        [60, 60, 60, 30],
        [10, 60, 20, 20],
    ]


@pytest.mark.parametrize(("limit", "window_ns", "is_one"), [(1, 1, True), (0, 1, False), (1, 0, False)])
def test_a_quota_has_a_call_and_a_length(limit: int, window_ns: int, is_one: bool) -> None:
    if is_one:
        assert window(limit, window_ns).wait_ns(R, 0) == 0
        return
    with pytest.raises(ValueError, match="must be 1 or more"):
        window(limit, window_ns)


@pytest.mark.parametrize(
    ("lane", "calls", "can"), [(R, 4, True), (R, 5, False), (OPEN, 2, True), (OPEN, 3, False)]
)
def test_no_wait_is_told_for_more_than_a_window_holds(lane: Lane, calls: int, can: bool) -> None:
    shared = window(4, shares={OPEN: Share(1, 2)})
    if can:
        assert shared.wait_ns(lane, 0, calls) == 0
        return
    with pytest.raises(ValueError, match=f"{calls} calls at once"):
        shared.wait_ns(lane, 0, calls)


@pytest.mark.parametrize(
    ("now_ns", "calls", "wait_ns"),
    [
        (5, 1, 0),
        (5, 2, 5),  # the first call leaves its window at 10
        (5, 3, 9),  # and the second at 14
        (9, 2, 1),
        (10, 2, 0),
        (13, 3, 1),
        (14, 3, 0),
    ],
)
def test_a_call_counts_for_one_window(now_ns: int, calls: int, wait_ns: int) -> None:
    used = window()
    used.count(R, 0)
    used.count(OPEN, 4)

    assert used.wait_ns(S, now_ns, calls) == wait_ns
    assert (used.room(S, now_ns) >= calls) is (wait_ns == 0)


def test_a_lane_has_no_more_than_its_share_and_what_the_others_left() -> None:
    used = window(4, shares={OPEN: Share(1, 2)})
    used.count(OPEN, 0, 2)
    assert [used.room(lane, 0) for lane in (OPEN, R)] == [0, 2]

    used.count(R, 0, 2)
    assert [used.room(lane, 0) for lane in (OPEN, R)] == [0, 0]

    other = window(4, shares={OPEN: Share(1, 2)})
    other.count(R, 0, 3)
    assert [other.room(lane, 0) for lane in (OPEN, R)] == [1, 1]


@pytest.mark.parametrize(("blocks", "wait_ns"), [([7], 7), ([7, 3], 7), ([3, 7], 7), ([0], 0)])
def test_the_longest_rest_stands(blocks: list[int], wait_ns: int) -> None:
    resting = window()
    for until_ns in blocks:
        resting.block(until_ns)

    assert resting.wait_ns(R, 0) == wait_ns
    assert resting.room(R, wait_ns) == 3
    assert wait_ns == 0 or resting.room(R, wait_ns - 1) == 0


@pytest.mark.parametrize(
    ("limit", "remaining", "room", "later"),
    [
        (5, 4, 4, 5),  # the one call that is missing is ours
        (5, 5, 4, 5),
        (5, 2, 2, 5),  # two of another program
        (5, 0, 0, 5),
        (0, 2, 2, 5),  # an answer without a limit
        (8, 7, 7, 8),
        (1, 0, 0, 1),
    ],
)
def test_what_an_answer_tells_counts_for_one_window(
    limit: int, remaining: int, room: int, later: int
) -> None:
    told = window(5)
    told.count(R, 0)
    told.told(limit, remaining, sent_ns=0, now_ns=6)

    assert told.room(R, 6) == room
    # Ours ends at 10 and what is not ours at 16.
    assert told.room(R, 16) == later
    assert told.room(R, 15) == later - max(0, later - remaining - 1)


def test_a_wait_for_what_others_use_ends_with_their_window() -> None:
    told = window(5)
    told.told(5, 0, sent_ns=0, now_ns=6)

    assert told.wait_ns(R, 6) == 10
    assert told.wait_ns(R, 15) == 1
    assert told.wait_ns(R, 16) == 0


def test_only_calls_of_the_window_before_the_sending_are_ours() -> None:
    told = window(5)
    told.count(R, 0)
    told.count(R, 1)
    told.told(5, 3, sent_ns=10, now_ns=10)  # the one at 0 had left the window; one of two is another's

    assert told.room(R, 10) == 3
    assert told.room(R, 11) == 4


@pytest.mark.parametrize(("sent_ns", "room"), [(4, 5), (5, 2), (6, 2)])
def test_an_answer_to_an_older_request_says_nothing_more(sent_ns: int, room: int) -> None:
    told = window(5)
    told.told(5, 5, sent_ns=5, now_ns=6)
    told.told(5, 2, sent_ns=sent_ns, now_ns=7)

    assert told.room(R, 7) == room


def test_calls_are_kept_for_two_windows_and_no_longer() -> None:
    used = window(9)
    for at_ns in range(9):
        used.count(R, at_ns)

    used.room(R, 20)
    assert used._calls[R] == [1, 2, 3, 4, 5, 6, 7, 8]
    used.room(R, 28)
    assert used._calls[R] == []


def test_a_request_that_goes_is_counted_in_both_windows() -> None:
    taken = budgets(limit=3, address=2)

    assert taken.take(PATH, R, 0, 2) == 0
    assert taken.room(PATH, R, 0) == 1
    assert taken.room(OTHER, R, 0) == 3
    assert taken.take(PATH, R, 0, 2) == 10
    assert taken.take(OTHER, R, 4) == 0  # the one that had to wait is not counted
    assert taken.take(OTHER, R, 4) == 6  # the address has had its two
    assert taken.room(OTHER, R, 4) == 0
    assert taken.room(OTHER, R, 10) == 2


def test_public_reads_know_only_the_addresss_limit() -> None:
    taken = budgets(limit=1, address=2)

    assert [taken.take(MARKET, P, 0) for _ in range(3)] == [0, 0, 10]


@pytest.mark.parametrize(
    ("reset_ns", "wait_ns"),
    [
        (-1, 10),
        (0, 10),
        (1, 1),
        (7, 7),
        (MINUTE_NS, MINUTE_NS),
        (MINUTE_NS + 1, MINUTE_NS),
    ],
)
def test_an_endpoint_rests_until_its_reset_or_a_minute(reset_ns: int, wait_ns: int) -> None:
    resting = budgets()
    resting.refused(PATH, reset_ns, 5)

    assert resting.take(PATH, R, 5) == wait_ns
    assert resting.take(OTHER, R, 5) == 0


@pytest.mark.parametrize(
    ("lane", "now_ns", "wait_ns"),
    [
        (OPEN, 5, BAN_NS),
        (OPEN, 5 + BAN_NS - 1, 1),
        (OPEN, 5 + BAN_NS, 0),
        (R, 5, PROBE_NS),
        (R, 5 + PROBE_NS - 1, 1),
        (R, 5 + PROBE_NS, 0),
        (R, 5 + BAN_NS, 0),
    ],
)
def test_a_ban_rests_for_ten_minutes_and_what_reduces_for_one(lane: Lane, now_ns: int, wait_ns: int) -> None:
    banned = budgets()
    banned.banned(5)

    assert (banned.room(PATH, lane, now_ns) > 0) is (wait_ns == 0)
    assert banned.take(PATH, lane, now_ns) == wait_ns
    assert banned.banned_for_ns(now_ns) == max(0, 5 + BAN_NS - now_ns)


def test_a_probe_waits_a_minute_after_the_last_one_and_no_longer_than_the_ban() -> None:
    banned = budgets()
    banned.banned(0)
    assert banned.take(PATH, R, PROBE_NS) == 0
    assert banned.take(PATH, R, PROBE_NS) == PROBE_NS
    assert banned.take(PATH, R, BAN_NS - 20) == 0

    assert banned.take(PATH, R, BAN_NS - 10) == 10
    assert banned.take(PATH, R, BAN_NS) == 0


@pytest.mark.parametrize(("sent_ns", "free"), [(4, False), (5, False), (6, True)])
def test_an_answer_to_what_left_after_the_ban_frees_what_reduces(sent_ns: int, free: bool) -> None:
    banned = budgets()
    banned.answered(sent_ns=9)
    banned.banned(5)
    banned.answered(sent_ns=sent_ns)

    assert (banned.take(PATH, R, 7) == 0) is free
    assert (banned.room(PATH, R, 7) == 2) is free
    assert banned.take(PATH, OPEN, 7) == 5 + BAN_NS - 7


def test_a_free_call_of_what_reduces_moves_no_probe() -> None:
    banned = budgets()
    banned.banned(0)
    banned.answered(sent_ns=1)
    assert banned.take(PATH, R, 2) == 0
    assert banned.take(PATH, R, 3) == 0


def test_a_ban_that_is_over_is_forgotten() -> None:
    banned = budgets()
    assert banned.banned_for_ns(0) == 0
    banned.banned(0)
    assert banned.take(PATH, OPEN, BAN_NS) == 0
    assert banned.banned_for_ns(5) == 0
    assert banned.take(PATH, R, 5 + BAN_NS) == 0


def test_a_path_without_a_quota_is_named() -> None:
    with pytest.raises(ValueError, match="'/v5/none' has no quota"):
        budgets().room("/v5/none", R, 0)
