"""The processes of a fleet: what the local fleet and the pods start."""

from pathlib import Path
from typing import Annotated

import typer

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help="JSON file with the settings; without it they are read from TRADEFLEET_SETTINGS.",
    ),
]


def shard(settings: SettingsFile = None) -> None:
    """Run one shard: public market data in, signals out; it needs no credentials.

    Fields of the settings: services/shard/settings.py and docs/pods.md. A status of 1 is a failure that a
    restart may mend, 2 settings that no restart mends; the last line on stderr says what to do.
    """
    from tradefleet.services import shard as service

    raise typer.Exit(service.main(_arguments(settings)))


def executor(settings: SettingsFile = None) -> None:
    """Run an executor: it waits for the lease of its account, then turns signals into orders.

    Fields of the settings: services/executor/settings.py and docs/pods.md. The exchange's key and secret
    come by TRADEFLEET_API_KEY and TRADEFLEET_API_SECRET, or the variables that the settings name.
    """
    from tradefleet.services.executor import program as service

    raise typer.Exit(service.main(_arguments(settings)))


def simulate(settings: SettingsFile = None) -> None:
    """Run the simulated exchange: Bybit's REST and sockets over a replayed market, one account, kept.

    Fields of the settings: services/simulator.py and docs/simulator.md.
    """
    from tradefleet.services import simulator

    raise typer.Exit(simulator.main(_arguments(settings)))


def store(
    kind: Annotated[str, typer.Argument(metavar="postgres|valkey", help="Which store.")],
    data: Annotated[Path, typer.Option(help="Folder in which it keeps everything.")],
    listen: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for the usual one of the store.")] = 0,
    password_file: Annotated[
        Path | None,
        typer.Option(help="File with the password; without it TRADEFLEET_STORE_PASSWORD holds it."),
    ] = None,
) -> None:
    """Run a store for trying out, in the foreground, until SIGTERM; not made for money."""
    from tradefleet.services import store as service

    raise typer.Exit(service.main(kind, data, listen, port, password_file))


def _arguments(settings: Path | None) -> list[str]:
    return [] if settings is None else [str(settings)]
