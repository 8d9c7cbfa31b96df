"""Who is subscribed to what, and the way of a frame to them.

A topic that nobody watches is not built at all; a frame that somebody watches is built once and the
same bytes go to every subscriber.
"""

from collections import Counter
from collections.abc import Iterable

import structlog

from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.market.symbol import Frame
from tradefleet.simulation.market.topics import Topic
from tradefleet.simulation.server.connection import CUT_SLOW, Connection
from tradefleet.simulation.server.faults import FaultPlan, PublicFault

log = structlog.get_logger(__name__)


class PublicHub:
    """The public connections of one market. counts: events since the start, by name."""

    def __init__(self, market: ReplayMarket) -> None:
        self.market = market
        self.faults = FaultPlan(market)
        self.counts: Counter[str] = Counter()
        self.connections: dict[Connection, None] = {}
        self._subscribers: dict[str, dict[Connection, None]] = {}

    def enter(self, connection: Connection) -> None:
        """A client has connected."""
        self.connections[connection] = None
        self.counts["connected"] += 1

    def leave(self, connection: Connection) -> None:
        """A client is gone, by whatever end."""
        self.connections.pop(connection, None)
        self.unsubscribe(connection, list(connection.topics))
        if connection.cut_reason is not None:
            self.counts[f"cut: {connection.cut_reason}"] += 1
            if connection.cut_reason == CUT_SLOW:
                log.warning("slow_consumer_cut", connection=connection.id)

    def subscribe(self, connection: Connection, topics: Iterable[Topic]) -> list[bytes]:
        """Add topics that the connection does not have yet; the first frames it is to be sent."""
        first = []
        for topic in topics:
            subscribers = self._subscribers.setdefault(topic.name, {})
            if not subscribers:
                self.market.watch(topic)
            subscribers[connection] = None
            connection.topics[topic.name] = None
            snapshot = self._first_frame(topic)
            if snapshot is not None:
                first.append(snapshot)
        return first

    def _first_frame(self, topic: Topic) -> bytes | None:
        snapshot = self.market.snapshot(topic)
        if snapshot is None or self.faults.idle:
            return snapshot
        return self.faults.renumbered(topic.name, snapshot)

    def unsubscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Take topics away; names that are not subscribed are passed over."""
        for name in names:
            if name not in connection.topics:
                continue
            del connection.topics[name]
            subscribers = self._subscribers[name]
            del subscribers[connection]
            if not subscribers:
                del self._subscribers[name]
                topic = self.market.topic(name)
                if topic is not None:
                    self.market.unwatch(topic)

    def publish(self, frames: Iterable[Frame]) -> None:
        """Send frames to their subscribers, faults applied."""
        for frame in frames:
            payloads = [frame.payload] if self.faults.idle else self.faults.alter(frame)
            subscribers = tuple(self._subscribers.get(frame.topic, ()))
            for payload in payloads:
                for connection in subscribers:
                    connection.send(payload)
            self.counts["sent"] += len(payloads) * len(subscribers)

    def inject(self, fault: PublicFault) -> None:
        """Arm a fault, or cut connections for `disconnect`; raises FaultError."""
        if fault.kind != "disconnect":
            self.faults.arm(fault)
            return
        for connection in tuple(self.connections):
            if fault.topic is None or fault.topic in connection.topics:
                connection.cut("disconnect fault")
                self.faults.injected["disconnect"] += 1

    def status(self) -> dict[str, object]:
        """Counters for people and tests."""
        return {
            "connections": len(self.connections),
            "topics": len(self._subscribers),
            "counts": dict(self.counts),
            "faults": dict(self.faults.injected),
        }
