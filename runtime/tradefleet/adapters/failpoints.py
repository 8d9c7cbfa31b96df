"""Failpoints: named places where a test can hold a process still, and then send it a signal.

Set TRADEFLEET_FAILPOINTS="FOLDER:name1,name2" and the process that reaches such a name writes
`FOLDER/name.hit` and stands, its whole event loop with it, until `FOLDER/name.go` exists. Without
the variable a failpoint costs one look into a dictionary.
"""

import os
import time
from pathlib import Path
from typing import Final

VARIABLE: Final = "TRADEFLEET_FAILPOINTS"

NAMES: Final = frozenset(
    {
        "order.before_write",
        "orders.before_cancel",
        "order.before_cancel",
        "order.cancelled",
        "order.before_amend",
        "order.amended",
        "order.written",
        "order.signed",
        "order.sent",
        "order.answered",
        "execution.received",
        "execution.recorded",
        "stop.before_send",
        "stop.answered",
        "leverage.before_send",
        "leverage.answered",
        "spool.half_written",
        "shard.before_publish",
        "shard.published",
    }
)
"""Every failpoint that the code holds."""

_POLL_S: Final = 0.01

_passed: set[str] = set()


class UnknownFailpoint(ValueError):
    """The environment names a failpoint that is nowhere in the code: the test would prove nothing."""


def failpoint(name: str) -> None:
    """Stand here while a test wants it; nothing when the environment does not name this point.

    Fires once a process, and never when FOLDER/name.hit is there already: of several processes, or
    after a restart, only the first stops. Raises UnknownFailpoint.
    """
    setting = os.environ.get(VARIABLE)
    if not setting:
        return
    folder, names = _parse(setting)
    if name not in names or name in _passed:
        return
    _passed.add(name)
    if _claim(folder / f"{name}.hit"):
        while not (folder / f"{name}.go").exists():
            time.sleep(_POLL_S)


def _parse(setting: str) -> tuple[Path, frozenset[str]]:
    folder, _, listed = setting.rpartition(":")
    names = frozenset(name for name in listed.split(",") if name)
    unknown = sorted(names - NAMES)
    if unknown or not folder:
        raise UnknownFailpoint(
            f"{VARIABLE}: {setting!r} is not FOLDER:name1,name2; names are {', '.join(sorted(NAMES))}"
        )
    return Path(folder), names


def _claim(hit: Path) -> bool:
    """Create the file with our pid; False when somebody stood here before.

    Written beside it and linked, so that a test never reads the file without the pid in it.
    """
    half = hit.with_name(f"{hit.name}.{os.getpid()}")
    half.write_text(str(os.getpid()))
    try:
        os.link(half, hit)
    except FileExistsError:
        return False
    finally:
        half.unlink()
    return True
