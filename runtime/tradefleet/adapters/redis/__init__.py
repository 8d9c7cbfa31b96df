"""The bus between shards and executor: Streams of a Redis or Valkey server.

Nothing here must survive: signals expire, owners are published again from Postgres. `messages` has
the words, `shard_bus` and `executor_bus` the two ends.
"""

from tradefleet.adapters.redis.executor_bus import ExecutorBus
from tradefleet.adapters.redis.messages import BadMessage, BusDown, ShardAnnouncement, StreamPosition
from tradefleet.adapters.redis.shard_bus import ShardBus

__all__ = ["BadMessage", "BusDown", "ExecutorBus", "ShardAnnouncement", "ShardBus", "StreamPosition"]
