"""Opens the source of a process's configuration by its address: a file, or the bot's resource."""

from tradefleet.adapters.config_source import BadSnapshot, BotAddress, ConfigSource, is_in_cluster
from tradefleet.adapters.files.config import SnapshotFile


def open_source(address: str) -> ConfigSource:
    """The source at that address; raises BadSnapshot."""
    if not is_in_cluster(address):
        return SnapshotFile(address)
    # Only a pod pays for the client's memory.
    from tradefleet.adapters.kubernetes.api import NoCluster, connect
    from tradefleet.adapters.kubernetes.config import BotResource

    bot = BotAddress(address)
    try:
        return BotResource(connect(), bot.namespace, bot.bot)
    except NoCluster as error:
        raise BadSnapshot(address, str(error)) from error
