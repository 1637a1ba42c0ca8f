"""What goes to the police holds no clinical fact: its schemas have no place for one."""

import json
import re
from typing import Any

import pytest

from divert_contracts import vocabulary
from divert_contracts.call import SafetyBrief
from divert_contracts.facts.routing import CallStatusChanged
from divert_contracts.model import Term
from divert_contracts.schemas import FOLDER
from divert_contracts.topics import FEEDBACK

IDS = {"agency", "incident_number", "holder", "provider", "unit", "agency_code", "apco_code"}
"""Texts that are no vocabulary: ids and codes of the agency, the provider or the standard. None is anybody's words."""
TIMES = {"occurred_at", "arrive_by", "next_update_by"}
WORDS = {
    "stage": vocabulary.Stage,
    "outcome": vocabulary.Outcome,
    "reason": vocabulary.OutcomeReason,
    "hand_back": vocabulary.HandBackReason,
    "disposition": vocabulary.Disposition,
}
CLINICAL = re.compile(
    r"diagnos|symptom|psych|mental|suicid|drug|alcohol|substance|overdose|intoxic|medicat|treat|therap|patient|clinic|"
    r"narrative|note|answer|signal|hazard|name|address|person$|acuity|health"
)


def schema_of(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.v1.json").read_text())


def kinds(node: dict[str, Any]) -> set[str]:
    """Return what a field may hold: types, formats, or the vocabulary that it refers to."""
    if "anyOf" in node:
        return {kind for one in node["anyOf"] for kind in kinds(one)}
    if "$ref" in node:
        return {node["$ref"].rpartition("/")[2]}
    return {node.get("format", node.get("type", "anything"))}


def test_the_feedback_topic_carries_statuses_alone() -> None:
    assert FEEDBACK.carries == (CallStatusChanged,)
    assert not FEEDBACK.private


def test_every_field_of_a_status_is_an_id_a_time_a_number_or_a_word_of_a_vocabulary() -> None:
    fields = schema_of("CallStatusChanged")["properties"]
    assert fields.keys() == {"call_id", "status_number", *IDS, *TIMES, *WORDS}
    assert kinds(fields["call_id"]) == {"uuid"}
    assert kinds(fields["status_number"]) == {"integer"}
    assert {kind for name in TIMES for kind in kinds(fields[name])} <= {"date-time", "null"}
    assert {kind for name in IDS for kind in kinds(fields[name])} <= {"string", "null"}
    for name, words in WORDS.items():
        assert kinds(fields[name]) - {"null"} == {words.__name__}


def test_no_field_and_no_word_of_a_status_is_clinical() -> None:
    schema = schema_of("CallStatusChanged")
    assert schema["$defs"].keys() == {words.__name__ for words in WORDS.values()}
    names = [name for name in schema["properties"] if CLINICAL.search(name)]
    words = [word.value for kind in WORDS.values() for word in kind if CLINICAL.search(word.value)]
    assert (names, words) == ([], [])


@pytest.mark.parametrize("name", ["diagnosis", "narrative", "suicidal", "acuity", "substance_use", "notes"])
def test_a_clinical_field_would_be_seen(name: str) -> None:
    assert CLINICAL.search(name)


def test_the_safety_brief_is_closed_vocabulary() -> None:
    allowed = {"bool", "int", "str | None", "int | None"}
    for name, field in SafetyBrief.model_fields.items():
        kind: Any = field.annotation
        inner = getattr(kind, "__args__", (kind,))[0]
        closed = isinstance(inner, type) and issubclass(inner, Term)
        assert closed or name in {"people_present", "language", "unit"}, f"{name}: {kind}"
        assert closed or str(kind) in allowed
