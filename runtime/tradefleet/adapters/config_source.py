"""Where a process's configuration comes from: one port, two kinds of address.

A file that the supervisor of the local fleet replaces, or `kubernetes://NAMESPACE/BOT`, the bot's own
resource. The programs ask `services.sources` and cannot tell which it was.
"""

import re
from collections.abc import AsyncIterator
from typing import Final, Protocol

from tradefleet.spec.snapshot import ConfigSnapshot

SCHEME: Final = "kubernetes://"
_NAME: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_ADDRESS: Final = re.compile(f"{SCHEME}(?P<namespace>{_NAME})/(?P<bot>{_NAME})")


class BadSnapshot(Exception):
    """A configuration that cannot be used. address: where it stands; reason: why not; generation: its
    number, 0 when it has none."""

    def __init__(self, address: str, reason: str, generation: int = 0) -> None:
        self.address = address
        self.reason = reason
        self.generation = generation
        super().__init__(f"snapshot {address}: {reason}")


class BotGone:
    """The bot was deleted; its processes are about to be told to stop."""


class SourceAway(Exception):
    """Whoever has the configuration does not answer now; asked again later, it may."""


Change = ConfigSnapshot | BadSnapshot | BotGone


class ConfigSource(Protocol):
    """One bot's configuration, now and from now on."""

    @property
    def address(self) -> str:
        """Where it stands, for people."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing new can be heard at the moment; "" while all is well."""
        ...

    def begin(self, snapshot: ConfigSnapshot) -> None:
        """This process began with that one: what it may apply of newer ones hangs on it."""
        ...

    async def read(self) -> ConfigSnapshot:
        """What holds now, as far as this process may apply it; raises BadSnapshot or SourceAway."""
        ...

    def changes(self) -> AsyncIterator[Change]:
        """Each change since the last `read`, for ever; it waits out whatever goes away."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class BotAddress:
    """`kubernetes://NAMESPACE/BOT` in its parts."""

    def __init__(self, address: str) -> None:
        """Raises BadSnapshot."""
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise BadSnapshot(address, f"is no address of a bot; write {SCHEME}NAMESPACE/BOT")
        self.namespace: str = found["namespace"]
        self.bot: str = found["bot"]


def is_in_cluster(address: str) -> bool:
    """True for the address of a resource, false for that of a file."""
    return address.startswith(SCHEME)
