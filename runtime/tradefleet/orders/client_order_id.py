"""Client order ids: a pure function of what the order is for, so that it can never be sent twice.

The exchange takes at most 36 characters of [A-Za-z0-9_-] and refuses a second use. The prefix marks
the order as ours; what follows is a hash of (account, signal id, leg, attempt) and nothing else.
"""

import base64
import hashlib

from tradefleet.domain.orders import Account

PREFIX = "tf1-"
"""Every order of ours begins with this; the digit is the version of the hash."""

WAY_OUT = "tfx-"
"""Closes of the way out begin with this: they have no intent, so what follows is drawn anew for each."""

LENGTH = 36


def client_order_id(account: Account, signal_id: str, leg: str, attempt: int) -> str:
    """36 characters: the prefix and 160 bits of SHA-256 in lower-case base32."""
    parts = (account.venue, account.environment, account.uid, signal_id, leg, str(attempt))
    # Length before each part: no two different keys give the same bytes.
    joined = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    digest = hashlib.sha256(joined).digest()[:20]
    return PREFIX + base64.b32encode(digest).decode().lower()


def is_ours(client_order_id: str) -> bool:
    """True for an id that this function, or an earlier version of it, has made."""
    return client_order_id.startswith("tf") and "-" in client_order_id[:5] and len(client_order_id) == LENGTH


def is_way_out(client_order_id: str) -> bool:
    """True for a close that `tradefleet flatten`, or the kill switch without the journal, has made."""
    return client_order_id.startswith(WAY_OUT)
