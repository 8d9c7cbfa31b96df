"""What the tests of every part of the served simulator share."""

from collections.abc import Callable, Iterator
from typing import Any

import pybit.unified_trading
import pytest


@pytest.fixture
def private_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """pybit's private WebSocket at an address; exited afterwards."""
    sockets: list[Any] = []

    def connect(address: str) -> Any:
        monkeypatch.setattr(pybit.unified_trading, "PRIVATE_WSS", address)
        # pybit's own second for the auth is too short for a busy machine.
        sockets.append(
            pybit.unified_trading.WebSocket(
                testnet=False,
                channel_type="private",
                api_key="key",
                api_secret="secret",
                private_auth_expire=30,
            )
        )
        return sockets[-1]

    yield connect
    for socket in sockets:
        socket.exit()
