"""May this bot run? The spec as the loader reads it, and what only a cluster can object to.

The schema has refused most of what is wrong before; what reaches this point (a resource forced past
validation, paper mode without a simulator's addresses, too many symbols) becomes a condition with a reason.
"""

from collections.abc import Sequence

import msgspec

from tradefleet.spec.addresses import endpoints_of
from tradefleet.spec.bot import TradingBot
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.problems import SpecError
from tradefleet.spec.sharding import TooManyShards, assign
from tradefleet.spec.snapshot import ShardAssignment
from tradefleet_operator.objects import Object


class Accepted(msgspec.Struct, frozen=True):
    """It may run, with its symbols on these shards."""

    bot: TradingBot
    shards: tuple[ShardAssignment, ...]


class Refused(msgspec.Struct, frozen=True):
    """It may not, and nothing that runs is touched. reason: one word; message: what to do."""

    reason: str
    message: str


def judge(raw: Object, previous: Sequence[Object]) -> Accepted | Refused:
    """previous: the bot's SymbolShards as they are."""
    try:
        bot = decode_bot(raw, source="")
    except SpecError as error:
        return Refused("SpecRefused", str(error))
    if bot.spec.exchange.simulator.enabled:
        return Refused(
            "SimulatorIsLocal",
            "spec.exchange.simulator.enabled: true starts a simulator in the local fleet only; leave it out, "
            "and name the addresses of a running one in spec.exchange.endpoints (the chart can install one)",
        )
    if not endpoints_of(bot.spec).rest:
        return Refused(
            "NoExchange",
            "spec.exchange.endpoints.rest: empty in paper mode; name the addresses of a simulator (the NOTES "
            "of the chart have those of its own)",
        )
    try:
        shards = assign(bot.spec.universe.symbols, assignments(previous), bot.spec.sharding)
    except TooManyShards as error:
        return Refused("TooManyShards", str(error))
    return Accepted(bot, shards)


def assignments(shards: Sequence[Object]) -> tuple[ShardAssignment, ...]:
    """What SymbolShards say, by index."""
    found = (ShardAssignment(int(one["spec"]["index"]), tuple(one["spec"]["symbols"])) for one in shards)
    return tuple(sorted(found, key=lambda shard: shard.index))
