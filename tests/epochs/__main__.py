"""Did a change of the core change what it decides? `python -m tests.epochs record FILE`, then `compare FILE`.

    python -m tests.epochs record before.txt      # before the change
    python -m tests.epochs compare before.txt     # after it: status 1 names the epochs that differ
    python -m tests.epochs compare before.txt --logs build/epochs    # and writes the logs of those

One line an epoch: its name, the number of its decisions, its digest. The file is of one commit, and is not
kept in the repository: a change that means to decide otherwise makes it anew.
"""

import argparse
import sys
from pathlib import Path

from tests.epochs.play import SEEDS, Epoch, played


def main() -> int:
    """The exit status."""
    options = _options()
    epochs = list(played(options.seeds))
    if options.command == "record":
        options.file.write_text("".join(line(epoch) + "\n" for epoch in epochs))
        print(f"{len(epochs)} epochs, {sum(len(e.lines) for e in epochs)} decisions: {options.file}")
        return 0
    before = options.file.read_text().splitlines()
    now = {line(epoch): epoch for epoch in epochs}
    differ = [epoch for said, epoch in now.items() if said not in set(before)]
    gone = [said for said in before if said not in now]
    for epoch in differ:
        print(f"differs: {line(epoch)}")
        if options.logs is not None:
            options.logs.mkdir(parents=True, exist_ok=True)
            (options.logs / f"{epoch.name.replace(' ', '-')}.jsonl").write_bytes(b"".join(epoch.lines))
    print(
        f"{len(epochs)} epochs, {len(differ)} of them not as in {options.file}, {len(gone)} not found again"
    )
    return 1 if differ or gone else 0


def line(epoch: Epoch) -> str:
    """What is recorded of an epoch."""
    return f"{epoch.name}: {len(epoch.lines)} decisions {epoch.digest}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.epochs", description=__doc__)
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--logs", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
