"""The divisions as they are drawn: learnt from what `divert geo import` publishes, flat, thin and without gaps."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue

from divert_cli import geo
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import digest
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import PolicyKind
from divert_reporting.domain.given import Given, policy_published
from divert_reporting.domain.outlines import HEIGHT, WIDTH, DivisionMap, outlines
from unit.reporting.stories import NOON

POLYGONS = Path(__file__).parents[4] / "shared" / "data" / "lapd" / "lapd_divisions_simplified.geojson"


def square(west: float, south: float, *, side: float = 0.1, points: int = 4) -> list[tuple[float, float]]:
    """Return a square whose southern edge has so many points."""
    bottom = [(west + side * step / points, south) for step in range(points)]
    return [*bottom, (west + side, south), (west + side, south + side), (west, south + side), (west, south)]


def drawn(divisions: dict[int, list[list[tuple[float, float]]]]) -> DivisionMap:
    return DivisionMap.model_validate(
        {
            "kind": "divisions",
            "version": "test",
            "divisions": {number: {"type": "Polygon", "coordinates": rings} for number, rings in divisions.items()},
        }
    )


def published(document: dict[str, JsonValue]) -> PolicyPublished:
    return PolicyPublished(
        occurred_at=NOON - timedelta(hours=1),
        kind=PolicyKind.DIVISIONS,
        version=str(document["version"]),
        in_force_from=NOON,
        document=document,
        digest=digest(document),
    )


def corners(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def test_a_square_degree_on_the_equator_is_a_square_and_farther_north_is_narrow() -> None:
    for south, narrower in ((-0.05, 1.0), (59.95, 0.5)):
        (one,) = outlines(drawn({7: [square(-118, south)]}))
        xs, ys = zip(*corners(one.path), strict=True)
        assert (max(xs) - min(xs)) / (max(ys) - min(ys)) == pytest.approx(narrower, abs=0.01)
        assert 0 <= min(xs) <= max(xs) <= WIDTH
        assert 0 <= min(ys) <= max(ys) <= HEIGHT


def test_corners_that_nobody_could_see_are_left_out_and_neighbours_keep_one_border() -> None:
    fine = square(-118.1, 34, points=500)
    left, right = outlines(drawn({1: [fine], 2: [square(-118, 34)]}))
    assert len(corners(left.path)) == 4
    shared = {(x, y) for x, y in corners(left.path)} & set(corners(right.path))
    assert len(shared) == 2


def test_a_name_stands_where_there_is_room_and_never_in_a_hole() -> None:
    hole = square(-117.98, 34.02, side=0.06)
    (ring,) = outlines(drawn({3: [square(-118, 34), hole]}))
    (x1, y1), (x2, y2) = (min(corners(ring.path)[4:]), max(corners(ring.path)[4:]))
    assert not (x1 < ring.x < x2 and y1 < ring.y < y2)
    assert ring.path.count("M") == 2


def test_what_is_too_small_to_be_seen_is_not_drawn() -> None:
    found = outlines(drawn({1: [square(-118, 34)], 2: [square(-118.1, 34, side=0.00001)]}))
    assert [one.division for one in found] == [1]


def test_a_map_is_in_force_from_its_time_and_what_does_not_fit_changes_nothing() -> None:
    document: dict[str, JsonValue] = drawn({1: [square(-118, 34)]}).model_dump(mode="json")
    known = policy_published(Given(), published(document))
    assert Given().outlines(NOON) == ()
    assert [one.division for one in known.outlines(NOON)] == [1]
    with pytest.raises(Rejected):
        policy_published(known, published({**document, "version": "other", "divisions": {"1": {"type": "Point"}}}))
    other = published(document).model_copy(update={"kind": PolicyKind.ROUTING})
    assert policy_published(known, other) is known


@pytest.mark.skipif(not POLYGONS.exists(), reason="the city's data are not here")
def test_the_city_itself_fits_the_picture_in_a_few_kilobytes() -> None:
    known = policy_published(Given(), published(geo.drawn(POLYGONS)))
    city = known.outlines(NOON)
    assert [one.division for one in city] == list(range(1, 22))
    assert sum(len(one.path) for one in city) < 20_000
    for one in city:
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners(one.path))
