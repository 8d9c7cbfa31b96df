"""The keeper of a lease: from when its right counts, and when it stops to renew. Row and clock are ours."""

import asyncio
import time
from collections.abc import Callable, Sequence

import pytest

from tradefleet.adapters.postgres import lease as lease_module
from tradefleet.adapters.postgres.lease import LeaseKeeper
from tradefleet.adapters.postgres.lease_row import Claim, Grant, Wait

MS = 1_000_000
TTL_S, HALF_NS, RIGHT_NS = 2.0, 1_000 * MS, 1_600 * MS


class SlowRow:
    """A row whose answers take their time."""

    answer_s = 0.3

    def __init__(self, claim: Claim) -> None:
        self.claim = claim

    async def take(self, timeout_s: float) -> Grant | Wait:
        await asyncio.sleep(self.answer_s)
        return Grant(epoch=1, bot_uid=self.claim.bot_uid, had_predecessor=False, grant_id="g")

    async def renew(self, grant: Grant, timeout_s: float) -> bool:
        assert grant.grant_id == "g"
        await asyncio.sleep(self.answer_s)
        return True

    async def release(self, grant: Grant, timeout_s: float) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_the_right_counts_from_when_the_question_left_however_late_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease_module, "LeaseRow", SlowRow)
    keeper = LeaseKeeper("", "bybit/paper/1", "bot-1", "a", 2.0, 0.1)
    keeper.start()
    await asyncio.wait_for(keeper.acquired(), 20)
    answered_ns = time.monotonic_ns()
    granted_until_ns = keeper.may_open_until_monotonic_ns
    keeper.progress()

    while keeper.may_open_until_monotonic_ns == granted_until_ns:
        await asyncio.sleep(0.001)
        keeper.progress()
    renewed_ns, renewed_until_ns = time.monotonic_ns(), keeper.may_open_until_monotonic_ns
    await asyncio.to_thread(keeper.close)

    # The answer took 0.3 s of the 1.6 s that a good one gives.
    assert granted_until_ns - answered_ns <= 1_300 * MS
    assert renewed_until_ns - renewed_ns <= 1_300 * MS
    assert keeper.may_open_until_monotonic_ns == 0
    assert keeper.held_until_monotonic_ns == renewed_until_ns


class Readings:
    """A monotonic clock that is read at these times, and at the last of them for ever."""

    def __init__(self, times_ns: Sequence[int]) -> None:
        self.times_ns = [*times_ns]

    def monotonic_ns(self) -> int:
        return self.times_ns.pop(0) if len(self.times_ns) > 1 else self.times_ns[0]


class AnsweredRow:
    """A row that is granted at once, and whose renewals end as they are told: the last one is refused."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = [*answers]
        self.timeouts_s: list[float] = []
        self.said: list[str] = []
        self.renewing: Callable[[], None] = lambda: None

    def __call__(self, claim: Claim) -> "AnsweredRow":
        return self

    async def take(self, timeout_s: float) -> Grant | Wait:
        return Grant(epoch=1, bot_uid="bot-1", had_predecessor=False, grant_id="g")

    async def renew(self, grant: Grant, timeout_s: float) -> bool:
        self.timeouts_s.append(timeout_s)
        self.renewing()
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def release(self, grant: Grant, timeout_s: float) -> None:
        self.said.append(f"released, {timeout_s} s")

    async def close(self) -> None:
        self.said.append("closed")


def kept(
    monkeypatch: pytest.MonkeyPatch, row: AnsweredRow, times_ns: Sequence[int], renew_s: float = 0.001
) -> LeaseKeeper:
    """A keeper that has lost this row. times_ns: when it asked, when its loop turned, then when it woke and
    when it sent, again and again."""
    monkeypatch.setattr(lease_module, "LeaseRow", row)
    monkeypatch.setattr(lease_module, "time", Readings(times_ns))
    keeper = LeaseKeeper("", "bybit/paper/1", "bot-1", "a", TTL_S, renew_s)
    keeper.start()
    assert keeper.lost.wait(20)
    return keeper


@pytest.mark.parametrize(
    ("turned_ns", "woke_ns", "renewals"),
    [
        (0, HALF_NS, 1),  # a loop that has turned within half the time to live
        (0, HALF_NS + 1, 0),
        (HALF_NS, RIGHT_NS - 1, 1),  # the right has not ended
        (HALF_NS, RIGHT_NS, 0),
        (HALF_NS, RIGHT_NS + 1, 0),
    ],
)
def test_a_lease_is_renewed_while_the_loop_turns_and_the_right_lasts(
    monkeypatch: pytest.MonkeyPatch, turned_ns: int, woke_ns: int, renewals: int
) -> None:
    row = AnsweredRow()

    keeper = kept(monkeypatch, row, [0, turned_ns, woke_ns, RIGHT_NS])

    assert len(row.timeouts_s) == renewals
    assert row.said == ["closed"]  # what is lost is not released
    assert keeper.may_open_until_monotonic_ns == 0
    assert keeper.held_until_monotonic_ns == RIGHT_NS


@pytest.mark.parametrize(
    ("sent_ns", "renew_s", "timeout_s"),
    [
        (900 * MS, 0.5, 0.5),  # a period
        (900 * MS, 0.001, 0.2),  # never less than a fifth of a second
        (1_300 * MS, 0.5, 0.3),  # while the right lasts
        (RIGHT_NS - 1, 0.5, 0.01),  # and a moment, when it ends
    ],
)
def test_a_renewal_is_waited_for_no_longer_than_the_right_lasts(
    monkeypatch: pytest.MonkeyPatch, sent_ns: int, renew_s: float, timeout_s: float
) -> None:
    row = AnsweredRow()

    kept(monkeypatch, row, [0, HALF_NS, HALF_NS, sent_ns], renew_s)

    assert row.timeouts_s == [pytest.approx(timeout_s)]


def test_a_renewal_prolongs_the_right_from_when_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    row = AnsweredRow(True)

    keeper = kept(monkeypatch, row, [0, HALF_NS, HALF_NS, HALF_NS + 5, HALF_NS + 9])

    assert keeper.held_until_monotonic_ns == HALF_NS + 5 + RIGHT_NS
    assert keeper.trouble == ""


def test_a_renewal_that_fails_prolongs_nothing_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    row = AnsweredRow(OSError("no route"), TimeoutError())

    keeper = kept(monkeypatch, row, [0, HALF_NS, HALF_NS])

    assert len(row.timeouts_s) == 3
    assert row.said == ["closed"] * 3
    assert keeper.held_until_monotonic_ns == RIGHT_NS
    assert keeper.trouble == ""  # the third answer was one, if a refusal


def test_the_last_trouble_is_said_when_the_right_ends_without_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = AnsweredRow(OSError("no route"))

    keeper = kept(monkeypatch, row, [0, HALF_NS, HALF_NS, HALF_NS, RIGHT_NS])

    assert keeper.trouble == "OSError: no route"


async def test_a_keeper_that_is_closed_releases_its_row_and_prolongs_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = AnsweredRow(True)
    monkeypatch.setattr(lease_module, "LeaseRow", row)
    monkeypatch.setattr(lease_module, "time", Readings([0, 0, 0, 0, 7]))
    keeper = LeaseKeeper("", "bybit/paper/1", "bot-1", "a", TTL_S, 0.001)
    row.renewing = keeper._stop.set  # closed while a renewal is on its way
    keeper.start()

    assert await asyncio.to_thread(keeper.lost.wait, 20)

    assert row.said == ["released, 0.001 s", "closed"]
    assert len(row.timeouts_s) == 1
    assert (keeper.may_open_until_monotonic_ns, keeper.held_until_monotonic_ns) == (0, RIGHT_NS)


async def test_a_row_that_cannot_be_released_runs_out_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    row = AnsweredRow(True)
    monkeypatch.setattr(lease_module, "LeaseRow", row)
    monkeypatch.setattr(lease_module, "time", Readings([0]))
    keeper = LeaseKeeper("", "bybit/paper/1", "bot-1", "a", TTL_S, 0.001)

    async def refused(grant: Grant, timeout_s: float) -> None:
        raise OSError("no route")

    monkeypatch.setattr(row, "release", refused)
    row.renewing = keeper._stop.set
    keeper.start()

    assert await asyncio.to_thread(keeper.lost.wait, 20)
    assert keeper.trouble == "OSError: no route"
