"""Keeps one object of the API server saying what a process says: status, or the mirrored lease.

Server-side apply under one field manager. What matters is written at once, the rest each few seconds;
an API server that is away is counted and asked again, and nobody waits for it. `due` decides, the
loop acts.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog

from tradefleet.adapters.kubernetes.api import Api, ApiAway

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.25
"""Between two looks at what there is to say; a change that is announced is looked at in the same breath."""
SLOW_S: Final = 5.0
"""Between two writes of what does not matter much, such as equity."""
SPACING_S: Final = 0.1
"""Between two writes at all: something that flaps costs ten requests a second, not a thousand."""
FIRST_PAUSE_S: Final = 0.5
MOST_PAUSE_S: Final = 5.0


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of Kubernetes; when it changed, the publisher knows. reason: one word, CamelCase."""

    type: str
    is_true: bool
    reason: str
    message: str = ""
    observed_generation: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What to say now. body: the object; urgent: what is written at once when it differs."""

    body: Mapping[str, Any]
    urgent: Any
    conditions: Sequence[Condition] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was written last, and when on the loop's clock."""

    report: Report
    at_s: float


def due(said: Said | None, report: Report, now_s: float) -> bool:
    """Whether the report is to be written now."""
    if said is None:
        return True
    passed_s = now_s - said.at_s
    if report.urgent != said.report.urgent or report.conditions != said.report.conditions:
        return passed_s >= SPACING_S
    return passed_s >= SLOW_S and report.body != said.report.body


def stamped(
    wanted: Sequence[Condition], known: Mapping[str, Mapping[str, Any]], now: str
) -> list[dict[str, Any]]:
    """The conditions as they are written: one whose status stays keeps its time.

    known: the written ones by type. now: the time of what changes, RFC 3339.
    """
    found = []
    for condition in wanted:
        status = "True" if condition.is_true else "False"
        before = known.get(condition.type, {})
        since = before.get("lastTransitionTime") if before.get("status") == status else None
        found.append(
            {
                "type": condition.type,
                "status": status,
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": condition.observed_generation,
                "lastTransitionTime": since or now,
            }
        )
    return found


def rfc3339(moment: datetime) -> str:
    """Seconds, as conditions have them."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Publisher:
    """One object and one field manager. errors: attempts that failed."""

    def __init__(self, api: Api, path: str, manager: str, subresource: str = "") -> None:
        self.errors = 0
        self.writes = 0
        self._api = api
        self._path = path
        self._to = f"{path}/{subresource}" if subresource else path
        self._manager = manager
        self._said: Said | None = None
        self._known: dict[str, Any] | None = None
        self._failing = False

    async def run(self, make: Callable[[], Report | None], changed: asyncio.Event) -> None:
        """Write for ever. make: what to say, None for nothing. changed: somebody has something to say."""
        pause_s = FIRST_PAUSE_S
        while True:
            report = make()
            if report is None:
                self._said, self._known = None, None  # whoever speaks meanwhile, we begin anew
            elif due(self._said, report, _now_s()):
                try:
                    await self._write(report)
                    pause_s = FIRST_PAUSE_S
                except ApiAway as error:
                    self._failed(error)
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, MOST_PAUSE_S)
            await self._look_again(changed)

    async def write_once(self, report: Report, within_s: float) -> None:
        """The last word before an end; nothing when it does not succeed in time."""
        with contextlib.suppress(ApiAway, TimeoutError):
            async with asyncio.timeout(within_s):
                await self._write(report)

    async def _write(self, report: Report) -> None:
        body = dict(report.body)
        if report.conditions:
            known = await self._conditions()
            stamps = stamped(report.conditions, known, rfc3339(datetime.now(UTC)))
            body["status"] = {**body.get("status", {}), "conditions": stamps}
            self._known = {stamp["type"]: stamp for stamp in stamps}
        await self._api.apply(self._to, body, self._manager)
        self._said = Said(report=report, at_s=_now_s())
        self.writes += 1
        if self._failing:
            log.info("status_written_again", path=self._to)
        self._failing = False

    async def _conditions(self) -> dict[str, Any]:
        """Those that stand there, our predecessor's among them: a new leader changes no condition."""
        if self._known is None:
            document = msgspec.json.decode(await self._api.get(self._path))
            found = document.get("status", {}).get("conditions", [])
            self._known = {condition["type"]: condition for condition in found}
        return self._known

    async def _look_again(self, changed: asyncio.Event) -> None:
        # What changed just after a write was not due yet: it waits for the spacing, not for the next look.
        just_written = self._said is not None and _now_s() - self._said.at_s < SPACING_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SPACING_S if just_written else LOOK_S):
                await changed.wait()
                # In the next turn: what is changing may change in several steps.
        changed.clear()

    def _failed(self, error: ApiAway) -> None:
        self.errors += 1
        if not self._failing:
            log.warning("status_unwritten", path=self._to, reason=str(error))
        self._failing = True


def _now_s() -> float:
    return asyncio.get_running_loop().time()
