"""The files of crds/, all of them written from the spec.

`make crds` writes them, `make lint` holds the committed ones against the spec, the chart carries them.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from tradefleet.spec import admission, crd

_HEADER = "# Written by `make crds` from runtime/tradefleet/spec; edit the spec, not this file.\n"


def files() -> dict[str, str]:
    """The text of each file by its name; the same spec gives the same bytes."""
    return {
        "tradingbots.yaml": _text(crd.trading_bots()),
        "symbolshards.yaml": _text(crd.symbol_shards()),
        "admission.yaml": _text(admission.policy(), admission.binding()),
    }


def write(folder: Path) -> None:
    """Write every file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")


def out_of_date(folder: Path) -> list[str]:
    """The files of a folder that are not what the spec says."""
    return [
        name
        for name, text in files().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """`FOLDER` writes the files, `--check FOLDER` says whether those that are there are current."""
    match arguments:
        case ["--check", folder]:
            wrong = out_of_date(Path(folder))
            for name in wrong:
                print(f"{folder}/{name} is out of date: run make crds", file=sys.stderr)
            return 1 if wrong else 0
        case [folder]:
            write(Path(folder))
            return 0
    print("usage: python -m tradefleet.spec.manifests [--check] FOLDER", file=sys.stderr)
    return 2


class _Plain(yaml.SafeDumper):
    """Writes every value out where it stands, and text of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _write_text)


def _text(*documents: dict[str, Any]) -> str:
    return _HEADER + yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
