"""Routing, wired together."""

from divert_chassis.service import Service
from divert_contracts.facts import calls, cases
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.facts.routing import NeighbourReported
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.triage import CallTriaged
from divert_routing.adapters import PostgresDesk
from divert_routing.domain import cases as providers
from divert_routing.domain import (
    deadlines,
    desk,
    erasing,
    failures,
    given,
    neighbours,
    promises,
    rereviews,
    revisions,
    timers,
)
from divert_routing.domain.call import Call


def build() -> Service[given.Given]:  # noqa: PLR0915 (a line each)
    """Return routing's wiring table."""
    routing = Service("routing", given=given.Given())
    routing.learns(PolicyPublished, given.policy_published)
    routing.learns(AgencyRegistered, given.agency_registered)
    routing.learns(ShiftChanged, given.shift_changed)

    call = routing.remembers(
        Call,
        blank=Call.blank,
        lists=("stage", "agency", "provider", "acuity"),
        projection=PostgresDesk(),
        neighbourhood=neighbours.Neighbourhood(),
    )
    call.on(calls.CallReceived, revisions.received)
    call.on(calls.CallUpdated, revisions.received)
    call.on(calls.CallReopened, revisions.received)
    call.on(CallTriaged, revisions.triaged)
    call.on(calls.CallCancelled, revisions.cancelled)
    call.on(calls.CallClosedByCad, revisions.closed_by_cad)
    call.on(calls.ResponderReported, revisions.responder_reported)
    call.on(calls.HandoffAccepted, promises.accepted)

    call.on(NeighbourReported, neighbours.neighbour_reported)

    call.on(cases.CaseAcknowledged, providers.acknowledged)
    call.on(cases.CaseDeclined, providers.declined)
    call.on(cases.TeamAssigned, providers.team_assigned)
    call.on(cases.TeamEnRoute, providers.en_route)
    call.on(cases.TeamOnScene, providers.on_scene)
    call.on(cases.PersonContacted, providers.person_contacted)
    call.on(cases.SafetyCheckAnswered, providers.check_answered)
    call.on(cases.QuestionAsked, providers.question_asked)
    call.on(cases.BackupRequested, providers.backup_requested)
    call.on(cases.BackupArrived, providers.backup_arrived)
    call.on(cases.EmergencyRaised, providers.emergency_raised)
    call.on(cases.RecallConfirmed, promises.confirmed)
    call.on(cases.CaseHandedBack, providers.handed_back)
    call.on(cases.CaseClosed, providers.closed)

    call.on(desk.Review, desk.reviewed)
    call.on(desk.Direct, desk.directed)
    call.on(desk.ClearDanger, desk.danger_cleared)
    call.on(desk.AnswerQuestion, desk.question_answered)
    call.on(desk.ClaimCall, desk.claimed)
    call.on(desk.HandOver, desk.handed_over)
    call.on(rereviews.DecideAgain, rereviews.decided_again)
    call.on(erasing.Erase, erasing.erased)

    call.on(timers.TriageOverdue, deadlines.triage_overdue)
    call.on(timers.ReviewOverdue, deadlines.review_overdue)
    call.on(timers.HoldOver, deadlines.hold_over)
    call.on(timers.ObservationOver, deadlines.observation_over)
    call.on(timers.AnswerOverdue, deadlines.answer_overdue)
    call.on(timers.EnRouteOverdue, deadlines.en_route_overdue)
    call.on(timers.ArrivalOverdue, deadlines.arrival_overdue)
    call.on(timers.CheckUnanswered, deadlines.check_unanswered)
    call.on(timers.CheckMissed, deadlines.check_missed)
    call.on(timers.NotClosed, deadlines.not_closed)
    call.on(timers.Unaccepted, promises.unaccepted)
    call.on(timers.RecallUnconfirmed, promises.unconfirmed)
    call.on(timers.PrivateOutlived, deadlines.private_outlived)
    call.when_failed(failures.not_understood)
    return routing
