"""How the programs begin and end: settings from a JSON file, one line for a failure, a status, a stop.

Exit status 0: stopped when told. 1: it failed, and the last line of stderr says what to do. 2: the
settings file cannot be used.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
import uvloop

log = structlog.get_logger(__name__)

Settings = TypeVar("Settings", bound=msgspec.Struct)


class ProgramFailed(Exception):
    """The program cannot start or go on; the text is one line that says what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(" ".join(text.split()))  # some libraries' errors are of several lines


def run_program(
    name: str,
    arguments: Sequence[str],
    settings_type: type[Settings],
    run: Callable[[Settings], Coroutine[Any, Any, None]],
) -> int:
    """Run with the settings in the named JSON file; the exit status."""
    if len(arguments) != 1:
        print(f"usage: python -m tradefleet.services.{name} settings.json", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=settings_type)
    except (OSError, msgspec.DecodeError) as error:
        print(f"{name}: {path}: {error}", file=sys.stderr)
        return 2
    try:
        uvloop.run(run(settings))
    except ProgramFailed as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        return 1
    except Exception:
        # The outermost loop of a process: counted by its kind, and it ends the process.
        log.exception(f"{name}_died", kind="died")
        return 1
    return 0


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
