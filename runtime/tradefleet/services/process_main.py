"""How the programs begin and end: settings, one line for a failure, a status, a stop.

Exit status 0: stopped when told. 1: it failed, and the last line of stderr says what to do. 2: the
settings cannot be used.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
import uvloop

from tradefleet.services.process_settings import SettingsUnusable, read_settings

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
    """Run with the settings in the named JSON file, or in the environment; the exit status."""
    if len(arguments) > 1:
        print(f"usage: python -m tradefleet.services.{name} [settings.json]", file=sys.stderr)
        return 2
    try:
        settings = read_settings(Path(arguments[0]) if arguments else None, settings_type, os.environ)
    except SettingsUnusable as error:
        print(f"{name}: {error}", file=sys.stderr)
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
