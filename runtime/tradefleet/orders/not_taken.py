"""Why an order that was decided was not taken, explained: the second table behind docs/reference/refusals.md.

Most words are those of `orders.codes.Reason`, of an answer of the exchange or of our own client; the others
are said before an order leaves, and stand here. After an order was taken, its end is the exchange's status.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tradefleet.domain.explained import Explained
from tradefleet.orders.codes import Reason


class NotTaken(StrEnum):
    """Words of our own, beside those of the codes."""

    PART_TOO_SMALL = "part_too_small"
    NOT_REVERSED = "not_reversed_REASON"
    INTENT_EXISTS = "intent_exists"
    ID_WAS_USED = "id_was_used"
    POSTGRES_DOWN = "postgres_down"
    FENCED = "fenced"
    LEASE_LOST = "lease_lost"
    SYMBOLS_LISTED = "symbols_listed"
    ABSENT = "not at the exchange"


_US = "executor"
_EXCHANGE = "the exchange"

EXPLAINED: Final[Mapping[Reason | NotTaken, Explained]] = MappingProxyType(
    {
        NotTaken.PART_TOO_SMALL: Explained(
            "A part of a partial close is below the exchange's smallest size.",
            _US,
            "Nothing: the next part, or the whole close, takes it along.",
        ),
        NotTaken.NOT_REVERSED: Explained(
            "The position was closed, but the opposite side was not opened; REASON is a word of the first "
            "table.",
            _US,
            "See that word.",
        ),
        NotTaken.INTENT_EXISTS: Explained(
            "An order of this signal was written before, perhaps by the leader before; a second one is never "
            "sent.",
            _US,
            "Nothing.",
        ),
        NotTaken.ID_WAS_USED: Explained(
            "An older order stands under this id, so that the exchange takes no second one.",
            _US,
            "See the alert of the same name.",
        ),
        NotTaken.POSTGRES_DOWN: Explained(
            "The order could not be written down, and so was not sent.", _US, "Look at Postgres."
        ),
        NotTaken.FENCED: Explained(
            "Another executor leads by now; its journal refused the order.", _US, "Nothing after a failover."
        ),
        NotTaken.LEASE_LOST: Explained(
            "The lease was lost before the order was written.", _US, "Nothing after a failover."
        ),
        NotTaken.SYMBOLS_LISTED: Explained(
            "Of an older release: the epoch was ending, to begin anew with a symbol that was just listed.",
            _US,
            "Nothing.",
        ),
        NotTaken.ABSENT: Explained(
            "After its time was over the exchange did not know the order; it is never sent again.",
            _US + ", by asking the exchange",
            "Look at the way to the exchange when it happens often.",
        ),
        Reason.PARAMETERS: Explained(
            "A parameter of the order is wrong; the message says which.",
            _EXCHANGE,
            "Report it with the message: the executor should not have sent this.",
        ),
        Reason.CLOCK: Explained(
            "The request was outside the receive window.", _EXCHANGE, "Look at this machine's clock."
        ),
        Reason.AUTH: Explained(
            "Key, signature, permission or address were refused.",
            _EXCHANGE,
            "Look at the key (docs/install.md).",
        ),
        Reason.CONFIGURATION: Explained(
            "The account, its region or its settings do not allow it; the message says what.",
            _EXCHANGE,
            "Change it at the exchange, or use another account.",
        ),
        Reason.RATE: Explained(
            "Too many requests.", _EXCHANGE, "Look for other programs that use the account or the address."
        ),
        Reason.FUNDS: Explained(
            "Balance or margin is too small.", _EXCHANGE, "Fund the account, or size smaller."
        ),
        Reason.LIMIT: Explained(
            "Too many orders, or too large together.", _EXCHANGE, "Cancel orders that are not needed."
        ),
        Reason.BAND: Explained(
            "The price is outside the exchange's band, or not on its grid.",
            _EXCHANGE,
            "Nothing once; report it when it goes on.",
        ),
        Reason.SIZE: Explained(
            "The size is below or above what the exchange takes, or not on its grid.",
            _EXCHANGE,
            "Nothing once, after the contract's rules changed; report it when it goes on.",
        ),
        Reason.STOP_SIDE: Explained(
            "The stop or the target was on the wrong side of the price by then.", _EXCHANGE, "Nothing."
        ),
        Reason.REDUCE_ONLY: Explained(
            "There was nothing to reduce, or only reducing is allowed in this contract now.",
            _EXCHANGE,
            "Nothing of a close: the account is compared. Of an entry, see the exchange's notice.",
        ),
        Reason.LIQUIDATION: Explained(
            "The position would be liquidated at once.", _EXCHANGE, "Fund the account, or size smaller."
        ),
        Reason.LEVERAGE: Explained(
            "The leverage or the risk tier does not allow the size.",
            _EXCHANGE,
            "See `leverage` in the status.",
        ),
        Reason.MARKET_CLOSED: Explained(
            "The contract is not traded now, or is settling.", _EXCHANGE, "Wait."
        ),
        Reason.NO_LIQUIDITY: Explained(
            "There is no price for a market order.", _EXCHANGE, "Wait; a close is repeated by itself."
        ),
        Reason.POSITION_MODE: Explained(
            "The account is in another position mode than `spec.exchange.positionMode`.",
            _EXCHANGE,
            "Set the account's mode while it is flat, and start the executor again.",
        ),
        Reason.NO_POSITION: Explained(
            "There is no such position any more.", _EXCHANGE, "Nothing: the account is compared."
        ),
        Reason.NOT_MODIFIED: Explained("All was as asked before.", _EXCHANGE, "Nothing."),
        Reason.ORDER_OVER: Explained(
            "The order is over or unknown; it may have filled, which its executions say.",
            _EXCHANGE,
            "Nothing.",
        ),
        Reason.DUPLICATE: Explained(
            "The client order id was used before: the order may be there.",
            _EXCHANGE,
            "Nothing: it is asked for.",
        ),
        Reason.BUSY: Explained("The order was being processed.", _EXCHANGE, "Nothing: it is asked for."),
        Reason.SERVER: Explained(
            "The exchange has trouble of its own; the order may or may not be there.",
            _EXCHANGE,
            "Nothing: it is asked for.",
        ),
        Reason.UNKNOWN_CODE: Explained(
            "A code that we do not know; it proves nothing, and the order is asked for.",
            _EXCHANGE,
            "Report it with its code and message.",
        ),
        Reason.TRANSPORT: Explained(
            "No answer came; the order may or may not be there, and is asked for.",
            _US,
            "Look at the way to the exchange.",
        ),
        Reason.UNREADABLE: Explained(
            "The answer could not be read; the order is asked for.", _US, "Report it when it goes on."
        ),
        Reason.NOT_CONNECTED: Explained(
            "No connection could be made: nothing was sent.", _US, "Look at the way to the exchange."
        ),
        Reason.TOO_LATE: Explained(
            "The order's time to be signed was over: nothing was sent.",
            _US,
            "Once: nothing. Again and again: the machine is too slow, or Postgres is.",
        ),
        Reason.FORBIDDEN: Explained(
            "The lease had ended, or too little of it was left, when the order was to be signed: nothing was "
            "sent.",
            _US,
            "Nothing after a failover; else look at Postgres.",
        ),
        Reason.RATE_BUDGET: Explained(
            "Our own budget of requests was used up: nothing was sent.", _US, "Nothing once."
        ),
        Reason.CIRCUIT_OPEN: Explained(
            "The circuit breaker is open, after too many failures in a row: nothing was sent.",
            _US,
            "Look at the way to the exchange.",
        ),
    }
)
