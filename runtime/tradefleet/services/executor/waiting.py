"""What waits for an epoch's one consumer, and what happens when it cannot keep up.

Prices are conflated: of a symbol only the newest waits, in the place of the first, so that no other symbol
has to wait longer for it; of time passing one word is enough. Nothing else is ever dropped while the epoch
lasts: rows of the account, answers and wishes each wait for their turn. They have a bound all the same, and
whoever fills the queue stops at it: signals are read from their stream only while there is room, and what
comes without being asked ends the epoch. The next one reads the account and the streams again.

An epoch that is left gives up what waits, but for what nobody could tell the next one: the answers to what
was sent, and what a person has asked of this process.

`Waiting` is the rule, and knows no clock; `EventQueue` is what the consumer waits at.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from tradefleet.adapters.redis.messages import StreamPosition
from tradefleet.core.events import (
    AmendAnswered,
    AnyEvent,
    CancelAnswered,
    ConfigApplied,
    IntentNotWritten,
    IntentWritten,
    KillSwitchAsked,
    LatchCleared,
    LatchEngaged,
    LeverageAnswered,
    MarketMoved,
    OrdersCancelled,
    ProtectionAnswered,
    RightToOpenChanged,
    SendFinished,
    Ticked,
)

MOST_WAITING: Final = 20_000
"""So many events, prices aside, are a minute's work and more: they are read anew sooner than worked off."""
ROOM: Final = 1_000
"""While more wait, no signal is read: it is as old in the stream as it would be here, and expires there."""
TURN_S: Final = 0.005
"""After so long the consumer lets the loop turn, however much waits: sockets, timers and the lease have work
of their own."""
ROOM_LOOK_S: Final = 0.01

TOLD_TO_NOBODY_ELSE: Final = (
    SendFinished,
    CancelAnswered,
    AmendAnswered,
    OrdersCancelled,
    ProtectionAnswered,
    LeverageAnswered,
    IntentWritten,
    IntentNotWritten,
    RightToOpenChanged,
    KillSwitchAsked,
    LatchEngaged,
    LatchCleared,
    ConfigApplied,
)
"""What an epoch that is left still takes in; everything else is read again by the next one."""


class Reached(msgspec.Struct, frozen=True):
    """In the queue behind the messages that were read up to here."""

    position: StreamPosition


Item = AnyEvent | Reached


class _Place:
    """One that waits, since when."""

    __slots__ = ("item", "since_s")

    def __init__(self, item: Item, since_s: float) -> None:
        self.item = item
        self.since_s = since_s


class Waiting:
    """Events in their order, prices and ticks conflated. Times are of the caller's clock."""

    def __init__(self) -> None:
        self._places: deque[_Place] = deque()
        self._prices: dict[str, _Place] = {}
        self._tick: _Place | None = None
        self._left = False

    def put(self, item: Item, now_s: float) -> None:
        """It waits from now on, unless one that waits already says it too, or nobody will ask for it."""
        if self._left and not isinstance(item, TOLD_TO_NOBODY_ELSE):
            return
        match item:
            case Ticked() if self._tick is not None:
                self._tick.item = item
                return
            case MarketMoved() if (place := self._prices.get(item.symbol)) is not None:
                assert isinstance(place.item, MarketMoved)
                place.item = merged(place.item, item)
                return
        place = _Place(item, now_s)
        self._places.append(place)
        if isinstance(item, MarketMoved):
            self._prices[item.symbol] = place
        elif isinstance(item, Ticked):
            self._tick = place

    def take(self) -> Item | None:
        """The first that waits; None when none does."""
        if not self._places:
            return None
        item = self._places.popleft().item
        if isinstance(item, MarketMoved):
            del self._prices[item.symbol]
        elif isinstance(item, Ticked):
            self._tick = None
        return item

    def leave(self) -> int:
        """Give up what the next epoch reads again, and take no more of it; how much that was."""
        before = len(self._places)
        self._left = True
        self._places = deque(p for p in self._places if isinstance(p.item, TOLD_TO_NOBODY_ELSE))
        self._prices, self._tick = {}, None
        return before - len(self._places)

    def since_s(self) -> float | None:
        """Since when the first waits; None when none does."""
        return self._places[0].since_s if self._places else None

    def __len__(self) -> int:
        return len(self._places)

    @property
    def unconflated(self) -> int:
        """How many wait that could not be one with another; the rest are no more than there are symbols."""
        return len(self._places) - len(self._prices) - (self._tick is not None)


def merged(older: MarketMoved, newer: MarketMoved) -> MarketMoved:
    """Both in one: None means unchanged, so that a field which only the older has still stands."""
    return MarketMoved(
        now_ns=newer.now_ns,
        symbol=newer.symbol,
        mark=older.mark if newer.mark is None else newer.mark,
        bid=older.bid if newer.bid is None else newer.bid,
        ask=older.ask if newer.ask is None else newer.ask,
        last=older.last if newer.last is None else newer.last,
    )


class EventQueue:
    """Where feeds put and the one consumer waits. too_many: told once, a sentence, when the bound is met."""

    def __init__(
        self, clock: Callable[[], float], too_many: Callable[[str], None], most: int = MOST_WAITING
    ) -> None:
        self._clock = clock
        self._too_many = too_many
        self._most = most
        self._waiting = Waiting()
        self._some = asyncio.Event()
        self._closed = False
        self._full = False
        self._turned_s = clock()

    def put(self, item: Item) -> None:
        """It waits from now on."""
        self._waiting.put(item, self._clock())
        self._some.set()
        if not self._full and self._waiting.unconflated > self._most:
            self._full = True
            self._too_many(
                f"{self._waiting.unconflated} events wait, the first for {self.waited_s():.1f} s; "
                "what waits is given up and read again"
            )

    async def take(self) -> Item | None:
        """The next; None when there will be none."""
        if self._clock() - self._turned_s > TURN_S:
            await asyncio.sleep(0)
            self._turned_s = self._clock()
        while (item := self._waiting.take()) is None:
            if self._closed:
                return None
            self._some.clear()
            await self._some.wait()
            self._turned_s = self._clock()
        return item

    async def room(self) -> None:
        """Wait until there is room for what can wait elsewhere."""
        # A look now and then: nobody tells when there is.
        while self._waiting.unconflated > ROOM:  # noqa: ASYNC110
            await asyncio.sleep(ROOM_LOOK_S)

    def leave(self) -> int:
        """Give up what the next epoch reads again; how much that was."""
        return self._waiting.leave()

    def close(self) -> None:
        """There will be no more; `take` says so when what waits has been taken."""
        self._closed = True
        self._some.set()

    def waited_s(self) -> float:
        """For how long the first has waited; 0 when none does."""
        since_s = self._waiting.since_s()
        return 0.0 if since_s is None else self._clock() - since_s

    def __len__(self) -> int:
        return len(self._waiting)
