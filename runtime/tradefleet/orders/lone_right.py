"""A right without the lease: what a closing latch lets a process do that does not lead, and how that ends.

It may cancel entries by id and close reduce-only; stops it leaves alone. It covers what the first complete
list of positions shows, and what entries known then may still fill. Somebody else may lead by now, and what a
leader opens is not ours to close. So it ends for a position that shows flat, or grown or on the other side by
more than those entries explain. It ends wholly when the exchange shows that somebody leads (an intent's
order, made after every one of ours had to have arrived), when its latches are cleared, or when all that it
covers has been flat for so long. Ended is ended, until another latch. Pure; what is read, and when, is the
caller's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tradefleet.domain.orders import ExchangeOrder, Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.orders.client_order_id import is_ours, is_way_out
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.flatten import CancelOne, Close, CoinStanding, closes, held, is_entry, together

SECOND_NS: Final = 1_000_000_000

FLAT: Final = "it is flat"
GROWN: Final = "it has grown by more than the entries that were known can have filled"
OTHER_SIDE: Final = "it is on the other side, and no entry that was known explains it"


@dataclass(slots=True)
class KnownEntry:
    """An entry that was known when the right began. left: what it may still fill, base currency. coin: whose
    list of orders has shown it, "" while it may still be under way."""

    key: PositionKey
    side: Side
    left: Decimal
    coin: str = ""


@dataclass(slots=True)
class LoneRight:
    """One right, from its beginning to its end.

    latches: ids of those that it comes from. since_ns: when the newest of them was engaged, or the lease was
    lost, whichever is later. longest_ns: the longest valid window, the clock's error and a second. entries:
    by the exchange's id, those that the last epoch may have had under way by our own. sizes: of what is
    covered, as last seen, signed; coin_of: which list shows it. over: why it ended for a position. flat_ns:
    since when all of it is flat. ended: why it ended wholly, "" while it stands.
    """

    latches: frozenset[str]
    since_ns: int
    longest_ns: int
    entries: dict[str, KnownEntry] = field(default_factory=dict)
    sizes: dict[PositionKey, Decimal] = field(default_factory=dict)
    coin_of: dict[PositionKey, str] = field(default_factory=dict)
    over: dict[PositionKey, str] = field(default_factory=dict)
    coins: set[str] = field(default_factory=set)
    coins_of_orders: set[str] = field(default_factory=set)
    flat_ns: int | None = None
    ended: str = ""

    @property
    def led_after_ns(self) -> int:
        """An intent's order that was made later than this is of somebody who leads."""
        return self.since_ns + self.longest_ns

    def end(self, why: str) -> None:
        """Wholly, and for good. The first reason stays."""
        self.ended = self.ended or why

    def look(self, coins: Sequence[CoinStanding], intents: Iterable[ExchangeOrder] = ()) -> None:
        """Take in a reading, one of each coin. intents: orders that the exchange shows besides, open ones or
        ended ones."""
        orders = [*intents, *(order for one in coins for order in one.orders or ())]
        made_ns = [o.created_ns for o in orders if is_of_an_intent(o) and o.created_ns > self.led_after_ns]
        if made_ns:
            self.end(f"an intent's order was made at {max(made_ns)}: somebody leads")
            return
        for one in coins:
            self._know_entries(one)
            self._judge(one)
            self._forget_entries(one)
        self._watch_flat(coins)

    def acts(
        self,
        coins: Sequence[CoinStanding],
        largest: Mapping[str, Decimal],
        whole: Collection[PositionKey] = (),
    ) -> tuple[CancelOne | Close, ...]:
        """What to do about a reading that `look` has taken in: entries that were known go, what is covered
        and not over is closed."""
        if self.ended:
            return ()
        cancels = (
            CancelOne(symbol=order.symbol, order_id=order.order_id)
            for order in together(coins).all_orders
            if is_entry(order) and order.order_id in self.entries
        )
        covered = (
            (key, size)
            for one in coins
            for key, size in held(one.positions or (), one.unclear)
            if key in self.sizes and key not in self.over and self.coin_of[key] == one.coin
        )
        return (*cancels, *closes(covered, largest, whole))

    # ---- entries

    def _know_entries(self, one: CoinStanding) -> None:
        """The first list of orders of each coin says which entries there were; later ones what is left."""
        if one.orders is None:
            return
        first = one.coin not in self.coins_of_orders
        self.coins_of_orders.add(one.coin)
        for order in one.orders:
            if not is_entry(order):
                continue
            meant = self.entries.pop(order.client_order_id, None)
            left = MONEY.subtract(order.qty, order.cum_exec_qty)
            known = self.entries.get(order.order_id)
            if known is not None:
                known.left, known.coin = min(known.left, left), one.coin
            elif meant is not None or (first and order.created_ns <= self.led_after_ns):
                key = PositionKey(order.category, order.symbol, order.position_idx)
                self.entries[order.order_id] = KnownEntry(key, order.side, left, one.coin)
        for row in _orders(one.unclear) if first else ():
            if is_entry(row) and row.order_id:
                key = PositionKey("linear", row.symbol, row.position_idx)
                left = ZERO if row.size is None else row.size
                self.entries[row.order_id] = KnownEntry(key, row.side or Side.BUY, left, one.coin)

    def _forget_entries(self, one: CoinStanding) -> None:
        """An entry that its list does not show any more has filled what it ever will; the positions were read
        behind that list. One that was under way shows in its time, or never."""
        if one.orders is None or one.positions is None:
            return
        shown = {order.order_id for order in together([one]).all_orders}
        for name, entry in list(self.entries.items()):
            over = one.asked_ns > self.led_after_ns if not entry.coin else name not in shown
            if over and entry.coin in ("", one.coin):
                del self.entries[name]

    # ---- positions

    def _judge(self, one: CoinStanding) -> None:
        """What the list of positions says of what is covered; the first one of each coin says what that
        is."""
        if one.positions is None:
            return
        shown = dict(held(one.positions, one.unclear))
        first = one.coin not in self.coins
        self.coins.add(one.coin)
        for key, size in shown.items():
            if key not in self.sizes and (first or self._explained(key, ZERO, size)):
                self.sizes[key], self.coin_of[key] = size, one.coin
        unread = {(row.symbol, row.position_idx) for row in one.unclear if row.what == "position"}
        for key in [key for key, coin in self.coin_of.items() if coin == one.coin and key not in self.over]:
            if key in shown or (key.symbol, key.position_idx) not in unread:
                self._judge_one(key, shown.get(key, ZERO))

    def _judge_one(self, key: PositionKey, size: Decimal) -> None:
        before = self.sizes[key]
        if size == ZERO:
            if not self._allowed(key, Side.BUY) and not self._allowed(key, Side.SELL):
                self.over[key] = FLAT
        elif not self._explained(key, before, size):
            self.over[key] = OTHER_SIDE if before and (size > ZERO) is not (before > ZERO) else GROWN
        self.sizes[key] = size

    def _explained(self, key: PositionKey, before: Decimal, size: Decimal) -> bool:
        """Whether known entries explain what is more than before; then they have that much less left."""
        same_side = before != ZERO and (size > ZERO) is (before > ZERO)
        grown = MONEY.subtract(size.copy_abs(), before.copy_abs()) if same_side else size.copy_abs()
        side = Side.BUY if size > ZERO else Side.SELL
        if grown > self._allowed(key, side):
            return False
        self._spend(key, side, grown)
        return True

    def _watch_flat(self, coins: Sequence[CoinStanding]) -> None:
        known = bool(coins) and all(one.positions is not None for one in coins)
        still = any(size != ZERO for key, size in self.sizes.items() if key not in self.over)
        if not known or still:
            self.flat_ns = None
            return
        asked_ns = min(one.asked_ns for one in coins)
        self.flat_ns = asked_ns if self.flat_ns is None else self.flat_ns
        if asked_ns - self.flat_ns >= self.longest_ns:
            self.end(f"all that it covers has been flat for {self.longest_ns / SECOND_NS:.1f} s")

    def _allowed(self, key: PositionKey, side: Side) -> Decimal:
        total = ZERO
        for entry in self.entries.values():
            if entry.key == key and entry.side is side:
                total = MONEY.add(total, entry.left)
        return total

    def _spend(self, key: PositionKey, side: Side, grown: Decimal) -> None:
        for entry in self.entries.values():
            if entry.key == key and entry.side is side and grown > ZERO:
                part = min(entry.left, grown)
                entry.left = MONEY.subtract(entry.left, part)
                grown = MONEY.subtract(grown, part)


def is_of_an_intent(order: ExchangeOrder) -> bool:
    """True of an order that a leader has made of an intent; never of the way out's."""
    return is_ours(order.client_order_id) and not is_way_out(order.client_order_id)


def _orders(rows: Iterable[UnclearRow]) -> Iterable[UnclearRow]:
    return (row for row in rows if row.what == "order")
