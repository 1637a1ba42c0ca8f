"""The divisions as polygons, where an operator has imported a map: which one a point is in."""

from typing import Annotated, Literal, Self

import shapely
from pydantic import Field, PrivateAttr, model_validator
from shapely.geometry import shape

from divert_contracts.model import Model

DIVISIONS = 21
Ring = list[tuple[float, float]]
"""Longitude and latitude in degrees, as GeoJSON has them."""


class Polygon(Model):
    """A GeoJSON polygon: the outer ring, then holes."""

    type: Literal["Polygon"]
    coordinates: list[Ring] = Field(min_length=1)


class MultiPolygon(Model):
    """Several polygons."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[Ring]] = Field(min_length=1)


class DivisionMap(Model):
    """One version of the map: a document of kind ``divisions``."""

    kind: Literal["divisions"]
    version: str
    divisions: dict[
        Annotated[int, Field(ge=1, le=DIVISIONS)],
        Annotated[Polygon | MultiPolygon, Field(discriminator="type")],
    ] = Field(min_length=1)

    _numbers: tuple[int, ...] = PrivateAttr(default=())
    _tree: shapely.STRtree = PrivateAttr(default_factory=lambda: shapely.STRtree([]))

    @model_validator(mode="after")
    def _indexed(self) -> Self:
        found = {number: shape(one.model_dump()) for number, one in sorted(self.divisions.items())}
        if wrong := [number for number, one in found.items() if one.is_empty or not one.is_valid]:
            raise ValueError(f"no valid polygon: division {', '.join(map(str, wrong))}")
        self._numbers = tuple(found)
        self._tree = shapely.STRtree(list(found.values()))
        return self

    def division(self, latitude: float, longitude: float) -> int | None:
        """Return the division that a point is in, the lowest number on a common border; null outside all."""
        found = self._tree.query(shapely.Point(longitude, latitude), predicate="intersects")
        return min((self._numbers[int(one)] for one in found), default=None)
