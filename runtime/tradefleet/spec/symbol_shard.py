"""SymbolShard: the part of a bot's symbols that one pod carries.

The operator makes one for each assignment of `sharding`; a shard's pods watch theirs, and say what
they do in its status (`status.SymbolShardStatus`).
"""

from typing import Annotated

from tradefleet.spec.bot import BOT_NAME_LENGTH, BOT_NAME_PATTERN
from tradefleet.spec.fields import IMMUTABLE, items, number, text
from tradefleet.spec.market import SYMBOL_PATTERN, Section

KIND = "SymbolShard"


class SymbolShardSpec(Section, frozen=True):
    """Which symbols of which bot; made by the operator, never by hand."""

    bot: Annotated[str, text("Name of the bot.", BOT_NAME_LENGTH, BOT_NAME_PATTERN, reload=IMMUTABLE)]
    index: Annotated[int, number("Number of the shard within the bot.", "0", "99", reload=IMMUTABLE)]
    symbols: Annotated[
        list[str],
        items("The symbols it carries.", 200, min_items=1, max_length=30, pattern=SYMBOL_PATTERN),
    ]
