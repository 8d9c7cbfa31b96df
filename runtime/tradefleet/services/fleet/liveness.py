"""Whether a process of the fleet still turns, judged from outside by its status file.

What the kubelet asks in a cluster (`services.probes`, /livez) the supervisor reads here: each process writes
its status again and again, and says in it when it turns and does not get on. A process is judged only once
it has been heard: how long a start may take is somebody else's question.

Pure: the caller looks, and says when. A look that comes late says nothing about the process: the machine, or
we, stood still as well.
"""

from typing import Any, Final

SILENT_S: Final = 30.0
"""As long as the kubelet waits: ten answers of Postgres in a row that came at their time limit."""
LOOK_S: Final = 1.0
LONGEST_LOOK_S: Final = 3 * LOOK_S


class Liveness:
    """One process under one name; another pid is another process. silent_s: how long a status may be old."""

    def __init__(self, silent_s: float = SILENT_S) -> None:
        self._silent_s = silent_s
        self._pid: int | None = None
        self._written: float | None = None
        self._quiet_s = 0.0
        self._looked_s = 0.0

    def look(self, pid: int | None, status: dict[str, Any], written: float | None, now_s: float) -> str:
        """Why the process is to be ended, "" while it turns.

        pid: of the process that runs, None for none. status, written: its file, and the file's time (only
        compared with that of the look before). now_s: monotonic.
        """
        since_s = min(now_s - self._looked_s, LONGEST_LOOK_S)
        self._looked_s = now_s
        if pid != self._pid:
            self._pid, self._written = pid, None
        if pid is None or status.get("pid") != pid:
            return ""
        if written != self._written:
            self._written, self._quiet_s = written, 0.0
            return str(status.get("why_dead") or "")
        self._quiet_s += since_s
        return f"it has not said anything for {self._quiet_s:.0f} s" if self._quiet_s > self._silent_s else ""
