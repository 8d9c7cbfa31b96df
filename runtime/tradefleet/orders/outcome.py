"""What a send has come to: accepted, rejected, ambiguous, or never sent.

The classes of Bybit's codes are one table; everything that is not listed as definitive is ambiguous,
because a code that we do not know proves nothing. Source: Bybit V5 error codes;
docs/order-path.md says what follows from each outcome.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """What is known of a create after its answer."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"
    NOT_SENT = "not_sent"
    """No byte has left: the lease, the clock or `sign_by` forbade it."""


# Codes that prove that a create was not accepted (and will not be).
_DEFINITIVE_REJECTIONS = frozenset(
    {
        10001,  # parameters
        10002,  # outside the receive window: refused before anything else
        10003,  # key
        10004,  # signature
        10005,  # permission
        10006,  # rate limit: refused before anything else
        10007,
        10008,
        10009,
        10010,
        10017,
        10024,
        10027,
        10028,
        10029,
        33004,
        30208,
        30209,
        30228,
        100028,
        *range(110003, 110008),
        110009,
        110011,
        110012,
        110013,
        110017,
        110018,
        110019,
        110020,
        110021,
        110022,
        110023,
        110029,
        110032,
        110035,
        110040,
        110042,
        110044,
        110045,
        110046,
        110051,
        110052,
        110053,
        110059,
        110061,
        110063,
        110066,
        110074,
        110086,
        110088,
        110089,
        110090,
        110092,
        110093,
        110094,
        110095,
        110096,
        110097,
        110098,
        110099,
        110100,
        110103,
        110108,
        110109,
        110118,
        110119,
        110120,
        110121,
        110123,
        110124,
        110125,
        110132,
    }
)


def classify_create(ret_code: int) -> Outcome:
    """The outcome of a create by the integer `retCode` of a well-formed answer.

    110072 (duplicate orderLinkId) is ambiguous, not accepted: since a create is sent once, it means
    that somebody has used the id before us, and the order is asked for.
    """
    if ret_code == 0:
        return Outcome.ACCEPTED
    if ret_code in _DEFINITIVE_REJECTIONS:
        return Outcome.REJECTED
    return Outcome.AMBIGUOUS


_NOT_MODIFIED = frozenset({34040})
"""The stop or target stands already as it was asked for."""


def classify_protection(ret_code: int, message: str) -> Outcome:
    """The outcome of a trading-stop, which sets absolute prices: what stands already is as good as set."""
    if ret_code == 0 or ret_code in _NOT_MODIFIED:
        return Outcome.ACCEPTED
    if ret_code == 10001 and "not modified" in message:
        return Outcome.ACCEPTED
    return classify_create(ret_code)
