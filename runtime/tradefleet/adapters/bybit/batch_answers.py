"""What a batch of creates has come to, order by order, read from the one answer.

Pure and total. A batch is no transaction: the exchange takes or refuses each order alone and says so in two
lists, `result.list` with the ids and `retExtInfo.list` with the codes, both in the order of the request.
An order is told apart from its neighbours by its own client order id; where the lists do not fit the
request, or an item is not what it should be, nothing is concluded and the order is asked for.
Source: Bybit V5, "Batch Place Order"; recorded answers in tests/fixtures/bybit-payloads.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from tradefleet.adapters.bybit.results import SendResult, of_status, unreadable
from tradefleet.adapters.bybit.transport import Envelope
from tradefleet.orders.codes import Reason
from tradefleet.orders.outcome import Operation, Outcome, classify

OF_THE_REQUEST: Final = frozenset(
    {Reason.PARAMETERS, Reason.CLOCK, Reason.AUTH, Reason.CONFIGURATION, Reason.RATE}
)
"""A code of one of these in the envelope refuses the request before any of its orders is looked at. Any other
is about an order, and does not say of which."""


class _Answer(Envelope):
    retExtInfo: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815 - the exchange's names


class _List(msgspec.Struct):
    items: list[msgspec.Raw] = msgspec.field(default_factory=list, name="list")


class _Ids(msgspec.Struct):
    symbol: str = ""
    orderId: str = ""  # noqa: N815
    orderLinkId: str = ""  # noqa: N815


class _Code(msgspec.Struct):
    code: int
    msg: str = ""


class Asked(NamedTuple):
    """One order of a batch. client_order_id: "" for one that was sent without."""

    symbol: str
    client_order_id: str


def read_batch_answer(status: int, body: bytes, asked: Sequence[Asked]) -> tuple[SendResult, ...]:
    """One result for each order, in the order in which they were sent. status, body: of the HTTP answer."""
    if status != 200:
        result = SendResult(outcome=Outcome.AMBIGUOUS, reason=of_status(status), message=f"HTTP {status}")
        return (result,) * len(asked)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        ids, codes = _lists(answer)
    except msgspec.DecodeError as error:
        return (unreadable(f"the answer is no envelope of a batch: {error}"),) * len(asked)
    if answer.retCode != 0:
        return (_refused_whole(answer, ids),) * len(asked)
    if len(ids) != len(asked) or len(codes) != len(asked):
        why = f"{len(asked)} orders were sent; the answer has {len(ids)} ids and {len(codes)} codes"
        return (unreadable(why, 0),) * len(asked)
    return tuple(map(_one, asked, ids, codes))


def _lists(answer: _Answer) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
    """The items undecoded: one that is broken says nothing about the others."""
    # A refusal has `{}` or null in their place.
    found = (msgspec.json.decode(part, type=_List | None) for part in (answer.result, answer.retExtInfo))
    ids, codes = (_List() if one is None else one for one in found)
    return ids.items, codes.items


def _refused_whole(answer: _Answer, ids: Sequence[msgspec.Raw]) -> SendResult:
    """The envelope itself has a code."""
    verdict = classify(Operation.CREATE, answer.retCode, answer.retMsg)
    outcome = verdict.outcome
    if ids or verdict.reason not in OF_THE_REQUEST:
        outcome = Outcome.AMBIGUOUS
    return SendResult(outcome=outcome, reason=verdict.reason, ret_code=answer.retCode, message=answer.retMsg)


def _one(asked: Asked, raw_ids: msgspec.Raw, raw_code: msgspec.Raw) -> SendResult:
    try:
        ids = msgspec.json.decode(raw_ids, type=_Ids)
        said = msgspec.json.decode(raw_code, type=_Code)
    except msgspec.DecodeError as error:
        return unreadable(f"an item that is none: {error}", 0)
    named = ids.orderLinkId == asked.client_order_id and ids.symbol in ("", asked.symbol)
    if said.code == 0:
        if named and ids.orderId:
            return SendResult(outcome=Outcome.ACCEPTED, order_id=ids.orderId, ret_code=0, message=said.msg)
        return unreadable(f"accepted {ids.symbol} orderId {ids.orderId!r} orderLinkId {ids.orderLinkId!r}", 0)
    # A refused order has no id of the exchange's; ours may be left out as well.
    nameless = not ids.orderLinkId and ids.symbol in ("", asked.symbol)
    if ids.orderId or not (named or nameless):
        why = f"code {said.code} about {ids.symbol} {ids.orderId!r} {ids.orderLinkId!r}"
        return unreadable(why, said.code)
    verdict = classify(Operation.CREATE, said.code, said.msg)
    return SendResult(outcome=verdict.outcome, reason=verdict.reason, ret_code=said.code, message=said.msg)
