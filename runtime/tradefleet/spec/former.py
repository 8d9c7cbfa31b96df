"""What older releases wrote where this one has something else: still read, never written.

A bot that stands in a cluster, a journal or a data folder was written by whichever release ran then; an
upgrade must not leave its executor without a configuration.
"""

import re
from typing import Final

SWITCHES: Final = frozenset({"spec.exits.partialClose"})
"""Sections that were a switch before they were built; nobody could turn it on, so `false` is no wish."""

_NAMES: Final = "|".join(path.rpartition(".")[2] for path in sorted(SWITCHES)).encode()
_OFF: Final = re.compile(rb'("(?:' + _NAMES + rb')":\s*)false')


def as_of_today(raw: bytes) -> bytes:
    """JSON with a spec that an older release wrote, as this one writes it."""
    return _OFF.sub(rb"\1{}", raw)
