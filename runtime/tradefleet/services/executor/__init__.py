"""The executor: the one process that may touch the account.

`settings` what it is told at its start; `program` from start to exit, one epoch after the other;
`preparation` what it waits for before the first, `restoring` what each begins with;
`epoch` one epoch: a queue of events, the core, its actions; `performer` does what the core decided;
`recorder` writes down in batches; `feeds` and `sockets` bring events; `status` says what is going on.

    python -m tradefleet.services.executor settings.json
"""

from tradefleet.services.executor.program import main, run
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings

__all__ = ["ExecutorFailed", "ExecutorSettings", "main", "run"]
