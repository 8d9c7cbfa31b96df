"""Several orders in one request, each with an intent, an id and an outcome of its own.

Everything that holds of a single create (docs/order-path.md) holds of each order here: one reading of the
clock for all, signed once, sent once, never retried. The receive window is the narrowest of them all, so
that no order can be taken after its own valid_until. The exchange counts the orders, in a pool that
single creates do not use.
Source: Bybit V5, "Batch Place Order"; reference C3.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from tradefleet.adapters.bybit.account_changes import PATIENCE_S, AccountChanges, way_out_name
from tradefleet.adapters.bybit.batch_answers import Asked, read_batch_answer
from tradefleet.adapters.bybit.bodies import Body, close_body, contradiction, create_body
from tradefleet.adapters.bybit.errors import ClockNotMeasured
from tradefleet.adapters.bybit.governor import TOO_MANY_VISITS
from tradefleet.adapters.bybit.results import SendResult, no_reply, not_sent
from tradefleet.adapters.bybit.rows import MILLISECOND_NS
from tradefleet.adapters.bybit.transport import ORDER, NoReply, Reply
from tradefleet.adapters.failpoints import failpoint
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.budget import Lane
from tradefleet.orders.codes import Reason
from tradefleet.orders.intents import Intent

CREATE_BATCH: Final = "/v5/order/create-batch"

MOST: Final = {"linear": 20}
"""Orders of a request, by category. None of spot's, where no order can only reduce."""


class MarketClose(Protocol):
    """What is closed, by which side, and how much of it; base currency."""

    @property
    def key(self) -> PositionKey:
        """Whose position."""

    @property
    def side(self) -> Side:
        """Of the order."""

    @property
    def qty(self) -> Decimal:
        """Above zero."""


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

    async def close_together(
        self, category: str, closes: Sequence[MarketClose], *, patience_s: float = PATIENCE_S
    ) -> tuple[SendResult, ...]:
        """Reduce-only market orders without intents, once: for the way out, when no journal is left.

        No more than a request may carry: else ValueError.
        """
        if not 1 <= len(closes) <= MOST.get(category, 0):
            raise ValueError(f"a batch of {len(closes)} closes in {category}: 1 to {MOST.get(category, 0)}")
        if not await self.governor.admitted(CREATE_BATCH, Lane.REDUCING, patience_s, len(closes)):
            return (not_sent(Reason.RATE_BUDGET, Reason.RATE_BUDGET),) * len(closes)
        try:
            now_ms = self._clock.now_ns() // MILLISECOND_NS
        except ClockNotMeasured as error:
            return (not_sent(Reason.CLOCK, str(error)),) * len(closes)
        names = [way_out_name() for _ in closes]
        bodies = [
            close_body(close.key, close.side, close.qty, name)
            for close, name in zip(closes, names, strict=True)
        ]
        body = msgspec.json.encode(_together(category, bodies))
        headers = self._http.headers(body.decode(), timestamp_ms=now_ms, recv_window_ms=self._recv_window_ms)
        reply = await self._http.post(CREATE_BATCH, body, headers)
        if isinstance(reply, NoReply):
            return (no_reply(reply),) * len(closes)
        return self._read(reply, [Asked(c.key.symbol, name) for c, name in zip(closes, names, strict=True)])

    def _read(self, reply: Reply, asked: Sequence[Asked]) -> tuple[SendResult, ...]:
        answers = read_batch_answer(reply.status, reply.body, asked)
        if any(answer.ret_code == TOO_MANY_VISITS for answer in answers):
            self.governor.rests(CREATE_BATCH)
        return answers

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
        body = msgspec.json.encode(_together(going[0].key.category, [*map(create_body, going)]))
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
        answers = self._read(reply, [Asked(i.key.symbol, i.client_order_id) for i in going])
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


def _together(category: str, orders: list[Body]) -> Body:
    """The body of the batch: the category stands once, and in no order."""
    return {
        "category": category,
        "request": [{name: order[name] for name in order if name != "category"} for order in orders],
    }
