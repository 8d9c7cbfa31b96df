"""The rules of the imbalance strategy, one by one, on a view made by hand."""

from decimal import Decimal
from math import nan

import msgspec

from tradefleet.domain.signals import FLAT_VALID_NS, Target
from tradefleet.spec.strategies import Imbalance
from tradefleet.strategies.imbalance import ENTRY_EXPIRES_NS, ImbalanceStrategy
from tradefleet.strategies.strategy import SignalDraft

MS = 10**6
SECOND = 10**9
ON = Imbalance(enabled=True)


class View(msgspec.Struct):
    """A book of which only the imbalance and the mid matter."""

    imbalance_now: float
    mid_money: Decimal | None = Decimal("10.05")
    is_stale: bool = False
    mid: float = 100.5
    spread: float = 1.0
    levels_asked: int = 0

    def imbalance(self, levels: int) -> float:
        self.levels_asked = levels
        return self.imbalance_now


def books(strategy: ImbalanceStrategy, *times_and_values: tuple[int, float]) -> list[SignalDraft]:
    """Show a book at each (ms, imbalance); the drafts that come."""
    drafts = [strategy.on_book(View(value), at_ms * MS) for at_ms, value in times_and_values]
    return [draft for draft in drafts if draft is not None]


def entered(at_ms: int = 500) -> ImbalanceStrategy:
    """A strategy that asked for LONG at `at_ms`."""
    strategy = ImbalanceStrategy(ON)
    assert books(strategy, (at_ms - 500, 0.9), (at_ms, 0.9))
    return strategy


def test_a_side_that_lasts_becomes_a_target() -> None:
    strategy = ImbalanceStrategy(ON)

    (draft,) = books(strategy, (0, 0.7), (250, 0.61), (500, 0.8))

    assert draft == SignalDraft(
        target=Target.LONG,
        strength=0.8,
        price=Decimal("10.05"),
        hold_ns=10 * SECOND,
        reason="imbalance +0.800 of 1 level(s) beyond 0.6 for 0.500 s",
        at_ns=500 * MS,
        expires_ns=500 * MS + ENTRY_EXPIRES_NS,
    )


def test_the_heavier_ask_side_asks_for_short() -> None:
    (draft,) = books(ImbalanceStrategy(ON), (0, -0.7), (500, -0.9))

    assert (draft.target, draft.strength) == (Target.SHORT, 0.9)


def test_a_moment_short_of_the_hold_is_not_enough() -> None:
    assert books(ImbalanceStrategy(ON), (0, 0.7), (499, 0.7)) == []


def test_the_threshold_itself_is_not_beyond() -> None:
    assert books(ImbalanceStrategy(ON), (0, 0.6), (1000, 0.6), (2000, -0.6)) == []


def test_a_run_that_breaks_begins_again() -> None:
    strategy = ImbalanceStrategy(ON)

    broken = books(strategy, (0, 0.7), (400, 0.5), (500, 0.7), (900, 0.7))
    (draft,) = books(strategy, (1000, 0.7))

    assert broken == []
    assert draft.at_ns == 1000 * MS


def test_a_turn_of_sides_breaks_the_run() -> None:
    assert books(ImbalanceStrategy(ON), (0, 0.7), (400, -0.7), (800, -0.7)) == []


def test_a_stale_book_breaks_the_run() -> None:
    strategy = ImbalanceStrategy(ON)
    books(strategy, (0, 0.7))

    strategy.on_stale(300 * MS)

    assert books(strategy, (600, 0.7), (1000, 0.7)) == []


def test_a_book_without_values_breaks_the_run() -> None:
    assert books(ImbalanceStrategy(ON), (0, 0.7), (300, nan), (600, 0.7)) == []


def test_a_book_without_a_price_asks_for_nothing() -> None:
    strategy = ImbalanceStrategy(ON)
    books(strategy, (0, 1.0))

    assert strategy.on_book(View(1.0, mid_money=None), 600 * MS) is None


def test_silence_proves_nothing() -> None:
    strategy = ImbalanceStrategy(ON)
    books(strategy, (0, 0.7))

    assert strategy.on_timer(5 * SECOND) is None


def test_after_its_time_the_target_is_flat_by_the_next_book() -> None:
    strategy = entered(at_ms=500)

    early = books(strategy, (10_499, -0.9))
    (flat,) = books(strategy, (10_500, -0.9))

    assert early == []
    assert (flat.target, flat.at_ns, flat.hold_ns) == (Target.FLAT, 10_500 * MS, 0)
    assert flat.expires_ns == 10_500 * MS + FLAT_VALID_NS


def test_flat_is_asked_for_by_the_timer_when_the_book_is_stale() -> None:
    strategy = entered(at_ms=500)
    strategy.on_book(View(0.0, mid_money=Decimal("10.25")), 900 * MS)
    strategy.on_stale(1000 * MS)

    early = strategy.on_timer(10_499 * MS)
    flat = strategy.on_timer(10_500 * MS)

    assert early is None
    assert flat is not None
    assert (flat.target, flat.price) == (Target.FLAT, Decimal("10.25"))
    assert strategy.on_timer(10_600 * MS) is None


def test_an_open_target_is_never_flipped() -> None:
    assert books(entered(at_ms=500), *((at, -0.99) for at in range(600, 10_400, 100))) == []


def test_the_cooldown_passes_before_a_run_begins() -> None:
    strategy = entered(at_ms=500)
    books(strategy, (10_500, 0.9))

    quiet = books(strategy, (10_600, 0.9), (13_499, 0.9), (13_500, 0.9), (13_999, 0.9))
    (draft,) = books(strategy, (14_000, 0.9))

    assert quiet == []
    assert draft.at_ns == 14_000 * MS


def test_a_disabled_strategy_begins_nothing_and_ends_what_it_began() -> None:
    idle, open_target = ImbalanceStrategy(Imbalance(enabled=False)), entered(at_ms=500)

    open_target.configure(Imbalance(enabled=False))

    assert books(idle, (0, 0.9), (600, 0.9)) == []
    (flat,) = books(open_target, (10_500, 0.9))
    assert flat.target is Target.FLAT
    assert books(open_target, (20_000, 0.9), (21_000, 0.9)) == []


def test_another_hold_keeps_the_run_and_another_threshold_does_not() -> None:
    same_run, other_run = ImbalanceStrategy(ON), ImbalanceStrategy(ON)
    books(same_run, (0, 0.9))
    books(other_run, (0, 0.9))

    same_run.configure(Imbalance(enabled=True, hold_seconds=Decimal("0.3")))
    other_run.configure(Imbalance(enabled=True, threshold=Decimal("0.7")))

    assert len(books(same_run, (300, 0.9))) == 1
    assert books(other_run, (500, 0.9)) == []
    assert len(books(other_run, (1000, 0.9))) == 1


def test_a_promised_time_stands_when_the_parameter_changes() -> None:
    strategy = entered(at_ms=500)

    strategy.configure(Imbalance(enabled=True, flat_after_seconds=Decimal(60)))

    (flat,) = books(strategy, (10_500, 0.9))
    assert flat.target is Target.FLAT


def test_the_levels_are_the_parameters() -> None:
    view = View(0.1)

    ImbalanceStrategy(Imbalance(enabled=True, levels=7)).on_book(view, 0)

    assert view.levels_asked == 7


def test_a_hold_of_zero_asks_at_once() -> None:
    strategy = ImbalanceStrategy(Imbalance(enabled=True, hold_seconds=Decimal(0)))

    assert len(books(strategy, (0, 0.7))) == 1
