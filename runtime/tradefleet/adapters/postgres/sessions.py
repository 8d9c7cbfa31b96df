"""How our sessions behave at the server, whatever becomes of us.

A transaction of a leader holds the lease row, so that a grant waits for what is being written. A process
that is stopped in the middle of one (SIGSTOP, a frozen machine, a cut network) would hold it for as long
as it sleeps, and nobody could lead meanwhile. So the server ends a session that idles in a transaction.
"""

from typing import Final

JOURNAL: Final = {"idle_in_transaction_session_timeout": "1500ms"}
"""Below the shortest time to live of a lease, 2 s: who waits for it need not wait longer for a sleeper."""

LEASE: Final = {"idle_in_transaction_session_timeout": "500ms"}
"""A standby that sleeps with the row in its hand keeps the leader from renewing: one missed renewal."""
