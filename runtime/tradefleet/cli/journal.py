"""`tradefleet audit` and `tradefleet reconciliations`: what the journal says of the past."""

import asyncio
from typing import Annotated

import typer

from tradefleet.cli.options import FAILED, DataFolderOption, PostgresAddress, fail

audit = typer.Typer(help="Every act on money, in a chain that can only grow.", no_args_is_help=True)


Since = Annotated[str | None, typer.Option(help="2025-05-07T12:00 (UTC), or 30m, 2h, 7d ago.")]
OneAccount = Annotated[str | None, typer.Option(help="Only this one; without it all.")]


@audit.command("verify")
def verify_audit(
    account: OneAccount = None,
    head: Annotated[
        str | None,
        typer.Option(metavar="COUNT:HASH", help="As printed earlier; it must still be there."),
    ] = None,
    data: DataFolderOption = None,
    postgres: PostgresAddress = None,
) -> None:
    """Check the chain from its first entry to its last; exit status 1 and the first break if there is one."""
    from tradefleet.orders.audit import Head
    from tradefleet.services import audit_command as service
    from tradefleet.services.fleet.latches import postgres_of
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        known = None if head is None else Head.parse(head)
        checked = asyncio.run(service.verify(postgres_of(postgres, data), account, known))
    except (FleetFailed, ValueError) as failure:
        fail(str(failure))
    print("\n".join(one.line() for one in checked) or "the audit is empty")
    if any(one.broken is not None for one in checked):
        raise typer.Exit(FAILED)


@audit.command("show")
def show_audit(
    name: Annotated[str, typer.Argument(metavar="CLIENT_ORDER_ID|SIGNAL_ID")],
    data: DataFolderOption = None,
    postgres: PostgresAddress = None,
) -> None:
    """Tell the story of an order, or of the orders of a signal."""
    from tradefleet.services import audit_command as service
    from tradefleet.services.fleet.latches import postgres_of
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        lines = asyncio.run(service.show(postgres_of(postgres, data), name))
    except FleetFailed as failure:
        fail(str(failure))
    print("\n".join(lines))


@audit.command("list")
def list_audit(
    since: Since = None,
    act: Annotated[str | None, typer.Option(help="Such as intent, execution, latch-engaged.")] = None,
    account: OneAccount = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    data: DataFolderOption = None,
    postgres: PostgresAddress = None,
) -> None:
    """Show the newest entries, a line each."""
    from tradefleet.services import audit_command as service
    from tradefleet.services.fleet.latches import postgres_of
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        lines = asyncio.run(service.listed(postgres_of(postgres, data), since, act, account, most))
    except FleetFailed as failure:
        fail(str(failure))
    print("\n".join(lines) or "no such entry")


def reconciliations(
    since: Since = None,
    outcome: Annotated[str | None, typer.Option(help="Only agrees, resolved, open or unread.")] = None,
    account: OneAccount = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    data: DataFolderOption = None,
    postgres: PostgresAddress = None,
) -> None:
    """Show what the newest comparisons with the exchange came to, a line each.

    Of those that a timer asks for, only the ones that say something new are recorded.
    """
    from tradefleet.services import reconciliations_command as service
    from tradefleet.services.fleet.latches import postgres_of
    from tradefleet.services.fleet.problems import FleetFailed

    try:
        lines = asyncio.run(service.listed(postgres_of(postgres, data), since, account, outcome, most))
    except FleetFailed as failure:
        fail(str(failure))
    print("\n".join(lines) or "no such comparison")
