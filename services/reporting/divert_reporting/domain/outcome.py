"""One row a call, from its facts alone: no clock, no counter, no order of arrival has a say in it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.call import Picture
from divert_contracts.facts.base import CallFact, CaseFact, Fact, RoutingFact
from divert_contracts.facts.cases import (
    BackupArrived,
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    FollowUpDone,
    PersonContacted,
    SafetyEventReported,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import (
    CallConcluded,
    CallHandedOff,
    CallOpened,
    CallReviewed,
    CaseOffered,
    CaseRecalled,
    DecisionRereviewed,
    HandoffConfirmed,
    ResponderRecorded,
)
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.triage import CallTriaged, ShadowDiffered
from divert_contracts.model import Model, Term
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Change,
    Contact,
    Disposition,
    Eligibility,
    Feed,
    FollowUp,
    HandBackReason,
    Origin,
    Outcome,
    OutcomeReason,
    PoliceInvolvement,
    Programme,
    RecallReason,
    Responder,
    Stage,
)
from divert_reporting.domain.record import Noted, Record, Shift, in_order

F = TypeVar("F", bound=Fact)

NEVER_HAD = frozenset({RecallReason.ANSWER_OVERDUE, RecallReason.ARRIVAL_TOO_LATE})
"""Recalls of an offer whose answer came or promised too late: its provider never had the call."""


class Denominator(Term):
    """Whether a call counts in the programme's figures."""

    IN = "in"
    EXERCISE = "exercise"
    """A drill: in no figure."""
    OFFICER_INITIATED = "officer_initiated"
    """An officer's own activity: nobody called."""
    UNKNOWN = "unknown"


class CallOutcome(Model):
    """What became of one call. Times are in UTC; null where it did not happen, or is not known."""

    call_id: UUID
    """The call; a reopened call is another one."""
    incident_number: str | None = None
    """The agency's own number."""
    agency: str
    """The agency whose CAD posted it, such as lapd."""
    denominator: Denominator = Denominator.IN
    """"in" for a call that counts in the figures; else why it is outside every denominator."""
    feed: Feed = Feed.UNKNOWN
    """diverted: the dispatcher chose it; observed: everything else."""
    origin: Origin = Origin.UNKNOWN
    """Where the call came from."""
    exercise: bool = False
    """A drill."""
    recorded_late: bool = False
    """Entered after it was over."""
    unscreened: bool = False
    """Observed, and the safety questions were not asked."""
    assumed_screening: bool = False
    """The answers were filled in by an import, not given by a caller."""

    stage: Stage = Stage.UNKNOWN
    """Where the call stands; concluded once it has its outcome."""
    outcome: Outcome | None = None
    """What became of it: exactly one of the five; null while it is in flight."""
    reason: OutcomeReason | None = None
    """Why it ended so."""
    rule: str | None = None
    """The rule of the policy that decided, where one did."""

    division: int | None = None
    """LAPD division, 1 to 21."""
    division_disputed: bool = False
    """Reporting district, map and named area did not agree when the call came."""
    reporting_district: str | None = None
    """Four digits; the first two are the division."""
    call_type: str | None = None
    """CAD's type code."""
    initial_call_type: str | None = None
    """CAD's first type code."""
    acuity: Acuity = Acuity.UNKNOWN
    """How soon, on the UK mental health triage scale."""
    programme: Programme = Programme.NONE
    """Who was meant to take it."""
    eligibility: Eligibility | None = None
    """What the rules decided of the newest revision before the conclusion; null before triage."""
    review: Eligibility | None = None
    """What a person decided last; null without a review."""
    rereview_of: Eligibility | None = None
    """What the rules had decided where a person decided it again without knowing; null where nobody did."""
    rereview: Eligibility | None = None
    """What that person would have decided."""
    rule_ids: tuple[str, ...] = ()
    """Every rule that fired for that revision, the deciding one first."""
    policy: str | None = None
    """Version of the triage policy."""
    shadow_policy: str | None = None
    """Version of the policy that was tried beside, where it would have decided the newest revision otherwise."""
    shadow_change: Change | None = None
    """What it would have changed."""
    shadow_rule: str | None = None
    """The rule by which it would have decided."""
    routing_policy: str | None = None
    """Version of the routing policy."""

    provider: str | None = None
    """The provider that had acknowledged last, else the last that was offered the call."""
    offered_to: tuple[str, ...] = ()
    """The providers that were offered it, in order."""
    attempts: int = 0
    """Offers, in number."""
    declines: int = 0
    """Offers that were declined, in number."""
    time_outs: int = 0
    """Offers that nobody answered in time, in number."""

    answered_911_at: AwareDatetime | None = None
    """When 911 answered the caller (CAD)."""
    cad_created_at: AwareDatetime | None = None
    """When CAD created the call (CAD)."""
    accepted_at: AwareDatetime | None = None
    """When intake first accepted it."""
    triaged_at: AwareDatetime | None = None
    """When the first revision that triage judged was accepted; triage itself takes no time of its own."""
    first_offered_at: AwareDatetime | None = None
    """When a provider was offered it first."""
    acknowledged_at: AwareDatetime | None = None
    """When a provider took it first, in time."""
    en_route_at: AwareDatetime | None = None
    """When a team that had it set off; the device's time where it is known."""
    on_scene_at: AwareDatetime | None = None
    """When a team that had it arrived; the device's time where it is known."""
    contacted_at: AwareDatetime | None = None
    """When a team that had it spoke with the person, as said at the time; the device's time where it is known."""
    cleared_at: AwareDatetime | None = None
    """When the team closed the case; the device's time where it is known."""
    handed_off_at: AwareDatetime | None = None
    """When it went back to the police dispatcher."""
    handoff_accepted_at: AwareDatetime | None = None
    """When a dispatcher accepted that."""
    concluded_at: AwareDatetime | None = None
    """When its outcome was fixed."""
    cad_dispatched_at: AwareDatetime | None = None
    """When CAD dispatched a unit (CAD)."""
    cad_arrived_at: AwareDatetime | None = None
    """When CAD's unit arrived (CAD)."""
    cad_closed_at: AwareDatetime | None = None
    """When CAD closed the call (CAD)."""

    contact: Contact = Contact.NONE
    """The closest contact of a team with the person."""
    disposition: Disposition | None = None
    """How the team closed the case."""
    police: PoliceInvolvement = PoliceInvolvement.NONE
    """The most far-reaching part that the police had while a team had the call."""
    backup_requests: int = 0
    """Calls of a team for backup, in number."""
    emergencies: int = 0
    """Emergencies that a team raised, in number."""
    hand_back: HandBackReason | None = None
    """Why the provider gave it back."""
    recommended: Responder | None = None
    """Who was recommended at the last hand-off."""
    who_responded: Responder | None = None
    """Who went: the provider where it was served, else whom CAD reported; null where nobody said."""
    responder_dispatched_at: AwareDatetime | None = None
    """When the responder that CAD reported was sent."""
    responder_arrived_at: AwareDatetime | None = None
    """When it arrived."""
    responder_cleared_at: AwareDatetime | None = None
    """When it was free again."""
    arrest: Answer = Answer.NOT_ASKED
    """Whether somebody was arrested, as CAD reported."""
    force: Answer = Answer.NOT_ASKED
    """Whether force was used, as CAD reported."""
    hold: Answer = Answer.NOT_ASKED
    """Whether an involuntary hold was placed, as CAD reported."""
    follow_up_due: AwareDatetime | None = None
    """Until when the provider wants to follow up."""
    follow_up: FollowUp | None = None
    """How the last follow-up ended."""
    safety_events: int = 0
    """Entries in the safety register, in number."""

    duplicate_of: UUID | None = None
    """The master call of a duplicate."""
    reopens: UUID | None = None
    """The concluded call that this one reopens."""
    revisions: int = 0
    """Revisions that were judged, in number."""
    warnings: int = 0
    """What could not be read of the newest revision, in number."""
    facts: int = 0
    """Facts that are known of it, in number."""


class ShiftChange(Model):
    """One change of a provider's teams on shift."""

    fact_id: UUID
    """The change."""
    provider: str
    """Whose teams."""
    changed_at: AwareDatetime
    """From when on."""
    teams: int
    """Teams on shift from then on, in number; 0 when nobody is."""
    members: int
    """Their members as far as told, in number."""
    languages: tuple[str, ...] = ()
    """BCP 47 tags of the languages that some team speaks, sorted."""


class _Facts:
    """The facts of a call in order, and by their kind."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.all = list(facts)
        self._by_kind: dict[type[Fact], list[Any]] = {}
        for fact in self.all:
            self._by_kind.setdefault(type(fact), []).append(fact)

    def each(self, kind: type[F]) -> list[F]:
        return self._by_kind.get(kind, [])

    def first(self, kind: type[F]) -> F | None:
        found = self.each(kind)
        return found[0] if found else None

    def last(self, kind: type[F]) -> F | None:
        found = self.each(kind)
        return found[-1] if found else None


def outcome(record: Record) -> CallOutcome | None:
    """Return the row of a call; null for a record without any fact."""
    history = in_order(record.facts)
    return _row(record.call_id, history) if history else None


def shift_changes(shift: Shift) -> list[ShiftChange]:
    """Return the rows of one provider's day."""
    return [
        ShiftChange(
            fact_id=one.id,
            provider=one.fact.provider,
            changed_at=one.fact.occurred_at.astimezone(UTC),
            teams=len(one.fact.teams),
            members=sum(team.members or 0 for team in one.fact.teams),
            languages=tuple(sorted({language for team in one.fact.teams for language in team.languages})),
        )
        for one in in_order(shift.facts)
        if isinstance(one.fact, ShiftChanged)
    ]


def _row(call_id: UUID, history: Sequence[Noted]) -> CallOutcome:
    facts = _Facts(one.fact for one in history)
    end = facts.first(CallConcluded)
    opened = facts.first(CallOpened)
    judged = facts.each(CallTriaged)
    decided = _newest([one for one in judged if end is None or one.occurred_at <= end.occurred_at]) or _newest(judged)
    decision = None if decided is None else decided.decision
    shadow = _shadow(facts.each(ShadowDiffered), decided)
    offers = list({one.case_id: one for one in facts.each(CaseOffered)}.values())
    pictures = [one.picture for one in (*offers[-1:], opened, _newest(judged)) if one is not None]
    picture = pictures[-1] if pictures else UNSEEN
    taken = _taken(facts)
    held = _Facts(one for one in facts.all if isinstance(one, CaseFact) and one.case_id in taken)
    closed = held.last(CaseClosed)
    returned = held.last(CaseHandedBack)
    handoffs = facts.each(CallHandedOff)
    told_off = {one.handoff_id for one in handoffs}
    helpers = facts.each(ResponderRecorded)
    review = facts.last(CallReviewed)
    again = facts.last(DecisionRereviewed)
    follow_up = facts.last(FollowUpDone)
    result = None if end is None else end.outcome
    agency = next(one.agency for one in facts.all if isinstance(one, CallFact))
    numbered = facts.first(CallOpened) or facts.first(CallTriaged) or facts.first(CaseOffered)
    return CallOutcome(
        call_id=call_id,
        incident_number=None if numbered is None else numbered.incident_number,
        agency=agency,
        denominator=_denominator(picture if end is None else end),
        feed=picture.feed if end is None else end.feed,
        origin=picture.origin if end is None else end.origin,
        exercise=picture.exercise if end is None else end.exercise,
        recorded_late=picture.recorded_late if end is None else end.recorded_late,
        assumed_screening=picture.assumed_screening if end is None else end.assumed_screening,
        unscreened=(decision is not None and decision.unscreened) if end is None else end.unscreened,
        stage=_stage(facts, picture),
        outcome=result,
        reason=None if end is None else end.reason,
        rule=None if end is None else end.rule,
        division=_division(offers, opened) if end is None else end.division,
        division_disputed=opened is not None and opened.division_disputed,
        reporting_district=picture.reporting_district,
        call_type=picture.call_type if end is None else end.call_type,
        initial_call_type=picture.initial_call_type,
        acuity=(Acuity.UNKNOWN if decision is None else decision.acuity) if end is None else end.acuity,
        programme=(Programme.NONE if decision is None else decision.programme) if end is None else end.programme,
        eligibility=None if decision is None else decision.eligibility,
        review=None if review is None else review.eligibility,
        rereview_of=None if again is None else again.automatic,
        rereview=None if again is None else again.eligibility,
        rule_ids=() if decision is None else tuple(fired.rule for fired in decision.rules),
        policy=(None if decision is None else decision.policy) if end is None else end.policy,
        shadow_policy=None if shadow is None else shadow.shadow.policy,
        shadow_change=None if shadow is None else shadow.change,
        shadow_rule=None if shadow is None or not shadow.shadow.rules else shadow.shadow.rules[0].rule,
        routing_policy=None if end is None else end.routing_policy,
        provider=(offers[-1].provider if offers else None) if end is None else end.provider,
        offered_to=tuple(offer.provider for offer in offers),
        attempts=len(offers),
        declines=len({one.case_id for one in facts.each(CaseDeclined)}),
        time_outs=len({one.case_id for one in facts.each(CaseRecalled) if one.reason is RecallReason.ANSWER_OVERDUE}),
        answered_911_at=_latest(one.stamps.answered_at for one in pictures),
        cad_created_at=_latest(one.stamps.created_at for one in pictures),
        accepted_at=_utc(opened.accepted_at if opened is not None else judged[0].occurred_at if judged else None),
        triaged_at=_utc(judged[0].occurred_at) if judged else None,
        first_offered_at=_utc(offers[0].occurred_at) if offers else None,
        acknowledged_at=_utc(min(taken.values(), default=None)),
        en_route_at=_said(held.first(TeamEnRoute)),
        on_scene_at=_said(held.first(TeamOnScene)),
        contacted_at=_said(
            next((one for one in held.each(PersonContacted) if _contact(one) is not Contact.NONE), None)
        ),
        cleared_at=_said(closed),
        handed_off_at=_utc(handoffs[0].occurred_at) if handoffs else None,
        handoff_accepted_at=_utc(
            next((one.occurred_at for one in facts.each(HandoffConfirmed) if one.handoff_id in told_off), None)
        ),
        concluded_at=None if end is None else _utc(end.occurred_at),
        cad_dispatched_at=_latest(one.stamps.dispatched_at for one in pictures),
        cad_arrived_at=_latest(one.stamps.arrived_at for one in pictures),
        cad_closed_at=_latest(one.stamps.closed_at for one in pictures),
        contact=max(
            (Contact.NONE if end is None else end.contact, *map(_contact, held.all)), key=CLOSENESS.__getitem__
        ),
        disposition=end.disposition
        if end is not None and end.disposition is not None
        else None
        if closed is None
        else closed.disposition,
        police=_police(facts, PoliceInvolvement.NONE if end is None else end.police),
        backup_requests=len(facts.each(BackupRequested)),
        emergencies=len(facts.each(EmergencyRaised)),
        hand_back=end.hand_back
        if end is not None and end.hand_back is not None
        else None
        if returned is None
        else returned.reason,
        recommended=handoffs[-1].recommend if handoffs else None,
        who_responded=Responder.PROVIDER if result is Outcome.SERVED else _who(helpers),
        responder_dispatched_at=_latest(one.dispatched_at for one in helpers),
        responder_arrived_at=_latest(one.arrived_at for one in helpers),
        responder_cleared_at=_latest(one.cleared_at for one in helpers),
        arrest=_reported(one.arrest for one in helpers),
        force=_reported(one.force for one in helpers),
        hold=_reported(one.hold for one in helpers),
        follow_up_due=None if closed is None else _utc(closed.follow_up_due),
        follow_up=None if follow_up is None else follow_up.result,
        safety_events=len(facts.each(SafetyEventReported)),
        duplicate_of=None if end is None else end.duplicate_of,
        reopens=None if opened is None else opened.reopens,
        revisions=len(judged),
        warnings=len(picture.warnings),
        facts=len(facts.all),
    )


UNSEEN = Picture(feed=Feed.UNKNOWN)
"""Stands for the picture of a call that nobody has described yet."""
CLOSENESS = {Contact.NONE: 0, Contact.UNKNOWN: 1, Contact.PHONE: 2, Contact.IN_PERSON: 3}
REACH = {part: number for number, part in enumerate(PoliceInvolvement)}
"""How far the police were involved, in the order of the vocabulary; unknown is the furthest."""
STAGE_SAID: dict[type[Fact], Stage] = {
    CaseAcknowledged: Stage.ACKNOWLEDGED,
    TeamEnRoute: Stage.EN_ROUTE,
    TeamOnScene: Stage.ON_SCENE,
}
PROGRESS = (Stage.OFFERED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE, Stage.ON_SCENE)


def _shadow(differed: Sequence[ShadowDiffered], decided: CallTriaged | None) -> ShadowDiffered | None:
    """Return what a policy that is tried beside says otherwise of the revision whose decision counts."""
    if decided is None:
        return None
    told = [one for one in differed if one.revision == decided.revision]
    return told[-1] if told else None


def _newest(judged: Sequence[CallTriaged]) -> CallTriaged | None:
    """Return the judgement of the newest revision: as CAD orders them, else the one accepted last."""
    newest: CallTriaged | None = None
    for one in judged:
        if newest is None or not one.revision.is_older_than(newest.revision):
            newest = one
    return newest


def _taken(facts: _Facts) -> dict[UUID, datetime]:
    """Return the cases that a provider took in time, each with when it did."""
    answer_by = {offer.case_id: offer.answer_by for offer in facts.each(CaseOffered)}
    recalls: dict[UUID, datetime] = {}
    void: set[UUID] = set()
    for recall in facts.each(CaseRecalled):
        recalls.setdefault(recall.case_id, recall.occurred_at)
        if recall.reason in NEVER_HAD:
            void.add(recall.case_id)
    taken: dict[UUID, datetime] = {}
    for one in facts.all:
        if isinstance(one, CaseAcknowledged | TeamEnRoute | TeamOnScene | PersonContacted) and one.case_id not in void:
            until = min(filter(None, (answer_by.get(one.case_id), recalls.get(one.case_id))), default=None)
            if until is None or one.occurred_at <= until:
                taken.setdefault(one.case_id, one.occurred_at)
    return taken


def _stage(facts: _Facts, picture: Picture) -> Stage:
    """Return where the call stands: as routing said last, and further as the team said since."""
    stage = Stage.OBSERVED if picture.feed is Feed.OBSERVED else Stage.AWAITING_TRIAGE
    epoch = 0
    for one in facts.all:
        if isinstance(one, CallConcluded):
            return Stage.CONCLUDED
        if isinstance(one, RoutingFact):
            stage, epoch = one.stage, one.epoch
        elif isinstance(one, CaseFact) and one.epoch == epoch and stage in PROGRESS:
            stage = max(stage, STAGE_SAID.get(type(one), stage), key=PROGRESS.index)
    return stage


def _division(offers: Sequence[CaseOffered], opened: CallOpened | None) -> int | None:
    if offers:
        return offers[-1].division
    return None if opened is None else opened.division


def _denominator(said: Picture | CallConcluded) -> Denominator:
    if said.exercise:
        return Denominator.EXERCISE
    return Denominator.OFFICER_INITIATED if said.origin is Origin.OFFICER_INITIATED else Denominator.IN


def _contact(fact: Fact) -> Contact:
    return fact.contact if isinstance(fact, PersonContacted | CaseClosed | CaseHandedBack) else Contact.NONE


def _police(facts: _Facts, concluded: PoliceInvolvement) -> PoliceInvolvement:
    """Return the most far-reaching part of the police; medical help alone is none."""
    furthest = concluded
    for one in facts.all:
        if isinstance(one, EmergencyRaised) or (isinstance(one, BackupRequested) and one.for_police):
            furthest = max(furthest, PoliceInvolvement.BACKUP_REQUESTED, key=REACH.__getitem__)
    if furthest is PoliceInvolvement.BACKUP_REQUESTED and facts.first(BackupArrived) is not None:
        return PoliceInvolvement.BACKUP_ARRIVED
    return furthest


def _who(helpers: Sequence[ResponderRecorded]) -> Responder | None:
    """Return who responded, the last that was named; unknown where CAD only says that somebody went."""
    named = [one.responder for one in helpers if one.responder is not Responder.UNKNOWN]
    return named[-1] if named else Responder.UNKNOWN if helpers else None


def _reported(answers: Iterable[Answer]) -> Answer:
    """Return what was reported in all: a yes stays, else the last that says something."""
    said = [answer for answer in answers if answer is not Answer.NOT_ASKED]
    if Answer.YES in said:
        return Answer.YES
    return said[-1] if said else Answer.NOT_ASKED


def _said(fact: CaseFact | None) -> datetime | None:
    """Return when something happened by the team's own device, where that is known and can be true."""
    if fact is None:
        return None
    said_at = fact.said_at
    return _utc(fact.occurred_at if said_at is None else min(said_at, fact.occurred_at))


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    """Return the time that was told last."""
    told = [time for time in times if time is not None]
    return _utc(told[-1]) if told else None


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
