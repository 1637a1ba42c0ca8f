"""Where a call is, as far as a picture may say it: a coarse cell of the map, and hashes of address and number."""

import hmac
import math
import re
import unicodedata

METRES_IN_A_DEGREE = 111_320.0
CELL_METRES = 150.0
WIDTH_AT = math.cos(math.radians(34.05))
"""Degrees of longitude are so much narrower in Los Angeles; one value, so that the cells of all rows align."""

_SHORTENED = {
    "avenue": "ave",
    "av": "ave",
    "boulevard": "blvd",
    "bl": "blvd",
    "circle": "cir",
    "court": "ct",
    "drive": "dr",
    "east": "e",
    "highway": "hwy",
    "lane": "ln",
    "north": "n",
    "parkway": "pkwy",
    "place": "pl",
    "road": "rd",
    "south": "s",
    "street": "st",
    "terrace": "ter",
    "west": "w",
}
_WORD = re.compile(r"\w+")
_NOT_DIGIT = re.compile(r"[^0-9]")
_FEWEST_DIGITS = 7
_US_DIGITS = 11


def cell(latitude: float, longitude: float) -> str:
    """Return the cell of about 150 m that a point is in, as ``row:column``; neighbours differ by 1 in either."""
    row = math.floor(latitude * METRES_IN_A_DEGREE / CELL_METRES)
    column = math.floor(longitude * METRES_IN_A_DEGREE * WIDTH_AT / CELL_METRES)
    return f"{row}:{column}"


def hashed_place(key: bytes, address: str) -> str | None:
    """Return the keyed hash of an address, the same for its usual ways of writing; null when it says nothing."""
    plain = unicodedata.normalize("NFKC", address).casefold()
    found: list[str] = _WORD.findall(plain)
    words = [_SHORTENED.get(word, word) for word in found]
    return _hashed(key, "place", " ".join(words)) if words else None


def hashed_line(key: bytes, number: str) -> str | None:
    """Return the keyed hash of a telephone number; null when it has too few digits to be one."""
    digits = _NOT_DIGIT.sub("", number)
    if len(digits) == _US_DIGITS and digits.startswith("1"):
        digits = digits[1:]
    return _hashed(key, "line", digits) if len(digits) >= _FEWEST_DIGITS else None


def _hashed(key: bytes, what: str, text: str) -> str:
    return hmac.digest(key, f"{what}:{text}".encode(), "sha256").hex()
