"""Several orders in one request, each with an intent, an id and an outcome of its own.

Everything that holds of a single create (docs/order-path.md) holds of each order here: one reading of the
clock for all, signed once, sent once, never retried. The receive window is the narrowest of them all, so
that no order can be taken after its own valid_until. The exchange counts the orders, in a pool that
single creates do not use.
Source: Bybit V5, "Batch Place Order"; reference C3.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from tradefleet.adapters.bybit.account_changes import AccountChanges
from tradefleet.adapters.bybit.batch_answers import read_batch_answer
from tradefleet.adapters.bybit.bodies import contradiction, create_body
from tradefleet.adapters.bybit.errors import ClockNotMeasured
from tradefleet.adapters.bybit.governor import TOO_MANY_VISITS
from tradefleet.adapters.bybit.results import SendResult, no_reply, not_sent
from tradefleet.adapters.bybit.rows import MILLISECOND_NS
from tradefleet.adapters.bybit.transport import ORDER, NoReply
from tradefleet.adapters.failpoints import failpoint
from tradefleet.orders.budget import Lane
from tradefleet.orders.codes import Reason
from tradefleet.orders.intents import Intent

CREATE_BATCH: Final = "/v5/order/create-batch"

MOST: Final = {"linear": 20, "spot": 10}
"""Orders of a request, by category."""

MaySign = Callable[[Intent], str | None]
"""None when the intent may be signed now, else why not (the lease is lost, ...)."""


class BatchOrders(AccountChanges):
    """Creates that only reduce, several at a time."""

    def room_for_batch(self, category: str) -> int:
        """How many orders one batch could carry now."""
        return min(MOST.get(category, 0), self.governor.room(CREATE_BATCH, Lane.REDUCING))

    async def create_batch(self, intents: Sequence[Intent], may_sign: MaySign) -> tuple[SendResult, ...]:
        """Sign these together and send them, once; what became of each, in their order.

        Only orders that reduce, of one category, no more than a request may carry: else ValueError, as that
        is a mistake of the caller's. Never raises for anything the exchange or network does.
        """
        _require_one_batch(intents)
        results: dict[str, SendResult] = {}
        whole = [i for i in intents if not _refused(results, i, contradiction(i) or _window(i))]
        if whole:
            patience_s = self._patience_s(whole)
            if await self.governor.admitted(CREATE_BATCH, Lane.REDUCING, patience_s, len(whole)):
                await self._sign_and_send_all(whole, may_sign, results)
            else:
                reason = Reason.RATE_BUDGET
                results |= {i.client_order_id: not_sent(reason, reason) for i in whole}
        return tuple(results[intent.client_order_id] for intent in intents)

    def _patience_s(self, intents: Iterable[Intent]) -> float:
        """Until the first of them may not be signed any more."""
        try:
            now_ns = self._clock.now_ns()
        except ClockNotMeasured:
            return 0.0  # nothing will be signed; the clock itself says so below
        return max(0, min(intent.sign_by_ns for intent in intents) - now_ns) / 1e9

    async def _sign_and_send_all(
        self, intents: Sequence[Intent], may_sign: MaySign, results: dict[str, SendResult]
    ) -> None:
        # As in a single create: from here to the signature nothing awaits, and the clock is read before
        # the lease is asked.
        try:
            now_ns = self._clock.now_ns()
        except ClockNotMeasured as error:
            results |= {i.client_order_id: not_sent(Reason.CLOCK, str(error)) for i in intents}
            return
        going = [i for i in intents if not _late_or_forbidden(results, i, now_ns, may_sign)]
        if not going:
            return
        body = msgspec.json.encode(_batch_body(going))
        window_ms = min(intent.valid_until_ns - intent.sign_by_ns for intent in going) // MILLISECOND_NS
        headers = self._http.headers(
            body.decode(), timestamp_ms=now_ns // MILLISECOND_NS, recv_window_ms=window_ms
        )
        failpoint("order.signed")
        reply = await self._http.post(CREATE_BATCH, body, headers, ORDER)
        if isinstance(reply, NoReply):
            results |= {intent.client_order_id: no_reply(reply) for intent in going}
            return
        failpoint("order.answered")
        answers = read_batch_answer(reply.status, reply.body, going)
        if any(answer.ret_code == TOO_MANY_VISITS for answer in answers):
            self.governor.rests(CREATE_BATCH)
        results |= {i.client_order_id: answer for i, answer in zip(going, answers, strict=True)}


def _require_one_batch(intents: Sequence[Intent]) -> None:
    categories = {intent.key.category for intent in intents}
    most = min((MOST.get(category, 0) for category in categories), default=0)
    if len(categories) != 1 or len(intents) > most:
        raise ValueError(f"a batch of {len(intents)} orders in {sorted(categories)}: 1 to {most} of one")
    if len({intent.client_order_id for intent in intents}) != len(intents):
        raise ValueError("a batch with the same client order id twice")
    for intent in intents:
        if not intent.leg.reduces:
            raise ValueError(f"{intent.client_order_id} opens: only what reduces goes in a batch")


def _window(intent: Intent) -> str:
    if intent.valid_until_ns - intent.sign_by_ns >= MILLISECOND_NS:
        return ""
    return "valid_until_ns is not a millisecond after sign_by_ns"


def _refused(results: dict[str, SendResult], intent: Intent, why: str) -> bool:
    if why:
        results[intent.client_order_id] = not_sent(Reason.PARAMETERS, why)
    return bool(why)


def _late_or_forbidden(
    results: dict[str, SendResult], intent: Intent, now_ns: int, may_sign: MaySign
) -> bool:
    name = intent.client_order_id
    if now_ns > intent.sign_by_ns:
        late_ms = (now_ns - intent.sign_by_ns) / 1e6
        results[name] = not_sent(Reason.TOO_LATE, f"sign_by is past by {late_ms:.1f} ms")
    elif (refusal := may_sign(intent)) is not None:
        results[name] = not_sent(Reason.FORBIDDEN, refusal)
    return name in results


def _batch_body(intents: Sequence[Intent]) -> dict[str, object]:
    orders = [create_body(intent) for intent in intents]
    for order in orders:
        del order["category"]  # of the batch as a whole
    return {"category": intents[0].key.category, "request": orders}
