"""`tradefleet latches` and `tradefleet kill-switch`: what stops the bot, seen, engaged and cleared."""

import asyncio
import getpass
from typing import Annotated

import typer

from tradefleet.cli.options import DataFolderOption, PostgresAddress, fail

latches = typer.Typer(help="What stops the bot from opening until a person clears it.", no_args_is_help=True)

kill_switch = typer.Typer(
    help="Stop opening, cancel, close everything; it stays engaged until it is cleared by its id.",
    no_args_is_help=True,
)


@latches.command("list")
def list_latches(data: DataFolderOption = None, postgres: PostgresAddress = None) -> None:
    """Show the engaged latches."""
    from tradefleet.services.fleet import latches as service
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        lines = asyncio.run(service.engaged(service.postgres_of(postgres, data)))
    except FleetFailed as failure:
        fail(str(failure))
    print("\n".join(lines) or "no latch is engaged")


@latches.command("clear")
def clear_latch(
    latch_id: Annotated[str, typer.Argument(metavar="ID", help="As `latches list` shows it.")],
    data: DataFolderOption = None,
    postgres: PostgresAddress = None,
) -> None:
    """Clear one latch, so that the bot may open again."""
    from tradefleet.services.fleet import latches as service
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        asyncio.run(service.clear(service.postgres_of(postgres, data), latch_id, f"cli:{getpass.getuser()}"))
    except FleetFailed as failure:
        fail(str(failure))
    print(f"latch {latch_id} is cleared")


@kill_switch.command("engage")
def engage_kill_switch(
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")],
    account: Annotated[
        str | None, typer.Option(help="Such as bybit/paper/100001; not needed when there is only one.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Wait so many seconds for it to be flat.")] = 0.0,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Ask this executor itself, without Postgres, such as http://127.0.0.1:8080."
        ),
    ] = None,
    data: DataFolderOption = None,
    postgres: PostgresAddress = None,
) -> None:
    """Engage it. Needs Postgres alone; the executor that leads acts within a fraction of a second."""
    from tradefleet.services.fleet import latches as service
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        if executor is not None:
            latch_id = asyncio.run(service.ask_executor(executor, reason, getpass.getuser()))
            print(f"latch {latch_id} is on the disk of {executor}, which closes everything now")
            return
        dsn = service.postgres_of(postgres, data)
        actor = f"cli:{getpass.getuser()}"
        latch_id, engaged = asyncio.run(service.engage_kill_switch(dsn, reason, actor, account))
        print(f"latch {latch_id} is engaged on {engaged}")
        seconds = asyncio.run(service.until_flat(dsn, engaged, wait)) if wait else None
    except FleetFailed as failure:
        fail(str(failure))
    if wait and seconds is None:
        fail(f"not flat after {wait:g} s; is an executor running? `tradefleet flatten` needs none")
    if seconds is not None:
        print(f"flat after {seconds:.1f} s")


kill_switch.command("list", help="Show the engaged latches.")(list_latches)
kill_switch.command("clear", help="Clear one latch, so that the bot may open again.")(clear_latch)
