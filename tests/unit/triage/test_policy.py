"""The policy document: what it must say, and what it refuses to say."""

import copy
from functools import cache
from typing import cast

import pytest
from pydantic import JsonValue, ValidationError

from divert_cli.prepare import seed_policy
from divert_contracts.vocabulary import DANGER_ASKED_FOR, PolicyKind
from divert_triage.domain.policy import TriagePolicy

Document = dict[str, JsonValue]


@cache
def _seed() -> Document:
    return seed_policy(PolicyKind.TRIAGE).document


@pytest.fixture
def document() -> Document:
    # Its lexicon has tests of its own.
    return copy.deepcopy({name: part for name, part in _seed().items() if name != "lexicon"})


def _rules(document: Document, *path: str) -> list[Document]:
    found: JsonValue = document
    for name in path:
        assert isinstance(found, dict)
        found = found[name]
    return cast("list[Document]", found)


def _refusal(document: Document) -> str:
    with pytest.raises(ValidationError) as refused:
        TriagePolicy.model_validate(document)
    return str(refused.value)


def test_the_seed_policy_is_valid(document: Document) -> None:
    assert TriagePolicy.model_validate(document).version == document["version"]


def test_every_rule_of_the_seed_policy_says_whether_it_is_confirmed(document: Document) -> None:
    policy = TriagePolicy.model_validate(document)
    own = {"R-UNANSWERED", "R-UNCLEAR", "R-PREMISE", "R-NO-CODE", "R-UNKNOWN-CODE", "R-UNKNOWN-FLAG"}
    unconfirmed = {id_ for id_, rule in policy.rules.items() if rule.source == "divert" and not rule.provisional}
    assert unconfirmed == {*own, "R-NOT-UNDERSTOOD", "R-TOLD", "R-UNREADABLE", "R-HISTORY", "X-UNKNOWN"}, (
        "a rule of our own is provisional or a safeguard"
    )


def test_a_misspelt_field_is_refused(document: Document) -> None:
    _rules(document, "exclusions")[0]["hazzard"] = "weapon"
    assert "exclusions.0.hazzard" in _refusal(document)


def test_a_misspelt_word_is_refused_and_not_read_as_unknown(document: Document) -> None:
    _rules(document, "programmes")[0]["programme"] = "circel"
    assert "no such word: circel" in _refusal(document)


def test_two_rules_of_one_id_are_refused(document: Document) -> None:
    exclusions = _rules(document, "exclusions")
    exclusions[1]["id"] = exclusions[0]["id"]
    assert "rule id twice: X-HOSTAGE" in _refusal(document)


def test_a_hazard_without_an_exclusion_is_refused(document: Document) -> None:
    del _rules(document, "exclusions")[0]
    assert "hazards without an exclusion: hostage" in _refusal(document)


def test_a_danger_that_is_not_asked_for_is_refused(document: Document) -> None:
    del _rules(document, "safety_questions")[0]
    assert "no safety questions: weapon" in _refusal(document)


@pytest.mark.parametrize("question", sorted(DANGER_ASKED_FOR))
def test_a_question_for_danger_whose_yes_no_rule_names_is_refused(document: Document, question: str) -> None:
    _forget(document, question)
    assert f"whose yes no rule names: {question}" in _refusal(document)


def test_a_question_for_danger_may_lead_to_review_but_is_asked_and_never_waved_through(document: Document) -> None:
    _forget(document, "at_height")
    asked = _rules(document, "safety_questions")
    switch = copy.deepcopy(_rules(document, "switches")[0])
    _rules(document, "switches").append(switch)
    switch |= {"id": "S-HEIGHT", "question": "at_height", "age_bands": [], "effect": "needs_review"}
    assert "no safety questions: at_height" in _refusal(document)
    asked.append({"question": "at_height", "ask": "Is the person on a roof?"})
    assert TriagePolicy.model_validate(document)
    switch["effect"] = "eligible"
    assert "whose yes no rule names: at_height" in _refusal(document)


@pytest.mark.parametrize("flag", ["GUN", "GUN SEEN", "SHOTS/FIRED"])
def test_a_flag_that_tells_of_danger_is_never_harmless(document: Document, flag: str) -> None:
    for one in _rules(document, "exclusions"):
        one["flags"] = []
    cast("list[str]", document["harmless_flags"]).append(flag)
    assert f"called harmless: {flag}" in _refusal(document)


def _forget(document: Document, question: str) -> None:
    asked = _rules(document, "safety_questions")
    asked[:] = [one for one in asked if one["question"] != question]
    for one in _rules(document, "exclusions"):
        one["questions"] = [name for name in cast("list[str]", one.get("questions", [])) if name != question]


def test_a_rule_without_a_named_source_is_refused(document: Document) -> None:
    _rules(document, "call_types", "care")[0]["source"] = "hearsay"
    assert "rules without a named source: C-MENTAL" in _refusal(document)


def test_a_code_on_two_lists_is_refused(document: Document) -> None:
    review = _rules(document, "call_types", "review")[0]
    review["codes"] = ["918V*"]
    assert "call type twice: 918V*" in _refusal(document)


def test_care_cannot_be_told_by_the_end_of_a_code(document: Document) -> None:
    care = copy.deepcopy(_rules(document, "call_types", "care")[0])
    care |= {"id": "C-END", "codes": ["*OK"]}
    _rules(document, "call_types", "care").append(care)
    assert "only danger is told by the end of a code: *OK" in _refusal(document)


def test_a_question_cannot_both_exclude_and_switch(document: Document) -> None:
    _rules(document, "switches")[0]["question"] = "weapon"
    assert "excluding or switching question twice: weapon" in _refusal(document)


def test_nothing_immediate_can_be_offered(document: Document) -> None:
    _rules(document, "call_types", "care")[0]["acuity"] = "immediate"
    assert "an acuity that can be offered" in _refusal(document)


def test_the_last_programme_takes_all_that_is_left(document: Document) -> None:
    _rules(document, "programmes")[-1]["when"] = {"divisions": [7]}
    assert "the last programme rule must have no conditions" in _refusal(document)
