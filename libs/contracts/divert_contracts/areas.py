"""Which division an area is in as CAD writes it: ``07``, ``Wilshire``, ``7 - WILSHIRE``, ``N Hollywood``."""

import re
from collections.abc import Iterable, Mapping

MOST_DIGITS = 3
"""Of a division's number; four are a reporting district."""
_WORDS = re.compile(r"[^0-9A-Z]+")
_TITLES = frozenset({"AREA", "DIV", "DIVISION", "STATION"})


def spelt(names: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    """Return the numbers of divisions by their names as ``division_named`` wants them."""
    return {plain(name): number for name, number in names}


def division_named(area: str | None, spellings: Mapping[str, int]) -> int | None:
    """Read an area as CAD writes it.

    Returns:
        the number of one of the divisions, or null for no area, another city's, or a spelling that is not known.
    """
    name = "" if area is None else plain(area)
    if name in spellings:
        return spellings[name]
    first, _, rest = name.partition(" ")
    if not (first.isascii() and first.isdecimal() and len(first) <= MOST_DIGITS):
        return None
    number = int(first)
    agreed = not rest or spellings.get(rest) == number
    return number if number in spellings.values() and agreed else None


def plain(text: str) -> str:
    """Return a name in the one way in which names are compared."""
    words = _WORDS.sub(" ", text.upper()).split()
    return " ".join(word for word in words if word not in _TITLES)
