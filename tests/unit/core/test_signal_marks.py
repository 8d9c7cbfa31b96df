"""The mark of the newest accepted signal: a table of what moves it and what it supersedes."""

import msgspec
import pytest
from tests.support.journal_rows import judged

from tradefleet.core.events import SignalMark
from tradefleet.core.signal_marks import is_superseded, marked
from tradefleet.domain.signals import Signal

NOW = 1000


def signal(at_ns: int) -> Signal:
    return msgspec.structs.replace(judged().signal, at_ns=at_ns, signal_id=f"at-{at_ns}")


def mark(at_ns: int) -> SignalMark:
    return SignalMark(strategy="imbalance", symbol="BTCUSDT", at_ns=at_ns, signal_id="before")


@pytest.mark.parametrize(
    ("before", "at_ns", "after"),
    [
        (None, 900, 900),
        (None, NOW, NOW),
        (None, NOW + 86_400_000_000_000, NOW),  # a clock that is ahead silences nobody
        (None, -5, -5),
        (900, 901, 901),
        (900, 900, 900),
        (900, 899, 900),  # never back
        (1100, 1200, 1100),
    ],
)
def test_a_mark_is_the_newest_and_no_later_than_now(before: int | None, at_ns: int, after: int) -> None:
    new = marked(None if before is None else mark(before), signal(at_ns), NOW)

    assert new == SignalMark(strategy="imbalance", symbol="BTCUSDT", at_ns=after, signal_id=f"at-{at_ns}")


@pytest.mark.parametrize(
    ("before", "at_ns", "superseded"),
    [(None, 1, False), (900, 899, True), (900, 900, False), (900, 901, False)],
)
def test_an_older_signal_is_superseded(before: int | None, at_ns: int, superseded: bool) -> None:
    assert is_superseded(None if before is None else mark(before), signal(at_ns)) is superseded
