"""A call as an EIDO: what came is given back; what came of it is added, in the registries' words, nothing clinical."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

import eido_data
from divert_contracts.call import Address, Person, Private
from divert_contracts.facts import calls, cases
from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseOffered, CaseUpdated
from divert_contracts.vocabulary import CancelReason, Contact, Disposition
from divert_eido import document
from divert_eido.components import Eido
from divert_eido.document import Read
from divert_eido.location import place
from divert_routing.api import EIDO_RESPONSES
from divert_routing.domain.call import Call
from divert_routing.domain.eido import exported, exported_strictly
from unit.routing import lives
from unit.routing.lives import AGENCY, INCIDENT, Life

ID = "urn:emergency:uid:incidentid:7:police.example.gov"
CANARY = "a-private-word"
ODD: JsonValue = {"z": [1, 2.50, None, {"b": "é"}], "a": ""}


def prologue(id_: str, **members: JsonValue) -> dict[str, JsonValue]:
    by: JsonValue = {"$ref": "police.example.gov"}
    return {"$id": id_, "lastUpdateTimeStamp": "2026-11-23T03:00:00Z", "updatedByAgencyReference": by, **members}


ORIGINAL = prologue(
    ID,
    eidoVersion="1.0",
    issuingElementIdentification="cad.police.example.gov",
    agencyComponent=[
        prologue("police.example.gov", agencyRoleDescriptionRegistryText=["CallReceiving"], agencyType=["police"])
    ],
    incidentComponent=prologue(
        "inc-1", incidentTypeCommonRegistryText="MNTL", incidentStatusCommonRegistryText=["Active"], x=ODD
    ),
    notesComponent=[prologue("note-1", notesActionComments="<p>weeping</p>"), 7],
    updatedByAgentReference={"$ref": "tjones"},
)
ORIGINAL["x-vendor"] = ODD


def told(life: Life, original: dict[str, JsonValue]) -> Life:
    """Hear that an EIDO told the call, in a newer revision of the same picture."""
    fact = lives.received(2, at=life.now)
    assert isinstance(fact, calls.CallUpdated)
    private = Private(narrative="weeping", eido=json.dumps(original))
    return life.hear(fact.model_copy(update={"private": private}), lives.triaged(2, at=life.now))


def given_back(life: Life) -> dict[str, JsonValue]:
    return json.loads(document.written(exported(life.call, life.now)))


def strictly(life: Life) -> dict[str, JsonValue]:
    return json.loads(document.written(exported_strictly(life.call, life.now)))


def read(fields: dict[str, JsonValue]) -> Eido:
    found = document.read(fields)
    assert isinstance(found, Read), found
    return found.eido


def ids(fields: JsonValue) -> list[str]:
    """Return every ``$id``, in order."""
    if isinstance(fields, dict):
        own = [fields["$id"]] if isinstance(fields.get("$id"), str) else []
        return [str(one) for one in own] + [one for value in fields.values() for one in ids(value)]
    return [one for value in fields for one in ids(value)] if isinstance(fields, list) else []


# Calls that an EIDO told.


def test_as_long_as_nothing_has_come_of_it_it_is_what_came() -> None:
    for life in (lives.in_review(), lives.offered()):
        assert given_back(told(life, ORIGINAL)) == ORIGINAL


def test_who_took_it_is_added_and_all_that_came_stays() -> None:
    life = told(lives.taken(), ORIGINAL)
    back = given_back(life)
    assert back["x-vendor"] == ODD
    assert back["$id"] == ID
    assert back["notesComponent"] == ORIGINAL["notesComponent"]
    assert (back["issuingElementIdentification"], "updatedByAgentReference" in back) == ("divert", False)
    there, here = ORIGINAL["incidentComponent"], back["incidentComponent"]
    assert isinstance(there, dict)
    assert isinstance(here, dict)
    assert {**here, "incidentStatusCommonRegistryText": ["Active"]} == there
    eido = read(back)
    assert [one.id for one in eido.agency_component] == [
        "police.example.gov",
        f"urn:divert:agency:{AGENCY}",
        "urn:divert:provider:exodus",
    ]
    assert eido.incident_component is not None
    assert eido.incident_component.incident_status_common_registry_text == ("Active", "ResourcesAssigned")
    (unit,) = eido.emergency_resource_component
    assert unit.emergency_resource_type_common_registry_text == "CrisisInterventionUnit"
    assert unit.secondary_unit_status_registry_text == ("Assigned", "AcknowledgedTransmission")
    assert (unit.active_on_incident_id, unit.eta is None) == (ID, False)
    assert [one.to for one in eido.dispatch_component[0].emergency_resource_reference] == [unit.id]
    assert [one.to for one in unit.agent_reference] == [eido.agent_component[0].id]


@pytest.mark.parametrize(
    ("life", "status", "activity"),
    [(lives.going, "ResourcesEnroute", "EnRoute"), (lives.there, "ResourcesOnscene", "OnScene")],
)
def test_how_far_the_team_is(life: Callable[[], Life], status: str, activity: str) -> None:
    eido = read(given_back(told(life(), ORIGINAL)))
    assert eido.incident_component is not None
    assert eido.incident_component.incident_status_common_registry_text[-1] == status
    assert eido.emergency_resource_component[0].secondary_unit_status_registry_text == ("Assigned", activity)


def ended(disposition: Disposition) -> Life:
    life = told(lives.there(), ORIGINAL)
    life.hear(lives.contacted(life, Contact.IN_PERSON))
    return life.hear(lives.by_provider(life, cases.CaseClosed, disposition=disposition, contact=Contact.IN_PERSON))


@pytest.mark.parametrize(
    ("disposition", "code"),
    [
        (Disposition.RESOLVED_ON_SCENE, "18"),
        (Disposition.TRANSPORTED, "16"),
        (Disposition.REFERRED, "15"),
        (Disposition.NOT_FOUND, "14"),
    ],
)
def test_how_it_ended_is_a_code_of_the_registry(disposition: Disposition, code: str) -> None:
    eido = read(given_back(ended(disposition)))
    assert eido.incident_component is not None
    assert [one.disposition_common_registry_code for one in eido.incident_component.disposition_component] == [code]
    assert eido.incident_component.incident_status_common_registry_text == ("Closed",)
    assert eido.emergency_resource_component == ()


@pytest.mark.parametrize("disposition", list(Disposition))
def test_no_disposition_tells_of_a_patient(disposition: Disposition) -> None:
    eido = read(given_back(ended(disposition)))
    assert eido.incident_component is not None
    (one,) = eido.incident_component.disposition_component
    assert int(one.disposition_common_registry_code or "99") < 33 or one.disposition_common_registry_code == "35"


def test_what_was_cancelled_is_cancelled() -> None:
    for reason, code in ((CancelReason.CALLER, "10"), (CancelReason.DUPLICATE, "22")):
        life = told(lives.in_review(), ORIGINAL)
        eido = read(given_back(life.hear(lives.cancelled(reason, at=life.now))))
        assert eido.incident_component is not None
        assert eido.incident_component.incident_status_common_registry_text == ("Cancelled",)
        assert eido.incident_component.disposition_component[0].disposition_common_registry_code == code


def test_what_went_back_to_the_dispatcher_is_the_dispatchers_to_tell() -> None:
    life = told(lives.in_review(), ORIGINAL).after(600)
    assert life.call.concluded
    assert given_back(life) == ORIGINAL


def test_our_own_components_that_come_back_are_not_doubled() -> None:
    life = told(lives.going(), ORIGINAL)
    once = given_back(life)
    twice = given_back(told(life, once))
    assert ids(twice) == ids(once)


def test_members_of_another_type_than_they_should_be_stay_as_they_came() -> None:
    odd: dict[str, JsonValue] = {**ORIGINAL, "incidentComponent": "x", "dispatchComponent": 7, "agentComponent": {}}
    life = told(lives.taken(), odd)
    back = given_back(life)
    assert [back[name] for name in ("incidentComponent", "dispatchComponent", "agentComponent")] == ["x", 7, {}]


def test_others_are_not_sent_the_document() -> None:
    life = told(lives.in_review(), ORIGINAL)
    life.hear(lives.dangerous(3, at=life.now))
    life = told(lives.taken(), ORIGINAL).after(900)
    said = [
        *life.said(CaseOffered),
        *life.said(CaseUpdated),
        *life.said(CallHandedOff),
        *life.said(AssistanceRequested),
    ]
    assert any(one.private is not None for one in said)
    assert all(one.private is None or one.private.eido is None for one in said)


def test_it_is_forgotten_with_the_private_part() -> None:
    life = ended(Disposition.RESOLVED_ON_SCENE)
    assert "weeping" in json.dumps(given_back(life))
    life.until(life.now + timedelta(days=40))
    assert life.call.private is None
    back = given_back(life)
    assert "weeping" not in json.dumps(back)
    assert "notesComponent" not in back
    assert read(back).incident_component is not None


# Other calls.


PRIVATE = Private(
    narrative="Man <b>weeping</b>\nno weapons",
    address=Address(text="1200 S Vermont Ave", cross_street="W 12th St", latitude=34.0489, longitude=-118.2916),
    caller=Person(name="Ann", number="+1 213 555 0142"),
    persons=(Person(description="in a red coat"), Person(number="sip:x@example.org")),
)


def test_a_call_that_came_otherwise_is_told_in_the_same_form() -> None:
    fact = lives.received(priority="3").model_copy(update={"private": PRIVATE})
    life = Life().hear(fact, lives.unclear())
    back = given_back(life)
    found = document.read(back)
    assert isinstance(found, Read)
    assert found.odd == ()
    eido = found.eido
    incident = eido.incident_component
    assert incident is not None
    assert (incident.internal_incident_id, incident.incident_type_internal_code) == (INCIDENT, "918")
    assert (incident.incident_type_common_registry_text, incident.incident_priority_internal_text) == ("NCRNONE", "3")
    assert incident.beat_or_dispatch_group_text == "1822"
    assert incident.incident_status_common_registry_text == ("Active",)
    (told,) = eido.location_component
    assert told.location_by_value is not None
    where = place(told.location_by_value)
    assert where is not None
    assert (where.street, where.latitude, where.longitude) == ("1200 S Vermont Ave", 34.0489, -118.2916)
    assert eido.notes_component[0].notes_action_comments == "Man &lt;b&gt;weeping&lt;/b&gt;<br>no weapons"
    assert [one.person_incident_role_registry_text[0] for one in eido.person_component] == [
        "Caller",
        "InvolvedPerson",
        "InvolvedPerson",
    ]
    assert [one.call_back_information_uri for one in eido.callback_component] == [
        ("tel:+12135550142",),
        ("sip:x@example.org",),
    ]
    referred = {one.to for one in (*incident.location_reference, *incident.person_reference, *incident.notes_reference)}
    assert referred <= set(ids(back))


# By the standard.

LIVES = (lives.in_review, lives.offered, lives.taken, lives.going, lives.there)


@eido_data.needed
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("private", [None, PRIVATE], ids=["forgotten", "known"])
def test_a_call_that_came_otherwise_is_valid_by_the_standard(life: Callable[[], Life], private: Private | None) -> None:
    one = life()
    one.call = one.call.model_copy(update={"private": private})
    assert eido_data.wrong(strictly(one)) == []
    assert eido_data.wrong(given_back(one)) == []


@eido_data.needed
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("name", [eido_data.SAMPLE, eido_data.CRISIS])
def test_the_known_documents_come_back_and_are_valid_by_the_standard(life: Callable[[], Life], name: str) -> None:
    original = eido_data.document(name)
    one = told(life(), original)
    back, strict = given_back(one), strictly(one)
    assert eido_data.wrong(back) == []
    assert eido_data.wrong(strict) == []
    for fields in (back, strict):
        assert sorted(id_ for id_ in ids(fields) if not id_.startswith("urn:divert:")) == sorted(ids(original))
        assert fields["locationComponent"] == original["locationComponent"]
        assert fields["personComponent"] == original["personComponent"]
    if not one.call.acknowledged:
        assert back == strict == original


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@eido_data.needed
@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(LIVES),
    st.dictionaries(
        st.sampled_from(
            ["incidentComponent", "dispatchComponent", "emergencyResourceComponent", "@context", "eidoVersion", "x"]
        )
        | st.text(max_size=8).filter(lambda name: name not in Eido.NEEDS),
        json_values,
        max_size=4,
    ),
)
def test_whatever_came_the_strict_export_is_valid_and_the_other_gives_it_back(
    life: Callable[[], Life], members: dict[str, JsonValue]
) -> None:
    version: JsonValue = members.get("eidoVersion")
    original = {**ORIGINAL, **members, "eidoVersion": version if isinstance(version, str) else "1.0"}
    one = told(life(), original)
    assert eido_data.wrong(strictly(one)) == []
    back = given_back(one)
    known = {field.alias for field in Eido.model_fields.values()}
    assert {name: back[name] for name in original if name not in known} == {
        name: value for name, value in original.items() if name not in known
    }


def test_the_documentation_names_the_media_type() -> None:
    assert list(EIDO_RESPONSES[200]["content"]) == ["application/emergency.eido+json"]


def test_a_call_of_which_nothing_is_known_has_no_private_words() -> None:
    assert Call.blank("0b5b0f3e-6d1c-5b7e-8f0a-2f9d1c7e4a11").told_private is None
