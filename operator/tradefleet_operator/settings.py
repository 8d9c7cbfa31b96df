"""What the operator is told by its environment; the chart sets it."""

from collections.abc import Mapping

import msgspec


class SettingsUnusable(Exception):
    """A variable is missing or wrong; the text names it and what would be right."""


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """runtime_image: of shards and executors. pull_secrets: names of the Secrets it is pulled with, in the
    bot's namespace. namespaces: to watch; none for all. resync_s: every bot is looked at so often though
    nothing happened. watch_s: the server is asked to end a watch after so long, and one that outlives that by
    an eighth is taken for lost. health_port: of the liveness probe, 0 for none."""

    runtime_image: str
    pull_secrets: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    resync_s: float = 300.0
    watch_s: float = 240.0
    health_port: int = 0
    log_level: str = "info"


def from_environment(environment: Mapping[str, str]) -> OperatorSettings:
    """Raises SettingsUnusable."""
    image = environment.get("TRADEFLEET_RUNTIME_IMAGE", "")
    if not image:
        raise SettingsUnusable(
            "TRADEFLEET_RUNTIME_IMAGE is not set; it names the image that shards and executors run"
        )
    return OperatorSettings(
        runtime_image=image,
        pull_secrets=_names(environment, "TRADEFLEET_PULL_SECRETS"),
        namespaces=_names(environment, "TRADEFLEET_WATCH_NAMESPACES"),
        resync_s=_number(environment, "TRADEFLEET_RESYNC_SECONDS", 300.0),
        watch_s=_number(environment, "TRADEFLEET_WATCH_SECONDS", 240.0),
        health_port=int(_number(environment, "TRADEFLEET_HEALTH_PORT", 0)),
        log_level=environment.get("TRADEFLEET_LOG_LEVEL", "info"),
    )


def _names(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(word.strip() for word in environment.get(name, "").split(",") if word.strip())


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if value < 0:
        raise SettingsUnusable(f"{name}: {text!r} is not a number from 0 up")
    return value
