"""What a shard is told at its start, and what it finds in it."""

from typing import Annotated

import msgspec

from tradefleet.services.process_main import ProgramFailed
from tradefleet.spec.snapshot import ConfigSnapshot


class ShardSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Everything the process needs to know.

    redis: address of the bus. snapshot: the configuration's file, or `kubernetes://NAMESPACE/BOT`.
    shard: index in it. status: the file to report in. rest, public_stream: addresses of the exchange.
    announce_seconds, status_seconds: how often. history_seconds: how often missing candles are asked
    for. probe_port: where probes and metrics are served; 0 for nowhere. pod_name: under which we
    report in the resource's status; "" outside of a cluster. hand_over_seconds: how long a pod that is
    told to stop goes on as the owner while nobody else has been chosen.
    """

    redis: str
    snapshot: str
    shard: int
    status: str
    rest: str
    public_stream: str
    log_level: str = "info"
    announce_seconds: float = 0.5
    status_seconds: float = 0.5
    history_seconds: float = 10.0
    probe_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    pod_name: str = ""
    hand_over_seconds: float = 8.0


class ShardFailed(ProgramFailed):
    """The shard cannot start; the text is one line that says what to do."""


def symbols_of(snapshot: ConfigSnapshot, settings: ShardSettings) -> tuple[str, ...]:
    """The symbols of this shard; raises ShardFailed when the configuration has no such shard."""
    try:
        return snapshot.shard(settings.shard).symbols
    except KeyError as error:
        raise ShardFailed(f"snapshot {settings.snapshot}: {error.args[0]}") from error
