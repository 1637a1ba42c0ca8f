"""One row a call, from its facts alone: no clock, no counter, no order of arrival has a say in it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
    RecallConfirmed,
    SafetyEventReported,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import (
    CallConcluded,
    CallDirected,
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
    MEDICAL,
    Acuity,
    Answer,
    Change,
    Contact,
    Direction,
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
    TeamPosition,
)
from divert_reporting.domain.history import (
    CLOSENESS,
    Facts,
    latest,
    offers_of,
    reported,
    taken_cases,
    told_at,
    utc,
    who_went,
)
from divert_reporting.domain.record import Noted, Record, Shift, in_order


class Denominator(Term):
    """Whether a call counts in the programme's figures."""

    IN = "in"
    EXERCISE = "exercise"
    """A drill: in no figure."""
    OFFICER_INITIATED = "officer_initiated"
    """An officer's own activity: nobody called."""
    NOT_ACCEPTED = "not_accepted"
    """Nobody has said that it was accepted: what opened it could not be read, or has not come."""
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
    place: str | None = None
    """Keyed hash of the address, for repeat locations; its key is destroyed yearly, so it tells nothing after that."""
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
    """When intake first accepted it; where nobody has said so, when the first thing that is known of it happened."""
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
    arrived_provider: str | None = None
    """The provider whose team that was."""
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
    medical_requests: int = 0
    """Calls of a team for medical help and nothing else, in number; counted among the calls for backup too."""
    emergencies: int = 0
    """Emergencies that a team raised, in number."""
    hand_back: HandBackReason | None = None
    """Why the provider gave it back."""
    hand_backs: int = 0
    """Cases that a provider gave back, in number."""
    take_backs: int = 0
    """Orders of the desk to take the call back from a provider, in number."""
    danger_known_at: AwareDatetime | None = None
    """When danger was first known while a team had the call: recalled for danger, an emergency, a call for backup that
    names a danger, or a hand-back that does."""
    withdrawn_at: AwareDatetime | None = None
    """When the team was out of it after that: confirmed, handed back or closed; the device's time where it is known."""
    recommended: Responder | None = None
    """Who was recommended at the last hand-off."""
    who_responded: Responder | None = None
    """Who went: the provider where it was served, else whom CAD reported; null where nobody said."""
    responder: Responder | None = None
    """Whom CAD reported last, also beside a provider; null where nobody said."""
    police_reported: bool = False
    """CAD reported the police, or somebody that it did not name, as sent or there; or an arrest, or force. A unit that
    is not known to have arrived counts: unknown is not no."""
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
    follow_up_at: AwareDatetime | None = None
    """When that was."""
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
    warning_codes: tuple[str, ...] = ()
    """The kinds of what could not be read, sorted, without what they were about."""
    queued_taps: int = 0
    """Facts of a team that reached divert more than 60 s after its device recorded them, in number."""
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


def outcome(record: Record) -> CallOutcome | None:
    """Return the row of a call; null for a record without any fact."""
    return outcome_of(record.call_id, in_order(record.facts))


def outcome_of(call_id: UUID, history: Sequence[Noted]) -> CallOutcome | None:
    """Return the row of a call from its facts in order; null where there are none."""
    return _row(call_id, history) if history else None


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
    facts = Facts(one.fact for one in history)
    end = facts.first(CallConcluded)
    opened = facts.first(CallOpened)
    judged = facts.each(CallTriaged)
    decided = _newest([one for one in judged if end is None or one.occurred_at <= end.occurred_at]) or _newest(judged)
    decision = None if decided is None else decided.decision
    shadow = _shadow(facts.each(ShadowDiffered), decided)
    offers = offers_of(facts)
    pictures = [one.picture for one in (*offers[-1:], opened, _newest(judged)) if one is not None]
    picture = pictures[-1] if pictures else UNSEEN
    for one in (*judged, *([] if opened is None else [opened])):
        picture = picture.after(one.picture)
    taken = taken_cases(facts)
    held = Facts(one for one in facts.all if isinstance(one, CaseFact) and one.case_id in taken)
    arrival = held.first(TeamOnScene)
    closed = held.last(CaseClosed)
    returned = held.last(CaseHandedBack)
    handoffs = facts.each(CallHandedOff)
    told_off = {one.handoff_id for one in handoffs}
    helpers = facts.each(ResponderRecorded)
    responder = who_went(helpers)
    review = facts.last(CallReviewed)
    again = facts.last(DecisionRereviewed)
    follow_up = facts.last(FollowUpDone)
    result = None if end is None else end.outcome
    danger = _danger_known(facts, held, taken)
    accepted = opened.accepted_at if opened is not None else judged[0].occurred_at if judged else None
    agency = next(one.agency for one in facts.all if isinstance(one, CallFact))
    numbered = facts.first(CallOpened) or facts.first(CallTriaged) or facts.first(CaseOffered)
    return CallOutcome(
        call_id=call_id,
        incident_number=None if numbered is None else numbered.incident_number,
        agency=agency,
        denominator=_denominator(picture if end is None else end, accepted),
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
        place=next((one.place for one in reversed(pictures) if one.place is not None), None),
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
        answered_911_at=latest(one.stamps.answered_at for one in pictures),
        cad_created_at=latest(one.stamps.created_at for one in pictures),
        accepted_at=utc(facts.all[0].occurred_at if accepted is None else accepted),
        triaged_at=utc(judged[0].occurred_at) if judged else None,
        first_offered_at=utc(offers[0].occurred_at) if offers else None,
        acknowledged_at=utc(min(taken.values(), default=None)),
        en_route_at=told_at(held.first(TeamEnRoute)),
        on_scene_at=told_at(arrival),
        arrived_provider=None if arrival is None else arrival.provider,
        contacted_at=told_at(
            next((one for one in held.each(PersonContacted) if _contact(one) is not Contact.NONE), None)
        ),
        cleared_at=told_at(closed),
        handed_off_at=utc(handoffs[0].occurred_at) if handoffs else None,
        handoff_accepted_at=utc(
            next((one.occurred_at for one in facts.each(HandoffConfirmed) if one.handoff_id in told_off), None)
        ),
        concluded_at=None if end is None else utc(end.occurred_at),
        cad_dispatched_at=latest(one.stamps.dispatched_at for one in pictures),
        cad_arrived_at=latest(one.stamps.arrived_at for one in pictures),
        cad_closed_at=latest(one.stamps.closed_at for one in pictures),
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
        medical_requests=sum(not one.for_police for one in facts.each(BackupRequested)),
        emergencies=len(facts.each(EmergencyRaised)),
        hand_back=end.hand_back
        if end is not None and end.hand_back is not None
        else None
        if returned is None
        else returned.reason,
        hand_backs=len(held.each(CaseHandedBack)),
        take_backs=sum(one.direction is Direction.TAKE_BACK for one in facts.each(CallDirected)),
        danger_known_at=danger,
        withdrawn_at=None if danger is None else _withdrawn(held, danger),
        recommended=handoffs[-1].recommend if handoffs else None,
        who_responded=Responder.PROVIDER if result is Outcome.SERVED else responder,
        responder=responder,
        police_reported=any(map(_may_be_police, helpers)),
        responder_dispatched_at=latest(one.dispatched_at for one in helpers),
        responder_arrived_at=latest(one.arrived_at for one in helpers),
        responder_cleared_at=latest(one.cleared_at for one in helpers),
        arrest=reported(one.arrest for one in helpers),
        force=reported(one.force for one in helpers),
        hold=reported(one.hold for one in helpers),
        follow_up_due=None if closed is None else utc(closed.follow_up_due),
        follow_up=None if follow_up is None else follow_up.result,
        follow_up_at=told_at(follow_up),
        safety_events=len(facts.each(SafetyEventReported)),
        duplicate_of=None if end is None else end.duplicate_of,
        reopens=None if opened is None else opened.reopens,
        revisions=len(judged),
        warnings=len(picture.warnings),
        warning_codes=tuple(sorted({warning.partition(":")[0] for warning in picture.warnings})),
        queued_taps=sum(_queued(one) for one in facts.all if isinstance(one, CaseFact)),
        facts=len(facts.all),
    )


DANGEROUS = frozenset({HandBackReason.WEAPON, HandBackReason.VIOLENCE})
QUEUED_AFTER = timedelta(seconds=60)
UNSEEN = Picture(feed=Feed.UNKNOWN)
"""Stands for the picture of a call that nobody has described yet."""
POLICE = frozenset({Responder.PATROL, Responder.MEU, Responder.UNKNOWN})
"""Responders that are the police, or may be."""
BACKUP = frozenset({PoliceInvolvement.BACKUP_REQUESTED, PoliceInvolvement.BACKUP_ARRIVED})
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


def _stage(facts: Facts, picture: Picture) -> Stage:
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


def _denominator(said: Picture | CallConcluded, accepted: datetime | None) -> Denominator:
    if said.exercise:
        return Denominator.EXERCISE
    if said.origin is Origin.OFFICER_INITIATED:
        return Denominator.OFFICER_INITIATED
    return Denominator.NOT_ACCEPTED if accepted is None else Denominator.IN


def _contact(fact: Fact) -> Contact:
    return fact.contact if isinstance(fact, PersonContacted | CaseClosed | CaseHandedBack) else Contact.NONE


def _police(facts: Facts, concluded: PoliceInvolvement) -> PoliceInvolvement:
    """Return the most far-reaching part of the police; medical help alone is none."""
    emergency = facts.first(EmergencyRaised) is not None
    asked = emergency or any(one.for_police for one in facts.each(BackupRequested))
    furthest = PoliceInvolvement.NONE if concluded in BACKUP and not asked else concluded
    if asked:
        furthest = max(furthest, PoliceInvolvement.BACKUP_REQUESTED, key=REACH.__getitem__)
    if furthest is PoliceInvolvement.BACKUP_REQUESTED and facts.first(BackupArrived) is not None:
        return PoliceInvolvement.BACKUP_ARRIVED
    return furthest


def _may_be_police(told: ResponderRecorded) -> bool:
    return told.responder in POLICE or Answer.YES in (told.arrest, told.force)


def _danger_known(facts: Facts, held: Facts, taken: Mapping[UUID, datetime]) -> datetime | None:
    """Return when danger was first known while a team had the call."""
    known = [
        one.occurred_at
        for one in facts.each(CaseRecalled)
        if one.reason is RecallReason.DANGER and one.case_id in taken and taken[one.case_id] <= one.occurred_at
    ]
    known += [told for one in held.each(EmergencyRaised) if (told := told_at(one)) is not None]
    for one in (*held.each(BackupRequested), *held.each(CaseHandedBack)):
        dangerous = not MEDICAL.issuperset(one.hazards)
        if isinstance(one, CaseHandedBack):
            dangerous = dangerous or one.reason in DANGEROUS
        told = told_at(one)
        if dangerous and told is not None:
            known.append(told)
    return utc(min(known, default=None))


def _withdrawn(held: Facts, danger: datetime) -> datetime | None:
    """Return when the team was out of danger, where somebody said so."""
    out = [
        told
        for one in (*held.each(RecallConfirmed), *held.each(CaseHandedBack), *held.each(CaseClosed))
        if not (isinstance(one, RecallConfirmed) and one.position is TeamPosition.ON_SCENE)
        and (told := told_at(one)) is not None
        and told >= danger
    ]
    return min(out, default=None)


def _queued(fact: CaseFact) -> bool:
    return fact.said_at is not None and fact.occurred_at - fact.said_at > QUEUED_AFTER
