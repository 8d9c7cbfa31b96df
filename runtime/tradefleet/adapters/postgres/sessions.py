"""How our sessions behave at the server, whatever becomes of us.

A transaction of a leader holds the lease row, so that a grant waits for what is being written. A process
that is stopped in the middle of one (SIGSTOP, a frozen machine, a cut network) would hold it for as long
as it sleeps, and nobody could lead meanwhile. So the server ends a session that idles in a transaction.
"""

from typing import Any, Final

import asyncpg

JOURNAL: Final = {"idle_in_transaction_session_timeout": "1500ms"}
"""Below the shortest time to live of a lease, 2 s: who waits for it need not wait longer for a sleeper."""

LEASE: Final = {"idle_in_transaction_session_timeout": "500ms"}
"""A standby that sleeps with the row in its hand keeps the leader from renewing: one missed renewal."""

MOST_SESSIONS: Final = 64
"""A pool has four sessions at once; of those that ended the oldest are forgotten. One that is forgotten while
it lives is told its grant once more."""


class GrantNames:
    """Names the writer's grant in each session of a pool, once for each session and grant.

    The database's fence compares it with the row (migration 0005), so that a writer is refused whose epoch
    came back with a restored backup. No write costs a way to the server more: only a session that does not
    name the present grant yet is told it, when it is taken from the pool.
    """

    def __init__(self) -> None:
        self.grant_id = ""
        self._named: dict[int, str] = {}

    async def opened(self, connection: asyncpg.Connection) -> None:
        """For the pool: a new session names none, whoever had its number at the server before."""
        self._named[connection.get_server_pid()] = ""
        while len(self._named) > MOST_SESSIONS:
            del self._named[next(iter(self._named))]

    async def taken(self, connection: Any) -> None:
        """For the pool: before a session is used."""
        session = connection.get_server_pid()
        if self._named.get(session, "") != self.grant_id:
            await connection.execute("SELECT set_config('tradefleet.grant', $1, false)", self.grant_id)
            self._named[session] = self.grant_id
