"""What a rule is: a pure function of an entry, the account and the spec."""

from collections.abc import Callable

from tradefleet.risk.decisions import Refusal, Resized
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.spec.bot import BotSpec

Answer = Refusal | Resized | None
"""No, less, or (None) yes."""

Rule = Callable[[Entry, AccountView, BotSpec], Answer]
