"""routing.v1, and what routing sends to providers and agencies. Private words only on the topics that are forgotten."""

from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.call import Decision, Picture, Revision, SafetyBrief, Signal
from divert_contracts.facts.base import CallFact, RoutingFact, WithPrivate
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Assistance,
    Contact,
    Direction,
    DirectionReason,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    HandOffReason,
    Hazard,
    Need,
    Origin,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    Programme,
    Question,
    RecallReason,
    Responder,
    ReviewReason,
    Stage,
)


class CallOpened(RoutingFact):
    """Routing saw a call's picture for the first time."""

    incident_number: str
    picture: Picture
    accepted_at: AwareDatetime
    division: int | None = None
    """1 to 21, or null when the call has no usable area."""
    division_disputed: bool = False
    """Reporting district, map and named area do not agree; the first that is usable, in this order, was taken."""
    reopens: UUID | None = None


class CallReviewed(RoutingFact):
    """A person decided what the rules would not."""

    revision: Revision
    """The revision that the person saw; the review lapses when a later one changes a safety answer."""
    eligibility: Eligibility
    reason: ReviewReason
    by: str


class CallDirected(RoutingFact):
    """The desk ordered something."""

    direction: Direction
    reason: DirectionReason
    by: str
    provider: str | None = None
    programme: Programme | None = None
    until: AwareDatetime | None = None


class CallClaimed(RoutingFact):
    """Somebody at the desk looks after the call from now on."""

    by: str
    """Who."""
    previous: str | None = None
    """Who looked after it before; null when nobody did."""
    said_by: str
    """Who said so: whoever takes the call, or hands it over."""


class DecisionRereviewed(RoutingFact):
    """A person decided again, without knowing it, what the rules had decided by themselves; the call is not changed."""

    revision: Revision
    """The revision that both saw."""
    automatic: Eligibility
    """What the rules had decided."""
    eligibility: Eligibility
    """What the person would have; ``needs_review`` when they would have asked somebody."""
    agreed: bool
    reason: ReviewReason
    by: str
    policy: str
    """Version of the triage policy that the rules had decided by."""


class CaseOffered(RoutingFact, WithPrivate):
    """A provider was offered a call."""

    case_id: UUID
    provider: str
    attempt: int
    """Counts a call's offers from 1."""
    incident_number: str
    programme: Programme
    acuity: Acuity
    division: int | None
    picture: Picture
    signals: tuple[Signal, ...] = ()
    decision: Decision
    answer_by: AwareDatetime
    """The gateway refuses an acknowledgement after this."""
    en_route_within: float
    """Seconds from acknowledgement."""
    on_scene_within: float
    """Seconds from acknowledgement; an arrival time beyond it ends the case."""
    check_after: float | None = None
    """Seconds from arrival to the first safety check."""
    check_every: float | None = None
    """Seconds from one safety check to the next."""
    unmet_needs: tuple[Need, ...] = ()
    mutual_aid: bool = False
    """The provider serves this division by agreement only."""


class CaseUpdated(RoutingFact, WithPrivate):
    """The call's picture changed without danger; the team keeps the case."""

    case_id: UUID
    provider: str
    picture: Picture
    signals: tuple[Signal, ...] = ()
    acuity: Acuity | None = None
    """By which the limits run: a more urgent revision makes them shorter. Null for a case that was recalled."""
    en_route_within: float | None = None
    """Seconds from acknowledgement; ``deadlines`` has the limits that run already."""
    on_scene_within: float | None = None
    """Seconds from acknowledgement."""


class CaseRecalled(RoutingFact):
    """An offer or a case was taken away from its provider; repeated until confirmed where that is needed."""

    case_id: UUID
    provider: str
    reason: RecallReason
    urgent: bool = False
    withdraw_if_safe: bool = False
    """The team is on scene."""
    hazards: tuple[Hazard, ...] = ()
    confirm_by: AwareDatetime | None = None
    """Null when no confirmation is needed."""
    repeat: int = 0


class PrivateErased(RoutingFact):
    """The call's private words were erased before their time, because somebody asked for it. All else stays."""

    by: str
    """The id of the person who did it."""


class CaseErased(RoutingFact):
    """Whoever was offered this case is to erase its private words too."""

    case_id: UUID
    provider: str


class CallHandedOff(RoutingFact, WithPrivate):
    """The call went back to the police dispatcher, with its record; repeated until accepted."""

    handoff_id: UUID
    incident_number: str
    """Empty when no picture was ever understood; so in the other facts for the agency."""
    reason: HandOffReason
    recommend: Responder
    urgent: bool = False
    brief: SafetyBrief
    picture: Picture | None = None
    """Null when no picture was ever understood."""
    decision: Decision | None = None
    accept_by: AwareDatetime
    repeat: int = 0


class HandoffConfirmed(RoutingFact):
    """The dispatcher accepted a hand-off or a call for assistance."""

    handoff_id: UUID
    by: str
    unit: str | None = None


class AssistanceRequested(RoutingFact, WithPrivate):
    """A team needs help from the PSAP, or the PSAP must know where a team is; the case stays as it is."""

    handoff_id: UUID
    incident_number: str
    case_id: UUID
    provider: str
    assistance: Assistance
    recommend: Responder
    urgent: bool = False
    brief: SafetyBrief
    picture: Picture | None = None
    """The call's own record, so that nobody asks the caller twice."""
    accept_by: AwareDatetime
    repeat: int = 0


class ResponderRecorded(RoutingFact):
    """Who went instead, or came to help, and how it went; after the conclusion too."""

    responder: Responder
    unit: str | None = None
    dispatched_at: AwareDatetime | None = None
    arrived_at: AwareDatetime | None = None
    cleared_at: AwareDatetime | None = None
    arrest: Answer = Answer.NOT_ASKED
    force: Answer = Answer.NOT_ASKED
    hold: Answer = Answer.NOT_ASKED


class DangerNearby(RoutingFact):
    """Danger in another call counts here too."""

    other_call_id: UUID
    hazards: tuple[Hazard, ...]
    same_place: bool = True
    """At the same address or call-back number, or the call that this one reopens; else in a cell close by."""


class NeighbourReported(CallFact):
    """Another call close by told of danger, or no longer does. From routing to itself; ``DangerNearby`` follows."""

    other_call_id: UUID
    hazards: tuple[Hazard, ...]
    """All that count now; none when a person has cleared them."""
    same_place: bool
    """As in ``DangerNearby``."""


class DangerCleared(RoutingFact):
    """A named person says that a danger is over, and which unit made the scene safe."""

    by: str
    unit: str
    hazards: tuple[Hazard, ...]


class QuestionAnswered(RoutingFact):
    """The desk answered a question that a team had asked."""

    case_id: UUID
    provider: str
    question: Question
    answer: Answer
    by: str


class SafetyCheckMissed(RoutingFact):
    """A team on scene did not answer its safety check."""

    case_id: UUID
    provider: str
    due_at: AwareDatetime
    told_psap: bool = False
    """False: the desk rings the team; true: the PSAP checks on it."""


class CallConcluded(RoutingFact):
    """The one outcome of a call. Later facts change the side dimensions only."""

    outcome: Outcome
    reason: OutcomeReason
    rule: str | None = None
    """The rule that decided, where a rule did."""
    duplicate_of: UUID | None = None
    feed: Feed
    origin: Origin
    exercise: bool = False
    unscreened: bool = False
    assumed_screening: bool = False
    recorded_late: bool = False
    division: int | None = None
    call_type: str | None = None
    acuity: Acuity = Acuity.UNKNOWN
    programme: Programme = Programme.NONE
    provider: str | None = None
    """The last provider that had acknowledged, else the last that was offered the call."""
    case_id: UUID | None = None
    attempts: int = 0
    contact: Contact = Contact.NONE
    disposition: Disposition | None = None
    police: PoliceInvolvement = PoliceInvolvement.NONE
    hand_back: HandBackReason | None = None
    unmet_needs: tuple[Need, ...] = ()
    """Of the provider named here: what the person needed and it was not known to have."""
    policy: str | None = None
    routing_policy: str | None = None


class CallStatusChanged(CallFact):
    """What CAD is told: who has the call, and until when that is to be believed. No clinical fact has a place here."""

    incident_number: str
    stage: Stage
    status_number: int
    """Counts up; the greater is the newer."""
    holder: str
    """``psap``, or the provider that has acknowledged."""
    provider: str | None = None
    unit: str | None = None
    arrive_by: AwareDatetime | None = None
    next_update_by: AwareDatetime | None = None
    """When this passes unheard, CAD owns the call; null when nothing more will come."""
    outcome: Outcome | None = None
    reason: OutcomeReason | None = None
    hand_back: HandBackReason | None = None
    disposition: Disposition | None = None
    agency_code: str | None = None
    """The agency's own code of all this, from the codes that it was registered with; null where it has none."""
    apco_code: str | None = None
    """Disposition code of APCO 1.111.2, once the call has ended."""
