"""Writes what the chart takes from elsewhere: `make chart`; `--check` says what is out of date.

The resources' definitions and the admission policy come from crds/, with a switch around them. What
values.yaml says is the one source of its schema (a key that is not in it is an error for helm) and of the
table in the chart's README: the comment above a key, or behind it, is what both say about it.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[1]
CHART: Final = ROOT / "charts" / "tradefleet"
_NOTE: Final = "{{- /* Written by `make chart` from crds/; edit the spec, not this file. */ -}}\n"
_TABLE: Final = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->)", re.DOTALL)
_KEEP: Final = "  annotations:\n    helm.sh/resource-policy: keep\n"

# Values that may hold anything that Kubernetes takes there.
FREE: Final = {
    "resources",
    "nodeSelector",
    "affinity",
    "podAnnotations",
    "podLabels",
    "labels",
}
CHOICES: Final = {
    "pullPolicy": ["Always", "IfNotPresent", "Never"],
    "logLevel": ["debug", "info", "warning", "error"],
}
PATTERNS: Final = {"digest": "^(sha256:[0-9a-f]{64})?$"}
OBJECTS: Final = {"tolerations", "extraEnv", "imagePullSecrets"}
BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "resyncSeconds": (10, 86400),
    "speed": (0.01, 1000),
    "copies": (0, 50),
    "historyMinutes": (0, 1440),
    "apiServerPort": (1, 65535),
    "extraApiServerPort": (1, 65535),
    "postgresPort": (1, 65535),
    "redisPort": (1, 65535),
}


def files() -> dict[Path, str]:
    """Each file that is written, with its text."""
    templates, readme = CHART / "templates", CHART / "README.md"
    values = (CHART / "values.yaml").read_text()
    parsed, said = yaml.safe_load(values), comments(values)
    table = "".join(_rows(parsed, said, ""))
    return {
        templates / "crds.yaml": _switched("crds", ["tradingbots.yaml", "symbolshards.yaml"], keep=True),
        templates / "admission.yaml": _switched("admission", ["admission.yaml"], keep=False),
        CHART / "values.schema.json": json.dumps(_schema(parsed, said), indent=2) + "\n",
        readme: _TABLE.sub(lambda _: f"| value | default | |\n|---|---|---|\n{table}", readme.read_text()),
    }


def _switched(switch: str, names: list[str], *, keep: bool) -> str:
    documents = []
    for name in names:
        text = (ROOT / "crds" / name).read_text()
        if "{{" in text:
            raise ValueError(f"crds/{name}: helm would take its {{{{ for a template")
        body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
        documents.append(body.replace("\nmetadata:\n", "\nmetadata:\n" + _KEEP, 1) if keep else body)
    return f"{_NOTE}{{{{- if .Values.{switch}.install }}}}\n" + "---\n".join(documents) + "{{- end }}\n"


def comments(text: str) -> dict[str, str]:
    """What the comments of a block-style YAML text say, by the dotted path of the key."""
    said: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    waiting: list[str] = []
    for line in text.splitlines():
        found = re.match(r"( *)(\w+):(?:.*?#(.*))?", line)
        if line.lstrip().startswith("#"):
            waiting.append(line.strip("# "))
            continue
        if found:
            path = [(depth, key) for depth, key in path if depth < len(found[1])] + [
                (len(found[1]), found[2])
            ]
            words = [*waiting, *([found[3].strip()] if found[3] else [])]
            said[".".join(key for _, key in path)] = " ".join(words)
        waiting = []
    return said


def _rows(value: Any, said: dict[str, str], path: str) -> Iterator[str]:
    """The table's rows: a section with what is said about it, then what is in it."""
    section = isinstance(value, dict) and bool(value) and path.rpartition(".")[2] not in FREE
    if path and (said[path] or not section):
        default = "" if section or value in ("", [], {}) else f"`{json.dumps(value)}`"
        yield f"| `{path}` | {default} | {said[path]} |\n"
    if section:
        for key, below in value.items():
            yield from _rows(below, said, f"{path}.{key}" if path else key)


def _schema(values: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart tradefleet",
        **_of("", values, said),
    }


def _of(path: str, value: Any, said: dict[str, str]) -> dict[str, Any]:
    described = {"description": said[path]} if said.get(path) else {}
    return {**_type(path, value, said), **described}


def _type(path: str, value: Any, said: dict[str, str]) -> dict[str, Any]:
    key = path.rpartition(".")[2]
    if key in FREE:
        return {"type": "object"}
    if key in CHOICES:
        return {"enum": CHOICES[key]}
    if isinstance(value, dict):
        properties = {
            name: _of(f"{path}.{name}" if path else name, below, said) for name, below in value.items()
        }
        # Helm puts a value of its own beside those of a chart that is another one's part.
        extra = {"global": {"type": "object"}} if path == "" else {}
        return {"type": "object", "additionalProperties": False, "properties": {**properties, **extra}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        low, high = BOUNDS[key]
        kind = "number" if key == "speed" else "integer"
        return {"type": kind, "minimum": low, "maximum": high}
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "object" if key in OBJECTS else "string"}}
    return {"type": "string"} | ({"pattern": PATTERNS[key]} if key in PATTERNS else {})


def main(arguments: list[str]) -> int:
    """Write, or with --check compare."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run make chart", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(files()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
