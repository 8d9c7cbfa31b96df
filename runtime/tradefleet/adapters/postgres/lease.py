"""Who leads an account: one row in Postgres, renewed only while the leader's main loop turns.

A keeper lives in a thread of its own, so that a slow main loop does not lose the lease and a dead one
does. The holder's right to open risk ends earlier than the row can pass on: it is measured from when
the last good renewal was sent, on the monotonic clock, less a margin. The row's rules are in
`lease_row`. One keeper holds at most one grant; after `lost` make a new one.
"""

import asyncio
import concurrent.futures
import threading
import time
from typing import Final

import asyncpg

from tradefleet.adapters.postgres.errors import AccountInUse, is_down
from tradefleet.adapters.postgres.lease_row import Claim, Grant, LeaseRow, Wait
from tradefleet.adapters.postgres.lease_terms import right_until_ns

__all__ = ["FAST", "SAFE", "AccountInUse", "Grant", "LeaseKeeper"]

FAST: Final = (2.0, 0.5)
"""Time to live and period of renewal, seconds: a failover within three seconds."""
SAFE: Final = (15.0, 3.0)
"""For a Postgres that may be slow or fail over."""

_NS: Final = 1_000_000_000


class LeaseKeeper:
    """Waits for one grant, keeps it, and says until when it gives the right to open.

    ttl_s, renew_s: seconds. holder: a name for people; who holds the row is decided by its epoch.
    """

    def __init__(
        self,
        dsn: str,
        account: str,
        bot_uid: str,
        holder: str,
        ttl_s: float = 2.0,
        renew_s: float = 0.5,
        *,
        namespace: str = "",
        name: str = "",
    ) -> None:
        """namespace, name: of the bot, kept in the row."""
        self._claim = Claim(
            dsn=dsn,
            account=account,
            bot_uid=bot_uid,
            holder=holder,
            ttl_s=ttl_s,
            namespace=namespace,
            name=name,
        )
        self._ttl_ns = int(ttl_s * _NS)
        self._renew_s = renew_s
        self._may_open_until_ns = 0
        self.held_until_monotonic_ns = 0
        """Until when the grant that was had, or is had, gave its right; it stays after the loss."""
        self._progress_ns = 0
        self._in_use: AccountInUse | None = None
        self._granted: concurrent.futures.Future[Grant] = concurrent.futures.Future()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{account}", daemon=True)
        self.lost = threading.Event()
        self.trouble = ""
        """Why the last attempt to speak to Postgres failed; "" after a good one."""

    def start(self) -> None:
        """Begin to ask for the row."""
        self._thread.start()

    async def acquired(self, poll_s: float = 0.02) -> Grant:
        """Wait for the grant, however long. Raises AccountInUse while another bot leads the account.

        May be called again after AccountInUse: the keeper goes on asking.
        """
        while not self._granted.done():
            if self._in_use is not None:
                refusal, self._in_use = self._in_use, None
                raise refusal
            await asyncio.sleep(poll_s)
        return self._granted.result()

    @property
    def may_open_until_monotonic_ns(self) -> int:
        """Until when risk may be opened, on `time.monotonic_ns`; 0 without a lease."""
        return self._may_open_until_ns

    def progress(self) -> None:
        """The main loop has turned. Without this the lease is given up after half its time to live."""
        self._progress_ns = time.monotonic_ns()

    def close(self) -> None:
        """Release the row, so that the next one need not wait, and end the thread."""
        self._may_open_until_ns = 0
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    # ---- in the thread

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:
            if not self._granted.done():
                self._granted.set_exception(error)
            raise
        finally:
            self._may_open_until_ns = 0
            self.lost.set()

    async def _work(self) -> None:
        row = LeaseRow(self._claim)
        try:
            grant = await self._ask(row)
            if grant is not None:
                await self._keep(row, grant)
        finally:
            await row.close()

    async def _ask(self, row: LeaseRow) -> Grant | None:
        """Ask until the row is ours; None when we are to stop first."""
        while not self._stop.is_set():
            sent_ns = time.monotonic_ns()
            try:
                answer = await row.take(timeout_s=self._claim.ttl_s)
            except AccountInUse as error:
                self._in_use = error
                answer = Wait(seconds=self._renew_s)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._note(error)
                await row.close()
                answer = Wait(seconds=self._renew_s)
            else:
                self.trouble = ""
            if isinstance(answer, Grant):
                self.progress()
                self._extend(sent_ns)
                self._granted.set_result(answer)
                return answer
            await self._pause(min(answer.seconds, self._renew_s))
        return None

    async def _keep(self, row: LeaseRow, grant: Grant) -> None:
        """Renew until stopped or lost; release only when stopped, since only then nobody acts on it."""
        while not self._stop.is_set():
            await self._pause(self._renew_s)
            now_ns = time.monotonic_ns()
            if self._stop.is_set():
                break
            if now_ns >= self._may_open_until_ns:
                return
            if now_ns - self._progress_ns > self._ttl_ns // 2:
                continue
            if not await self._renew(row, grant):
                return
        try:
            await row.release(grant, timeout_s=self._renew_s)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._note(error)  # it runs out by itself

    async def _renew(self, row: LeaseRow, grant: Grant) -> bool:
        """False when somebody else has the row."""
        sent_ns = time.monotonic_ns()
        left_s = max((self._may_open_until_ns - sent_ns) / _NS, 0.01)
        try:
            ours = await row.renew(grant, timeout_s=min(left_s, max(self._renew_s, 0.2)))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._note(error)
            await row.close()
            return True
        self.trouble = ""
        if ours and not self._stop.is_set():
            self._extend(sent_ns)
        return ours

    def _extend(self, sent_ns: int) -> None:
        self._may_open_until_ns = self.held_until_monotonic_ns = right_until_ns(sent_ns, self._ttl_ns)

    def _note(self, error: Exception) -> None:
        if isinstance(error, asyncpg.PostgresError) and not is_down(error):
            raise error
        self.trouble = f"{type(error).__name__}: {error}"

    async def _pause(self, seconds: float) -> None:
        """Sleep, but hear `close` at once."""
        await asyncio.to_thread(self._stop.wait, seconds)
