"""The CustomResourceDefinitions of TradingBot and SymbolShard, written from the spec itself.

`manifests` writes them to crds/. The schemas come from the same annotations as the loader, the rules
between fields from `rules`: what the API server refuses and what the local fleet refuses is the same.
"""

from typing import Any

from tradefleet.spec.bot import API_VERSION, BOT_NAME_LENGTH, BOT_NAME_PATTERN, KIND, BotSpec
from tradefleet.spec.market import Section
from tradefleet.spec.openapi import Schema, section_schema, whole
from tradefleet.spec.rules import RULES, Rule
from tradefleet.spec.status import SymbolShardStatus, TradingBotStatus
from tradefleet.spec.symbol_shard import KIND as SHARD_KIND
from tradefleet.spec.symbol_shard import SymbolShardSpec

GROUP, VERSION = API_VERSION.split("/")


def trading_bots() -> dict[str, Any]:
    """The definition of TradingBot."""
    spec = section_schema(BotSpec, "spec", "What the bot does.")
    spec["x-kubernetes-validations"] = [_rule(rule) for rule in RULES if rule.cel is not None]
    schema = _object(KIND, "One trading bot, as a user writes it.", spec, TradingBotStatus)
    schema["x-kubernetes-validations"] = [_name_rule()]
    columns = [
        _column("Mode", ".spec.mode"),
        _condition_column("Ready", "Ready"),
        _column("Shards", ".status.shards.ready", "integer"),
        _column("Leader", ".status.executor.leader"),
        _column("Epoch", ".status.executor.epoch", "integer"),
        _condition_column("Kill switch", "KillSwitchEngaged"),
        _column("Applied", ".status.executor.appliedGeneration", "integer"),
        _column("Age", ".metadata.creationTimestamp", "date"),
        _column("Phase", ".status.phase", wide=True),
        _column("Wanted", ".status.shards.desired", "integer", wide=True),
        _column("Generation", ".metadata.generation", "integer", wide=True),
        _column("Account", ".status.executor.account", wide=True),
        _column("Positions", ".status.executor.positions", "integer", wide=True),
        _column("Why not ready", '.status.conditions[?(@.type=="Ready")].message', wide=True),
    ]
    return _definition("tradingbots", KIND, "tb", schema, columns)


def symbol_shards() -> dict[str, Any]:
    """The definition of SymbolShard."""
    spec = section_schema(SymbolShardSpec, "spec", "What the shard carries.")
    schema = _object(
        SHARD_KIND,
        "The symbols of a bot that one pod carries; the operator makes it from a TradingBot.",
        spec,
        SymbolShardStatus,
    )
    columns = [
        _column("Bot", ".spec.bot"),
        _column("Index", ".spec.index", "integer"),
        _condition_column("Ready", "Ready"),
        _column("Applied", ".status.pods[*].appliedGeneration"),
        _column("Pods", ".status.pods[*].name", wide=True),
        _column("Symbols", ".spec.symbols", wide=True),
        _column("Age", ".metadata.creationTimestamp", "date"),
    ]
    return _definition("symbolshards", SHARD_KIND, "shard", schema, columns)


def _definition(
    plural: str, kind: str, short: str, schema: Schema, columns: list[dict[str, Any]]
) -> dict[str, Any]:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"app.kubernetes.io/name": "tradefleet"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            # Not in the category `all`: `kubectl delete all --all` is meant for pods, not for a trading bot.
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
                "shortNames": [short],
                "categories": ["tradefleet"],
            },
            "versions": [version],
        },
    }


def _object(kind: str, description: str, spec: Schema, status: type[Section]) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {API_VERSION}."},
            "kind": {"type": "string", "description": f"Always {kind}."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": section_schema(status, "status"),
        },
    }


def _rule(rule: Rule) -> Schema:
    return {
        "rule": rule.cel,
        "fieldPath": rule.paths[0].removeprefix("spec"),
        "message": f"{rule.message} ({rule.id})",
    }


def _name_rule() -> Schema:
    return {
        "rule": f"self.metadata.name.size() <= {BOT_NAME_LENGTH} && "
        f"self.metadata.name.matches('{whole(BOT_NAME_PATTERN)}')",
        "message": f"metadata.name is {BOT_NAME_LENGTH} characters of a to z, 0 to 9 and - at most, and "
        "begins with a letter",
    }


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if wide else {})}


def _condition_column(name: str, condition: str) -> dict[str, Any]:
    return _column(name, f'.status.conditions[?(@.type=="{condition}")].status')
