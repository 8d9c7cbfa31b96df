"""Where a local fleet keeps what must survive it, and the lock that makes it the only one there.

state.json        uid, newest generation, shards, ports
account.json      key of the simulated account, readable by its owner only
config/           the snapshots that running processes watch
run/              settings, status and ready files of the processes
logs/             one file a process, JSON lines
decisions/        what the executor decided, to be replayed
postgres/, valkey/, simulator/
"""

import contextlib
import fcntl
import os
import secrets
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.former import as_of_today
from tradefleet.spec.snapshot import ShardAssignment

DATABASE_UID: Final = 65534
"""Postgres refuses to run as root, so root's fleet runs it as the unprivileged `nobody`."""

_PARTS: Final = ("config", "run", "logs", "decisions", "valkey", "simulator")

Kept = TypeVar("Kept", bound=msgspec.Struct)


class FleetState(msgspec.Struct, frozen=True, kw_only=True):
    """What a second `up` on the same folder must know. A port of 0 has not been chosen yet.

    spec: the last good one, by which the next start sees what has changed.
    """

    uid: str
    name: str
    namespace: str
    generation: int = 0
    spec: BotSpec | None = None
    shards: tuple[ShardAssignment, ...] = ()
    postgres_port: int = 0
    valkey_port: int = 0
    simulator_port: int = 0


class SimulatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the executor signs with at our own simulator."""

    api_key: str
    api_secret: str


def default_folder(namespace: str, name: str) -> Path:
    """Where a bot's data is kept unless the user names a folder.

    As root it is below /var/lib, which the database's user can enter; root's home it cannot.
    """
    if os.geteuid() == 0:
        base = Path("/var/lib")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "tradefleet" / f"{namespace}-{name}"


class DataFolder:
    """One fleet's folder; every method raises FleetFailed when the folder cannot be used."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder and be the only fleet in it until the end of the block."""
        with self._usable():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o755)
            for part in _PARTS:
                (self.root / part).mkdir(exist_ok=True, mode=0o700)
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FleetFailed(
                    f"data folder {self.root}: another fleet runs on it; stop that one, or name "
                    "another folder with --data"
                ) from None
            yield
        finally:
            os.close(lock)

    def existing_state(self) -> FleetState | None:
        """What earlier fleets left; None when there were none."""
        return self._read("state.json", FleetState)

    def state(self, namespace: str, name: str) -> FleetState:
        """What earlier fleets left, or a new bot's state; another bot's folder is refused."""
        state = self._read("state.json", FleetState)
        if state is None:
            state = FleetState(uid=str(uuid.uuid4()), name=name, namespace=namespace)
            self.keep(state)
        if (state.namespace, state.name) != (namespace, name):
            raise FleetFailed(
                f"data folder {self.root}: belongs to the bot {state.namespace}/{state.name}, not to "
                f"{namespace}/{name}; name another folder with --data"
            )
        return state

    def keep(self, state: FleetState) -> None:
        """Write the state in one piece."""
        self._write("state.json", state)

    def simulated_key(self) -> SimulatedKey:
        """The key of the simulated account, made once."""
        key = self._read("account.json", SimulatedKey)
        if key is None:
            key = SimulatedKey(api_key=secrets.token_hex(9), api_secret=secrets.token_hex(18))
            self._write("account.json", key)
        return key

    def write_settings(self, process: str, settings: object) -> Path:
        """The settings file of one process."""
        self._write(f"run/{process}.settings.json", settings)
        return self.root / "run" / f"{process}.settings.json"

    def write(self, relative: str, content: bytes) -> Path:
        """Replace one small file in one piece, readable by its owner only."""
        path = self.root / relative
        half = path.with_name(f"{path.name}.part")
        with self._usable():
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        return path

    def _write(self, relative: str, value: object) -> None:
        self.write(relative, msgspec.json.format(msgspec.json.encode(value), indent=2))

    def _read(self, relative: str, kind: type[Kept]) -> Kept | None:
        path = self.root / relative
        try:
            with self._usable():
                raw = path.read_bytes() if path.exists() else None
            return None if raw is None else msgspec.json.decode(as_of_today(raw), type=kind)
        except msgspec.DecodeError as error:
            raise FleetFailed(f"{path}: cannot be read ({error}); name another folder with --data") from error

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FleetFailed(
                f"data folder {self.root}: cannot be used ({error.strerror}: {error.filename}); "
                "name a writable folder with --data"
            ) from error


def closed_parent(path: Path) -> Path | None:
    """The first folder on the way to (and at) `path` that other users cannot enter; None when open."""
    for folder in [*reversed(path.absolute().parents), path.absolute()]:
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None
