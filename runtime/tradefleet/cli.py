"""The command `tradefleet`: what a person types, and what the local fleet starts its children with.

Each command reads its arguments, calls one service and turns what went wrong into one line and an
exit status: 0 is well, 1 failed, 2 is a configuration that a restart cannot mend. Services are
imported by the command that needs them, so that a shard does not load what only the fleet uses.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer

from tradefleet.spec.decode import load_bot
from tradefleet.spec.problems import SpecError

FAILED = 1
CONFIGURATION = 2
"""Restarting does not help: somebody has to change the settings."""

Settings = TypeVar("Settings", bound=msgspec.Struct)

app = typer.Typer(
    name="tradefleet",
    help="A fleet of trading processes for one exchange account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
latches = typer.Typer(help="What stops the bot from opening until a person clears it.", no_args_is_help=True)
app.add_typer(latches, name="latches")

SettingsFile = Annotated[Path, typer.Option("--settings", help="JSON file with the settings of the process.")]
PostgresAddress = Annotated[
    str | None, typer.Option("--postgres", envvar="TRADEFLEET_POSTGRES", help="Address of a Postgres to use.")
]


def main() -> None:
    """The entry point of the installed command."""
    app()


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="A TradingBot as YAML.")]) -> None:
    """Check a TradingBot and say everything that is wrong with it."""
    try:
        bot = load_bot(file)
    except SpecError as error:
        fail(str(error))
    print(f"{file}: {bot.metadata.name} is a valid TradingBot with {len(bot.spec.universe.symbols)} symbols")


@app.command(hidden=True)
def simulate(settings: SettingsFile) -> None:
    """Run the simulated exchange."""
    from tradefleet.services import simulator

    raise typer.Exit(simulator.main([str(settings)]))


def fail(text: str, status: int = FAILED) -> NoReturn:
    """Say what is wrong and end; the text is for a person, no traceback follows."""
    print(f"tradefleet: {text}", file=sys.stderr)
    raise typer.Exit(status)


def read_settings(file: Path, kind: type[Settings]) -> Settings:
    """The settings of a child process; ends it with `CONFIGURATION` when they cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        fail(f"{file}: {error}", CONFIGURATION)


def run_loop(service: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    """Run one service to its end on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service(settings))


def home_of(name: str) -> str:
    """The value of an environment variable; ends the process when it is missing."""
    value = os.environ.get(name)
    if not value:
        fail(f"the environment variable {name} is missing", CONFIGURATION)
    return value
