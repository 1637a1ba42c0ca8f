"""An area by its name, its number or its district is one place to everybody who judges a call or serves it."""

import json

import pytest

from divert_cli.prepare import agency_fact, seed_policies, seed_policy
from divert_contracts.call import Picture
from divert_contracts.facts.calls import PictureFact
from divert_contracts.vocabulary import PolicyKind, Programme, Question
from divert_intake.domain import calls
from divert_intake.domain import given as intake_given
from divert_intake.domain.calls import Accepted, Intake
from divert_routing.domain.directory import Directory
from divert_triage.domain import judging

from .test_promises import START

HOLLYWOOD, WILSHIRE = 6, 7
NO = {question.value: "no" for question in Question if question is not Question.UNKNOWN}
DIRECTORY = Directory.model_validate(seed_policy(PolicyKind.ROUTING).document)


def taken(**where: str) -> Picture:
    """Return what intake makes of a call of somebody without a home."""
    given = intake_given.agency_registered(intake_given.Given(), agency_fact())
    for fact in seed_policies():
        given = intake_given.policy_published(given, fact)
    call = {"agency": "lapd", "incident_number": "1", "feed": "diverted", "call_type": "620", **where}
    body = json.dumps({**call, "answers": {**NO, "unhoused": "yes"}}).encode()
    accepted = calls.received(body, Intake(given, None, START), calls.as_json)
    assert isinstance(accepted, Accepted)
    assert isinstance(accepted.fact, PictureFact)
    return accepted.fact.picture


def programme(picture: Picture) -> Programme:
    given = judging.Given()
    for fact in seed_policies():
        given = judging.policy_published(given, fact)
    return judging.judge(picture, given.policies.at(START)).decision.programme


@pytest.mark.parametrize(
    "where",
    [
        {"area": "Hollywood"},
        {"area": "06 - HOLLYWOOD"},
        {"area": "6"},
        {"reporting_district": "0622"},
        {"area": "Hollywood", "reporting_district": "0622"},
    ],
)
def test_somebody_without_a_home_goes_to_circle_where_it_works_however_cad_names_the_place(
    where: dict[str, str],
) -> None:
    picture = taken(**where)
    assert programme(picture) is Programme.CIRCLE
    assert judging.division(picture) == DIRECTORY.locate(picture).division == HOLLYWOOD
    assert DIRECTORY.routes(Programme.CIRCLE, HOLLYWOOD, START)


def test_a_district_goes_before_a_name_and_a_name_that_nobody_knows_is_no_place() -> None:
    for where, division in (({"area": "Hollywood", "reporting_district": "0775"}, WILSHIRE), ({"area": "Rome"}, None)):
        picture = taken(**where)
        assert judging.division(picture) == DIRECTORY.locate(picture).division == division


def test_every_spelling_means_to_intake_what_it_means_to_routing() -> None:
    for one in DIRECTORY.divisions:
        for name in (one.name, *one.spellings, f"{one.number:02}", f"{one.number} {one.name}", f"{one.name} Division"):
            assert taken(area=name).located_division == DIRECTORY.division_named(name) == one.number
