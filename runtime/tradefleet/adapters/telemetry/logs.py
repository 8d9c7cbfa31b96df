"""Log lines of every process: one JSON object a line on stderr.

Each line has `event`, `level`, `ts` (UTC) and `component`, then what the call names. Records of
level error carry `kind`, so that a test can hold each of them against what it did to the process; a
record without one is marked "untyped". Lines of libraries that log the standard way take the same
form under kind "library".
"""

import logging
import sys
from typing import Any, Final

import structlog
import structlog.tracebacks
from structlog.typing import EventDict, Processor

UNTYPED: Final = "untyped"
LIBRARY: Final = "library"

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class UnknownLevel(ValueError):
    """A log level that does not exist."""


def configure(component: str, level: str = "info") -> None:
    """Send this process's log lines to stderr. level: "debug", "info", "warning" or "error"; raises
    UnknownLevel."""
    if level not in _LEVELS:
        raise UnknownLevel(f"log level: {level!r} is none of {', '.join(_LEVELS)}")
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        _component(component),
        _typed,
        # Without local variables: one of them may be a secret.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        # The stream of the moment: under a test's capture, stderr is another one each time.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_from_library, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # Libraries tell at info what only their authors want to know.
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[handler], force=True)


def _component(component: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["component"] = component
        return event

    return add


def _from_library(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["kind"] = LIBRARY
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event


def _typed(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if event["level"] in ("error", "critical"):
        event.setdefault("kind", UNTYPED)
    return event
