"""Where a call stands, as CAD and the desk are shown it: no private words, and to CAD no clinical facts."""

from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.facts.base import Deadlines
from divert_contracts.model import Model
from divert_contracts.vocabulary import (
    Acuity,
    Assistance,
    Disposition,
    Feed,
    HandBackReason,
    HandOffReason,
    Hazard,
    Outcome,
    OutcomeReason,
    Programme,
    Question,
    RecallReason,
    Responder,
    Stage,
)
from divert_routing.domain import codes
from divert_routing.domain.call import Call, Claim


class Waiting(Model):
    """A hand-off or call for assistance that waits for a dispatcher to accept it."""

    handoff_id: UUID
    reason: HandOffReason | None = None
    """Of a hand-off."""
    assistance: Assistance | None = None
    """Of a call for assistance."""
    recommend: Responder
    since: AwareDatetime
    accept_by: AwareDatetime
    """When it is repeated."""
    repeat: int


class Unconfirmed(Model):
    """A recall that its provider has not confirmed."""

    case_id: UUID
    provider: str
    reason: RecallReason
    since: AwareDatetime
    confirm_by: AwareDatetime
    """When it is repeated."""
    repeat: int


class CallStatus(Model):
    """Who has a call, until when that is to be believed, and what is still owed."""

    call_id: UUID
    agency: str
    incident_number: str
    feed: Feed
    stage: Stage
    holder: str
    """``psap``, or the provider that has acknowledged."""
    next_update_by: AwareDatetime | None
    """When this passes unheard, CAD owns the call; null when nothing more will come."""
    status_number: int
    """As on the feedback topic: the greater is the newer."""
    revision: str | None
    """Digest of the newest revision; a review names it."""
    judged: bool
    """Triage has judged that revision."""
    division: int | None
    acuity: Acuity
    programme: Programme
    epoch: int
    provider: str | None
    """Who has or had the call, or was last asked."""
    case_id: UUID | None
    unit: str | None
    arrive_by: AwareDatetime | None
    accepted_at: AwareDatetime | None
    deadlines: Deadlines
    review_by: AwareDatetime | None
    held_until: AwareDatetime | None
    waiting: tuple[Waiting, ...]
    unconfirmed: tuple[Unconfirmed, ...]
    outcome: Outcome | None
    reason: OutcomeReason | None
    hand_back: HandBackReason | None
    disposition: Disposition | None
    agency_code: str | None
    """The agency's own code of all this, as CAD was last told."""
    apco_code: str | None
    """Disposition code of APCO 1.111.2, once the call has ended."""


class CallAtDesk(Model):
    """Where a call stands, with what a dispatcher needs to order something."""

    status: CallStatus
    dangers: tuple[Hazard, ...]
    """Known and not cleared."""
    questions: tuple[Question, ...]
    """Asked by the team, not answered yet."""
    cleared: tuple[Hazard, ...]
    """Cleared by a named person; since then only a review can offer the call."""
    claim: Claim | None
    """Who at the desk looks after the call, or did last."""


def at_desk(call: Call) -> CallAtDesk:
    """Return where a call stands, for the desk."""
    return CallAtDesk(
        status=standing(call),
        dangers=call.dangers,
        questions=() if call.case is None else call.case.questions,
        cleared=tuple(call.cleared),
        claim=call.claim,
    )


def standing(call: Call) -> CallStatus:
    """Return where a call stands."""
    case = call.case
    return CallStatus(
        call_id=call.call_id,
        agency=call.agency,
        incident_number=call.incident_number,
        feed=call.feed,
        stage=call.stage,
        holder=call.holder,
        next_update_by=call.next_update_by,
        status_number=call.status_number,
        revision=None if call.revision is None else call.revision.digest,
        judged=call.judged,
        division=call.division,
        acuity=call.acuity,
        programme=call.meant_for,
        epoch=call.attempts,
        provider=call.provider if case is None else case.provider,
        case_id=call.case_id if case is None else case.case_id,
        unit=None if case is None else case.unit,
        arrive_by=None if case is None else case.arrive_by,
        accepted_at=call.accepted_at,
        deadlines=call.deadlines(),
        review_by=call.review_by,
        held_until=call.held_until,
        waiting=_waiting(call),
        unconfirmed=tuple(
            Unconfirmed(
                case_id=one.case_id,
                provider=one.provider,
                reason=one.reason,
                since=one.since,
                confirm_by=one.confirm_by,
                repeat=one.repeat,
            )
            for one in call.recalls
        ),
        outcome=call.outcome,
        reason=call.reason,
        hand_back=call.hand_back,
        disposition=call.disposition,
        agency_code=call.agency_code,
        apco_code=codes.apco(call),
    )


def _waiting(call: Call) -> tuple[Waiting, ...]:
    handed = tuple(
        Waiting(
            handoff_id=one.handoff_id,
            reason=one.reason,
            recommend=one.recommend,
            since=one.since,
            accept_by=one.accept_by,
            repeat=one.repeat,
        )
        for one in call.hand_offs
    )
    asked = tuple(
        Waiting(
            handoff_id=one.handoff_id,
            assistance=one.assistance,
            recommend=one.recommend,
            since=one.since,
            accept_by=one.accept_by,
            repeat=one.repeat,
        )
        for one in call.helps
    )
    return handed + asked
