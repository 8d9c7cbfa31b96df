"""Writes what the chart takes from elsewhere: `make chart`; `--check` says what is out of date.

The resources' definitions and the admission policy come from crds/, with a switch around them, and the
schema of values.yaml from the values themselves: a key that is not in it is an error for helm.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[1]
CHART: Final = ROOT / "charts" / "tradefleet"
_NOTE: Final = "{{- /* Written by `make chart` from crds/; edit the spec, not this file. */ -}}\n"
_KEEP: Final = "  annotations:\n    helm.sh/resource-policy: keep\n"

# Values that may hold anything that Kubernetes takes there.
FREE: Final = {
    "resources",
    "nodeSelector",
    "affinity",
    "podAnnotations",
    "labels",
}
CHOICES: Final = {
    "pullPolicy": ["Always", "IfNotPresent", "Never"],
    "logLevel": ["debug", "info", "warning", "error"],
}
OBJECTS: Final = {"tolerations", "extraEnv", "imagePullSecrets"}
BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "resyncSeconds": (10, 86400),
    "speed": (0.01, 1000),
    "copies": (0, 50),
    "historyMinutes": (0, 1440),
    "apiServerPort": (1, 65535),
    "extraApiServerPort": (1, 65535),
}


def files() -> dict[Path, str]:
    """Each file that is written, with its text."""
    templates = CHART / "templates"
    return {
        templates / "crds.yaml": _switched("crds", ["tradingbots.yaml", "symbolshards.yaml"], keep=True),
        templates / "admission.yaml": _switched("admission", ["admission.yaml"], keep=False),
        CHART / "values.schema.json": json.dumps(_schema(), indent=2) + "\n",
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


def _schema() -> dict[str, Any]:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart tradefleet",
        **_of("", values),
    }


def _of(key: str, value: Any) -> dict[str, Any]:
    if key in FREE:
        return {"type": "object"}
    if key in CHOICES:
        return {"enum": CHOICES[key]}
    if isinstance(value, dict):
        properties = {name: _of(name, below) for name, below in value.items()}
        # Helm puts a value of its own beside those of a chart that is another one's part.
        extra = {"global": {"type": "object"}} if key == "" else {}
        return {"type": "object", "additionalProperties": False, "properties": {**properties, **extra}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        low, high = BOUNDS[key]
        kind = "number" if key == "speed" else "integer"
        return {"type": kind, "minimum": low, "maximum": high}
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "object" if key in OBJECTS else "string"}}
    return {"type": "string"}


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
