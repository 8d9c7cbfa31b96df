"""What the operator knows of the cluster: the newest version of each object, its own writes included.

Watches tell of a write only after it; planning on what they have told so far would repeat it. So what the
server answers to a write is put here at once, and an older version that a watch brings later is ignored.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tradefleet_operator import names
from tradefleet_operator.objects import Object, Ref, ref_of

MOST_TOMBSTONES: Final = 10_000


class Store:
    """Objects by name, and by the bot that they belong to."""

    def __init__(self) -> None:
        self._objects: dict[Ref, Object] = {}
        self._deleted: dict[Ref, str] = {}

    def put(self, value: Object) -> bool:
        """Take a version of an object; False when it is not newer than what is known."""
        ref = ref_of(value)
        known = self._objects.get(ref)
        if self._deleted.get(ref) == value["metadata"].get("uid", ""):
            return False  # a late word of an object that is gone
        if known is not None and _version(known) >= _version(value) and _same_life(known, value):
            return False
        self._objects[ref] = value
        self._deleted.pop(ref, None)
        return True

    def remove(self, ref: Ref, uid: str = "") -> None:
        """The object is gone; uid: of the one that is, when it is known."""
        known = self._objects.get(ref)
        if known is not None and uid in ("", known["metadata"].get("uid", "")):
            uid = known["metadata"].get("uid", "")
            del self._objects[ref]
        if uid:
            self._deleted[ref] = uid
            while len(self._deleted) > MOST_TOMBSTONES:
                del self._deleted[next(iter(self._deleted))]

    def get(self, ref: Ref) -> Object | None:
        """The newest version that is known."""
        return self._objects.get(ref)

    def of_bot(self, namespace: str, bot: str) -> Mapping[Ref, Object]:
        """Everything that carries the bot's label, the bot itself excepted, in a stable order."""
        found = {
            ref: value
            for ref, value in self._objects.items()
            if ref.namespace == namespace
            and ref.kind != "TradingBot"
            and (value["metadata"].get("labels") or {}).get(names.BOT_LABEL) == bot
        }
        return dict(sorted(found.items()))

    def bots(self) -> Iterator[Ref]:
        """Every bot."""
        return (ref for ref in sorted(self._objects) if ref.kind == "TradingBot")


def bot_of(value: Object) -> tuple[str, str] | None:
    """(namespace, bot) that an object belongs to; None for a stranger's."""
    meta = value["metadata"]
    if value["kind"] == "TradingBot":
        return meta.get("namespace", ""), meta["name"]
    bot = (meta.get("labels") or {}).get(names.BOT_LABEL)
    return None if not bot else (meta.get("namespace", ""), bot)


def _version(value: Object) -> int:
    text = str(value["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


def _same_life(known: Object, value: Object) -> bool:
    return bool(known["metadata"].get("uid") == value["metadata"].get("uid"))
