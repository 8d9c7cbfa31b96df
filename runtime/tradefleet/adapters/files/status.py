"""Status files: each process writes what it does into one JSON file, the supervisor reads them.

A file is replaced in one step, so a reader sees the old value or the new one and never half of one.
"""

import os
from pathlib import Path
from typing import Any

import msgspec


class Unreadable(ValueError):
    """A file that is no JSON."""


def write_json(path: str | Path, value: Any) -> None:
    """Replace the file by `value` as JSON (msgspec: Decimals as text). Raises OSError."""
    target = Path(path)
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    half.write_bytes(msgspec.json.encode(value))
    half.replace(target)


def read_json(path: str | Path) -> Any:
    """The file's value, None when there is no such file. Raises Unreadable."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise Unreadable(f"{path}: {error}") from error
