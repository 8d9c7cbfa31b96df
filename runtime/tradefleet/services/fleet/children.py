"""The processes of a fleet: which command starts each, with which settings.

Each child is `python -m tradefleet <command> --settings FILE`. Its settings name files and addresses;
the exchange's credentials come by the environment and are in no file but the account's.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tradefleet.services.fleet.data_folder import DataFolder, SimulatedKey
from tradefleet.services.fleet.process import Command
from tradefleet.spec.market import Credentials, Endpoints, Exchange, PositionMode
from tradefleet.spec.snapshot import ConfigSnapshot

HISTORY_MINUTES = 180
"""Candles that the simulated exchange has at its start: what the longest default look-back asks for."""


class Joints(msgspec.Struct, frozen=True, kw_only=True):
    """Where the processes of this fleet find stores and exchange."""

    postgres: str
    redis: str
    endpoints: Endpoints


def snapshot_path(data: DataFolder, process: str) -> Path:
    """The snapshot that one process watches."""
    return data.root / "config" / f"{process}.json"


def status_path(data: DataFolder, process: str) -> Path:
    """Where one process says what it does."""
    return data.root / "run" / f"{process}.status.json"


def ready_path(data: DataFolder) -> Path:
    """Where the simulator says where it serves."""
    return data.root / "run" / "simulator.ready.json"


def write_snapshot(data: DataFolder, process: str, snapshot: ConfigSnapshot) -> None:
    """Hand one process a configuration."""
    data.write(f"config/{process}.json", snapshot.encode())


def simulator(data: DataFolder, exchange: Exchange, port: int, key: SimulatedKey) -> Command:
    """The simulated exchange of this fleet; its account, in the bot's mode, stays in the data folder."""
    wanted = exchange.simulator
    settings = {
        "state_folder": str(data.root / "simulator"),
        "api_key": key.api_key,
        "api_secret": key.api_secret,
        "port": port,
        "recording": wanted.recording or None,
        "speed": float(wanted.speed),
        "copies": wanted.copies,
        "hedged": exchange.position_mode is PositionMode.HEDGE,
        "history_minutes": HISTORY_MINUTES,
        "ready_file": str(ready_path(data)),
    }
    return _command(data, "simulator", "simulate", settings, grace_s=1.5)


def shard(data: DataFolder, process: str, index: int, joints: Joints) -> Command:
    """One shard; it gets no credentials."""
    settings = {
        "redis": joints.redis,
        "snapshot": str(snapshot_path(data, process)),
        "shard": index,
        "status": str(status_path(data, process)),
        "rest": joints.endpoints.rest,
        "publicStream": joints.endpoints.public_stream,
    }
    return _command(data, process, "shard", settings)


def executor(
    data: DataFolder,
    process: str,
    joints: Joints,
    credentials: Credentials,
    key: SimulatedKey | None,
    holder: str,
) -> Command:
    """The executor. key: of our own simulator; None when the user's environment holds one."""
    settings = {
        "postgres": joints.postgres,
        "redis": joints.redis,
        "snapshot_path": str(snapshot_path(data, process)),
        "status_path": str(status_path(data, process)),
        "decisions_folder": str(data.root / "decisions"),
        "holder": holder,
        "rest": joints.endpoints.rest,
        "public_stream": joints.endpoints.public_stream,
        "private_stream": joints.endpoints.private_stream,
        "api_key_variable": credentials.api_key_variable,
        "api_secret_variable": credentials.api_secret_variable,
    }
    environment = {}
    if key is not None:
        environment = {
            credentials.api_key_variable: key.api_key,
            credentials.api_secret_variable: key.api_secret,
        }
    return _command(data, process, "executor", settings, environment=environment)


def _command(
    data: DataFolder,
    process: str,
    name: str,
    settings: Mapping[str, object],
    *,
    environment: Mapping[str, str] | None = None,
    grace_s: float = 2.5,
) -> Command:
    file = data.write_settings(process, settings)
    return Command(
        arguments=[sys.executable, "-m", "tradefleet", name, "--settings", str(file)],
        log=data.root / "logs" / f"{process}.log",
        environment=environment or {},
        grace_s=grace_s,
    )
