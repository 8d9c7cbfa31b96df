"""The form in which a configuration reaches a running process.

The supervisor of the local fleet (in Kubernetes: the pod itself, from its resources) validates and
numbers what the user wrote; the processes read one immutable snapshot and cannot tell where it came
from. `appliedGeneration` and the hash go back in their status.
"""

import hashlib

import msgspec

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.former import as_of_today


class ShardAssignment(msgspec.Struct, frozen=True, rename="camel"):
    """Which symbols one shard carries, sorted."""

    index: int
    symbols: tuple[str, ...]


class ConfigSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One numbered configuration. `uid` names the bot for ever, `generation` only rises."""

    generation: int
    uid: str
    name: str
    namespace: str
    spec: BotSpec
    shards: tuple[ShardAssignment, ...]

    def content_hash(self) -> str:
        """First 12 hexadecimal digits of SHA-256 over the canonical encoding of spec and shards."""
        return hashlib.sha256(_ENCODER.encode((self.spec, self.shards))).hexdigest()[:12]

    def encode(self) -> bytes:
        """JSON, numbers as numbers."""
        return _ENCODER.encode(self)

    @staticmethod
    def decode(raw: bytes) -> "ConfigSnapshot":
        """The inverse of `encode`, of an older release too; raises msgspec.ValidationError or DecodeError."""
        return _DECODER.decode(as_of_today(raw))

    def shard(self, index: int) -> ShardAssignment:
        """The assignment of one shard; raises KeyError when there is no such shard."""
        for assignment in self.shards:
            if assignment.index == index:
                return assignment
        raise KeyError(f"shard {index}: this configuration has shards {[s.index for s in self.shards]}")


_ENCODER = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_DECODER = msgspec.json.Decoder(ConfigSnapshot)
