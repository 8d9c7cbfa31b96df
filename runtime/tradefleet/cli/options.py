"""Options that several commands share, and how a command ends when something is wrong."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

FAILED = 1

DataFolderOption = Annotated[Path | None, typer.Option("--data", help="Data folder of the fleet.")]
PostgresAddress = Annotated[
    str | None, typer.Option("--postgres", envvar="TRADEFLEET_POSTGRES", help="Address of a Postgres to use.")
]

RedisAddress = Annotated[
    str | None,
    typer.Option("--redis", envvar="TRADEFLEET_REDIS", help="Address of a Redis or Valkey to use."),
]


def fail(text: str, status: int = FAILED) -> NoReturn:
    """Say what is wrong and end; the text is for a person, no traceback follows."""
    print(f"tradefleet: {text}", file=sys.stderr)
    raise typer.Exit(status)
