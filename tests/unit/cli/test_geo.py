"""A map of the divisions: read, published, used by intake, and compared with the reporting districts."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from divert_cli import geo
from divert_cli.city_map import load
from divert_cli.errors import StackError
from divert_contracts.call import Picture
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import digest
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import Feed, PolicyKind
from divert_intake.domain.calls import Accepted, Intake, received
from divert_intake.domain.divisions import DivisionMap
from divert_intake.domain.given import Given, policy_published
from unit.intake.posting import AT, GIVEN
from unit.routing.lives import directory

DATA = Path(__file__).parents[4] / "shared" / "data" / "lapd"
POLYGONS = DATA / "lapd_divisions_simplified.geojson"
LOCATED = DATA / "lapd_located_incidents.csv"
with_data = pytest.mark.skipif(not POLYGONS.exists(), reason="the city's data are not here")


def square(number: int, points: int = 4) -> list[list[float]]:
    """Return a square degree of its own for each division, its edge of so many points."""
    west = float(number)
    bottom = [[west + step / points, 0.0] for step in range(points)]
    return [*bottom, [west + 1, 0.0], [west + 1, 1.0], [west, 1.0], [west, 0.0]]


def collection(numbers: list[int], points: int = 4, named: str | None = None) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "properties": {"PREC": named or number, "APREC": named or directory().division(number).name},
            "geometry": {"type": "Polygon", "coordinates": [square(number, points)]},
        }
        for number in numbers
    ]
    return {"type": "FeatureCollection", "features": features}


def written(folder: Path, content: object) -> Path:
    file = folder / "map.geojson"
    file.write_text(json.dumps(content))
    return file


def published(document: dict[str, Any]) -> PolicyPublished:
    return PolicyPublished(
        occurred_at=AT - timedelta(hours=1),
        kind=PolicyKind.DIVISIONS,
        version=document["version"],
        in_force_from=AT - timedelta(hours=1),
        document=document,
        digest=digest(document),
    )


@pytest.mark.parametrize("named_by", [None, "PREC", "aprec"])
def test_a_feature_is_named_by_number_or_by_any_spelling(tmp_path: Path, named_by: str | None) -> None:
    file = written(tmp_path, collection(list(range(1, 22))))
    found = DivisionMap.model_validate(geo.drawn(file, named_by))
    assert {number: found.division(0.5, number + 0.5) for number in range(1, 22)} == {n: n for n in range(1, 22)}
    assert found.division(5.0, 5.0) is None
    assert found.division(0.5, 2.0) == 1


UNUSABLE: list[tuple[object, str]] = [
    ({}, "no GeoJSON collection"),
    ({"features": [{"properties": {}, "geometry": None}]}, "no GeoJSON collection"),
    (collection(list(range(1, 21))), "division 21 is missing"),
    (collection([*range(1, 21), 1]), "division 1 is there more than once"),
    (collection([1], named="Gotham"), "Choose one with --property"),
]


@pytest.mark.parametrize(("content", "says"), UNUSABLE)
def test_a_map_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(StackError, match=says):
        geo.drawn(written(tmp_path, content))


def test_polygons_that_cross_themselves_are_refused(tmp_path: Path) -> None:
    crossed = collection(list(range(1, 22)))
    crossed["features"][6]["geometry"]["coordinates"] = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
    with pytest.raises(StackError, match="no valid polygon: division 7"):
        geo.drawn(written(tmp_path, crossed))


def test_a_map_too_large_for_a_record_is_simplified(tmp_path: Path) -> None:
    file = written(tmp_path, collection(list(range(1, 22)), points=3_500))
    document = geo.drawn(file)
    assert file.stat().st_size > geo.LARGEST > len(json.dumps(document))
    assert DivisionMap.model_validate(document).division(0.5, 7.5) == 7


def test_intake_takes_the_division_of_a_point_from_the_map_and_routing_flags_what_disagrees(tmp_path: Path) -> None:
    given = policy_published(GIVEN, published(geo.drawn(written(tmp_path, collection(list(range(1, 22)))))))
    call = {
        "agency": "lapd",
        "incident_number": "1",
        "feed": "diverted",
        "reporting_district": "0723",
        "address": {"latitude": 0.5, "longitude": 18.5},
    }
    for known, located in ((GIVEN, None), (given, 18)):
        taken = received(json.dumps(call).encode(), Intake(known, None, AT))
        assert isinstance(taken, Accepted)
        picture = taken.fact.picture
        assert picture.located_division == located
        assert directory().locate(picture) == (7, located is not None)
    alone = Picture(feed=Feed.DIVERTED, located_division=18)
    assert directory().locate(alone) == (18, False)


def test_a_broken_map_is_rejected_and_the_old_one_stays() -> None:
    with pytest.raises(Rejected, match="policy:"):
        policy_published(Given(), published({"kind": "divisions", "version": "x", "divisions": {}}))


@with_data
def test_every_incident_of_the_city_agrees_by_district_and_nearly_all_by_polygon() -> None:
    found = geo.compared(LOCATED, DivisionMap.model_validate(geo.drawn(POLYGONS)), load("lapd-located"))
    assert found.rows == found.by_district == 3_000
    assert found.located > 2_990
    assert found.by_polygon / found.located > 0.97
    assert len(found.disagreements) == found.located - found.by_polygon
