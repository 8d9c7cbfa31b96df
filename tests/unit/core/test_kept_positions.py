"""Positions by key: which are held, which count, which are to end, by tables of their boundaries."""

from decimal import Decimal

import msgspec
import pytest

from tradefleet.core.kept_positions import KeptPositions
from tradefleet.domain.positions import LONG_LEG, SHORT_LEG, PositionKey
from tradefleet.positions.ledger import flat
from tradefleet.positions.plan import ExitPlan, PositionRecord

A, B = PositionKey("linear", "AUSDT"), PositionKey("linear", "BUSDT")
LONG, SHORT = PositionKey("linear", "AUSDT", LONG_LEG), PositionKey("linear", "AUSDT", SHORT_LEG)


def position(
    key: PositionKey, size: str = "1", *, flat_by_ns: int = 0, close: str = "", owed: str = "0"
) -> PositionRecord:
    plan = ExitPlan(
        strategy="imbalance",
        signal_id="in",
        opened_ns=1,
        stop_loss=None,
        take_profit=None,
        flat_by_ns=flat_by_ns,
        close_signal_id=close,
    )
    return msgspec.structs.replace(flat(key), size=Decimal(size), plan=plan, owed=Decimal(owed))


def test_what_is_held_is_listed_by_key_whatever_came_first() -> None:
    kept = KeptPositions([position(B), position(A), position(SHORT, "0"), position(LONG, "-1")])

    assert kept.held == (A, LONG, B)
    assert list(kept) == [B, A, SHORT, LONG]
    assert kept.held_symbols == {"AUSDT", "BUSDT"}


def test_a_symbol_is_held_while_one_of_its_legs_is() -> None:
    kept = KeptPositions([position(LONG), position(SHORT)])
    kept[LONG] = position(LONG, "0")
    assert kept.is_held_in("AUSDT")

    kept[SHORT] = position(SHORT, "0")

    assert not kept.is_held_in("AUSDT")
    assert kept.held == ()


def test_a_leg_that_owes_counts_and_is_not_held() -> None:
    kept = KeptPositions([position(LONG, "0", owed="1"), position(B, "0")])

    assert (kept.held, kept.counting) == ((), (LONG,))


@pytest.mark.parametrize(
    ("given", "now_ns", "ends"),
    [
        (position(A), 10**18, False),
        (position(A, close="flat"), 0, True),
        (position(A, "0", close="flat"), 0, False),
        (position(A, flat_by_ns=100), 99, False),
        (position(A, flat_by_ns=100), 100, True),
        (position(A, "0", flat_by_ns=100), 100, False),
        (position(A, flat_by_ns=100, close="flat"), 99, True),
    ],
)
def test_what_is_to_end(given: PositionRecord, now_ns: int, ends: bool) -> None:
    assert KeptPositions([given]).ending(now_ns) == ([A] if ends else [])


def test_it_stays_due_until_it_is_flat_or_has_another_time() -> None:
    kept = KeptPositions([position(A, flat_by_ns=100), position(B, flat_by_ns=100)])
    assert kept.ending(100) == [A, B]
    assert kept.ending(100) == [A, B]
    kept[A] = position(A, "0.5", flat_by_ns=100)
    assert kept.ending(100) == [A, B]

    kept[A] = position(A, "0.5", flat_by_ns=200)
    kept[B] = position(B, "0")

    assert kept.ending(199) == []
    assert kept.ending(200) == [A]


def test_one_that_is_deleted_is_nowhere() -> None:
    kept = KeptPositions([position(A, close="flat", flat_by_ns=1)])

    del kept[A]

    assert (len(kept), kept.held, kept.counting, kept.ending(10), A in kept) == (0, (), (), [], False)
