"""How old the marks are that open profit is counted at.

The last mark of a position stands until a newer one is heard, from the symbol's ticker, from a question for
the tickers of all, or from a row of the position itself. An old or a missing one is no word on the position:
nothing opens meanwhile, nothing is closed for it, and it is never taken for "nothing was lost".
"""

from typing import Final

from tradefleet.core.account_state import SECOND_NS, AccountState, Market
from tradefleet.domain.positions import ExchangePosition
from tradefleet.risk.decisions import Reason, Refusal

TICKER_OLD_NS: Final = 5 * SECOND_NS
"""A ticker tells the mark ten times a second: after so long a row knows better."""
UNKNOWN_NS: Final = 75 * SECOND_NS
"""Even with no ticker and no question for one, the comparison of each minute brings a mark in this time."""


def take_row(state: AccountState, row: ExchangePosition) -> None:
    """The mark beside a position, where its ticker is silent."""
    market, now_ns = state.market(row.key.symbol), state.days.seen_ns
    if row.size == 0 or row.mark_price is None:
        return
    if market.mark is None or now_ns - _told_ns(market) > TICKER_OLD_NS:
        market.mark, market.mark_ns = row.mark_price, now_ns


def why_not_open(state: AccountState, now_ns: int) -> Refusal | None:
    """Nothing opens while the mark of anything held is not known."""
    unknown = {
        key.symbol for key in state.positions.counting if _is_unknown(state.market(key.symbol), now_ns)
    }
    if not unknown:
        return None
    names = ", ".join(sorted(unknown)[:5])
    return Refusal(Reason.MARK_UNKNOWN, f"no mark of {names} has been heard for {UNKNOWN_NS // SECOND_NS} s")


def _is_unknown(market: Market, now_ns: int) -> bool:
    return market.mark is None or now_ns - _told_ns(market) > UNKNOWN_NS


def _told_ns(market: Market) -> int:
    return max(market.mark_ns, market.heard_ns)
