"""What keeps pods from running, in words a person can act on.

The operator may read no Secret; that one is missing is said by the pod that waits for it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from tradefleet_operator.objects import Object, is_being_deleted

_REASONS: Final = {
    "CreateContainerConfigError": "SecretMissing",
    "ImagePullBackOff": "ImageNotPulled",
    "ErrImagePull": "ImageNotPulled",
    "InvalidImageName": "ImageNotPulled",
    "ErrImageNeverPull": "ImageNotPulled",
    "CrashLoopBackOff": "PodFails",
    "RunContainerError": "PodFails",
    "CreateContainerError": "PodFails",
}
_WHAT_TO_DO: Final = {
    "SecretMissing": "make the Secret in the bot's namespace, with the keys that the bot names",
    "ImageNotPulled": "check the runtime's image in the chart's values, and the node's access to it",
    "PodFails": "its last words are in kubectl logs --previous",
    "Unschedulable": "no node has room for it; lower the pod's cpu or memory in the bot, or add nodes",
}


class Trouble(msgspec.Struct, frozen=True, order=True):
    """reason: one word. pod: whose. message: for a person."""

    reason: str
    pod: str
    message: str


def troubles(pods: Sequence[Object]) -> tuple[Trouble, ...]:
    """Everything wrong with pods that are wanted, in a stable order."""
    return tuple(sorted(trouble for pod in pods if not is_being_deleted(pod) for trouble in _of(pod)))


def summary(found: Sequence[Trouble]) -> str:
    """All in one sentence."""
    said = "; ".join(f"{one.pod}: {one.message}" for one in found[:5])
    return said + (f"; and {len(found) - 5} more" if len(found) > 5 else "")


def _of(pod: Object) -> Iterator[Trouble]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for one in status.get("conditions") or ():
        if (one.get("type"), one.get("status")) == ("PodScheduled", "False"):
            yield _trouble("Unschedulable", name, one.get("message", ""))
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = _REASONS.get(waiting.get("reason", ""))
        if reason is not None:
            yield _trouble(reason, name, _detail(container, waiting))


def _detail(container: Any, waiting: Any) -> str:
    last = (container.get("lastState") or {}).get("terminated") or {}
    ended = f"ended with status {last['exitCode']}" if "exitCode" in last else ""
    return ", ".join(text for text in (waiting.get("message", ""), last.get("message", ""), ended) if text)


def _trouble(reason: str, pod: str, detail: str) -> Trouble:
    return Trouble(reason, pod, f"{detail.strip() or reason} ({_WHAT_TO_DO[reason]})")
