"""What the public contract says, as far as a provider needs it: events and their schemas, and what can be said."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]


class News(StrEnum):
    """What divert tells a provider."""

    OFFERED = "offered"
    UPDATED = "updated"
    RECALLED = "recalled"
    ANSWERED = "answered"


KINDS = {
    "divert.CaseOffered.v1": News.OFFERED,
    "divert.CaseUpdated.v1": News.UPDATED,
    "divert.CaseRecalled.v1": News.RECALLED,
    "divert.QuestionAnswered.v1": News.ANSWERED,
}
NEEDS_EPOCH = frozenset({"acknowledge", "decline", "team-assigned", "en-route", "hand-back", "close"})
"""Answers about who has the case; they name the epoch of the offer."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that divert told."""

    news: News
    case: str
    epoch: int
    incident_number: str
    """Empty except of an offer."""
    answer_by: str
    """ISO time; empty except of an offer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of something that was said."""

    taken: bool
    code: str
    """Why not; empty where it was taken."""


class Schemas:
    """The published JSON Schemas of what is sent to providers."""

    def __init__(self, folder: Path | None) -> None:
        """Read them; without a folder everything is taken as it comes."""
        self._validators = {} if folder is None else {kind: _validator(folder, kind) for kind in KINDS}

    def check(self, kind: str, event: Json) -> None:
        """Hold an event's data against its schema.

        Raises:
            jsonschema.ValidationError: it does not fit.
        """
        validator = self._validators.get(kind)
        if validator is not None:
            validator.validate(event)  # pyright: ignore[reportUnknownMemberType]  # jsonschema is typed in part


def _validator(folder: Path, kind: str) -> Draft202012Validator:
    name = kind.removeprefix("divert.")
    return Draft202012Validator(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def read(kind: str, data: Json) -> Told | None:
    """Return what an event tells, or None for a kind that is not known: there may be newer ones."""
    news = KINDS.get(kind)
    if news is None:
        return None
    return Told(
        news=news,
        case=data["case_id"],
        epoch=data["epoch"],
        incident_number=data.get("incident_number", ""),
        answer_by=data.get("answer_by", ""),
    )
