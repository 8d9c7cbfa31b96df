"""What calls that change the account have come to, read from what came back.

Pure. An answer proves only what it says in Bybit's own envelope; docs/order-path.md says what follows.
"""

from typing import Final

import msgspec

from tradefleet.adapters.bybit.bodies import OrderName
from tradefleet.adapters.bybit.transport import Envelope, NoReply, Reply
from tradefleet.orders.codes import Reason
from tradefleet.orders.outcome import Operation, Outcome, classify


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the one attempt to create came to. reason: one word of the table of codes, or of what forbade
    it; message: a sentence. ret_code: None when there was no readable answer."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    order_id: str = ""
    ret_code: int | None = None
    message: str = ""


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a change came to. again: the same call may do better later. tries: requests that were made.

    order_ids: of a cancel-all, what the exchange says it cancels; the streams tell what became of it.
    """

    operation: Operation
    outcome: Outcome
    reason: Reason = Reason.NONE
    ret_code: int | None = None
    message: str = ""
    again: bool = False
    tries: int = 1
    order_ids: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """The exchange has taken it, or there was nothing to do."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.ALREADY, Outcome.GONE)


class _Ids(msgspec.Struct):
    orderId: str = ""  # noqa: N815 - the exchange's names
    orderLinkId: str = ""  # noqa: N815


class _Cancelled(msgspec.Struct):
    # Recorded answers lack the one or the other, and none lacks both.
    orders: list[_Ids] | None = msgspec.field(default=None, name="list")
    success: str = ""


def read_create_answer(status: int, body: bytes, client_order_id: str) -> SendResult:
    """What an answer proves. Anything but an envelope with a known code proves nothing."""
    if status != 200:
        return SendResult(outcome=Outcome.AMBIGUOUS, reason=of_status(status), message=f"HTTP {status}")
    try:
        answer = msgspec.json.decode(body, type=Envelope)
        verdict = classify(Operation.CREATE, answer.retCode, answer.retMsg)
        if verdict.outcome is not Outcome.ACCEPTED:
            return SendResult(
                outcome=verdict.outcome,
                reason=verdict.reason,
                ret_code=answer.retCode,
                message=answer.retMsg,
            )
        ids = msgspec.json.decode(answer.result, type=_Ids)
    except msgspec.DecodeError as error:
        return unreadable(f"the answer is no envelope of Bybit: {error}")
    # A success that names no order, or another one, is an answer to something else.
    if not ids.orderId or ids.orderLinkId != client_order_id:
        return unreadable(f"accepted orderId {ids.orderId!r} orderLinkId {ids.orderLinkId!r}", 0)
    return SendResult(outcome=verdict.outcome, order_id=ids.orderId, ret_code=0, message=answer.retMsg)


def unreadable(message: str, ret_code: int | None = None) -> SendResult:
    """An answer from which nothing follows."""
    return SendResult(outcome=Outcome.AMBIGUOUS, reason=Reason.UNREADABLE, ret_code=ret_code, message=message)


def not_sent(reason: Reason, message: str) -> SendResult:
    """No byte has left."""
    return SendResult(outcome=Outcome.NOT_SENT, reason=reason, message=message)


def no_reply(reply: NoReply) -> SendResult:
    """The connection did not open, or broke."""
    if not reply.sent:
        return not_sent(Reason.NOT_CONNECTED, reply.text)
    return SendResult(outcome=Outcome.AMBIGUOUS, reason=Reason.TRANSPORT, message=reply.text)


def read_call_answer(operation: Operation, reply: Reply, name: OrderName | None) -> CallResult:
    """What the answer to a change proves. name: of the one order that it was about."""
    if reply.envelope is None:
        reason = Reason.UNREADABLE if reply.status == 200 else of_status(reply.status)
        return _unsure(operation, reason, f"HTTP {reply.status}, no envelope of Bybit")
    answer = reply.envelope
    if reply.status != 200:
        return _unsure(operation, of_status(reply.status), f"HTTP {reply.status}: {answer.retMsg}")
    verdict = classify(operation, answer.retCode, answer.retMsg)
    result = CallResult(
        operation=operation,
        outcome=verdict.outcome,
        reason=verdict.reason,
        ret_code=answer.retCode,
        message=answer.retMsg,
        again=verdict.again,
    )
    if verdict.outcome is not Outcome.ACCEPTED:
        return result
    try:
        return _with_ids(result, answer, name)
    except msgspec.DecodeError as error:
        return _unsure(operation, Reason.UNREADABLE, str(error))


def _with_ids(result: CallResult, answer: Envelope, name: OrderName | None) -> CallResult:
    if result.operation is Operation.CANCEL_ALL:
        cancelled = msgspec.json.decode(answer.result, type=_Cancelled)
        taken = cancelled.success == _ALL_TAKEN or (cancelled.success == "" and cancelled.orders is not None)
        if not taken:
            return _unsure(result.operation, Reason.UNREADABLE, f"success {cancelled.success!r}")
        ids = tuple(order.orderId for order in cancelled.orders or ())
        return msgspec.structs.replace(result, order_ids=ids)
    if name is not None:
        order = msgspec.json.decode(answer.result, type=_Ids)
        asked, got = (
            (name.order_id, order.orderId) if name.order_id else (name.client_order_id, order.orderLinkId)
        )
        if asked != got:
            return _unsure(result.operation, Reason.UNREADABLE, f"an answer about {got!r}, not {asked!r}")
    return result


_ALL_TAKEN: Final = "1"


def _unsure(operation: Operation, reason: Reason, message: str) -> CallResult:
    return CallResult(
        operation=operation,
        outcome=Outcome.AMBIGUOUS,
        reason=reason,
        message=message,
        again=operation is not Operation.CREATE,
    )


def of_status(status: int) -> Reason:
    """Why an HTTP answer that is none of the exchange's proves nothing."""
    return Reason.RATE if status == 403 else Reason.SERVER
