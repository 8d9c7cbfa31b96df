"""`tradefleet dlq`: messages that could not be processed, seen and put back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tradefleet.cli.options import DataFolderOption, RedisAddress, fail

dlq = typer.Typer(help="Dead letters: messages that could not be processed.", no_args_is_help=True)


BotUid = Annotated[
    str | None, typer.Option("--bot", help="Uid of the bot; not needed when only one has letters.")
]
LetterNumber = Annotated[str, typer.Argument(metavar="ID", help="As `dlq list` shows it.")]


@dlq.command("list")
def list_dead_letters(
    most: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    data: DataFolderOption = None,
    redis: RedisAddress = None,
    bot: BotUid = None,
) -> None:
    """Show the newest dead letters, a line each."""
    from tradefleet.services import dead_letters_command as service

    _dead_letters(data, redis, bot, lambda place: service.listed(place, most))


@dlq.command("show")
def show_dead_letter(
    number: LetterNumber, data: DataFolderOption = None, redis: RedisAddress = None, bot: BotUid = None
) -> None:
    """Show one dead letter with its message."""
    from tradefleet.services import dead_letters_command as service

    _dead_letters(data, redis, bot, lambda place: service.shown(place, number))


@dlq.command("replay")
def replay_dead_letter(
    number: LetterNumber, data: DataFolderOption = None, redis: RedisAddress = None, bot: BotUid = None
) -> None:
    """Put one back into its stream. A signal past its time is then refused by the executor as stale."""
    from tradefleet.services import dead_letters_command as service

    _dead_letters(data, redis, bot, lambda place: service.replay(place, number))


def _dead_letters(
    data: Path | None, redis: str | None, bot: str | None, ask: Callable[[Any], Awaitable[list[str]]]
) -> None:
    from tradefleet.services import dead_letters_command as service
    from tradefleet.services.fleet.problems import FleetFailed

    async def asked() -> list[str]:
        return await ask(await service.place_of(redis, data, bot))

    try:
        lines = asyncio.run(asked())
    except FleetFailed as failure:
        fail(str(failure))
    print("\n".join(lines) or "no dead letters")
