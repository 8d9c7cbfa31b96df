"""Sequence rule of a Bybit order book.

One rule stands in front of each book. It decides from the update id alone whether a frame may
touch the book; it never looks at prices. `PlainBook` asks it, then applies.
Source: Bybit V5, "orderbook" (u is consecutive per topic, u == 1 after a restart of the service;
depth 1 pushes snapshots only and repeats the last one, same u, after 3 s of silence); no gap and no
repeat in the 1,594 deltas of our recording.
"""

from enum import Enum, StrEnum


class FrameKind(StrEnum):
    """What a book frame holds: the whole window, or what changed in it."""

    SNAPSHOT = "snapshot"
    DELTA = "delta"


class Verdict(Enum):
    """What may be done with a frame."""

    APPLY = "apply"
    """The next delta."""
    REPLACE = "replace"
    """A snapshot, or u == 1 after the exchange restarted: the frame is the whole book."""
    REPEAT = "repeat"
    """Already seen; harmless."""
    GAP = "gap"
    """Something is missing: the book may not be used."""


def judge(last: int | None, kind: FrameKind, update_id: int) -> Verdict:
    """The rule of depths 50 and more. last: u of the book's last frame, None before a snapshot."""
    if kind is FrameKind.SNAPSHOT or update_id == 1:
        return Verdict.REPLACE
    if last is None:
        return Verdict.GAP
    if update_id == last + 1:
        return Verdict.APPLY
    return Verdict.REPEAT if update_id <= last else Verdict.GAP


def judge_top(last: int | None, kind: FrameKind, update_id: int) -> Verdict:
    """The rule of depth 1, where every frame is whole and so none can be missed.

    The same u is the heartbeat; a jump ahead is conflation; a step back is another chain, begun
    by a restart or a new subscription. A delta does not belong on this topic.
    """
    if kind is FrameKind.DELTA:
        return Verdict.GAP
    return Verdict.REPEAT if update_id == last else Verdict.REPLACE
