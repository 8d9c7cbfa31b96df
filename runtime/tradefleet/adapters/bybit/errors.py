"""What can go wrong at the account's side of Bybit: one class for each thing a caller can do about it.

`Unreadable`: ask again later, nothing is known. `BadRow`: a row that we refuse to guess about, so
reconcile. `KeyRefused`: this process can do nothing more with its key. `PreflightRefused`: do not start.
`ClockNotMeasured`: measure before signing.
"""

from typing import Final

CREDENTIAL_CODES: Final = frozenset({10003, 10004, 10005, 10007, 10010, 33004})
"""The exchange's codes for a key, signature, permission, address or date that it does not take."""
UNAUTHORISED: Final = 401
"""HTTP status for the same."""


class Unreadable(Exception):
    """The account could not be read completely. It is unknown, never flat."""


class KeyRefused(Unreadable):
    """The exchange does not take the key, or it may not trade any more; the text says which."""


class BadRow(ValueError):
    """A row of the exchange that cannot be understood; says which field and value."""

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {value!r} is not {wanted}")
        self.field = field
        self.value = value


class UnknownValue(BadRow):
    """A word that the exchange's documentation, as we know it, does not list."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__(field, value, "a value we know; see the exchange's changelog, then extend the enum")


class PreflightRefused(Exception):
    """The account is not set up as we need it; the text says what to change."""


class ClockNotMeasured(Exception):
    """The exchange's clock has never been measured, so nothing may be signed."""
