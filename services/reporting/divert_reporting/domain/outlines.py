"""The divisions as an operator's map has them, made ready to be drawn: flat, thinned to what can be seen. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians
from typing import Annotated, Literal

from pydantic import Field

from divert_contracts.model import Model
from divert_reporting.domain.city import NAMES

WIDTH, HEIGHT, MARGIN = 288, 320, 4
"""Of the picture, in its own units; the tiles' picture has the same."""
FINEST = 0.5
"""Units to which a corner is moved: neighbours' borders move alike, so no gap opens between them."""
APART = 7
"""Units between the lines along which room for a name is looked for: half of its height."""

Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Ring = list[tuple[Longitude, Latitude]]
"""In degrees, as GeoJSON has them."""
Point = tuple[float, float]


class Polygon(Model):
    """A GeoJSON polygon: the outer ring, then holes."""

    type: Literal["Polygon"]
    coordinates: list[Ring] = Field(min_length=1)

    @property
    def rings(self) -> Sequence[Ring]:
        """Every ring of it."""
        return self.coordinates


class MultiPolygon(Model):
    """Several polygons."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[Ring]] = Field(min_length=1)

    @property
    def rings(self) -> Sequence[Ring]:
        """Every ring of them."""
        return [ring for polygon in self.coordinates for ring in polygon]


class DivisionMap(Model):
    """A document of kind ``divisions``, as far as it is drawn."""

    kind: Literal["divisions"]
    version: str
    divisions: dict[
        Annotated[int, Field(ge=1, le=max(NAMES))],
        Annotated[Polygon | MultiPolygon, Field(discriminator="type")],
    ] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Outline:
    """A division as it is drawn, in a picture of ``WIDTH`` by ``HEIGHT``."""

    division: int
    path: str
    """SVG path data; what lies in two rings is a hole."""
    x: float
    """Where its name has most room."""
    y: float
    room: float
    """Units from side to side there."""


def outlines(drawn: DivisionMap) -> tuple[Outline, ...]:
    """Return the divisions by their numbers, on an equirectangular projection; those too small to be seen are not."""
    points = [point for one in drawn.divisions.values() for ring in one.rings for point in ring]
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    # A degree of longitude is shorter than one of latitude, by as much as the middle of the map is from the equator.
    narrower = cos(radians((south + north) / 2))
    across, down = max((east - west) * narrower, 1e-9), max(north - south, 1e-9)
    scale = min((WIDTH - 2 * MARGIN) / across, (HEIGHT - 2 * MARGIN) / down)
    left, top = (WIDTH - across * scale) / 2, (HEIGHT - down * scale) / 2

    def flat(ring: Ring) -> list[Point]:
        return [(left + (x - west) * narrower * scale, top + (north - y) * scale) for x, y in ring]

    found: list[Outline] = []
    for number, one in sorted(drawn.divisions.items()):
        rings = [thin for ring in one.rings if len(thin := _thinned(flat(ring))) > 2]  # noqa: PLR2004 (a triangle)
        if rings:
            found.append(Outline(number, "".join(_path(ring) for ring in rings), *_roomiest(rings)))
    return tuple(found)


def _thinned(ring: Iterable[Point]) -> list[Point]:
    """Return a ring's corners on the grid, without those that are then the same or lie on a straight line."""
    kept: list[Point] = []
    for x, y in ring:
        corner = (round(x / FINEST) * FINEST, round(y / FINEST) * FINEST)
        if kept and corner == kept[-1]:
            continue
        while len(kept) > 1 and _straight(kept[-2], kept[-1], corner):
            kept.pop()
        kept.append(corner)
    return kept[:-1] if len(kept) > 1 and kept[0] == kept[-1] else kept


def _straight(one: Point, middle: Point, other: Point) -> bool:
    return (middle[0] - one[0]) * (other[1] - one[1]) == (middle[1] - one[1]) * (other[0] - one[0])


def _path(ring: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in ring) + "Z"


def _roomiest(rings: Sequence[Sequence[Point]]) -> tuple[float, float, float]:
    """Return the point with the most room to both sides, over the height of a name, and how much that is."""
    corners = [point for ring in rings for point in ring]
    highest, lowest = min(y for _, y in corners), max(y for _, y in corners)
    best = ((corners[0][0] + corners[len(corners) // 2][0]) / 2, (highest + lowest) / 2, 0.0)
    for step in range(1, max(2, round(lowest - highest))):
        y = highest + step * (lowest - highest) / max(2, round(lowest - highest)) + FINEST / 3
        above, here, below = (_inside(rings, y + off) for off in (-APART, 0, APART))
        for start, end in here:
            x = (start + end) / 2
            room = min(end - start, *(_width_at(spans, x) for spans in (above, below)))
            # Where nothing is high enough for a name, the widest place will do.
            room = room or min(end - start, APART) / 2
            if room > best[2]:
                best = (round(x, 1), round(y, 1), round(room, 1))
    return best


def _inside(rings: Sequence[Sequence[Point]], y: float) -> list[Point]:
    """Return the stretches of a level line that lie inside."""
    crossed = sorted(
        x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        for ring in rings
        for (x1, y1), (x2, y2) in pairwise((*ring, ring[0]))
        if (y1 > y) != (y2 > y)
    )
    return list(zip(crossed[::2], crossed[1::2], strict=False))


def _width_at(spans: Sequence[Point], x: float) -> float:
    return next((end - start for start, end in spans if start <= x <= end), 0.0)
