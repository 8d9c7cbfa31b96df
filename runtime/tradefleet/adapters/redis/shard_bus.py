"""The shard's end of the bus: signals go out, announcements go out, the owner comes back."""

from typing import Any

import msgspec

from tradefleet.adapters.redis.connection import answered, connect
from tradefleet.adapters.redis.messages import (
    ANNOUNCEMENT_FIELD,
    MOST_ANNOUNCEMENTS,
    MOST_SIGNALS,
    SIGNAL_FIELD,
    BusDown,
    BusKeys,
    ShardAnnouncement,
)
from tradefleet.core.events import ShardOwner
from tradefleet.domain.signals import Signal


class ShardBus:
    """One bot's streams, for writing."""

    def __init__(self, url: str, bot_uid: str) -> None:
        self._keys = BusKeys(bot_uid)
        self._redis = connect(url)

    async def publish(self, signal: Signal) -> None:
        """Append the signal. Raises BusDown, after which it may be there or not: the reader drops
        repeats by the signal's id."""
        entry: dict[Any, Any] = {SIGNAL_FIELD: msgspec.json.encode(signal)}
        await answered(
            "publish", self._redis.xadd(self._keys.signals, entry, maxlen=MOST_SIGNALS, approximate=True)
        )

    async def announce(
        self, shard: int, instance: str, generation: int, warm: bool, *, leaving: bool = False
    ) -> ShardOwner | None:
        """Say that we are there; the shard's owner, None while nobody has been chosen. Raises BusDown."""
        message = ShardAnnouncement(
            shard=shard, instance=instance, generation=generation, warm=warm, leaving=leaving
        )
        raw = await answered("announce", self._announced(message))
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw, type=ShardOwner)
        except msgspec.DecodeError as error:
            raise BusDown(f"announce: {self._keys.owners} {shard}: {error}") from error

    async def close(self) -> None:
        """Let go of the connections. Raises BusDown."""
        await answered("close", self._redis.aclose())

    async def _announced(self, message: ShardAnnouncement) -> bytes | None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xadd(
                self._keys.announcements,
                {ANNOUNCEMENT_FIELD: msgspec.json.encode(message)},
                maxlen=MOST_ANNOUNCEMENTS,
                approximate=True,
            )
            pipeline.hget(self._keys.owners, str(message.shard))
            _, raw = await pipeline.execute()
        owner: bytes | None = raw
        return owner
