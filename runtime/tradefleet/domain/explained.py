"""A word that we say to people, explained: for the pages that are written from the code."""

from typing import NamedTuple


class Explained(NamedTuple):
    """One line of a reference page. cause: what is so. decides: who said it. act: what to do about it."""

    cause: str
    decides: str
    act: str
