"""A shard: public frames in, signals out. It has no credentials and places no orders.

`settings` what it is told at its start; `program` from start to exit; `process` the router and the loops
around it; `signals` carries signals out; `status` what it says about itself; `pod` what it shows to its
cluster.

    python -m tradefleet.services.shard settings.json
"""

from tradefleet.services.shard.program import main, run
from tradefleet.services.shard.settings import ShardFailed, ShardSettings

__all__ = ["ShardFailed", "ShardSettings", "main", "run"]
