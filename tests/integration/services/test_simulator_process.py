"""The simulator as a process: it says where it serves, ends when told, and fails with one line."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pybit.unified_trading import HTTP

pytestmark = pytest.mark.process

PATIENCE_S = 30.0


class Simulator:
    """A child process with settings of its own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.ready_file = folder / "ready.json"
        self.settings = {
            "state_folder": str(folder / "state"),
            "api_key": "key",
            "api_secret": "secret",
            "ready_file": str(self.ready_file),
            **settings,
        }
        settings_file = folder / "settings.json"
        settings_file.write_text(json.dumps(self.settings))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tradefleet.services.simulator", str(settings_file)],
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(FileNotFoundError):
                return json.loads(self.ready_file.read_text())
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self) -> tuple[int, list[str]]:
        """Exit status and lines on stderr."""
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors.splitlines()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    started: list[Simulator] = []

    def start_one(folder: Path = tmp_path, **settings: Any) -> Simulator:
        folder.mkdir(exist_ok=True)
        started.append(Simulator(folder, **settings))
        return started[-1]

    yield start_one
    for simulator in started:
        if simulator.process.poll() is None:
            simulator.process.kill()
            simulator.process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_serves_and_ends_cleanly(start: Any, stop: signal.Signals) -> None:
    simulator = start(copies=1)

    ready = simulator.ready()
    with urllib.request.urlopen(ready["rest"] + "/v5/market/instruments-info?category=linear") as answer:
        symbols = [row["symbol"] for row in json.load(answer)["result"]["list"]]
    simulator.process.send_signal(stop)
    status, lines = simulator.end()

    assert len(symbols) == 8
    assert ready["pid"] == simulator.process.pid
    assert ready["publicStream"].endswith("/v5/public/linear")
    assert ready["privateStream"].endswith("/v5/private")
    assert ready["spotStream"].endswith("/v5/public/spot")
    assert status == 0
    assert not simulator.ready_file.exists()
    events = [json.loads(line)["event"] for line in lines]
    assert (events[0], events[-1]) == ("simulator_ready", "simulator_stopped")


def test_a_hedged_simulator_has_two_legs_of_each_contract_and_keeps_what_is_held(start: Any) -> None:
    simulator = start()
    by_hand = client_of(simulator)
    by_hand.place_order(
        category="linear", symbol="ETHUSDT", side="Buy", orderType="Market", qty="0.01", positionIdx=0
    )
    simulator.process.send_signal(signal.SIGTERM)
    assert simulator.end()[0] == 0

    hedged = client_of(start(hedged=True))

    assert [indices(hedged, symbol) for symbol in ("BTCUSDT", "ETHUSDT")] == [[1, 2], [0]]


def client_of(simulator: Simulator) -> HTTP:
    client = HTTP(api_key="key", api_secret="secret")
    client.endpoint = simulator.ready()["rest"]
    return client


def indices(client: HTTP, symbol: str) -> list[int]:
    rows = client.get_positions(category="linear", symbol=symbol)["result"]["list"]
    return [row["positionIdx"] for row in rows]


@pytest.mark.parametrize(("spot", "pairs"), [(True, ["BTCUSDT", "ETHUSDT"]), (False, [])])
def test_spot_is_served_unless_it_is_left_out(start: Any, spot: bool, pairs: list[str]) -> None:
    ready = start(spot=spot).ready()

    with urllib.request.urlopen(ready["rest"] + "/v5/market/tickers?category=spot") as answer:
        symbols = [row["symbol"] for row in json.load(answer)["result"]["list"]]

    assert symbols == pairs
    assert (ready["spotStream"] is None) is not spot


def test_coins_survive_sigkill(start: Any) -> None:
    session = HTTP(api_key="key", api_secret="secret")
    first = start()
    session.endpoint = first.ready()["rest"]
    pair = {"category": "spot", "symbol": "BTCUSDT"}
    session.place_order(**pair, side="Buy", orderType="Market", qty="500")
    session.place_order(**pair, side="Buy", orderType="Limit", qty="0.001", price="60000", orderLinkId="rest")
    before = session.get_wallet_balance(accountType="UNIFIED", coin="BTC")["result"]["list"][0]["coin"]
    first.process.kill()
    first.end()
    first.ready_file.unlink()

    session.endpoint = start().ready()["rest"]

    (after,) = session.get_wallet_balance(accountType="UNIFIED", coin="BTC")["result"]["list"][0]["coin"]
    assert after["walletBalance"] == before[0]["walletBalance"] != "0"
    (order,) = session.get_open_orders(**pair)["result"]["list"]
    assert order["orderLinkId"] == "rest"


def test_a_ready_file_left_by_a_killed_process_is_not_believed(start: Any) -> None:
    simulator = start()
    first = simulator.ready()
    os.kill(simulator.process.pid, signal.SIGKILL)
    simulator.end()
    assert simulator.ready_file.exists()

    again = start()
    while (second := again.ready())["pid"] == first["pid"]:
        time.sleep(0.02)

    assert second["pid"] == again.process.pid


def failure(simulator: Simulator) -> str:
    """The one line with which it ended."""
    status, lines = simulator.end()
    assert status == 1
    *logged, line = lines
    assert all(json.loads(entry) for entry in logged)
    return line


def test_a_port_in_use_is_one_line_that_says_what_to_do(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = failure(start(port=port))

    assert line.startswith(f"simulator: cannot listen on 127.0.0.1 port {port} (")
    assert line.endswith("name another port, or 0 for any free one")


def test_a_spot_recording_that_is_not_there_is_one_line(start: Any, tmp_path: Path) -> None:
    line = failure(start(spot_recording=str(tmp_path / "none")))

    assert line.startswith(f"simulator: spot_recording: recording {tmp_path / 'none'}: is not a folder")


def test_a_folder_that_cannot_be_written_is_one_line(start: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    line = failure(start(state_folder=str(tmp_path / "file" / "state")))

    assert line.startswith(f"simulator: state_folder {tmp_path}/file/state")
    assert "name another one" in line


def test_a_ready_file_that_cannot_be_written_is_one_line(start: Any, tmp_path: Path) -> None:
    line = failure(start(ready_file=str(tmp_path / "nowhere" / "ready.json")))

    assert line.startswith(f"simulator: ready_file {tmp_path}/nowhere/ready.json: cannot be written")


def test_a_recording_that_does_not_exist_is_one_line(start: Any, tmp_path: Path) -> None:
    line = failure(start(recording=str(tmp_path / "nothing")))

    assert line.startswith(f"simulator: recording {tmp_path}/nothing: is not a folder. Name a folder")


def test_a_speed_that_is_not_above_zero_is_one_line(start: Any) -> None:
    assert failure(start(speed=0.0)).startswith("simulator: speed: 0.0 is not above 0")


def test_a_folder_in_use_by_another_simulator_is_one_line(start: Any, tmp_path: Path) -> None:
    start().ready()

    line = failure(start(tmp_path / "second", state_folder=str(tmp_path / "state")))

    assert line.startswith("simulator: state_folder")


def test_settings_with_an_unknown_field_are_refused(start: Any) -> None:
    status, lines = start(sped=2).end()

    assert status == 2
    assert "unknown field `sped`" in lines[0]
