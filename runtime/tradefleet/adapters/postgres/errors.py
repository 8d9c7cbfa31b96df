"""What can go wrong with Postgres, one class for each thing a caller can do about it."""

import contextlib
from collections.abc import Iterator
from typing import Final

import asyncpg

FENCED: Final = "TF001"
"""SQLSTATE that the tables' triggers raise for a writer whose epoch is over."""


class JournalDown(Exception):
    """Postgres cannot be used now; what was being written may or may not be there. Try again later."""


class Fenced(Exception):
    """The database refused a row because another epoch leads the account: stop at once."""


class IntentExists(Exception):
    """An intent with this key, or with this client order id, was written before: never send this one."""


class AccountInUse(Exception):
    """Another bot leads this account; use a subaccount, or stop the other bot first."""


class UnreadableRow(Exception):
    """A row of ours does not decode: it was written by a newer release, or by hand."""


# Classes of SQLSTATE that say "not now": connection, deadlock, resources, operator, system errors.
_NOT_NOW: Final = ("08", "40", "53", "57", "58")
_STATES_NOT_NOW: Final = (
    "25006",  # a former primary, demoted to a standby
    "25P03",  # we slept in a transaction, and the server has ended it
)


def is_down(error: Exception) -> bool:
    """True when the same call may work later, on another connection."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _NOT_NOW or state in _STATES_NOT_NOW
    return isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Fenced or JournalDown for what asyncpg raises; everything else is an error of ours."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if error.sqlstate == FENCED:
            raise Fenced(f"{doing}: {error}") from error
        if is_down(error):
            raise JournalDown(f"{doing}: Postgres says {error.sqlstate} {error}") from error
        raise
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise JournalDown(f"{doing}: Postgres does not answer ({type(error).__name__}: {error})") from error
