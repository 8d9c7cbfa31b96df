"""What the resources say about themselves: the status of a TradingBot and of a SymbolShard.

The operator and the pods each write their part under a field manager of their own (server-side
apply on `/status`), so every field may be left out: `msgspec.to_builtins` of one of these structs
is exactly the part that its writer owns. The schemas of the resources are made from here.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from tradefleet.spec.fields import Field, number, plain, sections, text
from tradefleet.spec.market import Section

# What a JSON number holds exactly everywhere.
_GENERATION_MAX = "9007199254740991"
_NAME = "[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,9})?Z"


def _generation(description: str) -> Field:
    return number(description, "0", _GENERATION_MAX)


class ConditionStatus(StrEnum):
    """UNKNOWN is what nobody could find out, never a guess."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Section, frozen=True):
    """One thing that is true of the resource or not, in the shape that `kubectl wait` reads."""

    type: Annotated[str, text("What is true or not.", 63, "[A-Z][A-Za-z0-9]*")]
    status: Annotated[ConditionStatus, plain("Whether it is.")]
    reason: Annotated[str, text("Why, in one word for programs.", 128, "[A-Z][A-Za-z0-9]*")]
    message: Annotated[str, text("Why, and what to do about it, for a person.", 32768)]
    last_transition_time: Annotated[str, text("When the status changed last.", 40, _TIME)]
    observed_generation: Annotated[
        int | UnsetType, _generation("Generation of the resource that this was found at.")
    ] = UNSET


def _conditions() -> Field:
    return sections("What is true of the resource, by type.", 20, ("type",))


class Phase(StrEnum):
    """Where a bot is in its life, in one word; the conditions say why."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    RUNNING = "Running"
    DEGRADED = "Degraded"
    PAUSED = "Paused"
    REFUSED = "Refused"
    DELETING = "Deleting"


class ShardCounts(Section, frozen=True):
    """The shards of a bot."""

    desired: Annotated[int | UnsetType, number("Shards that the symbols need.", "0", "100")] = UNSET
    ready: Annotated[int | UnsetType, number("Of these, shards with a ready pod.", "0", "100")] = UNSET


class Latch(Section, frozen=True):
    """Something that forbids opening until a person clears it by its id."""

    id: Annotated[str, text("What spec.killSwitch.clear names to clear it.", 100)]
    kind: Annotated[str | UnsetType, text("What engaged it, such as kill_switch or daily_loss.", 63)] = UNSET
    reason: Annotated[str | UnsetType, text("Why, for a person.", 1024)] = UNSET
    actor: Annotated[str | UnsetType, text("Who engaged it.", 253)] = UNSET
    engaged_at: Annotated[str | UnsetType, text("When.", 40, _TIME)] = UNSET


class ExecutorStatus(Section, frozen=True):
    """What the leading executor says about the account."""

    leader: Annotated[str | UnsetType, text("Pod that leads.", 253)] = UNSET
    epoch: Annotated[
        int | UnsetType, number("Number of its leadership; only ever rises.", "0", _GENERATION_MAX)
    ] = UNSET
    account: Annotated[str | UnsetType, text("The account: venue, environment and its number.", 253)] = UNSET
    state: Annotated[str | UnsetType, text("What the leader is doing.", 63)] = UNSET
    applied_generation: Annotated[
        int | UnsetType, _generation("Generation of the spec whose hot fields are in force.")
    ] = UNSET
    config_hash: Annotated[str | UnsetType, text("Hash of the configuration in force.", 64)] = UNSET
    may_open: Annotated[bool | UnsetType, plain("Whether positions may be opened.")] = UNSET
    why_not: Annotated[str | UnsetType, text("What forbids opening; empty when nothing does.", 2048)] = UNSET
    positions: Annotated[int | UnsetType, number("Open positions; each leg is one.", "0", "10000")] = UNSET
    equity: Annotated[
        str | UnsetType,
        text("The account's equity in its settle currency, a decimal number as text.", 64),
    ] = UNSET
    latches: Annotated[list[Latch] | UnsetType, sections("Latches that are engaged.", 200, ("id",))] = UNSET


class TradingBotStatus(Section, frozen=True):
    """What is true of a bot; written by the operator and by the leading executor."""

    observed_generation: Annotated[
        int | UnsetType, _generation("Generation of the spec that the operator acted on last.")
    ] = UNSET
    phase: Annotated[Phase | UnsetType, plain("Where the bot is in its life.")] = UNSET
    shards: Annotated[ShardCounts | UnsetType, plain("How many shards there are.")] = UNSET
    executor: Annotated[ExecutorStatus | UnsetType, plain("What the leading executor says.")] = UNSET
    conditions: Annotated[list[Condition] | UnsetType, _conditions()] = UNSET


class ShardPod(Section, frozen=True):
    """What one pod of a shard says about itself."""

    name: Annotated[str, text("The pod.", 253, _NAME)]
    applied_generation: Annotated[
        int | UnsetType, _generation("Generation of the bot's spec whose hot fields are in force in it.")
    ] = UNSET
    begun_generation: Annotated[
        int | UnsetType, _generation("Generation of the bot's spec that it began with.")
    ] = UNSET
    config_hash: Annotated[str | UnsetType, text("Hash of the configuration in force in it.", 64)] = UNSET
    warm: Annotated[bool | UnsetType, plain("Whether its books and features are complete.")] = UNSET
    owner: Annotated[bool | UnsetType, plain("Whether the executor takes its signals.")] = UNSET
    symbols: Annotated[int | UnsetType, number("How many symbols it carries.", "0", "500")] = UNSET
    message: Annotated[str | UnsetType, text("What is wrong with it; empty when nothing is.", 2048)] = UNSET


class SymbolShardStatus(Section, frozen=True):
    """What is true of a shard; written by the operator and by each of its pods."""

    observed_generation: Annotated[
        int | UnsetType, _generation("Generation of the shard that the operator acted on last.")
    ] = UNSET
    ready: Annotated[bool | UnsetType, plain("Whether a pod of it is ready.")] = UNSET
    pods: Annotated[
        list[ShardPod] | UnsetType, sections("Its pods: two while one replaces the other.", 20, ("name",))
    ] = UNSET
    conditions: Annotated[list[Condition] | UnsetType, _conditions()] = UNSET


def to_object(status: Section) -> dict[str, object]:
    """The part of a status object that its writer owns, as plain JSON values."""
    plain_values: dict[str, object] = msgspec.to_builtins(status)
    return plain_values
