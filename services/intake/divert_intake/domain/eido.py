"""From NENA's EIDO to a post as CAD writes it, so that both are read by the same rules.

An EIDO answers no screening question: what it says of danger, in codes, cautions or words, becomes flags, hazards of
the place and narrative; what it does not say stays unanswered.
"""

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import JsonValue

from divert_contracts.ids import AGENCY_URN
from divert_eido import location
from divert_eido.components import Component, Eido, Location, Merge, Reference
from divert_eido.document import NotAnEido, given_back, kept, read, written
from divert_eido.notes import plain
from divert_intake.domain.eido_codes import (
    AMBULANCES,
    CALLERS,
    FLAGS_OF_ROLE,
    FLAGS_OF_TYPE,
    NO_DANGER,
    OF_NO_CONCERN,
    OPEN,
    ORIGINS,
    PLACES,
    POLICE,
    RELATIONS,
    THERE,
)
from divert_intake.domain.history import without_history
from divert_intake.domain.reading import LONGEST_INCIDENT_NUMBER, Notes, Refused

_DISTRICT_DIGITS = (3, 4)
_FEWEST_DIGITS = 7
_NAMES = ("PersonGivenName", "PersonMiddleName", "PersonSurName")

C = TypeVar("C", bound=Component)


@dataclass(frozen=True, slots=True)
class Told:
    """What an EIDO tells, as a post of CAD."""

    identity: str
    """The incident's own id, the same in every EIDO about it."""
    number: str
    """CAD's number of the incident, else its id."""
    agencies: tuple[str, ...]
    """Whose it may be: who owns it, who changed it last, and who sent it, as they are called there."""
    fields: dict[str, JsonValue]
    origins: dict[str, str]
    """Where in the EIDO a field comes from, by its pointer."""
    closed: str | None
    """Empty or its disposition code when the incident is over, else null."""
    cancelled: bool
    replaced_by: str | None
    """The id of the incident that this one was merged into."""


@dataclass(slots=True)
class _Post:
    """A post in the making."""

    notes: Notes
    fields: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    origins: dict[str, str] = field(default_factory=dict[str, str])
    flags: dict[str, None] = field(default_factory=dict[str, None])
    words: list[str] = field(default_factory=list[str])

    def say(self, name: str, value: JsonValue, origin: str) -> None:
        """Set a field, if there is something to say."""
        if value is not None and value not in ("", [], {}):
            self.fields[name] = value
            self.origins[f"/{name}"] = origin

    def tell(self, text: str | None, origin: str) -> None:
        """Add words to the narrative."""
        if not text:
            return
        read = plain(text)
        if not read.whole:
            self.notes.keep("html-removed", without_history(text)[0], origin, _without_numbers(origin))
        if read.text:
            self.words.append(read.text)

    def not_read(self, value: JsonValue, origin: str) -> None:
        """Name what somebody would have to look at."""
        if value is not None:
            self.notes.keep("not-read", value, origin, _without_numbers(origin))


def told(document: dict[str, JsonValue], notes: Notes) -> Told | Refused:
    """Read an EIDO; what is odd in it is named and kept, and only what is none is refused."""
    found = read(document)
    if isinstance(found, NotAnEido):
        detail = "An EIDO has this member, of the type that the standard gives it."
        first, *others = (one.pointer for one in found.wrong)
        return Refused(422, "not-an-eido", detail, first, tuple(others))
    for odd in found.odd:
        if odd.code == "missing":
            notes.warn(odd.code, odd.pointer, odd.known)
        else:
            notes.keep(odd.code, odd.value, odd.pointer, odd.known)
    eido = found.eido
    identity = (eido.id or "").strip()
    if not identity or len(identity) > LONGEST_INCIDENT_NUMBER:
        detail = f"An incident needs an id of at most {LONGEST_INCIDENT_NUMBER} characters."
        return Refused(422, "incident-number-missing", detail, "/$id")
    post = _Post(notes)
    _tell_incident(eido, post)
    _tell_calls(eido, post)
    _tell_place(eido, post)
    _tell_people(eido, post)
    _tell_units(eido, post)
    _tell_notes(eido, post)
    _tell_data(eido, post)
    post.say("flags", list[JsonValue](post.flags), "/incidentComponent")
    post.say("narrative", "\n".join(post.words), "/notesComponent")
    return Told(
        identity=identity,
        number=_number(eido, notes) or identity,
        agencies=_agencies(eido),
        fields=post.fields,
        origins=post.origins,
        closed=_closed(eido),
        cancelled=_has_ended(eido, "Cancelled"),
        replaced_by=next((one.incident_tracking_identifier for one in eido.merge_component if _replaced(one)), None),
    )


def kept_without_history(body: bytes) -> str:
    """Return a document as it came, but for the criminal history in its notes, which is not kept anywhere."""
    fields = given_back(kept(body))
    notes = fields.get("notesComponent")
    for note in notes if isinstance(notes, list) else ():
        text = note.get("notesActionComments") if isinstance(note, dict) else None
        if isinstance(note, dict) and isinstance(text, str):
            told, found = without_history(plain(text).text)
            if found:
                note["notesActionComments"] = html.escape(told, quote=False)
    return written(fields).decode()


def _without_numbers(pointer: str) -> str:
    return "".join(f"/{part}" for part in pointer.split("/")[1:] if not part.isdigit())


def _tell_incident(eido: Eido, post: _Post) -> None:
    post.say("updated_at", eido.last_update_time_stamp, "/lastUpdateTimeStamp")
    incident, at = eido.incident_component, "/incidentComponent"
    if incident is None:
        return
    common = incident.incident_type_common_registry_text
    if incident.incident_type_internal_code:
        post.say("call_type", incident.incident_type_internal_code, f"{at}/incidentTypeInternalCode")
    else:
        post.say("call_type", common, f"{at}/incidentTypeCommonRegistryText")
    if common is not None and common not in NO_DANGER:
        post.flags |= dict.fromkeys(FLAGS_OF_TYPE.get(common, (common,)))
    if incident.incident_priority_internal_text:
        post.say("priority", incident.incident_priority_internal_text, f"{at}/incidentPriorityInternalText")
    else:
        post.say("priority", incident.incident_common_priority_number, f"{at}/incidentCommonPriorityNumber")
    beat = (incident.beat_or_dispatch_group_text or "").strip()
    district = beat.isascii() and beat.isdigit() and len(beat) in _DISTRICT_DIGITS
    post.say("reporting_district" if district else "area", beat, f"{at}/beatOrDispatchGroupText")
    post.tell(incident.incident_type_internal_text, f"{at}/incidentTypeInternalText")
    for number, one in enumerate(incident.disposition_component):
        post.tell(one.disposition_description_text, f"{at}/dispositionComponent/{number}/dispositionDescriptionText")


def _tell_calls(eido: Eido, post: _Post) -> None:
    for number, call in enumerate(eido.call_component):
        at = f"/callComponent/{number}"
        origin = ORIGINS.get(call.standard_primary_call_type or "")
        if "origin" not in post.fields:
            post.say("origin", origin, f"{at}/standardPrimaryCallType")
        if "stamps" not in post.fields and call.answer_date is not None:
            post.say("stamps", {"answered_at": call.answer_date}, f"{at}/answerDate")


def _tell_place(eido: Eido, post: _Post) -> None:
    """Tell where the person is, by the best location that can be read; name those that cannot."""
    incident = eido.incident_component
    referred = set[str]() if incident is None else {one.to for one in incident.location_reference}
    ranked = sorted(
        (rank, one.id not in referred, number)
        for number, one in enumerate(eido.location_component)
        if (rank := _rank(one)) is not None
    )
    for _, _, number in ranked:
        one, at = eido.location_component[number], f"/locationComponent/{number}"
        post.tell(one.location_description_text, f"{at}/locationDescriptionText")
        if one.location_by_value is None:
            post.not_read(one.location_by_reference_url, f"{at}/locationByReferenceUrl")
            continue
        place = location.place(one.location_by_value)
        if place is None:
            post.not_read(one.location_by_value, f"{at}/locationByValue")
        elif "address" not in post.fields:
            post.say("address", _address(place, _cross_street(one, at, post)), f"{at}/locationByValue")


def _rank(one: Location) -> int | None:
    """Return how likely the person is there, 0 the most; null where nobody is but a tower or a unit."""
    kind = one.location_type_description_registry_text or "Other"
    return PLACES.index(kind) if kind in PLACES else None


def _address(place: location.Place, cross_street: str | None) -> dict[str, JsonValue]:
    text = place.street
    if text is None and place.within:
        text = f"{place.latitude:.5f}, {place.longitude:.5f} (within {place.within:.0f} m)"
    said: dict[str, JsonValue] = {
        "text": text,
        "unit": place.inside,
        "cross_street": cross_street,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }
    return {name: value for name, value in said.items() if value is not None}


def _cross_street(one: Location, at: str, post: _Post) -> str | None:
    crossing = (
        ("crossStreetByValue", one.cross_street_by_value),
        ("intersectingStreetByValue", one.intersecting_street_by_value),
    )
    for name, values in crossing:
        for number, value in enumerate(values):
            place = location.place(value)
            if place is not None and place.street is not None:
                return place.street
            post.not_read(value, f"{at}/{name}/{number}")
    return None


def _tell_people(eido: Eido, post: _Post) -> None:
    others: list[JsonValue] = []
    for number, one in enumerate(eido.person_component):
        at = f"/personComponent/{number}"
        roles = set(one.person_incident_role_registry_text)
        post.flags |= dict.fromkeys(_flags_of(roles))
        described = list(_described(one.nc_person_component))
        for text in described:
            post.tell(text, f"{at}/ncPersonComponent")
        person: dict[str, JsonValue] = {
            "name": _named(one.nc_person_component),
            "number": _number_to_call(eido, one.call_back_reference),
            "description": "\n".join(plain(text).text for text in described),
        }
        said: dict[str, JsonValue] = {name: value for name, value in person.items() if value}
        if CALLERS & roles and "caller" not in post.fields:
            post.say("caller", said, at)
            relation = next((RELATIONS[role] for role in RELATIONS if role in roles), None)
            post.say("caller_relation", relation, f"{at}/personIncidentRoleRegistryText")
        elif said:
            others.append(said)
    post.say("persons", others, "/personComponent")
    caller = post.fields.get("caller")
    known = caller if isinstance(caller, dict) else {}
    if "number" not in known:
        numbers = (_number_to_call(eido, one.call_back_reference) for one in eido.call_component)
        number = next(filter(None, numbers), None)
        if number is not None:
            post.say("caller", {**known, "number": number}, "/callbackComponent")
    for vehicle in eido.vehicle_component:
        post.flags |= dict.fromkeys(_flags_of(set(vehicle.vehicle_relationship_type)))


def _flags_of(roles: set[str]) -> Iterator[str]:
    return (flag for role, flag in FLAGS_OF_ROLE.items() if role in roles)


def _tell_units(eido: Eido, post: _Post) -> None:
    """Tell whose units are there already."""
    for number, unit in enumerate(eido.emergency_resource_component):
        kind = unit.emergency_resource_type_common_registry_text
        if THERE & set(unit.secondary_unit_status_registry_text):
            origin = f"/emergencyResourceComponent/{number}/secondaryUnitStatusRegistryText"
            if kind in POLICE:
                post.say("police_present", "yes", origin)
            if kind in AMBULANCES:
                post.say("ems_present", "yes", origin)


def _tell_notes(eido: Eido, post: _Post) -> None:
    """Tell what people wrote. A caution is danger, whatever it is about: its words are not ours."""
    for number, note in enumerate(eido.notes_component):
        post.tell(note.notes_action_comments, f"/notesComponent/{number}/notesActionComments")
    for number, caution in enumerate(eido.caution_component):
        at = f"/cautionComponent/{number}"
        post.say("premise_hazards", ["unknown"], at)
        post.tell(caution.caution_type_internal_text, f"{at}/cautionTypeInternalText")
        post.tell(caution.caution_type_common_registry_text, f"{at}/cautionTypeCommonRegistryText")
        for text in caution.caution_type_common_sub_registry_text:
            post.tell(text, f"{at}/cautionTypeCommonSubRegistryText")
    for number, link in enumerate(eido.link_component):
        post.tell(link.transaction_reason_text, f"/linkComponent/{number}/transactionReasonText")


def _tell_data(eido: Eido, post: _Post) -> None:
    """Tell the comments that came with a call, and name what nobody has looked at."""
    for number, one in enumerate(eido.additional_data_component):
        at = f"/additionalDataComponent/{number}"
        post.not_read(one.additional_data_by_reference_url, f"{at}/additionalDataByReferenceUrl")
        value = one.additional_data_by_value
        if value is not None:
            comment = location.comment(value)
            post.tell(comment, f"{at}/additionalDataByValue")
            if comment is None and location.root(value) not in OF_NO_CONCERN:
                post.not_read(value, f"{at}/additionalDataByValue")
    for number, alarm in enumerate(eido.alarms_sensors_component):
        post.not_read(alarm.csaa_alarm_information, f"/alarmsSensorsComponent/{number}/csaaAlarmInformation")
        post.not_read(alarm.alarm_url, f"/alarmsSensorsComponent/{number}/alarmUrl")
    for number, one in enumerate(eido.media_component):
        post.not_read(one.uri, f"/mediaComponent/{number}/uri")
    for number, one in enumerate(eido.external_information_source_component):
        at = f"/externalInformationSourceComponent/{number}/externalSourceAcessString"
        post.not_read(one.external_source_acess_string, at)


def _number(eido: Eido, notes: Notes) -> str | None:
    """Return CAD's own number of the incident; one that is too long is not believed."""
    incident = eido.incident_component
    number = None if incident is None else (incident.internal_incident_id or "").strip()
    if number and len(number) > LONGEST_INCIDENT_NUMBER:
        at = "/incidentComponent/internalIncidentId"
        notes.keep("too-long", number, at, at)
        return None
    return number or None


def _agencies(eido: Eido) -> tuple[str, ...]:
    owners = (one.id for one in eido.agency_component if one.incident_owning_agency_indicator)
    updated_by = eido.updated_by_agency_reference
    named = (*owners, None if updated_by is None else updated_by.to, eido.issuing_element_identification)
    return tuple(one.removeprefix(AGENCY_URN) for one in named if one)


def _closed(eido: Eido) -> str | None:
    incident = eido.incident_component
    if incident is None or not _has_ended(eido, "Closed"):
        return None
    found = sorted(incident.disposition_component, key=lambda one: one.disposition_primary_indicator is not True)
    return next((one.disposition_common_registry_code or "" for one in found), "")


def _has_ended(eido: Eido, status: str) -> bool:
    incident = eido.incident_component
    statuses = set[str]() if incident is None else set(incident.incident_status_common_registry_text)
    return status in statuses and not statuses & OPEN


def _replaced(one: Merge) -> bool:
    return one.incident_merge_direction_code == "REPLACED" and bool(one.incident_tracking_identifier)


def _number_to_call(eido: Eido, reference: Reference | None) -> str | None:
    """Return the number at which somebody can be called back: a newer one first, then telephones, then any other."""
    one = _found(eido.callback_component, reference)
    if one is None:
        return None
    updated = one.updated_cbn
    newer = () if updated is None else (updated.updated_cbn_identifier_uri or "",)
    uris = (*newer, *sorted(one.call_back_information_uri, key=lambda uri: not uri.lower().startswith("tel:")))
    return next((dialled for uri in uris if (dialled := _dialled(uri))), None)


def _dialled(uri: str) -> str:
    """Return what is dialled of a ``tel:`` or ``sip:`` address, or the address where that is no number."""
    scheme, _, rest = uri.strip().partition(":")
    if scheme.lower() not in ("tel", "sip", "sips"):
        return uri.strip()
    user = rest.partition(";")[0].partition("@")[0]
    return user if sum(one.isdigit() for one in user) >= _FEWEST_DIGITS else rest


def _found(components: Iterable[C], reference: Reference | None) -> C | None:
    return None if reference is None else next((one for one in components if one.id == reference.to), None)


def _named(person: JsonValue) -> str | None:
    """Return the name in NIEM's description of a person, with or without prefixes."""
    for name, value in _members(person):
        if name.endswith("PersonName") and isinstance(value, dict):
            parts = {part.rpartition(":")[2]: said for part, said in value.items() if isinstance(said, str)}
            whole = parts.get("PersonFullName")
            return whole or " ".join(parts[part] for part in _NAMES if part in parts) or None
    return None


def _described(person: JsonValue) -> Iterator[str]:
    """Yield what is said in words in NIEM's description of a person."""
    for name, value in _members(person):
        if isinstance(value, str) and name.endswith(("Text", "Description")):
            yield value


def _members(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield all members, however deep, by their names; texts in a list have the list's name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            several = inner if isinstance(inner, list) else [inner]
            for one in several:
                yield name, one
                yield from _members(one)
    elif isinstance(value, list):
        for one in value:
            yield from _members(one)
