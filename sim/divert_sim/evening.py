"""A recorded evening: what CAD and the providers' desks send, at times counted from its start."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, field_validator

from divert_contracts import ids
from divert_contracts.facts.routing import CallConcluded

AGENCY = "lapd"
_CLOCK_LENGTH = len("T+00:00:00")


class EveningError(ValueError):
    """An evening cannot be read; the message names file and line."""


class Entry(BaseModel):
    """One thing that is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: timedelta
    """Domain time after the start."""
    do: Literal["shift", "call", "update", "cancel", "reopen", "close"]
    incident: str | None = None
    """The incident number that it is about, where the body does not say so."""
    provider: str | None = None
    """Of a shift."""
    teams: tuple[dict[str, JsonValue], ...] = ()
    """Of a shift."""
    body: dict[str, JsonValue] = {}
    """As intake takes it; every text like ``T+00:03:10`` stands for a time after the start."""

    @field_validator("at", mode="before")
    @classmethod
    def _from_clock(cls, given: object) -> object:
        return _after(given) if isinstance(given, str) else given

    @property
    def call_id(self) -> UUID:
        """The call that it is about."""
        number = self.incident or self.body.get("incident_number")
        return ids.call_id(AGENCY, str(number))

    def body_at(self, start: datetime) -> dict[str, JsonValue]:
        """Return the body with the times of an evening that starts then."""
        return {name: _timed(value, start) for name, value in self.body.items()}


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a call."""

    outcome: str
    reason: str
    provider: str | None

    @classmethod
    def of(cls, concluded: CallConcluded) -> "Ending":
        """Return what a conclusion says."""
        return cls(concluded.outcome.value, concluded.reason.value, concluded.provider)


def load(file: Path) -> Sequence[Entry]:
    """Read an evening, one JSON object a line, in the order of their times.

    Raises:
        EveningError: a line cannot be read.
        OSError: the file cannot be read.
    """
    return tuple(_entries(file, file.read_text(encoding="utf-8").splitlines()))


def _entries(file: Path, lines: Iterable[str]) -> Iterable[Entry]:
    before = timedelta()
    for number, line in enumerate(lines, 1):
        try:
            entry = Entry.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise EveningError(f"{file}:{number}: {place}: {first['msg']}") from None
        if entry.at < before:
            raise EveningError(f"{file}:{number}: earlier than the line before")
        before = entry.at
        yield entry


def _after(text: str) -> timedelta:
    sign = {"T+": 1, "T-": -1}.get(text[:2])
    parts = text[2:].split(":")
    if sign is None or len(text) != _CLOCK_LENGTH or not all(part.isdigit() for part in parts):
        raise ValueError("a time looks like T+00:03:10")
    hours, minutes, seconds = (int(part) for part in parts)
    return sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _timed(value: JsonValue, start: datetime) -> JsonValue:
    if isinstance(value, Mapping):
        return {name: _timed(part, start) for name, part in cast("dict[str, JsonValue]", value).items()}
    if isinstance(value, list):
        return [_timed(part, start) for part in cast("list[JsonValue]", value)]
    if isinstance(value, str) and len(value) == _CLOCK_LENGTH and value[:2] in {"T+", "T-"}:
        return (start + _after(value)).isoformat()
    return value
