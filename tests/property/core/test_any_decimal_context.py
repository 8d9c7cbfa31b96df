"""No ambient Decimal context changes an order: the same events give the same actions and digests under any.

A log that was decided under the usual context is replayed under another one: few digits, another rounding,
small exponents, and traps that raise at the first inexact result. An operation that reads the thread's
context either decides something else or raises.
"""

import decimal
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.epochs.play import WORLDS, Epoch, play

from tradefleet.core.account import AccountCore
from tradefleet.core.actions import AnyAction
from tradefleet.core.digest import replay
from tradefleet.core.events import AnyEvent

STEPS = 90
ROUNDINGS = (
    decimal.ROUND_UP,
    decimal.ROUND_DOWN,
    decimal.ROUND_CEILING,
    decimal.ROUND_FLOOR,
    decimal.ROUND_HALF_UP,
    decimal.ROUND_HALF_DOWN,
    decimal.ROUND_05UP,
)
TRAPS = (decimal.Inexact, decimal.Rounded, decimal.Subnormal, decimal.Underflow, decimal.Overflow)
RAISES = decimal.Context(prec=1, traps=[*TRAPS, decimal.InvalidOperation, decimal.DivisionByZero])

CONTEXTS = st.builds(
    decimal.Context,
    prec=st.integers(1, 40),
    rounding=st.sampled_from(ROUNDINGS),
    Emin=st.integers(-20, -1),
    Emax=st.integers(1, 20),
    traps=st.lists(st.sampled_from(TRAPS), unique=True),
)


class Under(AccountCore):
    """A core that finds this context wherever it runs."""

    def __init__(self, context: decimal.Context) -> None:
        super().__init__()
        self._context = context

    def handle(self, event: AnyEvent) -> list[AnyAction]:
        with decimal.localcontext(self._context):
            actions = super().handle(event)
            self.status(event.now_ns)
        return actions


@cache
def epochs() -> tuple[Epoch, ...]:
    """Of each kind of account one schedule."""
    return tuple(epoch for seed in range(len(WORLDS)) for epoch in play(seed, STEPS))


def test_nothing_that_the_core_does_reads_the_ambient_context() -> None:
    for epoch in epochs():
        assert replay(epoch.lines, Under(RAISES)).value == epoch.digest, epoch.name


@settings(max_examples=15, deadline=None)
@given(context=CONTEXTS, which=st.data())
def test_any_ambient_context_gives_the_same_digests(context: decimal.Context, which: st.DataObject) -> None:
    epoch = which.draw(st.sampled_from(epochs()))

    assert replay(epoch.lines, Under(context)).value == epoch.digest


def test_an_operation_by_the_ambient_context_is_found() -> None:
    class Planted(Under):
        def handle(self, event: AnyEvent) -> list[AnyAction]:
            actions = super().handle(event)
            with decimal.localcontext(self._context):
                assert Decimal("1.5") + Decimal("0.25")
            return actions

    with pytest.raises(decimal.Inexact):
        replay(epochs()[0].lines, Planted(RAISES))
