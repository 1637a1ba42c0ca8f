"""NENA's EIDO as a call: the same picture as of CAD's own post, kept as it came, refused only where it is none."""

import json
from functools import partial

import pytest
import yaml
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import JsonValue

import eido_data
from divert_cli.checkout import ROOT
from divert_contracts import ids
from divert_contracts.call import Address, Person
from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.calls import CallCancelled, CallClosedByCad, CallReceived, CallUpdated
from divert_contracts.vocabulary import Answer, CallerRelation, CancelReason, Feed, Hazard, Origin
from divert_eido import document
from divert_eido.location import pidf
from divert_eido.registries import INCIDENT_TYPES
from divert_intake.api import EIDO_EXAMPLE
from divert_intake.domain import calls
from divert_intake.domain.calls import Accepted, Intake, as_eido, as_json
from divert_intake.domain.eido_codes import FLAGS_OF_TYPE, NO_DANGER
from divert_intake.domain.given import Given
from divert_intake.domain.place import hashed_line, hashed_place
from divert_intake.domain.reading import MOST_BYTES, Refused
from unit.intake.posting import GIVEN, INTAKE, warned

unhurried = settings(deadline=None)
AT = "2026-11-23T02:59:00Z"
BY: dict[str, JsonValue] = {"$ref": "police.example.gov"}
ID = "urn:emergency:uid:incidentid:7:police.example.gov"
BARE: dict[str, JsonValue] = {
    "$id": ID,
    "lastUpdateTimeStamp": AT,
    "updatedByAgencyReference": BY,
    "eidoVersion": "1.0",
    "issuingElementIdentification": "cad.police.example.gov",
    "agencyComponent": [],
}


def component(id_: str = "one", **members: JsonValue) -> dict[str, JsonValue]:
    return {"$id": id_, "lastUpdateTimeStamp": AT, "updatedByAgencyReference": BY, **members}


def incident(**members: JsonValue) -> dict[str, JsonValue]:
    return component("incident", **{"incidentTypeCommonRegistryText": "MNTL", **members})


def note(text: str) -> dict[str, JsonValue]:
    return component("note", notesActionComments=text)


def place(value: str, kind: str = "CurrentIncident", **members: JsonValue) -> dict[str, JsonValue]:
    return component("place", locationTypeDescriptionRegistryText=kind, locationByValue=value, **members)


def posted(intake: Intake = INTAKE, /, **members: JsonValue) -> Accepted[CallReceived]:
    outcome = calls.received(json.dumps({**BARE, **members}).encode(), intake, as_eido)
    assert not isinstance(outcome, Refused), outcome
    return outcome


def private(**members: JsonValue) -> str:
    told = posted(**members).fact.private
    assert told is not None
    return told.narrative or ""


# What it is mapped to.


def test_the_incident_says_what_it_is() -> None:
    fact = posted(
        incidentComponent=incident(
            incidentTypeInternalCode="918",
            internalIncidentId="26-0012345",
            incidentPriorityInternalText="P2",
            incidentCommonPriorityNumber=3,
            beatOrDispatchGroupText="0723",
        )
    ).fact
    picture = fact.picture
    assert (fact.agency, fact.incident_number, fact.call_id) == ("lapd", "26-0012345", ids.call_id("lapd", ID))
    assert (picture.call_type, picture.priority, picture.reporting_district) == ("918", "P2", "0723")
    assert (picture.feed, picture.flags, picture.warnings) == (Feed.DIVERTED, (), ())
    assert fact.revision.updated_at is not None
    assert fact.revision.updated_at.isoformat() == "2026-11-23T02:59:00+00:00"


def test_without_codes_of_its_own_those_of_the_registry_are_taken() -> None:
    picture = posted(
        incidentComponent=incident(
            incidentTypeCommonRegistryText="WELFARE", incidentCommonPriorityNumber=3, beatOrDispatchGroupText="Wilshire"
        )
    ).fact.picture
    assert (picture.call_type, picture.priority, picture.area) == ("WELFARE", "3", "Wilshire")


def test_a_call_before_its_incident_is_the_same_call_as_after() -> None:
    assert posted().fact.call_id == posted(incidentComponent=incident(internalIncidentId="1")).fact.call_id
    assert posted().fact.incident_number == ID


@pytest.mark.parametrize(
    ("common", "flags"),
    [
        ("SHOOT", {"WEAPON"}),
        ("STKX", {"IN PROGRESS"}),
        ("DVA", {"DV"}),
        ("MTLV", {"VIOLENT"}),
        ("TRAUMAP", {"MEDICAL", "WEAPON"}),
        ("BURGLARY", {"BURGLARY"}),
        ("WELFARE", set[str]()),
    ],
)
def test_danger_in_the_code_of_the_registry_is_danger_whatever_the_local_code_is(common: str, flags: set[str]) -> None:
    told = incident(incidentTypeCommonRegistryText=common, incidentTypeInternalCode="918")
    assert set(posted(incidentComponent=told).fact.picture.flags) == flags


def test_every_flag_that_a_type_becomes_is_one_that_the_policy_excludes_by() -> None:
    policy = yaml.safe_load((ROOT / "seeds" / "policy" / "triage.yaml").read_text())
    known = {flag for exclusion in policy["exclusions"] for flag in exclusion.get("flags", ())}
    assert {flag for flags in FLAGS_OF_TYPE.values() for flag in flags} <= known
    assert FLAGS_OF_TYPE.keys() | NO_DANGER <= INCIDENT_TYPES
    assert not FLAGS_OF_TYPE.keys() & NO_DANGER


def test_a_place_is_read_from_its_pidf_lo_and_hashed_as_cads_own() -> None:
    told = place(pidf(34.0489, -118.2916, "1200 S Vermont Ave"), crossStreetByValue=[pidf(None, None, "W 12th St")])
    fact = posted(locationComponent=[told]).fact
    assert fact.private is not None
    assert fact.private.address == Address(
        text="1200 S Vermont Ave", cross_street="W 12th St", latitude=34.0489, longitude=-118.2916
    )
    assert fact.picture.place == hashed_place(b"k" * 32, "1200 South Vermont Avenue")
    assert fact.picture.cell is not None


def test_of_several_places_the_incidents_own_is_taken_and_none_of_a_tower() -> None:
    places: list[JsonValue] = [
        place(pidf(1, 1, "tower"), "TowerLocation"),
        place(pidf(2, 2, "route"), "RoutingLocation"),
        place(pidf(3, 3, "caller"), "Caller"),
        {**place(pidf(4, 4, "elsewhere")), "$id": "other"},
        place(pidf(5, 5, "here")),
    ]
    told = incident(locationReference=[{"$ref": "place"}])
    fact = posted(incidentComponent=told, locationComponent=places).fact
    assert fact.private is not None
    assert fact.private.address is not None
    assert fact.private.address.text == "here"
    alone = posted(locationComponent=places[:1]).fact.private
    assert alone is not None
    assert alone.address is None


def test_an_uncertain_point_says_how_uncertain() -> None:
    circle = (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"><gs:Circle xmlns:gs="http://www.opengis.net/pidflo/1.0"'
        ' xmlns:gml="http://www.opengis.net/gml"><gml:pos>34 -118</gml:pos><gs:radius>400</gs:radius></gs:Circle>'
        "</presence>"
    )
    told = posted(locationComponent=[place(circle)]).fact.private
    assert told is not None
    assert told.address is not None
    assert told.address.text == "34.00000, -118.00000 (within 400 m)"


def test_people_are_told_with_their_names_numbers_and_parts() -> None:
    callback = component("cb", callBackInformationUri=["sip:x@osp.example", "tel:+1-213-555-0142"])
    caller = component(
        "p1",
        personIncidentRoleRegistryText=["Caller", "PatientRelative"],
        callBackReference={"$ref": "cb"},
        ncPersonComponent={"nc:PersonName": {"nc:PersonGivenName": "Ann", "nc:PersonSurName": "Smith"}},
    )
    patient = component(
        "p2",
        personIncidentRoleRegistryText=["Patient"],
        ncPersonComponent={"PersonName": [{"PersonFullName": "Bo Smith"}], "PersonDescriptionText": "has a knife"},
    )
    suspect = component("p3", personIncidentRoleRegistryText=["Suspect"])
    fact = posted(callbackComponent=[callback], personComponent=[caller, patient, suspect]).fact
    assert fact.private is not None
    assert fact.private.caller == Person(name="Ann Smith", number="+1-213-555-0142")
    assert fact.private.persons == (Person(name="Bo Smith", description="has a knife"),)
    assert fact.private.narrative == "has a knife"
    assert fact.picture.caller_relation is CallerRelation.FAMILY
    assert fact.picture.flags == ("SUSPECT",)
    assert fact.picture.line == hashed_line(b"k" * 32, "213 555 0142")


def test_a_call_tells_where_it_came_from_and_whom_to_call_back() -> None:
    call = component(
        "call",
        standardPrimaryCallType="emergency",
        direction="incoming",
        callStateRegistryText="callAnswered",
        callStartTimestamp=AT,
        answerDate=AT,
        callBackReference={"$ref": "cb"},
    )
    newer = component("new", updatedCbnIdentifierUri="tel:2135550199")
    callback = component("cb", callBackInformationUri=["tel:2135550142"], updatedCbn=newer)
    fact = posted(callComponent=[call], callbackComponent=[callback]).fact
    assert fact.private is not None
    assert fact.private.caller == Person(number="2135550199")
    assert fact.picture.origin is Origin.NINE_ONE_ONE
    assert fact.picture.stamps.answered_at is not None


def test_every_word_that_anybody_wrote_reaches_the_narrative() -> None:
    comment = (
        '<EmergencyCallData.Comment xmlns="urn:ietf:params:xml:ns:EmergencyCallData:Comment">'
        "<Comment>six</Comment></EmergencyCallData.Comment>"
    )
    caution = component(
        "c", cautionTypeInternalText="five", cautionTypeCommonRegistryText="Other", cautionSeverity="high"
    )
    told = private(
        incidentComponent=incident(incidentTypeInternalText="one"),
        locationComponent=[place(pidf(1, 1, "x"), locationDescriptionText="two")],
        notesComponent=[note("<p>three</p><p>has a knife</p>"), note("four")],
        cautionComponent=[caution],
        additionalDataComponent=[component("d", additionalDataByValue=comment)],
        linkComponent=[
            component("l", incidentTrackingIdentifier="x", linkDirectionCode="RELATED", transactionReasonText="seven")
        ],
    )
    assert told.split("\n") == ["one", "two", "three", "has a knife", "four", "five", "Other", "seven", "six"]


def test_a_caution_is_a_danger_of_which_we_have_no_word() -> None:
    caution = component("c", cautionTypeInternalText="x", cautionTypeCommonRegistryText="y", cautionSeverity="low")
    assert posted(cautionComponent=[caution]).fact.picture.premise_hazards == (Hazard.UNKNOWN,)


@pytest.mark.parametrize(
    ("kind", "activity", "police", "ems"),
    [
        ("PatrolUnit", "OnScene", Answer.YES, Answer.NOT_ASKED),
        ("PatrolUnit", "EnRoute", Answer.NOT_ASKED, Answer.NOT_ASKED),
        ("GroundALSAmbulance", "Arrived", Answer.NOT_ASKED, Answer.YES),
        ("TowTruck", "OnScene", Answer.NOT_ASKED, Answer.NOT_ASKED),
    ],
)
def test_units_that_are_there_are_there(kind: str, activity: str, police: Answer, ems: Answer) -> None:
    unit = component(
        "u",
        emergencyResourceTypeCommonRegistryText=kind,
        resourceAttributeRegistryText=[],
        primaryUnitStatusRegistryText="NotAvailable",
        secondaryUnitStatusRegistryText=[activity],
        agentReference=[],
    )
    picture = posted(emergencyResourceComponent=[unit]).fact.picture
    assert (picture.police_present, picture.ems_present) == (police, ems)


# What is odd.


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"x-vendor": {"a": 1}}, ("unknown-field", "/x-vendor")),
        (
            {"incidentComponent": incident(incidentTypeInternalCode="9" * 65)},
            ("too-long", "/incidentComponent/incidentTypeInternalCode"),
        ),
        (
            {"incidentComponent": incident(incidentTypeCommonRegistryText="FOO")},
            ("unknown-word", "/incidentComponent/incidentTypeCommonRegistryText"),
        ),
        ({"notesComponent": [note("<!-- gun -->x")]}, ("html-removed", "/notesComponent/0/notesActionComments")),
        ({"locationComponent": [place("<x/>")]}, ("not-read", "/locationComponent/0/locationByValue")),
        (
            {"mediaComponent": [component(uri="https://a.example/x", contentType="video/mp4")]},
            ("not-read", "/mediaComponent/0/uri"),
        ),
        (
            {"additionalDataComponent": [component(additionalDataByValue="<EmergencyCallData.VEDS/>")]},
            ("not-read", "/additionalDataComponent/0/additionalDataByValue"),
        ),
        ({"lastUpdateTimeStamp": "2027-11-23T02:59:00Z"}, ("time-in-future", "/lastUpdateTimeStamp")),
    ],
)
def test_what_is_not_understood_is_accepted_named_and_kept(
    members: dict[str, JsonValue], said: tuple[str, str]
) -> None:
    accepted = posted(**members)
    assert said in warned(accepted)
    assert accepted.fact.picture.warnings
    assert accepted.fact.private is not None
    assert said[1] in accepted.fact.private.not_understood


def test_no_word_of_the_senders_is_in_the_picture() -> None:
    accepted = posted(**{"a secret": 1}, notesComponent=[{**note("x"), "another secret": 2}])
    assert accepted.fact.picture.warnings == ("unknown-field:/notesComponent", "unknown-field")
    assert "secret" not in accepted.fact.picture.model_dump_json()


def test_criminal_history_is_kept_nowhere_and_the_rest_of_the_document_is() -> None:
    pasted = "CLETS RETURN: NAM/DOE,JOHN DOB/19800101 CII/A1234 245 PC CONV FELONY."
    told: list[JsonValue] = [note(f"<p>Weeping, has a knife.</p><!-- x --><p>{pasted}</p>"), note("<b>other</b>")]
    new: JsonValue = [1, 2.50]
    accepted = posted(notesComponent=told, **{"x-new": new})
    private = accepted.fact.private
    assert private is not None
    assert ("history-removed", "/notesComponent") in warned(accepted)
    assert "DOE,JOHN" not in private.model_dump_json()
    assert "A1234" not in private.model_dump_json()
    assert "has a knife" in (private.narrative or "")
    back = document.plain(private.eido or "")
    assert back["notesComponent"] == [note("Weeping, has a knife.\n[criminal history removed]"), told[1]]
    assert back["x-new"] == new


def test_the_document_is_kept_as_it_came() -> None:
    body = json.dumps({**BARE, "x": [1.10, "é"]}, indent="\t", ensure_ascii=False)
    outcome = calls.received(body.encode(), INTAKE, as_eido)
    assert isinstance(outcome, Accepted)
    assert outcome.fact.private is not None
    assert outcome.fact.private.eido == body
    assert outcome.fact.private.for_others().eido is None


# What is refused.


@pytest.mark.parametrize(
    ("post", "status", "code", "pointer"),
    [
        (b"{", 400, "unreadable", None),
        (b"[]", 400, "unreadable", None),
        (b"{}", 422, "not-an-eido", "/$id"),
        (b" " * (MOST_BYTES + 1), 413, "too-large", None),
        (json.dumps({**BARE, "$id": " "}).encode(), 422, "incident-number-missing", "/$id"),
        (json.dumps({**BARE, "$id": "x" * 129}).encode(), 422, "incident-number-missing", "/$id"),
    ],
)
def test_only_what_is_no_eido_or_about_no_incident_is_refused(
    post: bytes, status: int, code: str, pointer: str | None
) -> None:
    outcome = calls.received(post, INTAKE, as_eido)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.code, outcome.pointer) == (status, code, pointer)


def test_whose_it_is() -> None:
    several = Given(frozenset({"lapd", "lafd"}), GIVEN.limits)
    owner = component("lafd", agencyRoleDescriptionRegistryText=[], agencyType=[], incidentOwningAgencyIndicator=True)
    assert posted().fact.agency == "lapd"
    assert posted(Intake(several, None, INTAKE.at), agencyComponent=[owner]).fact.agency == "lafd"
    named: JsonValue = {"$ref": "urn:divert:agency:lafd"}
    assert posted(Intake(several, None, INTAKE.at), updatedByAgencyReference=named).fact.agency == "lafd"
    assert posted(Intake(several, None, INTAKE.at, "lapd")).fact.agency == "lapd"
    for intake in (Intake(several, None, INTAKE.at), Intake(GIVEN, None, INTAKE.at, "nypd")):
        outcome = calls.received(json.dumps(BARE).encode(), intake, as_eido)
        assert isinstance(outcome, Refused)
        assert (outcome.status, outcome.pointer) == (403, "/updatedByAgencyReference/$ref")


# What else it says.


def test_an_incident_that_is_closed_is_a_call_that_cad_closed() -> None:
    dispositions: list[JsonValue] = [
        component("a", dispositionCommonRegistryCode="01"),
        component("b", dispositionCommonRegistryCode="15", dispositionPrimaryIndicator=True),
    ]
    told = incident(incidentStatusCommonRegistryText=["Closed"], dispositionComponent=dispositions)
    accepted = posted(incidentComponent=told)
    (also,) = accepted.further
    assert isinstance(also.fact, CallClosedByCad)
    assert (also.fact.call_id, also.fact.disposition_code) == (accepted.fact.call_id, "15")
    assert also.fact.stamps.closed_at == accepted.fact.revision.updated_at
    again = posted(incidentComponent=told)
    assert (again.id, again.further[0].id) == (accepted.id, also.id)


def test_an_incident_that_goes_on_is_not_over() -> None:
    for statuses in (["Closed", "ReOpened"], ["Cancelled", "Active"], ["ResourcesAssigned"], []):
        assert posted(incidentComponent=incident(incidentStatusCommonRegistryText=[*statuses])).further == ()


def test_an_incident_that_was_cancelled_or_merged_is_cancelled() -> None:
    (also,) = posted(incidentComponent=incident(incidentStatusCommonRegistryText=["Cancelled"])).further
    assert isinstance(also.fact, CallCancelled)
    assert also.fact.reason is CancelReason.UNKNOWN
    merge = component("m", incidentTrackingIdentifier="the other", incidentMergeDirectionCode="REPLACED")
    (also,) = posted(mergeComponent=[merge]).further
    assert isinstance(also.fact, CallCancelled)
    assert (also.fact.reason, also.fact.duplicate_of) == (CancelReason.DUPLICATE, ids.call_id("lapd", "the other"))
    assert posted(mergeComponent=[{**merge, "incidentMergeDirectionCode": "SPLIT"}]).further == ()


def test_a_newer_one_is_an_update_of_the_call_that_is_named() -> None:
    call = posted().fact.call_id
    outcome = calls.updated(call, json.dumps({**BARE, "notesComponent": [note("x")]}).encode(), INTAKE, as_eido)
    assert isinstance(outcome, Accepted)
    assert isinstance(outcome.fact, CallUpdated)
    assert outcome.fact.call_id == call


def test_the_feed_is_what_the_request_says() -> None:
    for said, feed in (("observed", Feed.OBSERVED), (None, Feed.DIVERTED), ("moon", Feed.DIVERTED)):
        outcome = calls.received(json.dumps(BARE).encode(), INTAKE, partial(as_eido, feed=said))
        assert isinstance(outcome, Accepted)
        assert outcome.fact.picture.feed is feed


def test_the_example_in_the_documentation_is_understood() -> None:
    outcome = calls.received(json.dumps(EIDO_EXAMPLE).encode(), INTAKE, as_eido)
    assert isinstance(outcome, Accepted)
    assert {one.code for one in outcome.warned} <= {"time-in-future"}
    assert outcome.fact.picture.call_type == "918"
    assert outcome.fact.private is not None
    assert outcome.fact.private.narrative == "Man on the bench weeping."


# Anything.

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
members = st.sampled_from(
    [*BARE, "incidentComponent", "notesComponent", "locationComponent", "personComponent", "callComponent", "x-new"]
)


@unhurried
@generated(st.dictionaries(members | st.text(max_size=8), json_values, max_size=6))
def test_any_object_is_accepted_or_refused_and_arrives_as_it_is(fields: dict[str, JsonValue]) -> None:
    for body in (json.dumps(fields).encode(), json.dumps({**BARE, **fields}).encode()):
        outcome = calls.received(body, INTAKE, as_eido)
        if isinstance(outcome, Refused):
            assert outcome.status in (400, 403, 422)
            continue
        for one in (outcome, *outcome.further):
            _, value, headers = encode(Envelope(id=one.id, source="/divert/intake", fact=one.fact))
            assert decode(value, headers).fact == one.fact
            assert len(value) < 3 * MOST_BYTES + 8192


@unhurried
@generated(st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda name: name not in BARE), json_values))
def test_every_member_that_we_do_not_know_can_be_given_back(fields: dict[str, JsonValue]) -> None:
    text = json.dumps({**BARE, **fields}, allow_nan=True)
    outcome = calls.received(text.encode(), INTAKE, as_eido)
    assert isinstance(outcome, Accepted), outcome
    assert outcome.fact.private is not None
    assert outcome.fact.private.eido is not None
    back = json.loads(document.written(document.given_back(outcome.fact.private.eido)))
    sent = json.loads(text, parse_constant=str)
    assert {name: back[name] for name in fields} == {name: sent[name] for name in fields}


@pytest.mark.parametrize("filling", ['"', "\n", "é", "&quot;", '<p class="x">', "\x01", "x"])
@pytest.mark.parametrize("where", ["note", "unknown"])
def test_the_largest_of_documents_arrives(filling: str, where: str) -> None:
    each = len(json.dumps(filling, ensure_ascii=False).encode()) - 2
    text = filling * ((MOST_BYTES - 1024) // each)
    told = {**BARE, "notesComponent": [note(text)]} if where == "note" else {**BARE, "x-new": text}
    outcome = calls.received(json.dumps(told, ensure_ascii=False).encode(), INTAKE, as_eido)
    assert isinstance(outcome, Accepted)
    _, value, headers = encode(Envelope(id=outcome.id, source="/divert/intake", fact=outcome.fact))
    assert decode(value, headers).fact == outcome.fact
    # What the producer lets through in one request.
    assert len(value) < 2 * 1024 * 1024 - 8192


@eido_data.needed
def test_the_known_documents_are_calls() -> None:
    sample = calls.received(eido_data.text(eido_data.SAMPLE), INTAKE, as_eido)
    assert isinstance(sample, Accepted)
    assert warned(sample) == [("not-read", "/locationComponent/1/locationByReferenceUrl")]
    assert sample.fact.private is not None
    assert sample.fact.private.address == Address(text="42 W Cellular Street")
    assert sample.fact.private.caller == Person(number="8195551212")
    crisis = calls.received(eido_data.text(eido_data.CRISIS), INTAKE, as_eido)
    assert isinstance(crisis, Accepted)
    assert (crisis.fact.incident_number, crisis.fact.picture.call_type) == ("26-0012345", "5150W")
    assert crisis.fact.private is not None
    assert crisis.fact.private.narrative == "Welfare / mental health\nNo weapons seen"
    negative = calls.received(eido_data.text(eido_data.NEGATIVE), INTAKE, as_eido)
    assert isinstance(negative, Refused)
    assert (negative.status, negative.code, negative.pointer) == (422, "not-an-eido", "/lastUpdateTimeStamp")


def test_a_post_in_divert_s_own_form_has_no_such_document() -> None:
    outcome = calls.received(b'{"agency": "lapd", "incident_number": "7"}', INTAKE, as_json)
    assert isinstance(outcome, Accepted)
    assert outcome.fact.private is not None
    assert outcome.fact.private.eido is None
