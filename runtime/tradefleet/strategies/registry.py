"""Every strategy that exists: one line each."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tradefleet.spec.strategies import Strategies
from tradefleet.strategies.breakout import BreakoutStrategy
from tradefleet.strategies.imbalance import ImbalanceStrategy
from tradefleet.strategies.strategy import Strategy


class Entry(msgspec.Struct, frozen=True):
    """A strategy and where the spec holds its parameters."""

    make: Callable[[Any], Strategy[Any]]
    section: Callable[[Strategies], Any]


REGISTRY: Final = (
    Entry(BreakoutStrategy, lambda spec: spec.breakout),
    Entry(ImbalanceStrategy, lambda spec: spec.imbalance),
)
