"""Which process of each shard is heard.

The executor names one process a shard and numbers the choice. The current owner stays until it is
silent, leaves, or a warm process of a newer generation announces itself; everybody else runs in shadow.
"""

import msgspec

from tradefleet.core.events import ShardAnnounced, ShardOwner

SILENT_AFTER_NS = 3_000_000_000
"""Three announcements missed: processes announce themselves at least once a second."""


class Owners:
    """Owners by shard, and when they were last heard."""

    def __init__(self, owners: tuple[ShardOwner, ...], now_ns: int) -> None:
        self._owners = {owner.shard: owner for owner in owners}
        self._heard_ns = {owner.shard: now_ns for owner in owners}

    def announced(self, event: ShardAnnounced) -> ShardOwner | None:
        """A new choice, or None when it stays as it is."""
        current = self._owners.get(event.shard)
        if current is not None and current.instance == event.instance:
            # One that leaves counts as silent at once: whoever is warm may have its place.
            self._heard_ns[event.shard] = -SILENT_AFTER_NS if event.leaving else event.now_ns
            if event.generation > current.generation:
                # The same process runs a newer configuration; nothing about the choice changes.
                self._owners[event.shard] = msgspec.structs.replace(current, generation=event.generation)
            return None
        if not event.warm or event.leaving or not self._may_replace(current, event):
            return None
        chosen = ShardOwner(
            shard=event.shard,
            instance=event.instance,
            owner_epoch=1 if current is None else current.owner_epoch + 1,
            generation=event.generation,
        )
        self._owners[event.shard] = chosen
        self._heard_ns[event.shard] = event.now_ns
        return chosen

    def _may_replace(self, current: ShardOwner | None, event: ShardAnnounced) -> bool:
        if current is None or event.generation > current.generation:
            return True
        return event.now_ns - self._heard_ns[event.shard] > SILENT_AFTER_NS

    def hears(self, shard: int, instance: str, owner_epoch: int) -> bool:
        """True for the named instance under its current number."""
        owner = self._owners.get(shard)
        return owner is not None and (owner.instance, owner.owner_epoch) == (instance, owner_epoch)

    def all(self) -> tuple[ShardOwner, ...]:
        """Every choice, by shard."""
        return tuple(self._owners[shard] for shard in sorted(self._owners))
