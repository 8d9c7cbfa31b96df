"""Intents: what we mean to send, written down before it is sent.

An intent is unique by (account, signal id, leg, attempt). It says until when it may be signed and so
until when the exchange can accept it. Its state only moves forward (`IntentState`).
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.domain.orders import Account, OrderType, Side, TimeInForce, Trigger
from tradefleet.domain.positions import PositionKey


class Leg(StrEnum):
    """What part of a signal the order is."""

    OPEN = "open"
    CLOSE = "close"
    TIMED_EXIT = "timed-exit"
    """The close that the executor makes itself when a strategy's flat signal never came."""

    PART_1 = "part-1"
    PART_2 = "part-2"
    PART_3 = "part-3"
    """A part of a partial close. With those before it, it never closes more than its target."""

    @property
    def is_part(self) -> bool:
        """True for a close of less than the whole, which is never repeated while one is unresolved."""
        return self in (Leg.PART_1, Leg.PART_2, Leg.PART_3)

    @property
    def reduces(self) -> bool:
        """True for a leg that can only make the position smaller."""
        return self is not Leg.OPEN


class IntentState(StrEnum):
    """How far an intent has come. Everything but the last three counts against every limit."""

    WRITTEN = "written"
    """In the journal; nothing is known to have left."""
    ACCEPTED = "accepted"
    """The exchange has said that it took the request, or an order row has been seen."""
    AMBIGUOUS = "ambiguous"
    """It may or may not have arrived: asked for until it is known."""
    DONE = "done"
    """The order has reached a terminal status; its executions say what it did."""
    REJECTED = "rejected"
    """Definitely not taken, or never sent."""
    ABSENT = "absent"
    """Asked for after its time was over: the exchange does not know it. Never sent again."""

    @property
    def is_final(self) -> bool:
        """True when nothing about it can change exposure any more."""
        return self in (IntentState.DONE, IntentState.REJECTED, IntentState.ABSENT)


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order as we mean it. Fields that came later have defaults, which are not written: rows of
    older versions are read, and what they meant keeps its digest.

    qty: base currency. price: None for market orders. stop_loss, take_profit: prices attached to an
    opening order. reference_price: what the price was when it was decided. hold_ns: how long the
    strategy means to hold the position, 0 for no such wish. sign_by_ns: not signed
    after this. valid_until_ns: the exchange cannot accept it after this. epoch: of the leader that
    wrote it. All times int64 ns UTC by the exchange's clock. trigger: of a conditional order.
    rest_until_ns: what has not filled by then is cancelled, 0 for an order that does not rest.
    close_on_trigger: when it triggers, other orders give way so that it can always reduce; of a market order
    that waits for no trigger: it closes all that is there (`closes_all`).
    """

    account: Account
    bot_uid: str
    epoch: int
    signal_id: str
    leg: Leg
    attempt: int
    client_order_id: str
    strategy: str
    key: PositionKey
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    qty: Decimal
    price: Decimal | None
    reduce_only: bool
    stop_loss: Decimal | None
    take_profit: Decimal | None
    reference_price: Decimal
    hold_ns: int
    created_ns: int
    sign_by_ns: int
    valid_until_ns: int
    trigger: Trigger | None = None
    close_on_trigger: bool = False
    rest_until_ns: int = 0

    @property
    def closes_all(self) -> bool:
        """True for an order at market that closes whatever is there; its qty is what was held then."""
        at_once = self.order_type is OrderType.MARKET and self.trigger is None
        return self.close_on_trigger and self.reduce_only and at_once


class IntentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An intent and what has become of it.

    filled: sum of its counted executions, base currency. reason: a word for refusals and errors, ""
    when none. close_signal_id: of an entry, the signal that ended it before it was resolved: what still
    fills is closed at once. filled_into: the generation of its position into which it filled last, None when
    it has not, or when that is unknown.
    """

    intent: Intent
    state: IntentState
    filled: Decimal = Decimal(0)
    order_id: str = ""
    reason: str = ""
    ret_code: int | None = None
    close_signal_id: str = ""
    filled_into: int | None = None
