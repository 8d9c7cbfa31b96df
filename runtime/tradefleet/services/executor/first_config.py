"""The configuration that an executor begins with.

Usually the source has it. While the API server is away, what a leader of this bot applied last stands in
Postgres: a limit that was in force then is better than nobody who closes positions.
"""

from collections.abc import Awaitable, Callable

import structlog

from tradefleet.adapters.config_source import BadSnapshot, BotAddress, ConfigSource, SourceAway
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.remembered import remembered_config
from tradefleet.services.executor.settings import ExecutorFailed
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)


async def first_config(
    source: ConfigSource, postgres: str, status: ExecutorStatus, rest: Callable[[], Awaitable[None]]
) -> ConfigSnapshot:
    """From the source, else from the journal; asks until one has it. rest: waits between two rounds.

    Raises ExecutorFailed for a configuration that cannot be used.
    """
    status.state = "waiting_for_config"
    while True:
        try:
            return await source.read()
        except BadSnapshot as bad:
            raise ExecutorFailed(str(bad)) from bad
        except SourceAway as away:
            if not status.errors["config_unread"]:
                status.problem("config_unread", str(away))
        await rest()
        found = await _remembered(BotAddress(source.address), postgres, status)
        if found is not None:
            log.warning("config_from_journal", generation=found.generation)
            source.begin(found)
            return found


async def _remembered(bot: BotAddress, postgres: str, status: ExecutorStatus) -> ConfigSnapshot | None:
    try:
        return await remembered_config(postgres, bot.namespace, bot.bot)
    except JournalDown as error:
        status.store_down("postgres", str(error))
        return None
