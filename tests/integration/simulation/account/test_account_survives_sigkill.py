"""A simulator killed at any moment has lost nothing that it acknowledged or pushed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.support.simulated_account import BTC

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.store import HistoryQuery

pytestmark = pytest.mark.process

# Trades as fast as it can; says on stdout what it has acknowledged (ack) and pushed (exec).
CHILD = """
import sys, time
from pathlib import Path
import msgspec
from tradefleet.domain.instruments import Instrument
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket

instrument = msgspec.json.decode(sys.argv[2], type=Instrument)
market = HandMarket([instrument], time.time_ns)
market.mark("BTCUSDT", "60000")

def refill():
    market.replace("BTCUSDT", {"59999.9": "1", "59999.8": "9"}, {"60000.1": "1", "60000.2": "9"})

refill()
exchange = SimulatedExchange(market, Path(sys.argv[1]), api_key="k", api_secret="s")

def tell(publication):
    for row in publication.rows.get("execution", []):
        print("exec", row["execId"], flush=True)

exchange.subscribe(tell)
number = 0
while True:
    number += 1
    side = "Buy" if number % 2 else "Sell"
    link = f"{sys.argv[3]}-{number}"
    order = {"category": "linear", "symbol": "BTCUSDT", "side": side, "qty": "0.01", "orderLinkId": link}
    exchange.create({**order, "orderType": "Market", **({"stopLoss": "59000"} if number % 2 else {})})
    print("ack", link, flush=True)
    if number % 50 == 0:
        refill()
"""


@pytest.mark.parametrize("lines_before_the_kill", [1, 50, 400])
def test_every_acknowledged_order_and_pushed_execution_is_found_again(
    tmp_path: Path, lines_before_the_kill: int
) -> None:
    folder = tmp_path / "state"
    acknowledged: set[str] = set()
    pushed: list[str] = []

    for life in range(3):
        lines = _live_and_die(folder, f"life{life}", lines_before_the_kill)
        acknowledged |= {line.split()[1] for line in lines if line.startswith("ack ")}
        pushed += [line.split()[1] for line in lines if line.startswith("exec ")]

    market = HandMarket([BTC], time.time_ns)
    market.mark("BTCUSDT", "60000")
    exchange = SimulatedExchange(market, folder, api_key="k", api_secret="s")
    fills = exchange.store.executions(HistoryQuery(limit=1_000_000))
    position = exchange.engine.position("BTCUSDT")
    waiting = exchange.engine.open_orders("BTCUSDT")
    assert len(acknowledged) >= lines_before_the_kill
    assert all(exchange.store.link_is_used(link) for link in acknowledged)
    assert set(pushed) <= {fill.exec_id for fill in fills}
    assert position.size == sum(fill.side.sign * fill.qty for fill in fills)
    wallet = exchange.engine.state.wallet
    assert wallet.balance == 10_000 + sum(fill.pnl - fill.fee for fill in fills)
    assert [order.qty for order in waiting] == ([position.size] if position.size > 0 else [])
    exchange.close()


def _live_and_die(folder: Path, name: str, lines_before_the_kill: int) -> list[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), msgspec.json.encode(BTC), name],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(lines_before_the_kill * 2)]
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()  # what it had said before it died
    process.wait()
    assert process.returncode == -signal.SIGKILL
    return [line for line in lines if line.endswith("\n")]
