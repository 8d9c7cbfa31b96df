"""The sequence rule, as a table: what the book's last update id and a frame's own allow."""

import pytest

from tradefleet.market.sequence import FrameKind, Verdict, judge, judge_top

SNAPSHOT, DELTA = FrameKind.SNAPSHOT, FrameKind.DELTA

DEEP_CASES = [
    # last, kind, u, verdict
    (None, SNAPSHOT, 500, Verdict.REPLACE),
    (None, DELTA, 500, Verdict.GAP),
    (None, DELTA, 1, Verdict.REPLACE),
    (7, DELTA, 8, Verdict.APPLY),
    (7, DELTA, 9, Verdict.GAP),
    (7, DELTA, 7, Verdict.REPEAT),
    (7, DELTA, 3, Verdict.REPEAT),
    (7, DELTA, 1, Verdict.REPLACE),
    (7, SNAPSHOT, 8, Verdict.REPLACE),
    (7, SNAPSHOT, 7, Verdict.REPLACE),
    (7, SNAPSHOT, 2, Verdict.REPLACE),
    (7, SNAPSHOT, 9000, Verdict.REPLACE),
    (0, DELTA, 1, Verdict.REPLACE),
]

TOP_CASES = [
    (None, SNAPSHOT, 500, Verdict.REPLACE),
    (7, SNAPSHOT, 8, Verdict.REPLACE),
    (7, SNAPSHOT, 7, Verdict.REPEAT),
    (7, SNAPSHOT, 20, Verdict.REPLACE),
    (7, SNAPSHOT, 3, Verdict.REPLACE),
    (7, SNAPSHOT, 1, Verdict.REPLACE),
    (1, SNAPSHOT, 1, Verdict.REPEAT),
    (7, DELTA, 8, Verdict.GAP),
    (None, DELTA, 1, Verdict.GAP),
]


@pytest.mark.parametrize(("last", "kind", "update_id", "verdict"), DEEP_CASES)
def test_depths_of_fifty_and_more_follow_the_chain(
    last: int | None, kind: FrameKind, update_id: int, verdict: Verdict
) -> None:
    assert judge(last, kind, update_id) is verdict


@pytest.mark.parametrize(("last", "kind", "update_id", "verdict"), TOP_CASES)
def test_depth_one_takes_every_snapshot_but_its_own_heartbeat(
    last: int | None, kind: FrameKind, update_id: int, verdict: Verdict
) -> None:
    assert judge_top(last, kind, update_id) is verdict
