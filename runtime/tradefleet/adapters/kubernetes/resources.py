"""What the API server sends, read as far as a pod needs it.

Pure: bytes in, values out. Status and managed fields of an object are passed over undecoded, since
most events of a watch are somebody's status.
"""

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from tradefleet.adapters.config_source import BadSnapshot
from tradefleet.spec.bot import API_VERSION, KIND
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.problems import SpecError
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment

HTTP_GONE: Final = 410


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The metadata that count."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """An object whose spec is decoded when somebody asks."""

    metadata: ObjectMeta
    spec: msgspec.Raw = msgspec.Raw(b"{}")


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The version of a list."""

    resource_version: str = ""


class ObjectList(msgspec.Struct, frozen=True, kw_only=True):
    """A list, and the version from which to watch on."""

    metadata: ListMeta
    items: list[Object]


class Kind(enum.Enum):
    """What a line of a watch says."""

    CHANGED = "changed"
    REMOVED = "removed"
    BOOKMARK = "bookmark"
    """Nothing has changed up to this version."""
    GONE = "gone"
    """The version that we named is too old: list again."""
    TROUBLE = "trouble"
    """The server, or a line, is not well: watch again."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a watch. version: "" when it says none."""

    kind: Kind
    version: str = ""
    object: Object | None = None
    detail: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class _ShardSpec(msgspec.Struct, frozen=True):
    index: int
    symbols: list[str]


def read_list(raw: bytes) -> ObjectList:
    """A list of objects; raises msgspec.DecodeError."""
    return msgspec.json.decode(raw, type=ObjectList)


def read_event(line: bytes) -> Told:
    """One line of a watch; total: what cannot be read is trouble."""
    try:
        event = msgspec.json.decode(line, type=_Event)
        if event.type == "ERROR":
            status = msgspec.json.decode(event.object, type=_Status)
            kind = Kind.GONE if status.code == HTTP_GONE else Kind.TROUBLE
            return Told(kind=kind, detail=f"{status.code} {status.message}")
        found = msgspec.json.decode(event.object, type=Object)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Told(kind=Kind.TROUBLE, detail=f"a line of the watch cannot be read: {error}")
    version = found.metadata.resource_version
    match event.type:
        case "ADDED" | "MODIFIED":
            return Told(kind=Kind.CHANGED, version=version, object=found)
        case "DELETED":
            return Told(kind=Kind.REMOVED, version=version, object=found)
        case "BOOKMARK":
            return Told(kind=Kind.BOOKMARK, version=version)
        case other:
            return Told(kind=Kind.TROUBLE, detail=f"the watch says {other!r}")


def snapshot_of(bot: Object, shards: Sequence[ShardAssignment], address: str) -> ConfigSnapshot:
    """The bot as a configuration; raises BadSnapshot with everything that is wrong."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": bot.metadata.name, "namespace": bot.metadata.namespace},
        "spec": _plain(bot.spec, address),
    }
    number = bot.metadata.generation
    try:
        read = decode_bot(document, f"generation {number}")
    except SpecError as error:
        raise BadSnapshot(address, "; ".join(str(problem) for problem in error.problems), number) from error
    return ConfigSnapshot(
        generation=number,
        uid=bot.metadata.uid,
        name=bot.metadata.name,
        namespace=bot.metadata.namespace,
        spec=read.spec,
        shards=tuple(shards),
    )


def assignments_of(shards: Sequence[Object], address: str) -> tuple[ShardAssignment, ...]:
    """Which shard carries what, by index; raises BadSnapshot."""
    found = []
    for shard in shards:
        try:
            spec = msgspec.json.decode(shard.spec, type=_ShardSpec)
        except msgspec.DecodeError as error:
            raise BadSnapshot(address, f"SymbolShard {shard.metadata.name}: {error}") from error
        found.append(ShardAssignment(spec.index, tuple(sorted(spec.symbols))))
    return tuple(sorted(found, key=lambda assignment: assignment.index))


def _plain(spec: msgspec.Raw, address: str) -> Any:
    try:
        # Decimals straight from the text: money never passes through a float.
        return msgspec.json.Decoder(float_hook=Decimal).decode(spec)
    except msgspec.DecodeError as error:
        raise BadSnapshot(address, f"the spec is no JSON: {error}") from error
