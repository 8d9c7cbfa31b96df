"""TradingBot: one bot, as a user writes it.

The resource looks the same in a file of the local fleet and in Kubernetes (group `tradefleet.dev`,
version `v1alpha1`). Defaults are the requirements'; `fields` explains the annotations.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from tradefleet.spec.fields import IMMUTABLE, IN_SECONDS, LOWER, RESTART, items, number, plain, text
from tradefleet.spec.market import (
    SECRET_PATTERN,
    Exchange,
    Features,
    Feed,
    Section,
    Sharding,
    Stores,
    Universe,
)
from tradefleet.spec.strategies import Strategies
from tradefleet.spec.trading import Execution, Exits, KillSwitch, Leverage, Protection, Risk, Sizing

API_VERSION = "tradefleet.dev/v1alpha1"
KIND = "TradingBot"

# Names of Services begin with the bot's, so it begins with a letter as theirs must; with the longest
# suffix, -executor and a pod's ten and five characters, it stays below the 63 of a label.
BOT_NAME_PATTERN = "[a-z]([-a-z0-9]*[a-z0-9])?"
BOT_NAME_LENGTH = 40


class Mode(StrEnum):
    """PAPER is the simulator as a long-lived exchange; the others are Bybit's environments."""

    PAPER = "paper"
    DEMO = "demo"
    TESTNET = "testnet"
    LIVE = "live"


class OnDelete(StrEnum):
    """What becomes of positions when the bot is deleted."""

    FLATTEN = "flatten"
    LEAVE = "leave"


class Models(Section, frozen=True):
    """Inference beside the strategies."""

    enabled: Annotated[bool, plain("Let models veto signals.", built=False)] = False


# Bounded by the patterns: a pod with less memory never starts, and no machine has more processors.
_CPU = "[1-9][0-9]{1,4}m|[1-9][0-9]?"
_MEMORY = "[1-9][0-9]{2,6}Mi|[1-9][0-9]{0,3}Gi"


class PodTemplate(Section, frozen=True):
    """What a pod of this kind may use in Kubernetes; the local fleet's processes share the machine."""

    cpu: Annotated[str, text("In Kubernetes: the CPU that is reserved for the pod.", 16, _CPU)] = "250m"
    memory: Annotated[
        str, text("In Kubernetes: the memory that is reserved for the pod, and its limit.", 16, _MEMORY)
    ] = "400Mi"
    grace_period_seconds: Annotated[
        int,
        number("In Kubernetes: time to stop by itself before it is killed.", "5", "600", unit=IN_SECONDS),
    ] = 30


class ExecutorTemplate(PodTemplate, frozen=True):
    """The executor's pods in Kubernetes; the local fleet runs one executor."""

    replicas: Annotated[int, number("In Kubernetes: executors, of which one leads.", "1", "5")] = 2
    spool_claim: Annotated[
        str,
        text(
            "In Kubernetes: the PersistentVolumeClaim beside the bot for what the kill switch writes while "
            "Postgres is away; every executor mounts it. Empty: a volume of the pod, which survives a "
            "restart of its container and not the pod's end.",
            253,
            f"({SECRET_PATTERN})?",
        ),
    ] = ""


class ShardTemplate(PodTemplate, frozen=True):
    """A shard's pod in Kubernetes."""


class BotSpec(Section, frozen=True):
    """Everything a user decides about a bot."""

    mode: Annotated[Mode, plain("Where orders go.", reload=IMMUTABLE)] = Mode.PAPER
    confirm_live: Annotated[
        bool,
        plain("The second switch: live mode is refused without it.", reload=IMMUTABLE, tightens=LOWER),
    ] = False
    exchange: Annotated[Exchange, plain("Venue, market, addresses, credentials.")] = Exchange()
    stores: Annotated[Stores, plain("Where the stores are.", reload=RESTART)] = Stores()
    universe: Annotated[Universe, plain("What the bot trades.", reload=RESTART)] = Universe()
    sharding: Annotated[Sharding, plain("How symbols are spread.", reload=RESTART)] = Sharding()
    feed: Annotated[Feed, plain("Public market data.")] = Feed()
    features: Annotated[Features, plain("The vector of features.")] = Features()
    strategies: Annotated[Strategies, plain("Which strategies run.")] = Strategies()
    models: Annotated[Models, plain("Inference beside the strategies.")] = Models()
    sizing: Annotated[Sizing, plain("Size of an entry.")] = Sizing()
    leverage: Annotated[Leverage, plain("Leverage at the exchange.")] = Leverage()
    exits: Annotated[Exits, plain("How positions end.")] = Exits()
    protection: Annotated[Protection, plain("Stops of positions that are not the bot's own.")] = Protection()
    risk: Annotated[Risk, plain("Limits on every order that opens.")] = Risk()
    execution: Annotated[Execution, plain("How orders are sent.")] = Execution()
    kill_switch: Annotated[KillSwitch, plain("The edge that stops everything.")] = KillSwitch()
    flags: Annotated[dict[str, bool], items("Feature flags by name.", 50, max_length=63, built=False)] = (
        msgspec.field(default_factory=dict)
    )
    paused: Annotated[bool, plain("Open nothing; positions keep their exits.")] = False
    on_delete: Annotated[
        OnDelete,
        plain(
            "In Kubernetes: what becomes of positions when the bot is deleted; those that are left keep "
            "their stops and targets at the exchange. A local fleet that stops always leaves them."
        ),
    ] = OnDelete.LEAVE
    executor: Annotated[ExecutorTemplate, plain("The executor's pods.", reload=RESTART)] = ExecutorTemplate()
    shard: Annotated[ShardTemplate, plain("A shard's pod.", reload=RESTART)] = ShardTemplate()


class Metadata(Section, frozen=True):
    """The part of Kubernetes' object metadata that matters to a bot; labels and the like are let through."""

    name: Annotated[str, text("Name of the bot.", BOT_NAME_LENGTH, BOT_NAME_PATTERN, reload=IMMUTABLE)]
    namespace: Annotated[
        str, text("Namespace of the bot.", 63, "[a-z0-9]([-a-z0-9]*[a-z0-9])?", reload=IMMUTABLE)
    ] = "default"


class TradingBot(Section, frozen=True):
    """The resource."""

    metadata: Metadata
    spec: BotSpec
