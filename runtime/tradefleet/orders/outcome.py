"""What a call that changes the account has come to, for each kind of call.

The codes are one table (`orders.codes`); here it is said what each class of it means for a create, a
cancel, an amend and so on. Total: whatever is not listed is AMBIGUOUS, because a code that we do not
know proves nothing. docs/order-path.md says what follows from each outcome.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from tradefleet.orders.codes import BY_CODE, TEXTS, Reason, Says


class Outcome(StrEnum):
    """What is known of a call after its answer. A create knows the first four only."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"
    NOT_SENT = "not_sent"
    """No byte has left: the lease, the clock, `sign_by`, the budget or the breaker forbade it."""
    ALREADY = "already"
    """The account was as asked before: nothing to do."""
    GONE = "gone"
    """The order to be cancelled is over. It may have filled: its executions say what it did."""


class Operation(StrEnum):
    """The calls that change the account."""

    CREATE = "create"
    AMEND = "amend"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel-all"
    TRADING_STOP = "trading-stop"
    SET_LEVERAGE = "set-leverage"
    SWITCH_MODE = "switch-mode"

    @property
    def changes_settings(self) -> bool:
        """True of what changes mode or leverage, no order and no stop."""
        return self in (Operation.SET_LEVERAGE, Operation.SWITCH_MODE)

    @property
    def sets(self) -> bool:
        """True of what says how something shall be, so that it can be so already."""
        return self in (Operation.AMEND, Operation.TRADING_STOP) or self.changes_settings

    @property
    def may_repeat(self) -> bool:
        """True of what can be sent again whatever became of the first: it can only take orders away."""
        return self in (Operation.CANCEL, Operation.CANCEL_ALL)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """outcome, and why in one word. again: the same request may do better a little later."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    again: bool = False


_PARAMETERS: Final = 10001


def classify(operation: Operation, ret_code: int, message: str = "") -> Verdict:
    """The outcome by the integer `retCode` (and `retMsg`) of a well-formed answer. Total.

    110072 (duplicate orderLinkId) is ambiguous for a create, not accepted: since a create is sent
    once, it means that somebody has used the id before us, and the order is asked for.
    """
    row = BY_CODE.get(ret_code)
    if row is None:
        return Verdict(
            outcome=Outcome.AMBIGUOUS,
            reason=Reason.UNKNOWN_CODE,
            again=_again(operation, Outcome.AMBIGUOUS, Says.UNSURE),
        )
    says, reason = row.says, row.reason
    if ret_code == _PARAMETERS:
        says, reason = _by_text(message.lower(), says, reason)
        if says is Says.ALREADY and not operation.sets:
            # 10001 proves that nothing was done, whatever its text.
            says = Says.REFUSED
    outcome = _outcome(operation, says)
    return Verdict(outcome=outcome, reason=reason, again=_again(operation, outcome, says))


def _again(operation: Operation, outcome: Outcome, says: Says) -> bool:
    # A create is never sent again, whatever its answer.
    return operation is not Operation.CREATE and (says is Says.LATER or outcome is Outcome.AMBIGUOUS)


def _by_text(text: str, says: Says, reason: Reason) -> tuple[Says, Reason]:
    for part, text_says, text_reason in TEXTS:
        if part in text:
            return text_says, text_reason
    return says, reason


_PLAIN: Final[Mapping[Says, Outcome]] = {
    Says.TAKEN: Outcome.ACCEPTED,
    Says.REFUSED: Outcome.REJECTED,
    Says.LATER: Outcome.REJECTED,
    Says.FLAT: Outcome.REJECTED,
    Says.UNSURE: Outcome.AMBIGUOUS,
}
"""What is so for every kind of call."""


def _outcome(operation: Operation, says: Says) -> Outcome:
    plain = _PLAIN.get(says)
    if plain is not None:
        return plain
    if says is Says.ALREADY:
        # "Not modified" is no answer to a request for a new order, or to take one away.
        return Outcome.ALREADY if operation.sets else Outcome.AMBIGUOUS
    if says is Says.OVER:
        if operation in (Operation.CANCEL, Operation.CANCEL_ALL):
            return Outcome.GONE
        return Outcome.REJECTED if operation is Operation.AMEND else Outcome.AMBIGUOUS
    refused = operation.changes_settings or operation is Operation.TRADING_STOP
    return Outcome.REJECTED if refused else Outcome.AMBIGUOUS
