"""What an executor is told at its start; the bot itself comes by the snapshot file."""

import os
from pathlib import Path
from typing import Annotated

import msgspec

from tradefleet.adapters.files.decision_segments import Bounds
from tradefleet.services.process_main import ProgramFailed


class ExecutorFailed(ProgramFailed):
    """The executor cannot start; the text is one line that says what to do."""


class ExecutorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the process needs to know beside the bot.

    postgres: DSN. redis: URL. snapshot_path: file of the ConfigSnapshot, or `kubernetes://NAMESPACE/BOT`;
    watched. status_path: where the status is written every `status_period_s`. decisions_folder: of the
    decision log, whose segments are closed after `decisions_segment_bytes` or `decisions_segment_s`; all
    together take at most decisions_bytes, none is kept for more than decisions_days, and none is written
    while less than decisions_free_bytes of the disk are free. spool_folder: of what is written while the
    journal is away; "" for a folder `spool` beside that of the log. holder: names this process in the lease.
    rest, public_stream, private_stream: the exchange's addresses. api_key_variable, api_secret_variable:
    environment variables that hold the credentials. store_patience_s: how long a store may be away at the
    start. Periods in seconds.
    probe_port: where probes and metrics are served; 0 for nowhere. pod_name: of this pod; "" outside
    of a cluster. flatten_patience_s: how long a process that is told to stop goes on closing the positions
    of a bot that was deleted with `onDelete: flatten`; below the pod's grace period. largest_batch: so many
    closes go in one request at most; 1 sends each alone. private_silence_s: so long without a frame, answers
    to pings included, and the private stream is dead.
    """

    postgres: str
    redis: str
    snapshot_path: str
    status_path: str
    decisions_folder: str
    holder: str
    rest: str
    public_stream: str
    private_stream: str
    api_key_variable: str = "TRADEFLEET_API_KEY"
    api_secret_variable: str = "TRADEFLEET_API_SECRET"
    log_level: str = "info"
    store_patience_s: float = 30.0
    retry_s: float = 0.5
    tick_s: float = 0.05
    keep_s: float = 0.02
    status_period_s: float = 0.5
    owners_period_s: float = 1.0
    latches_period_s: float = 0.2
    digest_period_s: float = 1.0
    instruments_period_s: float = 3600.0
    clock_period_s: float = 30.0
    sends_patience_s: float = 2.0
    flatten_patience_s: float = 0.0
    largest_batch: Annotated[int, msgspec.Meta(ge=1, le=20)] = 20
    private_silence_s: float = 45.0
    decisions_segment_bytes: Annotated[int, msgspec.Meta(ge=64 << 10, le=1 << 30)] = 32 << 20
    decisions_segment_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 3600.0
    decisions_bytes: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 44)] = 1 << 30
    decisions_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 7.0
    decisions_free_bytes: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] = 64 << 20
    spool_folder: str = ""
    probe_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    pod_name: str = ""

    def __post_init__(self) -> None:
        if self.decisions_bytes < 4 * self.decisions_segment_bytes:
            raise ValueError(
                f"decisions_bytes: {self.decisions_bytes} is less than four segments; make it larger, or "
                f"decisions_segment_bytes ({self.decisions_segment_bytes}) smaller"
            )

    @property
    def spools(self) -> Path:
        """The folder of the spool."""
        return Path(self.spool_folder or Path(self.decisions_folder).parent / "spool")

    @property
    def decisions(self) -> Bounds:
        """What the decision log may take."""
        return Bounds(
            segment_bytes=self.decisions_segment_bytes,
            segment_s=self.decisions_segment_s,
            total_bytes=self.decisions_bytes,
            days=self.decisions_days,
            free_bytes=self.decisions_free_bytes,
        )

    def credentials(self) -> tuple[str, str]:
        """Key and secret from the environment; raises ExecutorFailed naming the variable."""
        return _variable(self.api_key_variable), _variable(self.api_secret_variable)


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ExecutorFailed(f"environment variable {name} is not set; it holds the exchange's credentials")
    return value
