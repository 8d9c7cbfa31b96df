"""Kubernetes objects as plain mappings: what they are called, whose they are, and whether one holds another.

Everything the operator makes or reads is a mapping as JSON has it; nothing here knows what is in it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

Object: TypeAlias = Mapping[str, Any]

APPLIED_HASH: Final = "tradefleet.dev/applied-hash"
"""On each object that we apply: the hash of what we applied."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Ref(msgspec.Struct, frozen=True, order=True):
    """What an object is called in the whole cluster."""

    kind: str
    namespace: str
    name: str


def ref_of(value: Object) -> Ref:
    """The name of an object that says its kind."""
    meta = value["metadata"]
    return Ref(value["kind"], meta.get("namespace", ""), meta["name"])


def content_hash(value: Any) -> str:
    """Twelve hexadecimal digits that are the same for the same content in any order of keys."""
    return hashlib.sha256(_ENCODER.encode(value)).hexdigest()[:12]


def signed(value: Object) -> dict[str, Any]:
    """The object with the hash of itself in an annotation."""
    meta = value["metadata"]
    annotations = {**meta.get("annotations", {}), APPLIED_HASH: content_hash(value)}
    return {**value, "metadata": {**meta, "annotations": annotations}}


def applied_hash(value: Object) -> str:
    """The hash that the object carries; "" for none."""
    return str((value["metadata"].get("annotations") or {}).get(APPLIED_HASH, ""))


def holds(observed: Any, desired: Any) -> bool:
    """Whether everything desired is there as it should be. What others have added does not matter; a list
    must have the same length, since the server adds to the elements of a list but not to a list."""
    if isinstance(desired, Mapping):
        return isinstance(observed, Mapping) and all(
            holds(observed.get(key), value) for key, value in desired.items()
        )
    if isinstance(desired, list | tuple):
        return (
            isinstance(observed, list | tuple)
            and len(observed) == len(desired)
            and all(map(holds, observed, desired))
        )
    # The server leaves out what is empty or false.
    return observed == desired or (observed is None and desired in ("", 0, False, None))


def is_being_deleted(value: Object) -> bool:
    """Somebody has asked for its deletion."""
    return "deletionTimestamp" in value["metadata"]


def is_owned_by(value: Object, uid: str) -> bool:
    """Whether it goes when the object with this uid goes."""
    return any(owner.get("uid") == uid for owner in value["metadata"].get("ownerReferences") or ())


def condition(value: Object, type_: str) -> Mapping[str, Any]:
    """The condition of that type; empty when nobody has said it."""
    for one in (value.get("status") or {}).get("conditions") or ():
        if one.get("type") == type_:
            found: Mapping[str, Any] = one
            return found
    return {}
