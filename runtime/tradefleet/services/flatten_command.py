"""What a person types and reads of `tradefleet flatten`: which account, and how it went."""

import getpass
import os
import sys
from pathlib import Path

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.files.status import Unreadable as UnreadableFile
from tradefleet.adapters.files.status import read_json
from tradefleet.services.flatten import Settings, describe, flatten, look
from tradefleet.services.fleet import embedded_postgres
from tradefleet.services.fleet.children import ready_path
from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.spec.addresses import ENVIRONMENTS


def exchange_of(
    rest: str | None,
    data: Path | None,
    key_variable: str,
    secret_variable: str,
    patience_s: float,
    postgres: str | None = None,
) -> Settings:
    """The account that is meant; raises FleetFailed naming what is missing.

    postgres: where the audit is; without it a fleet's own, or nowhere.
    """
    actor = f"cli:{getpass.getuser()}"
    if data is not None:
        folder = DataFolder(data)
        key = folder.simulated_key()
        state = folder.existing_state()
        port = 0 if state is None else state.postgres_port
        return Settings(
            rest=rest or _simulator(folder),
            key=key.api_key,
            secret=key.api_secret,
            patience_s=patience_s,
            postgres=postgres or (embedded_postgres.address(port) if port else ""),
            actor=actor,
        )
    if rest is None:
        raise FleetFailed("flatten: name the exchange with --rest, or a local fleet with --data")
    words = {mode.value: environment.rest for mode, environment in ENVIRONMENTS.items()}
    rest = words.get(rest, rest)
    return Settings(
        rest=rest,
        key=_variable(key_variable),
        secret=_variable(secret_variable),
        patience_s=patience_s,
        postgres=postgres or "",
        actor=actor,
    )


async def run(settings: Settings, *, do_it: bool) -> int:
    """Exit status 0: the account is clear. 1: it is not, or it was only looked at and something stands."""
    if not do_it:
        return await _look(settings)
    ended = await flatten(settings, print)
    if not ended.clear:
        last = "the account cannot be read" if ended.last is None else describe(ended.last)
        print(f"tradefleet: NOT clear after {settings.patience_s:g} s: {last}", file=sys.stderr)
        return 1
    print(f"clear; flat after {ended.seconds_to_flat:.1f} s, and still so {settings.clear_for_s:g} s later")
    return 0


async def _look(settings: Settings) -> int:
    try:
        standing = await look(settings)
    except Unreadable as error:
        print(f"tradefleet: the account cannot be read: {error}", file=sys.stderr)
        return 1
    print(describe(standing))
    if standing.is_clear:
        return 0
    print("nothing was done; add --yes to cancel and close all of it")
    return 1


def _simulator(folder: DataFolder) -> str:
    try:
        said = read_json(ready_path(folder))
    except UnreadableFile as error:
        raise FleetFailed(f"data folder {folder.root}: {error}") from error
    if said is None:
        raise FleetFailed(f"data folder {folder.root}: no simulator has run on it; name one with --rest")
    return str(said["rest"])


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise FleetFailed(f"environment variable {name} is not set; it holds the exchange's credentials")
    return value
