"""The bot of each seed's world: how it enters, leaves, and what it may hold."""

from decimal import Decimal
from typing import Any, Final

from tests.chaos.schedule import Schedule
from tests.chaos.world import MOST_POSITIONS

from tradefleet.spec.entry import EntryKind, EntryOrder, PriceFrom
from tradefleet.spec.market import Exchange, PositionMode
from tradefleet.spec.partial_close import FirstPart, PartialClose, SecondPart, ThirdPart
from tradefleet.spec.strategies import Breakout, Imbalance, Strategies
from tradefleet.spec.trading import Execution, Exits, Risk

RECEIVE_WINDOW_S = Decimal(1)
"""Half of the default, so that an order's time is over sooner."""

EXITS = Exits(
    partial_close=PartialClose(
        enabled=True,
        first=FirstPart(profit=Decimal(0)),
        second=SecondPart(profit=Decimal("0.0001")),
        third=ThirdPart(profit=Decimal("0.0002")),
    ),
    reverse_on_opposite=True,
)
"""As near as the replayed market moves within seconds."""

HEDGE: Final[dict[str, Any]] = {
    "exchange": Exchange(position_mode=PositionMode.HEDGE),
    "strategies": Strategies(imbalance=Imbalance(enabled=True), breakout=Breakout(enabled=True)),
}
"""Two strategies, which take turns with the wishes of a schedule, on an account with two legs a symbol."""


def spec_of(schedule: Schedule) -> dict[str, Any]:
    """Sections of the bot."""
    return {
        "execution": Execution(receive_window_seconds=RECEIVE_WINDOW_S, entry=_entry(schedule.entry)),
        "risk": risk(MOST_POSITIONS, schedule.per_symbol),
        "exits": EXITS if schedule.has_exits else Exits(),
        **(HEDGE if schedule.has_legs else {}),
    }


def _entry(kind: EntryKind) -> EntryOrder:
    """Ends soon. A limit at the mark is filled at once, rests, or both; a post-only moves with the touch."""
    match kind:
        case EntryKind.LIMIT:
            return EntryOrder(kind=kind, rest_seconds=3, price_from=PriceFrom.SIGNAL)
        case EntryKind.POST_ONLY:
            often = Decimal("0.2")
            return EntryOrder(kind=kind, rest_seconds=3, follow_bps=Decimal("0.1"), amend_every_seconds=often)
        case EntryKind.CONDITIONAL:
            return EntryOrder(kind=kind, rest_seconds=3, offset_bps=Decimal("0.1"))
        case EntryKind.MARKET:
            return EntryOrder()


def risk(max_positions: int, per_symbol: int) -> Risk:
    """Limits of positions, and of entries of one."""
    return Risk(max_positions=max_positions, max_positions_per_symbol=per_symbol)
