"""`make chaos`: plays seeded schedules on real executors, real stores and the simulator, and counts harm.

    python -m tests.chaos --seeds 200 --first 1 --workers 4 --logs build/chaos
    python -m tests.chaos --seeds 500 --resume          # goes on where a run of these logs was interrupted
    python -m tests.chaos --seed 17

One line a seed and a summary; status 1 when anything was not zero. A failing seed leaves its folder
(statuses, logs, decisions) and prints its schedule. A schedule in which nothing was ordered proves nothing:
another seed is played in its place. Workers are processes with stores of their own; what keeps one seed from
being played is that seed's trouble, and no other one's.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.chaos.fleet import Stores, running_stores
from tests.chaos.judge import counts
from tests.chaos.play import play
from tests.chaos.results import Result, Tally, Tried, read_results
from tests.chaos.schedule import make_schedule
from tests.chaos.world import LENGTH_MS, SCALE
from tests.chaos.worlds import RECEIVE_WINDOW_S

ROUNDS = 4
"""Seeds are added for those that prove nothing, so often at most."""


def main() -> int:
    """The exit status."""
    options = _options()
    # Told to stop, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.worker:
        return _work(options)
    first, number = (options.seed, 1) if options.seed is not None else (options.first, options.seeds)
    print(
        f"{number} schedules of {LENGTH_MS / 1000:g} s, outages scaled by 1/{SCALE} (a pause of 60 s is "
        f"{60 / SCALE:g} s), receive window {RECEIVE_WINDOW_S} s; {options.workers} at a time"
    )
    began = time.monotonic()
    tried = Tried(range(first, first + number), read_results(_kept(options)) if options.resume else [])
    if tried.results:
        print(f"{len(tried.results)} of them were played before")
    for _ in range(1 if options.seed is not None else ROUNDS):
        seeds = tried.wanted()
        if not seeds:
            break
        for result in _results(options, seeds):
            tried.results.append(result)
            _keep(options, result)
            print(_line(result), flush=True)
            if result.findings or result.trouble:
                _explain(result, options.logs)
    tally = Tally(tried.results)
    print(f"signals: {', '.join(f'{n} {name}' for name, n in tally.verdicts.most_common())}")
    print(tally.text(number, time.monotonic() - began))
    return 1 if tally.failed or tried.wanted() else 0


def _kept(options: argparse.Namespace) -> Path:
    return Path(options.logs / "results.jsonl")


def _keep(options: argparse.Namespace, result: Result) -> None:
    options.logs.mkdir(parents=True, exist_ok=True)
    with _kept(options).open("ab") as file:
        file.write(msgspec.json.encode(result) + b"\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--logs", type=Path, default=Path("build/chaos"))
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.seed is not None:
        options.workers = 1
    elif not (options.resume or options.worker):
        _kept(options).unlink(missing_ok=True)
    return options


def _results(options: argparse.Namespace, seeds: list[int]) -> Iterator[Result]:
    """As they come, of all workers."""
    workers = min(options.workers, len(seeds))
    read, write = os.pipe()
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.chaos", "--logs", str(options.logs)),
                *("--worker", ",".join(map(str, seeds[number::workers]))),
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
    """These seeds, one result a line."""
    with running_stores() as stores:
        for seed in map(int, options.worker.split(",")):
            folder = Path(tempfile.mkdtemp(prefix=f"tradefleet-chaos-{seed}-"))
            result = _played(seed, stores, folder)
            if result.findings or result.trouble:
                kept = options.logs / f"seed-{seed}"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept)
            shutil.rmtree(folder, ignore_errors=True)
            # One write of less than a pipe's atom: lines of several workers do not mix.
            line = msgspec.json.encode(msgspec.structs.replace(result, findings=result.findings[:10]))
            os.write(1, line + b"\n")
    return 0


def _played(seed: int, stores: Stores, folder: Path) -> Result:
    """A seed's result. What could not be set up, on a machine that is busy, is tried once more."""
    result = Result(seed=seed)
    for number in range(2):
        own = folder / f"try-{number + 1}"
        own.mkdir()
        try:
            result = asyncio.run(play(make_schedule(seed), stores, own))
        except Exception as error:
            # The outermost loop: told as this seed's, so that the others are played.
            logging.exception("seed %d", seed)
            result = Result(seed=seed, trouble=f"not played: {type(error).__name__}: {error}"[:1000])
        if result.was_played:
            break
    return result


def _line(result: Result) -> str:
    harm = ", ".join(f"{number} {name}" for name, number in counts(result.findings).items())
    return (
        f"seed {result.seed:4d}: {result.acts:3d} acts, {result.struck:4d} requests struck, "
        f"{result.placed:3d} orders, {result.orders:3d} executed ({result.parts} parts), "
        f"{result.epochs:2d} epochs; {harm}; "
        f"{result.seconds:5.1f} s"
        f"{'  ' + result.trouble if result.trouble else ''}"
    )


def _explain(result: Result, logs: Path) -> None:
    for finding in result.findings:
        print(f"    {finding.harm}: {finding.text}")
    print(f"  again: make chaos CHAOS_SEED={result.seed}; its logs: {logs}/seed-{result.seed}")
    print(make_schedule(result.seed).text(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
