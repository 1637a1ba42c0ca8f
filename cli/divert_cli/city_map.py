"""How a city's export of calls reads as calls of divert: a small YAML file, and what it makes of each row."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_contracts.vocabulary import Question

MAPS = ROOT / "seeds" / "maps"
Row = Mapping[str, str]
"""A row: heading in lower case without spaces around it, to the text of its cell."""
Json = dict[str, object]

Heading = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]


class MapError(StackError):
    """A map cannot be used; the message names file and field."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """Where a field stands, and how its text is to be read."""

    headings: tuple[Heading, ...] = Field(alias="column", min_length=1)
    """The column's heading; several where the city has changed it over the years, the first that is there counts."""
    pad: int = Field(default=0, ge=0, le=20)
    """Zeros are put before a number that is shorter than so many digits."""
    values: dict[str, str] = {}
    """What the city's own words and codes read as; others stay as they are."""

    @field_validator("headings", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="before")
    @classmethod
    def _heading_alone(cls, given: object) -> object:
        return cast("object", given) if isinstance(given, dict) else {"column": given}

    def read(self, row: Row) -> str | None:
        """Return the field of a row, or None where it is empty."""
        text = next((row[one] for one in self.headings if one in row), "").strip()
        if not text:
            return None
        text = self.values.get(text, text)
        return text.zfill(self.pad) if text.isascii() and text.isdigit() else text


class Stamp(_Part):
    """Where one of the call's times stands."""

    date: Column
    """Date, or date with time."""
    time: Column | None = None
    """Time of day, where it has a column of its own."""

    @model_validator(mode="before")
    @classmethod
    def _column_alone(cls, given: object) -> object:
        return {"date": given} if isinstance(given, str) else given


class OfficerRule(_Part):
    """Rows that an officer opened: a column, and the texts that say so."""

    column: Column
    is_one_of: tuple[str, ...] = Field(min_length=1)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class CityMap(_Part):
    """A city's export, described."""

    title: str
    agency: Name
    """The agency that its calls are posted under."""
    time_zone: str
    """IANA name, for times without one."""
    incident_number: Column | None = None
    """Null: rows are numbered by their line."""
    fields: dict[
        Literal[
            "call_type", "call_type_text", "initial_call_type", "priority", "reporting_district", "area", "narrative"
        ],
        Column,
    ] = {}
    address: Column | None = None
    latitude: Column | None = None
    longitude: Column | None = None
    disposition: Column | None = None
    """CAD's own code of how the call ended; ``divert reconcile`` compares it, nothing else reads it."""
    constants: dict[Literal["call_type", "priority", "origin"], str] = {}
    """Fields that the export has no column for and that are the same in each row."""
    stamps: dict[Literal["answered_at", "created_at", "dispatched_at", "arrived_at", "closed_at"], Stamp] = {}
    date_formats: tuple[str, ...] = ()
    """As of strptime, tried in order; ISO 8601 is always read."""
    time_formats: tuple[str, ...] = ("%H:%M:%S", "%H:%M")
    officer_initiated: tuple[OfficerRule, ...] = ()
    """A row for which any of these holds is an officer's own activity."""
    entered_afterwards: Literal["when_closed", "always"] = "when_closed"
    """Which observed rows take their outcome from their stamps: those with a closing time, or all."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no IANA time zone") from error
        return name

    @model_validator(mode="after")
    def _formats_work(self) -> Self:
        for style in (*self.date_formats, *self.time_formats):
            example = datetime(2001, 2, 3, 4, 5, 6).strftime(style)  # noqa: DTZ001  # only to see whether it works
            if example == style:
                raise ValueError(f"{style!r} is no date or time format")
        return self

    def missing(self, headings: set[str]) -> list[str]:
        """Return the columns of the map that a file with these headings does not have."""
        columns = {
            "incident_number": self.incident_number,
            **{f"fields.{name}": column for name, column in self.fields.items()},
            "address": self.address,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "disposition": self.disposition,
            **{f"stamps.{name}": stamp.date for name, stamp in self.stamps.items()},
            **{f"stamps.{name}.time": stamp.time for name, stamp in self.stamps.items()},
            **{f"officer_initiated.{n}": rule.column for n, rule in enumerate(self.officer_initiated)},
        }
        return [
            f"{field}: {' or '.join(column.headings)}"
            for field, column in columns.items()
            if column is not None and not headings.intersection(column.headings)
        ]

    def call(self, row: Row, line: int, *, agency: str, divert: bool) -> Json:
        """Return a row as intake takes it.

        Args:
            row: its cells.
            line: its line in the file, counted from 1; the heading is line 1.
            agency: whom it is posted under.
            divert: whether it is offered to providers, with every safety question answered "no" by assumption; else
                it is observed as it was.
        """
        number = f"LINE-{line:07d}" if self.incident_number is None else self.incident_number.read(row)
        officer = any(rule.column.read(row) in rule.is_one_of for rule in self.officer_initiated)
        call: Json = {
            "agency": agency,
            "incident_number": number,
            "feed": "diverted" if divert and not officer else "observed",
            **self.constants,
            **{name: text for name, column in self.fields.items() if (text := column.read(row)) is not None},
        }
        place: Json = {
            name: _number(text) if name != "text" else text
            for name, column in (("text", self.address), ("latitude", self.latitude), ("longitude", self.longitude))
            if column is not None and (text := column.read(row)) is not None
        }
        if place.get("latitude") == place.get("longitude") == 0:
            # Every city writes an unknown place so.
            del place["latitude"], place["longitude"]
        if place:
            call["address"] = place
        stamps = {name: text for name, stamp in self.stamps.items() if (text := self._moment(stamp, row)) is not None}
        if officer:
            call["origin"] = "officer_initiated"
        if divert and not officer:
            # Offered as if it came in now: the stamps of the past would be out of order with what follows.
            call["assumed_screening"] = True
            call["answers"] = {question.value: "no" for question in Question if question is not Question.UNKNOWN}
            return call
        if stamps:
            call["stamps"] = stamps
        if stamps and (self.entered_afterwards == "always" or "closed_at" in stamps):
            call["recorded_late"] = True
        return call

    def _moment(self, stamp: Stamp, row: Row) -> str | None:
        """Return a time in RFC 3339; as the city wrote it where no format fits, so that intake warns of it."""
        date = stamp.date.read(row)
        if date is None:
            return None
        time = None if stamp.time is None else stamp.time.read(row)
        moment = _first(date, self.date_formats)
        if moment is None:
            return date if time is None else f"{date} {time}"
        if time is not None:
            of_day = _first(time, self.time_formats)
            if of_day is None:
                return f"{date} {time}"
            moment = datetime.combine(moment.date(), of_day.time(), moment.tzinfo)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.time_zone))).isoformat()


def _first(text: str, formats: tuple[str, ...]) -> datetime | None:
    for style in formats:
        try:
            return datetime.strptime(text, style)  # noqa: DTZ007  # the zone is the map's
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # intake names it in a warning


def load(name_or_file: str) -> CityMap:
    """Read a map that is shipped, by its name, or any other, by its path.

    Raises:
        MapError: there is no such map, or it is not valid.
    """
    shipped = MAPS / f"{name_or_file}.yaml"
    file = shipped if shipped.is_file() else Path(name_or_file)
    try:
        given: object = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(one.stem for one in MAPS.glob("*.yaml")))
        raise MapError(
            f"there is no map {name_or_file!r}; shipped are: {known}; else give the path of a file"
        ) from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise MapError(f"{file} cannot be read as YAML: {error}") from error
    try:
        return CityMap.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'the whole file'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise MapError(f"{file}: {problems}") from None
