"""`make chaos`: plays seeded schedules on real executors, real stores and the simulator, and counts harm.

    python -m tests.chaos --seeds 200 --first 1 --workers 4 --logs build/chaos
    python -m tests.chaos --seed 17

One line a seed and a summary; status 1 when anything was not zero. A failing seed leaves its folder
(statuses, logs, decisions) and prints its schedule. Workers are processes with stores of their own.
"""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.chaos.fleet import running_stores
from tests.chaos.judge import Harm, counts
from tests.chaos.play import RECEIVE_WINDOW_S, Result, play
from tests.chaos.schedule import LENGTH_MS, SCALE, make_schedule


def main() -> int:
    """The exit status."""
    options = _options()
    # Told to stop, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.worker:
        return _work(options)
    first, number = (options.seed, 1) if options.seed is not None else (options.first, options.seeds)
    seeds = range(first, first + number)
    print(
        f"{number} schedules of {LENGTH_MS / 1000:g} s, outages scaled by 1/{SCALE} (a pause of 60 s is "
        f"{60 / SCALE:g} s), receive window {RECEIVE_WINDOW_S} s; {options.workers} at a time"
    )
    began = time.monotonic()
    total: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    played = 0
    failed: list[int] = []
    for result in _results(options, seeds):
        played += 1
        number_of = counts(result.findings)
        total.update(number_of)
        verdicts.update(result.verdicts)
        total.update(orders=result.orders, epochs=result.epochs, struck=result.struck, acts=result.acts)
        total.update(parts=result.parts)
        print(_line(result), flush=True)
        if result.findings or result.trouble:
            failed.append(result.seed)
            _explain(result, options.logs)
    print(f"signals: {', '.join(f'{n} {name}' for name, n in verdicts.most_common())}")
    print(_summary(played, len(seeds), total, failed, time.monotonic() - began))
    return 1 if failed or played != len(seeds) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--logs", type=Path, default=Path("build/chaos"))
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.seed is not None:
        options.workers = 1
    return options


def _results(options: argparse.Namespace, seeds: range) -> Iterator[Result]:
    """As they come, of all workers."""
    workers = min(options.workers, len(seeds))
    read, write = os.pipe()
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.chaos", "--worker", f"{number}/{workers}"),
                *("--first", str(seeds.start), "--seeds", str(len(seeds)), "--logs", str(options.logs)),
            ],
            stdout=write,
        )
        for number in range(workers)
    ]
    os.close(write)
    try:
        with os.fdopen(read, "rb") as lines:
            for line in lines:
                yield msgspec.json.decode(line, type=Result)
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _work(options: argparse.Namespace) -> int:
    """Every so many-th seed, one result a line."""
    number, workers = map(int, options.worker.split("/"))
    with running_stores() as stores:
        for seed in range(options.first + number, options.first + options.seeds, workers):
            folder = Path(tempfile.mkdtemp(prefix=f"tradefleet-chaos-{seed}-"))
            result = asyncio.run(play(make_schedule(seed), stores, folder))
            if result.findings or result.trouble:
                kept = options.logs / f"seed-{seed}"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept)
            shutil.rmtree(folder, ignore_errors=True)
            # One write of less than a pipe's atom: lines of several workers do not mix.
            line = msgspec.json.encode(msgspec.structs.replace(result, findings=result.findings[:10]))
            os.write(1, line + b"\n")
    return 0


def _line(result: Result) -> str:
    harm = ", ".join(f"{number} {name}" for name, number in counts(result.findings).items())
    return (
        f"seed {result.seed:4d}: {result.acts:3d} acts, {result.struck:4d} requests struck, "
        f"{result.orders:3d} orders ({result.parts} parts), {result.epochs:2d} epochs; {harm}; "
        f"{result.seconds:5.1f} s"
        f"{'  ' + result.trouble if result.trouble else ''}"
    )


def _explain(result: Result, logs: Path) -> None:
    for finding in result.findings:
        print(f"    {finding.harm}: {finding.text}")
    print(f"  again: make chaos CHAOS_SEED={result.seed}; its logs: {logs}/seed-{result.seed}")
    print(make_schedule(result.seed).text(), flush=True)


def _summary(played: int, wanted: int, total: Counter[str], failed: list[int], seconds: float) -> str:
    harm = ", ".join(f"{total[kind.value]} {kind.value}" for kind in Harm)
    return (
        f"{played} of {wanted} schedules in {seconds:.0f} s: {total['acts']} acts, {total['struck']} "
        f"requests struck, {total['orders']} orders ({total['parts']} of them parts), {total['epochs']} "
        f"epochs\n{harm}" + (f"\nfailed: {', '.join(map(str, failed))}" if failed else "")
    )


if __name__ == "__main__":
    sys.exit(main())
