"""How many orders a symbol may have at the exchange, and how many of those an entry may take.

Pure. Ten conditional and five hundred active orders a symbol and account; what would be one more is refused
by the exchange (110009, 110020). Two conditional places stay free, for a stop and a target.
Source: Bybit V5, "create-order" (notes on limits).
"""

from collections.abc import Iterable

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, TimeInForce
from tradefleet.orders.flatten import is_conditional, protects
from tradefleet.orders.tracked import Tracked
from tradefleet.risk.decisions import Reason, Refusal

MOST_CONDITIONAL = 10
KEPT_FREE = 2
MOST_ACTIVE = 500


def no_place(
    symbol: str, conditional: bool, ours: Iterable[Tracked], others: Iterable[ExchangeOrder]
) -> Refusal | None:
    """Why one more entry in this symbol is refused; None while there is a place.

    ours: intents that are not final; one that nobody has seen yet counts. others: open orders of the newest
    reading that no intent of ours stands for.
    """
    waiting = sum(1 for t in ours if t.intent.key.symbol == symbol and _waits(t) is conditional)
    waiting += sum(1 for o in others if o.symbol == symbol and _takes_place(o, conditional))
    most = MOST_CONDITIONAL - KEPT_FREE if conditional else MOST_ACTIVE
    if waiting < most:
        return None
    kind = "conditional" if conditional else "active"
    reason = Reason.CONDITIONAL_QUOTA if conditional else Reason.ACTIVE_QUOTA
    free = f", {KEPT_FREE} are kept for stops" if conditional else ""
    whole = MOST_CONDITIONAL if conditional else MOST_ACTIVE
    return Refusal(reason, f"{waiting} {kind} orders in {symbol}; the exchange takes {whole}{free}")


def _waits(tracked: Tracked) -> bool | None:
    """True of one that waits for its price, False of one that may be in the book, None of neither."""
    intent, order = tracked.intent, tracked.order
    if intent.trigger is not None and (order is None or order.status is OrderStatus.UNTRIGGERED):
        return True
    at_once = intent.order_type is OrderType.MARKET or intent.time_in_force is not TimeInForce.GTC
    return None if at_once and intent.time_in_force is not TimeInForce.POST_ONLY else False


def _takes_place(order: ExchangeOrder, conditional: bool) -> bool:
    # Stops and targets of positions have the places that are kept for them.
    return not protects(order) and is_conditional(order) is conditional
