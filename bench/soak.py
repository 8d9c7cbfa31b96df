"""A hundred symbols, a hundred positions at once, `imbalance`, for SOAK_MINUTES: does the executor keep up?

    python -m bench.soak --minutes 30          (make soak SOAK_MINUTES=30)

A whole local fleet on this machine: stores, the simulated exchange with copies of the recorded symbols, the
shards, the executor. Each minute a line: the executor's CPU in that minute (per cent of a core), its resident
memory, what waits, its orders, its epoch, the size of its decision log. At the end: CPU in minute 5 and in
the last, epochs, how late exits were made that the executor makes by itself. Status 1 when an epoch was lost,
or an exit came more than a second late.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

COPIES: Final = 24
RECORDED: Final = (("BTC", "BTCUSDT"), ("ETH", "ETHUSDT"), ("SOL", "SOLUSDT"), ("DOGE", "DOGEUSDT"))
LATE_S: Final = 1.0
READY_S: Final = 180.0
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")

BOT: Final = """
apiVersion: tradefleet.dev/v1alpha1
kind: TradingBot
metadata: {{name: soak}}
spec:
  mode: paper
  exchange: {{simulator: {{enabled: true, copies: {copies}}}}}
  universe: {{symbols: [{symbols}]}}
  sharding: {{symbolsPerShard: 50}}
  strategies: {{imbalance: {{enabled: true}}, breakout: {{enabled: false}}}}
  sizing: {{equityFraction: 0.005}}
  risk: {{maxPositions: 100, maxPositionsPerSymbol: 1, maxRiskPerTrade: 0.02, maxDailyLoss: 0.9}}
"""

LATE: Final = """
SELECT (t.payload->>'created_ns')::bigint - (o.payload->>'created_ns')::bigint
       - (o.payload->>'hold_ns')::bigint AS late_ns
FROM (SELECT payload->'intent' AS payload FROM intents) t
JOIN (SELECT payload->'intent' AS payload FROM intents) o ON o.payload->>'signal_id' = t.payload->>'signal_id'
WHERE t.payload->>'leg' = 'timed-exit' AND o.payload->>'leg' = 'open' AND t.payload->>'attempt' = '0'
"""
GRACE_NS: Final = 2_000_000_000
"""So long the strategy's own flat is waited for."""


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """What one minute has shown."""

    number: int
    cpu: float
    resident_mib: float
    waiting: int
    orders: int
    epoch: int
    log_mib: float
    positions: int

    def line(self) -> str:
        """For a person."""
        return (
            f"minute {self.number:3}: cpu {self.cpu:5.1f} %, {self.resident_mib:6.1f} MiB, "
            f"{self.waiting:4} events wait, {self.orders:7,} orders, {self.positions:3} positions, "
            f"epoch {self.epoch}, decision log {self.log_mib:.1f} MiB"
        )


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradefleet-soak-") as made:
        folder = options.data or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        return _soak(folder, options.minutes)


def _soak(folder: Path, minutes: int) -> int:
    symbols = [name for _, name in RECORDED]
    symbols += [f"{base}COPY{n}{name[len(base) :]}" for n in range(1, COPIES + 1) for base, name in RECORDED]
    file = folder / "soak.yaml"
    file.write_text(BOT.format(copies=COPIES, symbols=", ".join(symbols)))
    with (folder / "up.log").open("wb") as out:
        fleet = subprocess.Popen(
            [sys.executable, "-m", "tradefleet", "up", str(file), "--plain", "--data", str(folder / "data")],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        return _watch(folder / "data", fleet, minutes)
    finally:
        fleet.send_signal(signal.SIGINT)
        try:
            fleet.wait(30)
        except subprocess.TimeoutExpired:
            fleet.kill()


def _watch(data: Path, fleet: "subprocess.Popen[bytes]", minutes: int) -> int:
    began = time.monotonic()
    while not _status(data).get("leading"):
        if fleet.poll() is not None or time.monotonic() - began > READY_S:
            print("the fleet does not lead: see up.log", file=sys.stderr)
            return 1
        time.sleep(0.2)
    seen: list[Minute] = []
    epochs = {_status(data)["epoch"]}
    pid = _status(data)["pid"]
    before, then = _cpu_s(pid), time.monotonic()
    for number in range(1, minutes + 1):
        while time.monotonic() - then < 60.0:
            time.sleep(0.5)
            epochs.add(_status(data).get("epoch") or max(epochs))
        status, now = _status(data), time.monotonic()
        if status.get("pid") != pid:
            pid, before = status.get("pid", pid), 0.0
        spent = _cpu_s(pid)
        minute = Minute(
            number=number,
            cpu=(spent - before) / (now - then) * 100,
            resident_mib=_resident_mib(pid),
            waiting=status.get("events_waiting", 0),
            orders=status.get("orders_sent", 0),
            epoch=status.get("epoch", 0),
            log_mib=sum(f.stat().st_size for f in (data / "decisions").rglob("*") if f.is_file()) / 2**20,
            positions=len(status.get("positions", ())),
        )
        before, then = spent, now
        seen.append(minute)
        print(minute.line(), flush=True)
    late = sorted((ns - GRACE_NS) / 1e9 for ns in asyncio.run(_late_ns(data)))
    return _judge(seen, epochs, late)


def _judge(seen: list[Minute], epochs: set[int], late: list[float]) -> int:
    fifth = seen[min(5, len(seen)) - 1]
    too_late = [seconds for seconds in late if seconds > LATE_S]
    print(f"cpu of the executor in minute {fifth.number}: {fifth.cpu:.1f} % of a core")
    print(f"cpu of the executor in minute {seen[-1].number}: {seen[-1].cpu:.1f} % of a core")
    print(f"orders: {seen[-1].orders:,}; most events that waited at a minute: {max(m.waiting for m in seen)}")
    print(f"epochs: {len(epochs)} (1 when none was lost)")
    if late:
        print(
            f"timed exits: {len(late)}, after their time by {statistics.median(late) * 1000:.0f} ms (p50), "
            f"at most {late[-1] * 1000:.0f} ms; {len(too_late)} later than {LATE_S:g} s"
        )
    else:
        print("timed exits: none was needed, every flat signal came in time")
    print(f"decision log: {seen[-1].log_mib:.1f} MiB after {len(seen)} minutes")
    return 1 if too_late or len(epochs) > 1 else 0


def _status(data: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((data / "run" / "executor.status.json").read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return found


def _cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _late_ns(data: Path) -> list[int]:
    """How long after its entry's hold each timed exit was made."""
    settings = json.loads((data / "run" / "executor.settings.json").read_text())
    connection = await asyncpg.connect(settings["postgres"])
    try:
        return [row["late_ns"] for row in await connection.fetch(LATE)]
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
