"""Every line of a process is one JSON object, and an error says of which kind it is."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tradefleet.adapters.telemetry.logs import UnknownLevel, configure


@pytest.fixture(autouse=True)
def _nothing_stays_configured() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_names_event_level_time_and_component(capsys: pytest.CaptureFixture[str]) -> None:
    configure("shard-0")

    structlog.get_logger("x").info("owner", owner_epoch=3)
    structlog.get_logger("x").debug("not asked for")

    (line,) = lines(capsys)
    assert line.pop("ts").endswith("Z")
    assert line == {"event": "owner", "level": "info", "component": "shard-0", "owner_epoch": 3}


def test_an_error_keeps_its_kind_or_is_marked_untyped(capsys: pytest.CaptureFixture[str]) -> None:
    configure("executor", "error")

    structlog.get_logger().error("a", kind="redis_down")
    structlog.get_logger().error("b")

    assert [line["kind"] for line in lines(capsys)] == ["redis_down", "untyped"]


def test_a_library_speaks_the_same_language(capsys: pytest.CaptureFixture[str]) -> None:
    configure("executor")

    logging.getLogger("asyncio").error("%s was never retrieved", "exception")

    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("exception was never retrieved", "error")
    assert (line["kind"], line["logger"], line["component"]) == ("library", "asyncio", "executor")


def test_a_level_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownLevel, match="'loud' is none of debug, info"):
        configure("executor", "loud")
