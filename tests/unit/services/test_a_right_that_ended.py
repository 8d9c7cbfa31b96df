"""A right without the lease ends for good: in the process, in its spool, and by the journal's word."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from tests.support.configs import make_snapshot

from tradefleet.adapters.config_source import ConfigSource, SourceAway
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.events import LatchRecord
from tradefleet.domain.orders import Account
from tradefleet.orders.lone_right import LoneRight
from tradefleet.services.executor import without_journal
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.executor.without_journal import ARRIVED_NS, WINDOW_NS, WithoutJournal
from tradefleet.services.flatten import Settings

SECOND = 1_000_000_000
ACCOUNT = Account(venue="bybit", environment="paper", uid="1")


class NoConfig:
    async def read(self) -> None:
        raise SourceAway("not here")


class Closer:
    """In place of the one that asks the exchange: what it was given, and what then happens to the right."""

    def __init__(self, then: Callable[[LoneRight], None]) -> None:
        self.rights: list[LoneRight] = []
        self.then = then

    async def __call__(self, settings: Settings, right: LoneRight, may: object, say: object) -> float | None:
        self.rights.append(right)
        self.then(right)
        return 1.5 if right.ended else None


def latch(name: str, engaged_ns: int = 5 * SECOND) -> LatchRecord:
    return LatchRecord(latch_id=name, kind="kill_switch", reason="r", actor="a", engaged_ns=engaged_ns)


@pytest.fixture
def closer(monkeypatch: pytest.MonkeyPatch) -> Closer:
    found = Closer(lambda right: right.end("flat"))
    monkeypatch.setattr(without_journal, "close_without_lease", found)
    return found


def without(folder: Path) -> WithoutJournal:
    settings = Settings(rest="", key="", secret="")
    return WithoutJournal(folder, settings, ExecutorStatus(), cast(ConfigSource, NoConfig()))


async def round_of(subject: WithoutJournal) -> None:
    """What the guard does while the journal is away."""
    right = subject._right_now()
    if right is not None:
        await subject._close_until(right, lambda: False)


async def test_ended_is_ended_until_another_latch(tmp_path: Path, closer: Closer) -> None:
    subject = without(tmp_path)
    subject.engage(latch("first"))

    for _ in range(3):
        await round_of(subject)
    assert [right.latches for right in closer.rights] == [{"first"}]

    subject.engage(latch("second"))
    await round_of(subject)
    assert [right.latches for right in closer.rights] == [{"first"}, {"second"}]


async def test_a_process_that_starts_anew_does_not_begin_it_again(tmp_path: Path, closer: Closer) -> None:
    first = without(tmp_path)
    first.engage(latch("latch"))
    await round_of(first)

    again = without(tmp_path)
    await round_of(again)

    assert len(closer.rights) == 1
    assert list(again._latches) == ["latch"]


async def test_one_that_was_cut_off_goes_on_as_it_was(tmp_path: Path, closer: Closer) -> None:
    closer.then = lambda right: None
    subject = without(tmp_path)
    subject.engage(latch("latch"))

    for _ in range(2):
        await round_of(subject)

    assert closer.rights[0] is closer.rights[1]


async def test_a_newer_latch_covers_what_it_finds_itself(tmp_path: Path, closer: Closer) -> None:
    closer.then = lambda right: None
    subject = without(tmp_path)
    subject.engage(latch("first"))
    await round_of(subject)

    subject.engage(latch("second", engaged_ns=9 * SECOND))
    await round_of(subject)

    assert closer.rights[1] is not closer.rights[0]
    assert (closer.rights[1].latches, closer.rights[1].since_ns) == ({"first", "second"}, 9 * SECOND)


async def test_a_leader_that_lost_its_lease_again_has_another_right(tmp_path: Path, closer: Closer) -> None:
    subject = without(tmp_path)
    config = make_snapshot()
    subject.epoch_left({"latch": latch("latch")}, config, {}, 7 * SECOND)
    await round_of(subject)
    await round_of(subject)
    assert len(closer.rights) == 1

    subject.epoch_begun()
    assert subject._right_now() is None
    subject.epoch_left({"latch": latch("latch")}, config, {}, 70 * SECOND)
    await round_of(subject)

    wish = config.spec.execution
    window_ns = int((wish.sign_within_seconds + wish.receive_window_seconds) * SECOND)
    assert [right.since_ns for right in closer.rights] == [7 * SECOND, 70 * SECOND]
    assert {right.longest_ns for right in closer.rights} == {window_ns + ARRIVED_NS}


async def test_the_longest_window_stands_for_a_configuration_that_was_never_seen(
    tmp_path: Path, closer: Closer
) -> None:
    subject = without(tmp_path)
    subject.engage(latch("latch"))
    await round_of(subject)

    assert closer.rights[0].longest_ns == WINDOW_NS + ARRIVED_NS


class KnowsTheLatches:
    def __init__(self, cleared: tuple[str, ...] | None) -> None:
        self._cleared = cleared

    async def cleared_latches(self, names: object, account: Account) -> tuple[str, ...]:
        if self._cleared is None:
            raise JournalDown("away")
        return self._cleared


@pytest.mark.parametrize(
    ("cleared", "left"), [(("latch",), []), ((), ["latch"]), (None, ["latch"]), (("another",), ["latch"])]
)
async def test_a_latch_that_the_journal_knows_as_cleared_gives_no_right(
    tmp_path: Path, cleared: tuple[str, ...] | None, left: list[str]
) -> None:
    subject = without(tmp_path)
    subject.engage(latch("latch"))
    journal: Any = KnowsTheLatches(cleared)

    await subject._look_at_journal(cast(Journal, journal), ACCOUNT)

    assert list(subject._latches) == left


async def test_latches_that_are_cleared_while_it_closes_end_it(tmp_path: Path, closer: Closer) -> None:
    subject = without(tmp_path)
    subject.engage(latch("latch"))
    closer.then = lambda right: subject._latches.clear()

    await round_of(subject)

    assert closer.rights[0].ended == "its latches were cleared"
