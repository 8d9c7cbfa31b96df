"""The data folder remembers a bot, belongs to one fleet, and says why it cannot be used."""

import stat
from pathlib import Path

import msgspec
import pytest

from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.spec.bot import BotSpec


def test_a_bot_keeps_its_uid(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")

    with data.claimed():
        first = data.state("default", "bot")
        data.keep(msgspec.structs.replace(first, generation=5, spec=BotSpec()))
    with data.claimed():
        again = data.state("default", "bot")

    assert again == msgspec.structs.replace(first, generation=5, spec=BotSpec())


def test_a_folder_of_the_release_before_partial_closes_is_read(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    with data.claimed():
        first = msgspec.structs.replace(data.state("default", "bot"), spec=BotSpec())
        data.keep(first)
    kept = msgspec.json.decode((data.root / "state.json").read_bytes())
    kept["spec"]["exits"]["partialClose"] = False
    (data.root / "state.json").write_bytes(msgspec.json.encode(kept))

    with data.claimed():
        again = data.state("default", "bot")

    assert again == first


def test_a_second_fleet_on_one_folder_is_refused(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")

    with data.claimed(), pytest.raises(FleetFailed, match="another fleet runs on it"), data.claimed():
        pass


def test_a_folder_of_another_bot_is_refused(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")

    with data.claimed():
        data.state("default", "bot")
        with pytest.raises(FleetFailed, match="belongs to the bot default/bot"):
            data.state("default", "other")


def test_the_simulated_accounts_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")

    with data.claimed():
        key = data.simulated_key()
        again = data.simulated_key()

    assert key == again
    assert stat.S_IMODE((data.root / "account.json").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    unusable = DataFolder(tmp_path / "file" / "data")

    with pytest.raises(FleetFailed, match="name a writable folder") as failure, unusable.claimed():
        pass

    assert len(str(failure.value).splitlines()) == 1
