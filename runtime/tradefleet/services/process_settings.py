"""Where a program's settings come from: a JSON file, or the environment of a pod.

A pod's settings stand in one environment variable and hold no secret: a value may name another
variable, `"postgres": "${TRADEFLEET_POSTGRES}"`, which Kubernetes fills from a Secret or with the
pod's name. Only the values listed here are looked into, so that a path with a dollar sign stays one.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

SETTINGS_VARIABLE: Final = "TRADEFLEET_SETTINGS"

EXPANDED: Final = frozenset({"postgres", "redis", "pod_name", "podName", "holder", "api_key", "api_secret"})
"""Settings in which `${NAME}` means the environment variable NAME."""

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

Settings = TypeVar("Settings", bound=msgspec.Struct)


class SettingsUnusable(Exception):
    """Settings that no program can start with; the text is one line. No value is shown: it may be secret."""


def read_settings(file: Path | None, kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """The settings in the file, without a file those in TRADEFLEET_SETTINGS; raises SettingsUnusable."""
    source, raw = _text(file, environment)
    try:
        values = msgspec.json.decode(raw)
        if isinstance(values, dict):
            values = {name: _expanded(name, value, environment) for name, value in values.items()}
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise SettingsUnusable(f"{source}: {error}") from error
    except msgspec.DecodeError as error:
        raise SettingsUnusable(f"{source}: is no JSON: {error}") from error


def _text(file: Path | None, environment: Mapping[str, str]) -> tuple[str, bytes]:
    if file is None:
        written = environment.get(SETTINGS_VARIABLE, "")
        if not written:
            raise SettingsUnusable(
                f"environment variable {SETTINGS_VARIABLE} is not set; it holds the settings as JSON, "
                "or name a file with --settings"
            )
        return SETTINGS_VARIABLE, written.encode()
    try:
        return str(file), file.read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SettingsUnusable(f"{file}: cannot be read ({reason})") from error


def _expanded(name: str, value: Any, environment: Mapping[str, str]) -> Any:
    """The value with the variables it names; an empty one counts as missing."""
    if name not in EXPANDED or not isinstance(value, str):
        return value

    def variable(reference: re.Match[str]) -> str:
        found = environment.get(reference[1], "")
        if not found:
            raise SettingsUnusable(
                f"setting {name}: environment variable {reference[1]} is not set; "
                "in a pod it comes from the Secret or the field that the pod's template names"
            )
        return found

    return _REFERENCE.sub(variable, value)
