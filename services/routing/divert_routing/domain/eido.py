"""A call as NENA's EIDO: the one that told it, as it came, with what came of it; of other calls one of divert's own.

Of what a team found only codes go out, and none that is about a body or a mind.
"""

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from divert_contracts.call import Address, Person, Private
from divert_contracts.ids import AGENCY_URN
from divert_contracts.vocabulary import Outcome, Stage
from divert_eido import document, location, registries
from divert_routing.domain import codes
from divert_routing.domain.call import Call

Members = dict[str, JsonValue]

SYSTEM = "divert"
_NOT_DIALLED = re.compile(r"[^0-9+*#]")
NO_TYPE = "NCRNONE"
"""The registry's word for a type that it has no code for."""

_STATUSES = {
    Stage.ACKNOWLEDGED: "ResourcesAssigned",
    Stage.EN_ROUTE: "ResourcesEnroute",
    Stage.ON_SCENE: "ResourcesOnscene",
}
_ENDED = {Outcome.SERVED: "Closed", Outcome.WITHDRAWN: "Cancelled"}
"""Another outcome is none of the incident's: the dispatcher has it, and says how it goes on."""
_ACTIVITIES = {
    Stage.ACKNOWLEDGED: ("Assigned", "AcknowledgedTransmission"),
    Stage.EN_ROUTE: ("Assigned", "EnRoute"),
    Stage.ON_SCENE: ("Assigned", "OnScene"),
}
_REFERENCES = {
    "locationComponent": "locationReference",
    "personComponent": "personReference",
    "notesComponent": "notesReference",
}
_GOES_ON = frozenset({"Active", "ReOpened", *_STATUSES.values()})


def exported(call: Call, at: datetime) -> Members:
    """Return a call as an EIDO that gives back all that came with it; for ``document.written``."""
    original = _original(call)
    return _with_progress(call, at, _own(call, at) if original is None else document.given_back(original))


def exported_strictly(call: Call, at: datetime) -> Members:
    """Return of that what is valid by the standard with its registries."""
    original = _original(call)
    whole = _own(call, at) if original is None else document.plain(original)
    incident = whole.get("incidentComponent")
    if isinstance(incident, dict) and incident.get("incidentTypeCommonRegistryText") not in registries.INCIDENT_TYPES:
        whole["incidentComponent"] = {**incident, "incidentTypeCommonRegistryText": NO_TYPE}
    valid: Members = {**_root(call, _stamp(at)), "agencyComponent": [], **document.strictly(whole)}
    return _with_progress(call, at, valid)


def _original(call: Call) -> str | None:
    return None if call.private is None else call.private.eido


def _own(call: Call, at: datetime) -> Members:
    """Return an EIDO of what is remembered of the call."""
    told_at = _stamp(_told_at(call, at))
    parts = _parts(call, call.private or Private(), told_at)
    picture = call.picture
    kind = None if picture is None else picture.call_type
    beat = None if picture is None else picture.reporting_district or picture.area
    incident: Members = {
        **_prologue(call, "incident", str(call.call_id), told_at),
        "incidentTypeCommonRegistryText": kind if kind in registries.INCIDENT_TYPES else NO_TYPE,
        "incidentTypeInternalCode": kind,
        "incidentPriorityInternalText": None if picture is None else picture.priority,
        "incidentStatusCommonRegistryText": ["Active"],
        "internalIncidentId": call.incident_number,
        "beatOrDispatchGroupText": beat,
        **{
            reference: [{"$ref": one["$id"]} for one in parts[name]]
            for name, reference in _REFERENCES.items()
            if name in parts
        },
    }
    return {
        **_root(call, told_at),
        "incidentComponent": {name: value for name, value in incident.items() if value is not None},
        "agencyComponent": [_agency(call, told_at)],
        **{name: list[JsonValue](several) for name, several in parts.items()},
    }


def _with_progress(call: Call, at: datetime, whole: Members) -> Members:
    """Add what came of the call. Where nothing has, the document stays as it is, whoever wrote it."""
    status = _ENDED.get(call.outcome) if call.outcome is not None else _STATUSES.get(call.stage)
    code = codes.apco(call)
    if not call.acknowledged and status is None and code is None:
        return whole
    stamp = _stamp(at)
    joined: Members = {
        # Whose agent changed it last is somebody else's to say.
        **{name: value for name, value in whole.items() if name != "updatedByAgentReference"},
        "lastUpdateTimeStamp": stamp,
        "updatedByAgencyReference": _by(call),
        "issuingElementIdentification": SYSTEM,
        "incidentComponent": _incident(call, stamp, whole.get("incidentComponent"), status, code),
    }
    for name, components in _helpers(call, stamp, str(whole.get("$id"))).items():
        joined[name] = _joined(whole.get(name), components)
    return joined


def _incident(call: Call, stamp: str, incident: JsonValue, status: str | None, code: str | None) -> JsonValue:
    if incident is None:
        incident = {
            **_prologue(call, "incident", str(call.call_id), stamp),
            "incidentTypeCommonRegistryText": NO_TYPE,
            "internalIncidentId": call.incident_number,
        }
    if not isinstance(incident, dict):
        return incident
    members = dict(incident)
    if status is not None:
        members["incidentStatusCommonRegistryText"] = _statuses(members.get("incidentStatusCommonRegistryText"), status)
    if code is not None:
        disposition: Members = {
            **_prologue(call, "disposition", str(call.call_id), stamp),
            "dispositionCommonRegistryCode": code,
        }
        members["dispositionComponent"] = _joined(members.get("dispositionComponent"), [disposition])
    return members


def _statuses(there: JsonValue, status: str) -> JsonValue:
    """Add a status to those that CAD told; an incident that is over does not go on."""
    if there is None:
        return [status]
    if not isinstance(there, list):
        return there
    over = status in _ENDED.values()
    return [*(one for one in there if one != status and not (over and one in _GOES_ON)), status]


def _helpers(call: Call, stamp: str, incident_id: str) -> dict[str, list[Members]]:
    """Return the components of whoever took the call."""
    provider = call.provider
    if not call.acknowledged or provider is None:
        return {"agencyComponent": [_agency(call, stamp)]}
    helper: Members = {
        **_prologue(call, "provider", provider, stamp),
        "agencyRoleDescriptionRegistryText": ["Dispatched"],
        "agencyType": ["mentalHealth"],
    }
    helpers: dict[str, list[Members]] = {"agencyComponent": [_agency(call, stamp), helper]}
    case = call.case
    if case is None or case.acknowledged_at is None:
        return helpers
    agent: Members = {
        **_prologue(call, "team", str(case.case_id), stamp),
        "agentRoleRegistryText": ["Field Responder"],
        "agencyReference": {"$ref": helper["$id"]},
    }
    unit: Members = {
        **_prologue(call, "unit", str(case.case_id), stamp),
        "emergencyResourceTypeCommonRegistryText": "CrisisInterventionUnit",
        "resourceAttributeRegistryText": ["CrisisInterventionSpecialist"],
        "primaryUnitStatusRegistryText": "NotAvailable",
        "secondaryUnitStatusRegistryText": list[JsonValue](_ACTIVITIES[call.stage]),
        "agentReference": [{"$ref": agent["$id"]}],
        "activeOnIncidentId": incident_id,
    }
    if case.unit is not None:
        unit["emergencyResourceName"] = case.unit
    if case.arrive_by is not None and call.stage is not Stage.ON_SCENE:
        unit["eta"] = _stamp(case.arrive_by)
    dispatch: Members = {
        **_prologue(call, "dispatch", str(case.case_id), stamp),
        "agencyReference": {"$ref": helper["$id"]},
        "emergencyResourceReference": [{"$ref": unit["$id"]}],
    }
    return {
        **helpers,
        "agentComponent": [agent],
        "emergencyResourceComponent": [unit],
        "dispatchComponent": [dispatch],
    }


def _parts(call: Call, private: Private, stamp: str) -> dict[str, list[Members]]:
    """Return the components of place, people and words, as far as they are remembered."""
    parts: dict[str, list[Members]] = {}
    address = private.address
    if address is not None and (address.text is not None or address.latitude is not None):
        parts["locationComponent"] = [_location(call, address, stamp)]
    others = ((f"person-{number}", one) for number, one in enumerate(private.persons, 1))
    for name, person in (("caller", private.caller), *others):
        if person is not None:
            callback = _callback(call, name, person.number, stamp)
            if callback is not None:
                parts.setdefault("callbackComponent", []).append(callback)
            parts.setdefault("personComponent", []).append(_person(call, name, person, callback, stamp))
    words = [("narrative", private.narrative), ("people-animals-access", private.people_animals_access)]
    notes: list[Members] = [
        {**_prologue(call, "note", f"{call.call_id}:{name}", stamp), "notesActionComments": _as_html(text)}
        for name, text in words
        if text
    ]
    return {**parts, "notesComponent": notes} if notes else parts


def _location(call: Call, address: Address, stamp: str) -> Members:
    text = ", ".join(filter(None, (address.text, address.unit))) or None
    members: Members = {
        **_prologue(call, "location", str(call.call_id), stamp),
        "locationTypeDescriptionRegistryText": "CurrentIncident",
        "locationByValue": location.pidf(address.latitude, address.longitude, text),
    }
    if address.cross_street is not None:
        members["crossStreetByValue"] = [location.pidf(None, None, address.cross_street)]
    return members


def _callback(call: Call, name: str, number: str | None, stamp: str) -> Members | None:
    if number is None:
        return None
    dialled = _NOT_DIALLED.sub("", number)
    uri = number if ":" in number else f"tel:{dialled}"
    return {**_prologue(call, "callback", f"{call.call_id}:{name}", stamp), "callBackInformationUri": [uri]}


def _person(call: Call, name: str, person: Person, callback: Members | None, stamp: str) -> Members:
    described: Members = {}
    if person.name is not None:
        described["PersonName"] = {"PersonFullName": person.name}
    if person.description is not None:
        described["PersonDescriptionText"] = person.description
    members: Members = {
        **_prologue(call, "person", f"{call.call_id}:{name}", stamp),
        "personIncidentRoleRegistryText": ["Caller" if name == "caller" else "InvolvedPerson"],
    }
    if described:
        members["ncPersonComponent"] = described
    if callback is not None:
        members["callBackReference"] = {"$ref": callback["$id"]}
    return members


def _root(call: Call, stamp: str) -> Members:
    return {
        "$id": f"urn:uuid:{call.call_id}",
        "lastUpdateTimeStamp": stamp,
        "updatedByAgencyReference": _by(call),
        "eidoVersion": "1.0",
        "issuingElementIdentification": SYSTEM,
    }


def _agency(call: Call, stamp: str) -> Members:
    return {
        "$id": AGENCY_URN + call.agency,
        "lastUpdateTimeStamp": stamp,
        "updatedByAgencyReference": _by(call),
        "agencyRoleDescriptionRegistryText": ["Dispatching"],
        "agencyType": ["psap"],
    }


def _prologue(call: Call, kind: str, name: str, stamp: str) -> Members:
    return {"$id": f"urn:divert:{kind}:{name}", "lastUpdateTimeStamp": stamp, "updatedByAgencyReference": _by(call)}


def _by(call: Call) -> Members:
    return {"$ref": AGENCY_URN + call.agency}


def _joined(there: JsonValue, ours: Sequence[Members]) -> JsonValue:
    """Add components to those that came; ours that came back are replaced. What is no list stays as it came."""
    if there is not None and not isinstance(there, list):
        return there
    ids = [one["$id"] for one in ours]
    others = [one for one in there or () if not (isinstance(one, dict) and one.get("$id") in ids)]
    return [*others, *ours]


def _told_at(call: Call, at: datetime) -> datetime:
    """Return when CAD last changed the call, else when it was accepted."""
    updated_at = None if call.revision is None else call.revision.updated_at
    return updated_at or call.revised_at or at


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _as_html(text: str) -> str:
    return "<br>".join(html.escape(line) for line in text.splitlines())
