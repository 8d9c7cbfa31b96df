"""The command `tradefleet`: what a person types, and what the local fleet starts its children with.

Each command reads its arguments, calls one service and turns what went wrong into one line and an
exit status: 0 is well, 1 failed, 2 is a configuration that a restart cannot mend. Services are
imported by the command that needs them, so that a shard does not load what only the fleet uses.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tradefleet.cli import dead_letters, flatten, journal, latches, processes
from tradefleet.cli.options import PostgresAddress, RedisAddress, fail
from tradefleet.spec.decode import load_bot
from tradefleet.spec.problems import SpecError

app = typer.Typer(
    name="tradefleet",
    help="A fleet of trading processes for one exchange account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="A TradingBot as YAML.")]) -> None:
    """Check a TradingBot and say everything that is wrong with it."""
    try:
        bot = load_bot(file)
    except SpecError as error:
        fail(str(error))
    print(f"{file}: {bot.metadata.name} is a valid TradingBot with {len(bot.spec.universe.symbols)} symbols")


@app.command()
def up(
    file: Annotated[Path, typer.Argument(help="A TradingBot as YAML; edits of it take effect at once.")],
    data: Annotated[Path | None, typer.Option(help="Folder for everything that must be kept.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines instead of a live table.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so many seconds.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="At the end, compare Postgres with the exchange.")
    ] = False,
    postgres: PostgresAddress = None,
    redis: RedisAddress = None,
    hung_after: Annotated[
        float, typer.Option(min=1, help="Kill and start again a process that was silent for so many seconds.")
    ] = 30.0,
) -> None:
    """Run a bot on this machine: stores, simulated exchange, executor and shards."""
    from tradefleet.services.fleet.problems import FleetFailed
    from tradefleet.services.fleet.program import UpOptions
    from tradefleet.services.fleet.program import up as run

    options = UpOptions(
        file=file,
        data=data,
        plain=plain,
        seconds=seconds,
        verify=verify,
        postgres=postgres,
        redis=redis,
        hung_after_s=hung_after,
    )
    try:
        status = asyncio.run(run(options))
    except FleetFailed as failure:
        fail(str(failure))
    raise typer.Exit(status)


@app.command("replay-decisions")
def replay_decisions(
    log: Annotated[Path, typer.Argument(help="FOLDER/EPOCH of a decision log, or one of its files.")],
) -> None:
    """Feed an epoch's decision log to a fresh core and check that it decides the same."""
    import msgspec

    from tradefleet.adapters.files.decision_segments import LogUnreadable, lines_of
    from tradefleet.core.account import AccountCore
    from tradefleet.core.digest import DecisionsDiffer, replay

    try:
        digest = replay(lines_of(log), AccountCore())
    except LogUnreadable as error:
        fail(f"{error}. Everything before it was decided the same again")
    except (msgspec.DecodeError, DecisionsDiffer) as error:
        fail(f"{log}: {error}")
    print(f"{log}: {digest.count} decisions, the same again; digest {digest.value}")


app.add_typer(latches.latches, name="latches")
app.add_typer(latches.kill_switch, name="kill-switch")
app.add_typer(journal.audit, name="audit")
app.command()(journal.reconciliations)
app.add_typer(dead_letters.dlq, name="dlq")
app.command()(flatten.flatten)
for process in (processes.shard, processes.executor, processes.simulate):
    app.command()(process)
app.command(hidden=True)(processes.store)


def main() -> None:
    """The entry point of the installed command."""
    app()
