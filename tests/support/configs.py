"""Config snapshots for tests."""

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import BookDepth, Feed
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.strategies import Breakout, Imbalance, Strategies


def make_snapshot(
    *,
    imbalance: Imbalance | None = None,
    breakout: Breakout | None = None,
    depth: BookDepth = BookDepth.LEVELS_50,
    generation: int = 1,
) -> ConfigSnapshot:
    """A bot with these strategies; one that is not given is disabled."""
    strategies = Strategies(imbalance=imbalance or Imbalance(), breakout=breakout or Breakout())
    return ConfigSnapshot(
        generation=generation,
        uid="bot-uid",
        name="bot",
        namespace="default",
        spec=BotSpec(feed=Feed(depth=depth), strategies=strategies),
        shards=(),
    )
