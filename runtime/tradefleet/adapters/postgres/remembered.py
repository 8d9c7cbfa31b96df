"""The newest configuration that a bot's leaders have applied, for a start without the API server."""

import asyncpg

from tradefleet.adapters.postgres.errors import translated
from tradefleet.adapters.postgres.restore import decode_payload
from tradefleet.spec.snapshot import ConfigSnapshot

# By time, not by generation: a bot that was deleted and made again counts from 1.
_NEWEST = """
SELECT payload FROM config_history WHERE payload->>'namespace' = $1 AND payload->>'name' = $2
ORDER BY written_at DESC, generation DESC LIMIT 1
"""


async def remembered_config(
    dsn: str, namespace: str, name: str, timeout_s: float = 3.0
) -> ConfigSnapshot | None:
    """What was in force last; None when nobody has ever led it. Raises JournalDown, UnreadableRow."""
    with translated("reading the last configuration"):
        connection = await asyncpg.connect(dsn, timeout=timeout_s)
        try:
            payload = await connection.fetchval(_NEWEST, namespace, name, timeout=timeout_s)
        except asyncpg.UndefinedTableError:
            return None
        finally:
            connection.terminate()
    return None if payload is None else decode_payload(payload, ConfigSnapshot)
