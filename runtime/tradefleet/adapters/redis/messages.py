"""Keys and messages of the bus. All values are JSON of the domain's own structs."""

from typing import Final

import msgspec

SIGNAL_FIELD: Final = b"signal"
ANNOUNCEMENT_FIELD: Final = b"announcement"

MOST_SIGNALS: Final = 100_000
"""About how many entries the signals stream keeps: hours of them, and all but the last expired."""
MOST_ANNOUNCEMENTS: Final = 1_000
MOST_DEAD_LETTERS: Final = 1_000
"""About how many are kept, the newest; each at most 64 KiB."""


class BusDown(Exception):
    """The bus cannot be used now; the same call may work later. The text says what happened."""


class BusKeys(msgspec.Struct, frozen=True):
    """The keys of one bot."""

    bot_uid: str

    @property
    def signals(self) -> str:
        """Stream of Signal."""
        return f"tradefleet:{self.bot_uid}:signals"

    @property
    def announcements(self) -> str:
        """Stream of ShardAnnouncement."""
        return f"tradefleet:{self.bot_uid}:announcements"

    @property
    def owners(self) -> str:
        """Hash of ShardOwner by shard index."""
        return f"tradefleet:{self.bot_uid}:owners"

    @property
    def dead_letters(self) -> str:
        """Stream of what could not be processed, with the error; see `dead_letters`."""
        return f"tradefleet:{self.bot_uid}:dead-letters"


class ShardAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """A shard's process says that it is there.

    generation: of the configuration that it began with. warm: its books are good and its history
    complete. leaving: it was told to stop and waits for a successor.
    """

    shard: int
    instance: str
    generation: int
    warm: bool
    leaving: bool = False


class BadMessage(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is no message, as it lies in the stream; it belongs into the dead letters."""

    stream: str
    entry_id: str
    field: str
    raw: bytes
    error: str


class StreamPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far both streams have been read. run_id: of the server, new with each of its starts; a
    position means nothing to another run."""

    run_id: str = ""
    signals_id: str = "0-0"
    announcements_id: str = "0-0"
