"""From a post to its fact: identity, revisions, reopening, and the other words about a call."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import JsonValue

from divert_contracts import ids
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.step import Rejected, Unavailable
from divert_contracts.vocabulary import Answer, CancelReason, PolicyKind, Responder
from divert_intake.domain import calls, given
from divert_intake.domain.given import Given
from divert_intake.domain.reading import Refused
from publishing import a_version
from unit.intake.posting import AT, GIVEN, INTAKE, body, taken, warned

CALL = UUID("18acbc35-0f77-5ad1-86bd-25f39f6c5065")
LATER = replace(INTAKE, at=AT + timedelta(minutes=3))


def said(**fields: JsonValue) -> bytes:
    return json.dumps({"agency": "lapd", **fields}).encode()


def test_a_call_has_the_id_of_its_agency_and_incident_number() -> None:
    fact = taken(body()).fact
    assert fact.call_id == ids.call_id("lapd", "261123000007")
    assert (fact.agency, fact.incident_number, fact.occurred_at) == ("lapd", "261123000007", AT)


def test_it_must_be_decided_within_the_limit_of_the_policy() -> None:
    assert taken(body()).fact.decide_by == AT + timedelta(seconds=300)


def test_the_same_post_again_is_the_same_fact_whenever_it_comes() -> None:
    assert taken(body(revision=2, narrative="a")).id == taken(body(narrative="a", revision=2), LATER).id


@pytest.mark.parametrize(
    "other",
    [{"revision": 3}, {"narrative": "b"}, {"updated_at": "2026-11-23T02:00:00Z"}, {"flags": ["GUN"]}, {"color": "red"}],
)
def test_the_same_revision_with_other_content_is_another_fact(other: dict[str, JsonValue]) -> None:
    first: dict[str, JsonValue] = {"revision": 2, "narrative": "a"}
    assert taken(body(**first)).id != taken(body(**(first | other))).id


def test_an_update_is_of_the_call_that_its_path_names() -> None:
    updated = calls.updated(CALL, body(revision=2), INTAKE)
    assert not isinstance(updated, Refused)
    assert updated.fact.call_id == CALL
    assert updated.id != taken(body(revision=2)).id


def test_a_reopened_call_is_a_new_one_that_names_the_old() -> None:
    first, second = (calls.reopened(CALL, body(revision=number), INTAKE) for number in (7, 8))
    assert not isinstance(first, Refused)
    assert not isinstance(second, Refused)
    assert first.fact.reopens == CALL
    assert first.fact.call_id == ids.reopened_call_id(CALL, "7")
    assert second.fact.call_id != first.fact.call_id


def test_without_a_key_there_are_no_hashes() -> None:
    post = body(address={"text": "1 Alder Vale Ave"}, caller={"number": "2135550147"})
    hashed, plain = taken(post).fact.picture, taken(post, replace(INTAKE, key=None)).fact.picture
    assert hashed.place is not None
    assert hashed.line is not None
    assert (plain.place, plain.line) == (None, None)
    assert "Alder" not in hashed.model_dump_json()


def test_a_district_has_four_digits() -> None:
    assert taken(body(reporting_district=723)).fact.picture.reporting_district == "0723"
    assert taken(body(reporting_district="0723")).fact.picture.reporting_district == "0723"


def test_a_cancellation_names_its_master_by_incident_number_or_by_id() -> None:
    master = ids.call_id("lapd", "261123000001")
    for name in ("261123000001", str(master)):
        cancelled = calls.cancelled(CALL, said(reason="duplicate", duplicate_of=name), INTAKE)
        assert not isinstance(cancelled, Refused)
        assert (cancelled.fact.reason, cancelled.fact.duplicate_of) == (CancelReason.DUPLICATE, master)


def test_a_cancellation_for_an_unknown_reason_counts_all_the_same() -> None:
    cancelled = calls.cancelled(CALL, said(reason="because"), INTAKE)
    assert not isinstance(cancelled, Refused)
    assert cancelled.fact.reason is CancelReason.UNKNOWN
    assert [(one.code, one.pointer) for one in cancelled.warned] == [("unknown-word", "/reason")]


def test_a_closure_brings_cads_stamps() -> None:
    stamps: JsonValue = {"arrived_at": "2026-11-23T02:00:00Z"}
    closed = calls.closed(CALL, said(disposition_code="CODE4", stamps=stamps), INTAKE)
    assert not isinstance(closed, Refused)
    assert closed.fact.disposition_code == "CODE4"
    assert closed.fact.stamps.arrived_at == datetime(2026, 11, 23, 2, tzinfo=UTC)


def test_an_acceptance_without_a_name_counts_and_is_warned_of() -> None:
    accepted = calls.handoff_accepted(CALL, said(handoff_id=str(CALL)), INTAKE)
    assert not isinstance(accepted, Refused)
    assert (accepted.fact.handoff_id, accepted.fact.by) == (CALL, "unknown")
    assert [(one.code, one.pointer) for one in accepted.warned] == [("missing", "/by")]


@pytest.mark.parametrize("handoff", [None, "", "first", 7, ["x"]])
def test_an_acceptance_of_nobody_knows_which_hand_off_is_refused(handoff: JsonValue) -> None:
    refused = calls.handoff_accepted(CALL, said(handoff_id=handoff, by="d-12"), INTAKE)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.pointer) == (422, "/handoff_id")


def test_a_report_says_who_went_and_what_happened() -> None:
    reported = calls.responder_reported(CALL, said(responder="patrol", arrest="no", force="maybe"), INTAKE)
    assert not isinstance(reported, Refused)
    fact = reported.fact
    assert (fact.responder, fact.arrest, fact.force, fact.hold) == (
        Responder.PATROL,
        Answer.NO,
        Answer.UNKNOWN,
        Answer.NOT_ASKED,
    )


def test_any_word_about_a_call_needs_a_registered_agency() -> None:
    for take in (calls.cancelled, calls.closed, calls.handoff_accepted, calls.responder_reported):
        refused = take(CALL, b'{"agency":"nypd"}', INTAKE)
        assert isinstance(refused, Refused)
        assert refused.status == 403


def test_without_a_routing_policy_nothing_can_be_promised() -> None:
    with pytest.raises(Unavailable):
        calls.received(body(), replace(INTAKE, given=Given(GIVEN.agencies)))


def test_agencies_and_limits_are_learnt_from_their_topic() -> None:
    limits: JsonValue = {"decide_within": 200, "triage_within": 10, "status_margin": 2, "review_within": 60}
    document: dict[str, JsonValue] = {"limits": limits, "providers": []}
    policy = a_version(PolicyKind.ROUTING, document, version="r", said_at=AT, in_force_from=AT - timedelta(days=1))
    learnt = given.policy_published(Given(), policy)
    learnt = given.agency_registered(learnt, AgencyRegistered(occurred_at=AT, agency="nopd", title="New Orleans"))
    assert learnt.agencies == {"nopd"}
    assert learnt.decide_by(AT) == AT + timedelta(seconds=200)
    assert learnt.next_update_by(AT) == AT + timedelta(seconds=12)
    assert given.policy_published(learnt, policy.model_copy(update={"kind": PolicyKind.TRIAGE})) == learnt
    with pytest.raises(Rejected):
        given.policy_published(learnt, policy.model_copy(update={"document": {"limits": {}}}))


def test_text_is_private() -> None:
    post = body(narrative="Greta hears voices", caller={"name": "Greta", "number": "2135550147"}, color="Greta")
    assert warned(taken(post)) == [("unknown-field", "/color")]
    assert "Greta" not in taken(post).fact.without_private().model_dump_json()
