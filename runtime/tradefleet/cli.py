"""The command `tradefleet`: what a person types, and what the local fleet starts its children with.

Each command reads its arguments, calls one service and turns what went wrong into one line and an
exit status: 0 is well, 1 failed, 2 is a configuration that a restart cannot mend. Services are
imported by the command that needs them, so that a shard does not load what only the fleet uses.
"""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from tradefleet.spec.decode import load_bot
from tradefleet.spec.problems import SpecError

FAILED = 1

app = typer.Typer(
    name="tradefleet",
    help="A fleet of trading processes for one exchange account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
latches = typer.Typer(help="What stops the bot from opening until a person clears it.", no_args_is_help=True)
app.add_typer(latches, name="latches")

kill_switch = typer.Typer(
    help="Stop opening, cancel, close everything; it stays engaged until it is cleared by its id.",
    no_args_is_help=True,
)
app.add_typer(kill_switch, name="kill-switch")

audit = typer.Typer(help="Every act on money, in a chain that can only grow.", no_args_is_help=True)
app.add_typer(audit, name="audit")

dlq = typer.Typer(help="Dead letters: messages that could not be processed.", no_args_is_help=True)
app.add_typer(dlq, name="dlq")

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help="JSON file with the settings; without it they are read from TRADEFLEET_SETTINGS.",
    ),
]
DataFolderOption = Annotated[Path | None, typer.Option("--data", help="Data folder of the fleet.")]
PostgresAddress = Annotated[
    str | None, typer.Option("--postgres", envvar="TRADEFLEET_POSTGRES", help="Address of a Postgres to use.")
]

RedisAddress = Annotated[
    str | None,
    typer.Option("--redis", envvar="TRADEFLEET_REDIS", help="Address of a Redis or Valkey to use."),
]
BotUid = Annotated[
    str | None, typer.Option("--bot", help="Uid of the bot; not needed when only one has letters.")
]
LetterNumber = Annotated[str, typer.Argument(metavar="ID", help="As `dlq list` shows it.")]


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
) -> None:
    """Run a bot on this machine: stores, simulated exchange, executor and shards."""
    from tradefleet.services.fleet.problems import FleetFailed
    from tradefleet.services.fleet.program import UpOptions
    from tradefleet.services.fleet.program import up as run

    options = UpOptions(
        file=file, data=data, plain=plain, seconds=seconds, verify=verify, postgres=postgres, redis=redis
    )
    try:
        status = asyncio.run(run(options))
    except FleetFailed as failure:
        fail(str(failure))
    raise typer.Exit(status)


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


@audit.command("verify")
def verify_audit(
    account: Annotated[str | None, typer.Option(help="Only this one; without it all.")] = None,
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
    since: Annotated[str | None, typer.Option(help="2025-05-07T12:00 (UTC), or 30m, 2h, 7d ago.")] = None,
    act: Annotated[str | None, typer.Option(help="Such as intent, execution, latch-engaged.")] = None,
    account: Annotated[str | None, typer.Option(help="Only this one.")] = None,
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


@app.command()
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


@app.command("replay-decisions")
def replay_decisions(file: Annotated[Path, typer.Argument(help="A log of decisions of one epoch.")]) -> None:
    """Feed a log of decisions to a fresh core and check that it decides the same."""
    import msgspec

    from tradefleet.core.account import AccountCore
    from tradefleet.core.digest import DecisionsDiffer, replay

    try:
        with file.open("rb") as lines:
            digest = replay(lines, AccountCore())
    except (OSError, msgspec.DecodeError, DecisionsDiffer) as error:
        fail(f"{file}: {error}")
    print(f"{file}: {digest.count} decisions, the same again; digest {digest.value}")


@app.command()
def shard(settings: SettingsFile = None) -> None:
    """Run one shard: public market data in, signals out; it needs no credentials.

    Fields of the settings: services/shard/settings.py and docs/pods.md. A status of 1 is a failure that a
    restart may mend, 2 settings that no restart mends; the last line on stderr says what to do.
    """
    from tradefleet.services import shard as service

    raise typer.Exit(service.main(_arguments(settings)))


@app.command()
def executor(settings: SettingsFile = None) -> None:
    """Run an executor: it waits for the lease of its account, then turns signals into orders.

    Fields of the settings: services/executor/settings.py and docs/pods.md. The exchange's key and secret
    come by TRADEFLEET_API_KEY and TRADEFLEET_API_SECRET, or the variables that the settings name.
    """
    from tradefleet.services.executor import program as service

    raise typer.Exit(service.main(_arguments(settings)))


@app.command()
def simulate(settings: SettingsFile = None) -> None:
    """Run the simulated exchange: Bybit's REST and sockets over a replayed market, one account, kept.

    Fields of the settings: services/simulator.py and docs/simulator.md.
    """
    from tradefleet.services import simulator

    raise typer.Exit(simulator.main(_arguments(settings)))


@app.command(hidden=True)
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


def fail(text: str, status: int = FAILED) -> NoReturn:
    """Say what is wrong and end; the text is for a person, no traceback follows."""
    print(f"tradefleet: {text}", file=sys.stderr)
    raise typer.Exit(status)
