"""`divert geo`: the divisions as polygons: imported for intake, and compared with the reporting districts."""

import asyncio
import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, cast

import shapely
import typer
from pydantic import JsonValue, ValidationError
from rich.console import Console
from rich.table import Table
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from divert_cli import prepare
from divert_cli.calls import the_stack
from divert_cli.checkout import ROOT
from divert_cli.city_map import CityMap, load
from divert_cli.errors import StackError
from divert_cli.policy import files
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import digest
from divert_contracts.vocabulary import PolicyKind
from divert_intake.domain.divisions import DivisionMap
from divert_routing.domain.directory import Directory, division_of_district

LARGEST = 900_000
"""Bytes of a document: a record of policies.v1 holds less than 1 MB."""
DECIMALS = 6
"""Of a degree: about 0.1 m."""
FINEST = 0.000_02
"""Degrees by which a border may move at first, where a map is too large; about 2 m."""
NUMBERED = ("area", "prec", "aprec", "division", "number", "id", "name")
"""Properties that may say which division a feature is, in this order."""

app = typer.Typer(help="Divisions by map.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_console = Console(highlight=False)

GeoJson = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="GeoJSON with a feature a division.")]
Named = Annotated[str | None, typer.Option("--property", help="The property that says which division it is.")]


class GeoError(StackError):
    """A map cannot be used; the message says why."""


@dataclass(slots=True)
class Checked:
    """How districts and polygons agree on rows of a file."""

    rows: int = 0
    by_district: int = 0
    """Rows whose reporting district says the division that the file names."""
    located: int = 0
    """Rows with a place: some exports write 0, 0 where they know none."""
    by_polygon: int = 0
    outside: int = 0
    """Rows that no polygon holds."""
    disagreements: list[Mapping[str, JsonValue]] = field(default_factory=list[Mapping[str, JsonValue]])
    """Rows whose polygon is not that of their district: line, district, both divisions, place and distance."""


@app.command("import")
def import_(
    file: GeoJson,
    *,
    property_: Named = None,
    kafka: Annotated[str | None, typer.Option(help="host:port; else that of the stack that runs.")] = None,
) -> None:
    """Publish a map of the divisions; intake uses it a minute later, without a restart."""
    document = drawn(file, property_)
    at = datetime.now(UTC)
    policy = PolicyPublished(
        occurred_at=at,
        kind=PolicyKind.DIVISIONS,
        version=str(document["version"]),
        in_force_from=at,
        document=document,
        digest=digest(document),
    )
    address = kafka or the_stack().kafka
    published = prepare.in_time(policy, prepare.read_policies(address))
    asyncio.run(prepare.publish_policy(address, published))
    found = len(cast("Mapping[str, object]", document["divisions"]))
    _console.print(f"{found} divisions, version {policy.version}, in force from {published.in_force_from.isoformat()}")


@app.command()
def check(
    rows: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV of located calls.")],
    polygons: GeoJson,
    *,
    city: Annotated[str, typer.Option("--map", help="How the CSV's columns read.")] = "lapd-located",
    property_: Named = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare the division by reporting district and by polygon, row by row, with the one that the file names."""
    found = compared(rows, DivisionMap.model_validate(drawn(polygons, property_)), load(city))
    if as_json:
        print(json.dumps(asdict(found), indent=1))
        return
    table = Table("division by", "rows", "agree")
    for name, of, agree in (
        ("reporting district", found.rows, found.by_district),
        ("polygon alone", found.located, found.by_polygon),
    ):
        table.add_row(name, str(of), f"{agree} ({agree / max(1, of):.2%})")
    _console.print(table)
    for one in found.disagreements:
        _console.print(", ".join(f"{name} {value}" for name, value in one.items()), markup=False)


def drawn(file: Path, named_by: str | None = None) -> dict[str, JsonValue]:
    """Read a GeoJSON file as the document that is published.

    Args:
        file: a FeatureCollection in WGS 84, a polygon or multipolygon a division.
        named_by: the property that says which; else the first of the usual ones that names each feature's.

    Raises:
        GeoError: it cannot be read, or a division is missing, twice or not a valid polygon.
    """
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        shapes = [shape(one["geometry"]) for one in read["features"]]
        properties = [{str(key).lower(): value for key, value in one["properties"].items()} for one in read["features"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise GeoError(f"{file} is no GeoJSON collection of polygons: {type(error).__name__}") from None
    numbers = _numbers(properties, named_by)
    tolerance = 0.0
    while True:
        document = _document(numbers, shapes if not tolerance else _simplified(shapes, tolerance))
        if len(json.dumps(document)) <= LARGEST:
            break
        tolerance = max(FINEST, tolerance * 2)
    try:
        DivisionMap.model_validate(document)
    except ValidationError as error:
        raise GeoError(f"{file}: {'; '.join(one['msg'] for one in error.errors(include_url=False))}") from None
    return document


def compared(rows: Path, polygons: DivisionMap, city: CityMap) -> Checked:
    """Compare district and polygon of each row that has a place."""
    found = Checked()
    edges = {number: shape(one.model_dump()) for number, one in polygons.divisions.items()}
    with rows.open(newline="", encoding="utf-8-sig") as text:
        for line, raw in enumerate(csv.DictReader(text), 2):
            row = {str(key).strip().lower(): value or "" for key, value in raw.items()}
            call = city.call(row, line, agency=city.agency, divert=False)
            district = cast("str | None", call.get("reporting_district"))
            named = _directory().division_named(cast("str | None", call.get("area")))
            by_district = division_of_district(district)
            found.rows += 1
            found.by_district += named is not None and by_district == named
            place = cast("Mapping[str, float]", call.get("address", {}))
            if "latitude" not in place or "longitude" not in place:
                continue
            by_polygon = polygons.division(place["latitude"], place["longitude"])
            found.located += 1
            found.by_polygon += named is not None and by_polygon == named
            found.outside += by_polygon is None
            if by_polygon != by_district:
                away = None if by_district not in edges else _metres(edges[by_district], place)
                found.disagreements.append(
                    {
                        "line": line,
                        "district": district,
                        "by_district": by_district,
                        "by_polygon": by_polygon,
                        "latitude": place["latitude"],
                        "longitude": place["longitude"],
                        "metres_from_its_district_s_division": away,
                    }
                )
    return found


def _numbers(properties: Sequence[Mapping[str, object]], named_by: str | None) -> list[int]:
    for name in NUMBERED if named_by is None else (named_by.lower(),):
        numbers = [_directory().division_named(_text(one.get(name))) for one in properties]
        whole = [one for one in numbers if one is not None]
        if len(whole) == len(properties):
            if twice := [number for number, count in Counter(whole).items() if count > 1]:
                raise GeoError(f"division {', '.join(map(str, twice))} is there more than once")
            if missing := {one.number for one in _directory().divisions} - set(whole):
                raise GeoError(f"division {', '.join(map(str, sorted(missing)))} is missing")
            return whole
    there = ", ".join(sorted({key for one in properties for key in one}))
    raise GeoError(f"no property names the division of every feature; there are: {there}. Choose one with --property")


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _simplified(shapes: Sequence[BaseGeometry], tolerance: float) -> list[BaseGeometry]:
    """Return shapes with fewer points; a border moves by no more than the tolerance, which is metres."""
    return [shapely.simplify(one, tolerance) for one in shapes]


def _document(numbers: Sequence[int], shapes: Sequence[BaseGeometry]) -> dict[str, JsonValue]:
    divisions: dict[str, JsonValue] = {
        str(number): json.loads(json.dumps(mapping(one))) for number, one in sorted(zip(numbers, shapes, strict=True))
    }
    for one in divisions.values():
        _rounded(cast("dict[str, JsonValue]", one))
    version = f"divisions-{digest(divisions)[:12]}"
    return {"kind": "divisions", "version": version, "divisions": divisions}


def _rounded(geometry: dict[str, JsonValue]) -> None:
    geometry["coordinates"] = _short(geometry["coordinates"])


def _short(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_short(one) for one in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def _metres(geometry: BaseGeometry, place: Mapping[str, float]) -> int:
    """Return how far a point is from a polygon, in metres, near enough."""
    return round(geometry.distance(shapely.Point(place["longitude"], place["latitude"])) * 100_000)


@cache
def _directory() -> Directory:
    return Directory.model_validate(files.read(ROOT / prepare.SEEDS[PolicyKind.ROUTING], PolicyKind.ROUTING).document)
