"""`tradefleet flatten`: the way out that needs only the exchange."""

import asyncio
from typing import Annotated

import typer

from tradefleet.cli.options import DataFolderOption, fail


def flatten(
    rest: Annotated[
        str | None, typer.Option(help="The exchange: live, testnet, demo, or its REST address.")
    ] = None,
    data: DataFolderOption = None,
    key_variable: Annotated[
        str, typer.Option(help="Environment variable that holds the API key.")
    ] = "TRADEFLEET_API_KEY",
    secret_variable: Annotated[
        str, typer.Option(help="Environment variable that holds the API secret.")
    ] = "TRADEFLEET_API_SECRET",
    patience: Annotated[float, typer.Option(min=1, help="Give up after so many seconds.")] = 300.0,
    postgres: Annotated[
        str | None,
        typer.Option("--postgres", envvar="TRADEFLEET_POSTGRES", help="Where the audit is; not needed."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this it only says what is there.")
    ] = False,
) -> None:
    """Cancel every order and close every position of the account; needs only the exchange.

    An executor that still runs opens again: engage its kill switch too. With --data the simulated exchange
    of a local fleet is meant.
    """
    from tradefleet.services.flatten_command import exchange_of, run
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        settings = exchange_of(rest, data, key_variable, secret_variable, patience, postgres)
    except FleetFailed as failure:
        fail(str(failure))
    raise typer.Exit(asyncio.run(run(settings, do_it=yes)))
