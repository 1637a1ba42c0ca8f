"""The 21 divisions of the city, as tiles: where each lies in a schematic map, and what it is called."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """A division in the schematic map."""

    division: int
    name: str
    short: str
    """As on the map."""
    column: int
    row: int


TILES: tuple[Tile, ...] = (
    Tile(17, "Devonshire", "DEV", 1, 0),
    Tile(19, "Mission", "MISN", 2, 0),
    Tile(16, "Foothill", "FTHL", 3, 0),
    Tile(21, "Topanga", "TOP", 0, 1),
    Tile(10, "West Valley", "WVAL", 1, 1),
    Tile(9, "Van Nuys", "VNY", 2, 1),
    Tile(15, "N Hollywood", "NHWD", 3, 1),
    Tile(8, "West LA", "WLA", 1, 2),
    Tile(6, "Hollywood", "HWD", 3, 2),
    Tile(11, "Northeast", "NE", 4, 2),
    Tile(14, "Pacific", "PAC", 0, 3),
    Tile(7, "Wilshire", "WIL", 2, 3),
    Tile(20, "Olympic", "OLYM", 3, 3),
    Tile(2, "Rampart", "RAMP", 4, 3),
    Tile(4, "Hollenbeck", "HOBK", 5, 3),
    Tile(3, "Southwest", "SW", 3, 4),
    Tile(1, "Central", "CENT", 4, 4),
    Tile(13, "Newton", "NEWT", 4, 5),
    Tile(12, "77th Street", "77TH", 3, 5),
    Tile(18, "Southeast", "SE", 3, 6),
    Tile(5, "Harbor", "HARB", 3, 7),
)
"""By their rows."""
NAMES: Mapping[int, str] = {one.division: one.name for one in TILES}
SHORTS: Mapping[int, str] = {one.division: one.short for one in TILES}
