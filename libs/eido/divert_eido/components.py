"""The components of an EIDO, member by member (NENA-STA-021.1). What a member may hold is checked; none must be there.

``NEEDS`` names what the standard requires of a component: a component without it is still worth reading.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictInt
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from divert_eido import registries

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_URI_REFERENCE = re.compile(r"([!$&-;=?-Z_a-z~\[\]]|%[0-9A-Fa-f]{2})*(#([!$&-;=?-Z_a-z~]|%[0-9A-Fa-f]{2})*)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _one_of(registry: frozenset[str]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in registry:
            raise PydanticCustomError("unknown-word", "not in the registry")
        return word

    return check


def _moment(text: str) -> str:
    """Check a time as RFC 3339 writes it, and leave it as it is."""
    found = _MOMENT.fullmatch(text)
    # A leap second is one that Python's calendar does not have.
    if found is None or not _is_date(f"{text[:17]}59{text[19:]}" if text[17:19] == "60" else text):
        raise PydanticCustomError("unreadable", "no time")
    if found[2] is None:
        raise PydanticCustomError("time-without-zone", "a time without zone")
    return text


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _uri_reference(text: str) -> str:
    if not _URI_REFERENCE.fullmatch(text):
        raise PydanticCustomError("unreadable", "no URI")
    return text


def _uri(text: str) -> str:
    if not _SCHEME.match(text):
        raise PydanticCustomError("unreadable", "no URI")
    return _uri_reference(text)


Moment = Annotated[str, AfterValidator(_moment)]
Uri = Annotated[str, AfterValidator(_uri)]
UriReference = Annotated[str, AfterValidator(_uri_reference)]
AgencyRole = Annotated[str, AfterValidator(_one_of(registries.AGENCY_ROLES))]
CallDirection = Annotated[str, AfterValidator(_one_of(registries.CALL_DIRECTIONS))]
Degree = Annotated[str, AfterValidator(_one_of(registries.DEGREES))]
DispositionCode = Annotated[str, AfterValidator(_one_of(registries.DISPOSITIONS))]
IncidentStatus = Annotated[str, AfterValidator(_one_of(registries.INCIDENT_STATUSES))]
IncidentType = Annotated[str, AfterValidator(_one_of(registries.INCIDENT_TYPES))]
LinkDirection = Annotated[str, AfterValidator(_one_of(registries.LINK_DIRECTIONS))]
LocationType = Annotated[str, AfterValidator(_one_of(registries.LOCATION_TYPES))]
MergeDirection = Annotated[str, AfterValidator(_one_of(registries.MERGE_DIRECTIONS))]
PersonRole = Annotated[str, AfterValidator(_one_of(registries.PERSON_ROLES))]
ReportNumberType = Annotated[str, AfterValidator(_one_of(registries.REPORT_NUMBER_TYPES))]
ResourceAttribute = Annotated[str, AfterValidator(_one_of(registries.RESOURCE_ATTRIBUTES))]
ResourceType = Annotated[str, AfterValidator(_one_of(registries.RESOURCE_TYPES))]
UnitActivity = Annotated[str, AfterValidator(_one_of(registries.UNIT_ACTIVITIES))]
UnitStatus = Annotated[str, AfterValidator(_one_of(registries.UNIT_STATUSES))]
VehicleRelation = Annotated[str, AfterValidator(_one_of(registries.VEHICLE_RELATIONS))]
Version = Annotated[str, AfterValidator(_one_of(registries.VERSIONS))]
Vocabulary = Annotated[str, AfterValidator(_one_of(registries.VOCABULARIES))]


class Part(BaseModel):
    """Something with members of the standard's own, and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Reference(Part):
    """Names another component of the document by its ``$id``."""

    to: str = Field(alias="$ref")


class Context(BaseModel):
    """The JSON-LD context."""

    model_config = ConfigDict(frozen=True)

    vocabulary: Vocabulary | None = Field(None, alias="@vocab")


class Component(Part):
    """What every component begins with."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"$id", "lastUpdateTimeStamp", "updatedByAgencyReference"})

    id: str | None = Field(None, alias="$id")
    last_update_time_stamp: Moment | None = None
    updated_by_agency_reference: Reference | None = None
    updated_by_agent_reference: Reference | None = None
    alternate_value_references: tuple[Reference, ...] = Field((), alias="AlternateValueReferences")
    external_information_source_references: tuple[Reference, ...] = ()
    media_references: tuple[Reference, ...] = ()


class CallLeg(Component):
    """How one agency, agent or person is connected to a call."""

    NEEDS: ClassVar = Component.NEEDS | {"callReference", "callStateRegistryText"}

    call_reference: Reference | None = None
    call_state_registry_text: str | None = None


class UpdatedCallback(Component):
    """Another number of a caller."""

    NEEDS: ClassVar = Component.NEEDS | {"updatedCbnIdentifierUri"}

    updated_cbn_identifier_uri: Uri | None = None
    updated_cbn_caller_description: str | None = None


class Disposition(Component):
    """How an incident ended for an agency."""

    NEEDS: ClassVar = Component.NEEDS | {"dispositionCommonRegistryCode"}

    disposition_common_registry_code: DispositionCode | None = None
    disposition_primary_indicator: StrictBool | None = None
    disposition_category_text: str | None = None
    disposition_description_text: str | None = None
    notes_reference: tuple[Reference, ...] = ()


class Merge(Component):
    """Another incident that this one was merged with or split from."""

    NEEDS: ClassVar = Component.NEEDS | {"incidentMergeDirectionCode", "incidentTrackingIdentifier"}

    incident_tracking_identifier: str | None = None
    incident_merge_direction_code: MergeDirection | None = None


class Link(Component):
    """Another incident that this one has to do with."""

    NEEDS: ClassVar = Component.NEEDS | {"incidentTrackingIdentifier", "linkDirectionCode"}

    incident_tracking_identifier: str | None = None
    transaction_reason_text: str | None = None
    involved_agency_reference: Reference | None = None
    link_direction_code: LinkDirection | None = None


class Incident(Component):
    """What kind of incident it is, and how far it is."""

    NEEDS: ClassVar = Component.NEEDS | {"incidentTypeCommonRegistryText"}

    incident_type_internal_code: str | None = None
    incident_type_internal_text: str | None = None
    incident_type_common_registry_text: IncidentType | None = None
    incident_status_internal_text: tuple[str, ...] = ()
    incident_status_common_registry_text: tuple[IncidentStatus, ...] = ()
    internal_incident_id: str | None = None
    agent_reference: tuple[Reference, ...] = ()
    location_reference: tuple[Reference, ...] = ()
    person_reference: tuple[Reference, ...] = ()
    organization_reference: tuple[Reference, ...] = ()
    vehicle_reference: tuple[Reference, ...] = ()
    document_identification: tuple[str, ...] = ()
    report_number_type: ReportNumberType | None = None
    incident_priority_internal_text: str | None = None
    incident_common_priority_number: StrictInt | None = None
    beat_or_dispatch_group_text: str | None = None
    disposition_component: tuple[Disposition, ...] = ()
    notes_reference: tuple[Reference, ...] = ()


class Call(Component):
    """A call about the incident."""

    NEEDS: ClassVar = Component.NEEDS | {
        "callStateRegistryText",
        "standardPrimaryCallType",
        "direction",
        "callStartTimestamp",
    }

    related_call_identifier: tuple[str, ...] = ()
    queue_identifier: str | None = None
    standard_primary_call_type: str | None = None
    standard_secondary_call_type: str | None = None
    local_call_type: str | None = None
    direction: CallDirection | None = None
    priority_identifier: Degree | None = None
    additional_data_reference: tuple[Reference, ...] = ()
    call_start_timestamp: Moment | None = None
    answer_date: Moment | None = None
    call_state_registry_text: str | None = None
    agent_reference: tuple[Reference, ...] = ()
    call_back_reference: Reference | None = None
    verstat: str | None = None
    sip_identity: str | None = None
    location_reference: tuple[Reference, ...] = ()
    notes_reference: tuple[Reference, ...] = ()
    person_reference: tuple[Reference, ...] = ()
    organization_reference: tuple[Reference, ...] = ()
    agency_reference: tuple[Reference, ...] = ()


class Callback(Component):
    """How somebody can be called back."""

    call_back_information_uri: tuple[str, ...] = ()
    device_contact_header: str | None = None
    updated_cbn: UpdatedCallback | None = None


class Dispatch(Component):
    """Who was sent."""

    agency_reference: Reference | None = None
    agent_reference: Reference | None = None
    emergency_resource_reference: tuple[Reference, ...] = ()
    notes_reference: tuple[Reference, ...] = ()


class Note(Component):
    """What somebody wrote down, as HTML."""

    NEEDS: ClassVar = Component.NEEDS | {"notesActionComments"}

    notes_action_comments: str | None = None
    agent_reference: Reference | None = None
    caution_reference: tuple[Reference, ...] = ()


class Resource(Component):
    """A unit."""

    NEEDS: ClassVar = Component.NEEDS | {
        "agentReference",
        "emergencyResourceTypeCommonRegistryText",
        "primaryUnitStatusRegistryText",
        "resourceAttributeRegistryText",
        "secondaryUnitStatusRegistryText",
    }

    emergency_resource_type_common_registry_text: ResourceType | None = None
    emergency_resource_type_internal_text: str | None = None
    resource_attribute_registry_text: tuple[ResourceAttribute, ...] = ()
    resource_attribute_internal_text: tuple[str, ...] = ()
    emergency_resource_name: str | None = None
    primary_unit_status_registry_text: UnitStatus | None = None
    secondary_unit_status_registry_text: tuple[UnitActivity, ...] = ()
    notes_reference: tuple[Reference, ...] = ()
    unit_status_internal: tuple[str, ...] = ()
    agent_reference: tuple[Reference, ...] = ()
    unit_location_reference: Reference | None = None
    unit_destination_reference: Reference | None = None
    eta: Moment | None = None
    person_reference: tuple[Reference, ...] = ()
    vehicle_reference: tuple[Reference, ...] = ()
    item_reference: tuple[Reference, ...] = ()
    active_on_incident_id: str | None = None
    stacked_on_incident_id: tuple[str, ...] = ()


class Alarm(Component):
    """An alarm or sensor."""

    csaa_alarm_information: str | None = None
    alarm_url: Uri | None = None
    agent_reference: Reference | None = None
    notes_reference: tuple[Reference, ...] = ()


class Agency(Component):
    """An agency of the incident."""

    NEEDS: ClassVar = Component.NEEDS | {"agencyRoleDescriptionRegistryText", "agencyType"}

    agency_jcard: str | None = None
    agency_role_description_registry_text: tuple[AgencyRole, ...] = ()
    agency_type: tuple[str, ...] = ()
    notes_reference: tuple[Reference, ...] = ()
    incident_owning_agency_indicator: StrictBool | None = None
    acting_on_behalf_of_agency_reference: tuple[Reference, ...] = ()
    agency_call_leg_state: tuple[CallLeg, ...] = ()


class Agent(Component):
    """A person or machine that works for an agency."""

    NEEDS: ClassVar = Component.NEEDS | {"agentRoleRegistryText", "agencyReference"}

    agent_jcard: str | None = None
    agent_workstation_position_identification: str | None = None
    agent_role_registry_text: tuple[str, ...] = Field((), min_length=1)
    agency_reference: Reference | None = None
    notes_reference: tuple[Reference, ...] = ()
    agent_call_leg_state: tuple[CallLeg, ...] = ()


class AdditionalData(Component):
    """What came with a call, as XML or as an address."""

    additional_data_by_reference_url: str | None = None
    additional_data_by_value: str | None = None
    additional_data_dereferenced_from_reference: Reference | None = None
    url_purpose: str | None = None
    notes_reference: tuple[Reference, ...] = ()
    caution_reference: tuple[Reference, ...] = ()


class Location(Component):
    """A location, as PIDF-LO or as an address."""

    NEEDS: ClassVar = Component.NEEDS | {"locationTypeDescriptionRegistryText"}

    location_type_description_registry_text: LocationType | None = None
    location_by_value: str | None = None
    location_by_reference_url: Uri | None = None
    location_dereferenced_from_reference: Reference | None = None
    location_description_text: str | None = None
    cross_street_by_value: tuple[str, ...] = ()
    cross_street_by_reference_url: tuple[str, ...] = ()
    intersecting_street_by_value: tuple[str, ...] = ()
    intersecting_street_by_reference_url: tuple[str, ...] = ()
    cell_tower_sector_id: str | None = None
    additional_data_reference: tuple[Reference, ...] = ()
    local_identifier: tuple[str, ...] = ()
    notes_reference: tuple[Reference, ...] = ()


class Person(Component):
    """Somebody of the incident; ``nc_person_component`` is NIEM's."""

    NEEDS: ClassVar = Component.NEEDS | {"personIncidentRoleRegistryText"}

    nc_person_component: JsonValue | None = None
    person_incident_role_registry_text: tuple[PersonRole, ...] = ()
    call_identifier: tuple[str, ...] = ()
    location_reference: tuple[Reference, ...] = ()
    destination_reference: Reference | None = None
    eta: Moment | None = None
    notes_reference: tuple[Reference, ...] = ()
    additional_data_reference: tuple[Reference, ...] = ()
    call_back_reference: Reference | None = None
    person_call_leg_state: tuple[CallLeg, ...] = ()
    item_reference: tuple[Reference, ...] = ()


class Vehicle(Component):
    """A vehicle of the incident."""

    NEEDS: ClassVar = Component.NEEDS | {"vehicleRelationshipType", "vehicleRelationshipTimeStamp"}

    nc_vehicle_component: JsonValue | None = None
    vehicle_relationship_type: tuple[VehicleRelation, ...] = Field((), min_length=1)
    vehicle_relationship_time_stamp: Moment | None = None
    additional_data_reference: tuple[Reference, ...] = ()
    location_reference: tuple[Reference, ...] = ()
    destination_reference: Reference | None = None
    eta: Moment | None = None
    notes_reference: tuple[Reference, ...] = ()
    j_commercial_vehicle_component: JsonValue | None = None
    item_reference: tuple[Reference, ...] = ()


class Caution(Component):
    """What may be dangerous."""

    NEEDS: ClassVar = Component.NEEDS | {"cautionTypeInternalText", "cautionTypeCommonRegistryText", "cautionSeverity"}

    caution_type_internal_text: str | None = None
    caution_type_common_registry_text: str | None = None
    caution_type_common_sub_registry_text: tuple[str, ...] = ()
    caution_severity: Degree | None = None
    caution_source: str | None = None
    start_date: Moment | None = None


class Media(Component):
    """Pictures or sound."""

    NEEDS: ClassVar = Component.NEEDS | {"uri", "contentType"}

    uri: UriReference | None = None
    content_type: str | None = None
    label: str | None = None


class SharedChannel(Component):
    """A channel that agencies share."""

    NEEDS: ClassVar = Component.NEEDS | {"sharedCommunicationResourceType"}

    shared_communication_resource_type: str | None = None
    shared_communication_resource_by_reference_url: str | None = None
    shared_communication_resource_by_value: str | None = None
    connected_shared_communication_resources: tuple[Reference, ...] = ()
    notes_reference: tuple[Reference, ...] = ()


class ExternalSource(Component):
    """Where more is known."""

    NEEDS: ClassVar = Component.NEEDS | {"externalSourceRegistryText"}

    external_source_registry_text: str | None = None
    external_source_acess_string: str | None = None


class Eido(Component):
    """The whole document."""

    NEEDS: ClassVar = Component.NEEDS | {"eidoVersion", "issuingElementIdentification", "agencyComponent"}

    eido_version: Version | None = None
    eido_extension_id: tuple[str, ...] = ()
    issuing_element_identification: str | None = None
    merge_component: tuple[Merge, ...] = ()
    link_component: tuple[Link, ...] = ()
    incident_component: Incident | None = None
    call_component: tuple[Call, ...] = ()
    callback_component: tuple[Callback, ...] = ()
    dispatch_component: tuple[Dispatch, ...] = ()
    notes_component: tuple[Note, ...] = ()
    emergency_resource_component: tuple[Resource, ...] = ()
    alarms_sensors_component: tuple[Alarm, ...] = ()
    agency_component: tuple[Agency, ...] = ()
    agent_component: tuple[Agent, ...] = ()
    additional_data_component: tuple[AdditionalData, ...] = ()
    location_component: tuple[Location, ...] = ()
    person_component: tuple[Person, ...] = ()
    vehicle_component: tuple[Vehicle, ...] = ()
    caution_component: tuple[Caution, ...] = ()
    media_component: tuple[Media, ...] = ()
    shared_communication_resource_component: tuple[SharedChannel, ...] = ()
    external_information_source_component: tuple[ExternalSource, ...] = ()
    context: Context | None = Field(None, alias="@context")
