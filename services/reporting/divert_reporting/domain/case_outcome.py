"""One row an offer: what a provider did with it. A function of the call's facts alone, as the call's own row."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.facts.cases import (
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    PersonContacted,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import CaseOffered, CaseRecalled
from divert_contracts.model import Model
from divert_contracts.vocabulary import (
    Acuity,
    Contact,
    DeclineReason,
    Disposition,
    HandBackReason,
    Programme,
    RecallReason,
)
from divert_reporting.domain.history import CLOSENESS, Facts, offers_of, taken_cases, told_at, utc
from divert_reporting.domain.record import Noted, Record, in_order


class CaseOutcome(Model):
    """What became of one offer. Times are in UTC; null where it did not happen, or is not known."""

    case_id: UUID
    """The offer, and the case that it became when the provider took it."""
    call_id: UUID
    """Its call."""
    attempt: int
    """The call's offers are counted from 1."""
    provider: str
    """Whom it was offered to."""
    programme: Programme
    """The programme under which it was offered."""
    acuity: Acuity
    """How soon, as offered."""
    division: int | None = None
    """The division of the call, as offered."""
    mutual_aid: bool = False
    """The provider serves the division by agreement only."""
    offered_at: AwareDatetime
    """When it was offered."""
    answer_by: AwareDatetime
    """Until when it was to be answered."""
    acknowledged_at: AwareDatetime | None = None
    """When the provider took it, in time."""
    arrive_by: AwareDatetime | None = None
    """The arrival time that the provider promised as it took it."""
    declined: DeclineReason | None = None
    """Why the provider did not take it; null where it did not decline."""
    timed_out: bool = False
    """Nobody answered in time."""
    recalled: RecallReason | None = None
    """Why it was taken away from the provider, the first reason."""
    recalled_at: AwareDatetime | None = None
    """When that was."""
    en_route_at: AwareDatetime | None = None
    """When the team set off; the device's time where it is known."""
    on_scene_at: AwareDatetime | None = None
    """When the team arrived; the device's time where it is known."""
    on_scene_within: int
    """Seconds from acknowledgement within which the team was to be there."""
    contact: Contact = Contact.NONE
    """The closest contact of the team with the person."""
    hand_back: HandBackReason | None = None
    """Why the provider gave it back; null where it did not."""
    disposition: Disposition | None = None
    """How the team closed it."""
    closed_at: AwareDatetime | None = None
    """When the team closed it; the device's time where it is known."""
    ended_at: AwareDatetime | None = None
    """When the provider was free of a case that it had: closed, handed back or recalled, the first of these."""


def case_outcomes(record: Record) -> list[CaseOutcome]:
    """Return the rows of a call's offers, in order."""
    return cases_of(in_order(record.facts))


def cases_of(history: Sequence[Noted]) -> list[CaseOutcome]:
    """Return the rows of a call's offers from its facts in order."""
    if not any(isinstance(one.fact, CaseOffered) for one in history):
        return []
    facts = Facts(one.fact for one in history)
    taken = taken_cases(facts)
    return [_row(offer, facts, taken.get(offer.case_id)) for offer in offers_of(facts)]


def _row(offer: CaseOffered, facts: Facts, taken_at: datetime | None) -> CaseOutcome:
    case = offer.case_id
    had = taken_at is not None
    closed = next((one for one in reversed(facts.each(CaseClosed)) if one.case_id == case), None) if had else None
    returned = next((one for one in facts.each(CaseHandedBack) if one.case_id == case), None) if had else None
    recall = next((one for one in facts.each(CaseRecalled) if one.case_id == case), None)
    declined = next((one for one in facts.each(CaseDeclined) if one.case_id == case), None)
    promised = next((one for one in facts.each(CaseAcknowledged) if one.case_id == case), None) if had else None
    said = [
        one.contact
        for one in facts.all
        if isinstance(one, PersonContacted | CaseClosed | CaseHandedBack) and one.case_id == case
    ]
    return CaseOutcome(
        case_id=case,
        call_id=offer.call_id,
        attempt=offer.attempt,
        provider=offer.provider,
        programme=offer.programme,
        acuity=offer.acuity,
        division=offer.division,
        mutual_aid=offer.mutual_aid,
        offered_at=offer.occurred_at,
        answer_by=offer.answer_by,
        acknowledged_at=utc(taken_at),
        arrive_by=None if promised is None else utc(promised.arrive_by),
        declined=None if declined is None else declined.reason,
        timed_out=recall is not None and recall.reason is RecallReason.ANSWER_OVERDUE,
        recalled=None if recall is None else recall.reason,
        recalled_at=None if recall is None else utc(recall.occurred_at),
        en_route_at=told_at(_first(facts, TeamEnRoute, case)) if had else None,
        on_scene_at=told_at(_first(facts, TeamOnScene, case)) if had else None,
        on_scene_within=round(offer.on_scene_within),
        contact=max(said, key=CLOSENESS.__getitem__, default=Contact.NONE) if had else Contact.NONE,
        hand_back=None if returned is None else returned.reason,
        disposition=None if closed is None else closed.disposition,
        closed_at=told_at(closed),
        ended_at=utc(min((one.occurred_at for one in (closed, returned, recall) if one is not None), default=None))
        if had
        else None,
    )


def _first(facts: Facts, kind: type[TeamEnRoute] | type[TeamOnScene], case: UUID) -> TeamEnRoute | TeamOnScene | None:
    return next((one for one in facts.each(kind) if one.case_id == case), None)
