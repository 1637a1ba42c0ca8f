"""What becomes of what a provider says: one table of what may be said in which stage.

Answers about *who has the case* are fenced: they need the offer's epoch and a fitting stage. Reports of arrival and
danger, and calls for help, are taken for every case that is known, whatever its stage.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypedDict, TypeVar
from uuid import UUID

from divert_contracts.call import Team
from divert_contracts.facts.base import CaseFact
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
    QuestionAsked,
    RecallConfirmed,
    SafetyCheckAnswered,
    SafetyEventReported,
    TeamAssigned,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.shifts import ShiftChanged, SignedOff
from divert_contracts.step import Next, Refusal
from divert_contracts.vocabulary import (
    Contact,
    RecallReason,
    TeamPosition,
)
from divert_provider_gateway.domain.case import (
    ENDED,
    ENDED_HELD,
    HELD,
    KNOWN,
    LIVE,
    NOBODY_YET,
    Case,
    CaseStage,
    Identity,
    Note,
    Roster,
    Rules,
    SafetyEventNoted,
    ended,
    settled,
)
from divert_provider_gateway.domain.said import (
    LONGEST_ARRIVAL,
    MOST_NOTES,
    MOST_TEAMS,
    Acknowledge,
    Answering,
    AnswerSafetyCheck,
    Arrive,
    Ask,
    AssignTeam,
    CaseStatus,
    ChangeShift,
    Close,
    ConfirmRecall,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    OnShift,
    RaiseEmergency,
    ReportBackup,
    ReportFollowUp,
    ReportSafetyEvent,
    RequestBackup,
    Said,
    SignOff,
    SignOn,
    Tell,
    WriteNote,
)

MOST_EVENTS = 200
"""Of one case in the register; every one is published."""
LONGEST_FOLLOW_UP = timedelta(days=366)
OLDEST_SAID = timedelta(days=3)
"""A device's time further back than this is not believed: assignments are kept no longer."""
CLOCK_SLACK = timedelta(minutes=1)
"""How far a device's clock may run ahead and still be believed."""


class Voice(TypedDict):
    """What each fact of a case begins with."""

    occurred_at: datetime
    call_id: UUID
    agency: str
    case_id: UUID
    provider: str
    epoch: int
    said_at: datetime | None
    by: str | None


A = TypeVar("A", bound=Said)
Told = tuple[Case, CaseFact | None] | Refusal


@dataclass(frozen=True, slots=True)
class Rule(Generic[A]):
    """When something may be said, and what it does."""

    when: frozenset[CaseStage]
    """The stages in which it is taken."""
    does: Callable[[Case, A, Voice], Told]
    repeats: frozenset[CaseStage] = field(default=frozenset())
    """The stages in which it was said before: answered as done, nothing published."""


def told(case: Case, command: Tell, rules: Rules, at: datetime) -> Next[Case]:
    """Take or refuse what a provider says of a case."""
    said, identity = command.said, case.identity
    if identity is None:
        return Next(case, refused=UNKNOWN_CASE)
    rule = TABLE[type(said)]
    stage = case.stage_at(at)
    danger = isinstance(said, HandBack) and said.tells_of_danger
    if not danger:
        if stage in rule.repeats and isinstance(said, Answering) and said.epoch == identity.epoch:
            return Next(case, answer=_status(case, identity, repeated=True))
        refusal = _refusal(case, stage, identity, said, rule)
        if refusal is not None:
            late = refusal is EXPIRED and isinstance(said, Acknowledge | Decline | GoEnRoute)
            if late and case.answered_late_at is None:
                case = case.model_copy(update={"answered_late_at": at})
            return Next(case, refused=refusal)
    voice = Voice(
        occurred_at=at,
        call_id=identity.call_id,
        agency=identity.agency,
        case_id=case.case_id,
        provider=identity.provider,
        epoch=identity.epoch,
        said_at=_believed(said.said_at, at),
        by=said.by,
    )
    done = rule.does(case, said, voice)
    if isinstance(done, Refusal):
        return Next(case, refused=done)
    after, fact = done
    return Next(settled(after, rules), () if fact is None else (fact,), answer=_status(after, identity))


def _refusal(case: Case, stage: CaseStage, identity: Identity, said: Said, rule: Rule[Any]) -> Refusal | None:
    """Return why something may not be said now."""
    if stage not in rule.when:
        if stage in ENDED:
            return _over(case, stage)
        if stage is CaseStage.OFFERED:
            return NOT_ACKNOWLEDGED
        return TOO_EARLY.get(type(said), ACKNOWLEDGED)
    if isinstance(said, Answering) and said.epoch != identity.epoch:
        return OTHER_EPOCH
    return None


def _over(case: Case, stage: CaseStage) -> Refusal:
    """Return why an ended case takes no more answers; it never says who has it now."""
    if stage in {CaseStage.DECLINED, CaseStage.HANDED_BACK, CaseStage.CLOSED}:
        return CLOSED
    overdue = case.recall is None or case.recall.reason is RecallReason.ANSWER_OVERDUE
    return EXPIRED if overdue and case.acknowledged_at is None else RECALLED


UNKNOWN_CASE = Refusal(
    "unknown-case",
    "This case is not known here. If somebody is in danger, ring 911 now.",
    404,
)
NOT_ACKNOWLEDGED = Refusal("not-acknowledged", "This offer was not taken yet. Take it or decline it first.")
ACKNOWLEDGED = Refusal("acknowledged", "You have taken this case. Hand it back if you cannot go on.")
EXPIRED = Refusal("expired", "The time to answer this offer is over. The dispatcher has the call.")
RECALLED = Refusal("recalled", "This case was recalled. Withdraw or stay away, and confirm the recall.")
CLOSED = Refusal("closed", "This case has ended; nothing more is needed.")
OTHER_EPOCH = Refusal("other-epoch", "This answer is for another offer. Read the case again.")
NOT_RECALLED = Refusal("not-recalled", "This case was not recalled.")
NOT_ENDED = Refusal("not-ended", "A follow-up is reported after the case has ended.")
NO_ARRIVAL = Refusal("no-arrival-time", "Say when the team will be there: arrive_by or arrive_in_seconds.", 422)
BAD_ARRIVAL = Refusal("arrival-time", "The arrival time must lie ahead, within 24 hours.", 422)
NO_CONTACT = Refusal("no-contact", "Say how the team spoke with the person: in_person or phone.", 422)
NEVER_TAKEN = Refusal("never-taken", "A note is kept only for a case that was taken.")
ERASED = Refusal("erased", "The private words of this case were erased: no more are kept.")
TOO_MANY_NOTES = Refusal("too-many-notes", f"A case has at most {MOST_NOTES} notes.")
NOT_ON_SHIFT = Refusal("relief-not-on-shift", "The relieving team is not on duty. Sign it on first.", 422)
OWN_RELIEF = Refusal("own-relief", "A team cannot relieve itself.", 422)
TOO_MANY_TEAMS = Refusal("too-many-teams", f"At most {MOST_TEAMS} teams can be on duty.", 422)
BAD_FOLLOW_UP = Refusal("follow-up-time", "The follow-up must be due within a year from now.", 422)


def _acknowledge(case: Case, said: Acknowledge, voice: Voice) -> Told:
    at = voice["occurred_at"]
    if said.arrive_by is None and said.arrive_in_seconds is None:
        return NO_ARRIVAL
    arrive_by = said.arrive_by or at + timedelta(seconds=said.arrive_in_seconds or 0)
    if not _ahead(arrive_by, at, LONGEST_ARRIVAL):
        return BAD_ARRIVAL
    arrive_by = arrive_by.astimezone(UTC)
    after = case.model_copy(update={"stage": CaseStage.ACKNOWLEDGED, "acknowledged_at": at, "arrive_by": arrive_by})
    return after, CaseAcknowledged(**voice, arrive_by=arrive_by)


def _decline(case: Case, said: Decline, voice: Voice) -> Told:
    after = ended(case, CaseStage.DECLINED, voice["occurred_at"])
    return after, CaseDeclined(**voice, reason=said.reason)


def _assign_team(case: Case, said: AssignTeam, voice: Voice) -> Told:
    after = case.model_copy(update={"team": said.team, "unit": said.unit})
    return after, TeamAssigned(**voice, team=said.team, unit=said.unit)


def _go_en_route(case: Case, said: GoEnRoute, voice: Voice) -> Told:
    at = voice["occurred_at"]
    if said.arrive_by is not None and not _ahead(said.arrive_by, at, LONGEST_ARRIVAL):
        return BAD_ARRIVAL
    arrive_by = None if said.arrive_by is None else said.arrive_by.astimezone(UTC)
    after = case.model_copy(
        update={
            "stage": CaseStage.EN_ROUTE,
            "acknowledged_at": case.acknowledged_at or at,
            "en_route_at": case.en_route_at or at,
            "arrive_by": arrive_by or case.arrive_by,
        }
    )
    return after, TeamEnRoute(**voice, arrive_by=arrive_by)


def _arrive(case: Case, _said: Arrive, voice: Voice) -> Told:
    at = voice["occurred_at"]
    seen = {"on_scene_at": case.on_scene_at or at}
    if case.stage_at(at) in LIVE:
        seen |= {"stage": CaseStage.ON_SCENE, "acknowledged_at": case.acknowledged_at or at}
    return case.model_copy(update=seen), TeamOnScene(**voice)


def _make_contact(case: Case, said: MakeContact, voice: Voice) -> Told:
    if said.contact is Contact.NONE:
        return NO_CONTACT
    after = case.model_copy(
        update={"contacted_at": case.contacted_at or voice["occurred_at"], "contact": _further(case, said.contact)}
    )
    return after, PersonContacted(**voice, contact=said.contact)


def _answer_safety_check(case: Case, _said: AnswerSafetyCheck, voice: Voice) -> Told:
    return case.model_copy(update={"checked_at": voice["occurred_at"]}), SafetyCheckAnswered(**voice)


def _ask(case: Case, said: Ask, voice: Voice) -> Told:
    asked = tuple(dict.fromkeys((*case.asked, said.question)))
    return case.model_copy(update={"asked": asked}), QuestionAsked(**voice, question=said.question)


def _request_backup(case: Case, said: RequestBackup, voice: Voice) -> Told:
    position = _position_of(case) if said.position is None else said.position
    after = case.model_copy(update={"backup_at": voice["occurred_at"], "backup_arrived_at": None})
    return after, BackupRequested(**voice, hazards=said.hazards, medical=said.medical, position=position)


def _raise_emergency(case: Case, said: RaiseEmergency, voice: Voice) -> Told:
    position = _position_of(case) if said.position is None else said.position
    after = case.model_copy(update={"emergency_at": voice["occurred_at"], "backup_arrived_at": None})
    return after, EmergencyRaised(**voice, hazards=said.hazards, position=position)


def _report_backup(case: Case, said: ReportBackup, voice: Voice) -> Told:
    after = case.model_copy(update={"backup_arrived_at": voice["occurred_at"]})
    return after, BackupArrived(**voice, unit=said.unit)


def _confirm_recall(case: Case, said: ConfirmRecall, voice: Voice) -> Told:
    if case.recall is None:
        return NOT_RECALLED
    recall = case.recall.model_copy(update={"confirmed_at": voice["occurred_at"]})
    position = TeamPosition.WITHDRAWN if said.position is None else said.position
    return case.model_copy(update={"recall": recall}), RecallConfirmed(**voice, position=position)


def _hand_back(case: Case, said: HandBack, voice: Voice) -> Told:
    at = voice["occurred_at"]
    after = ended(case, CaseStage.HANDED_BACK, at) if case.stage_at(at) in LIVE else case
    after = after.model_copy(update={"contact": _further(case, said.contact)})
    return after, CaseHandedBack(**voice, reason=said.reason, hazards=said.hazards, contact=said.contact)


def _close(case: Case, said: Close, voice: Voice) -> Told:
    at = voice["occurred_at"]
    if said.follow_up_due is not None and not _ahead(said.follow_up_due, at, LONGEST_FOLLOW_UP):
        return BAD_FOLLOW_UP
    follow_up_due = None if said.follow_up_due is None else said.follow_up_due.astimezone(UTC)
    after = ended(case, CaseStage.CLOSED, at).model_copy(
        update={
            "contact": _further(case, said.contact),
            "disposition": said.disposition,
            "follow_up_due": follow_up_due,
        }
    )
    return after, CaseClosed(
        **voice,
        disposition=said.disposition,
        contact=said.contact,
        referral=said.referral,
        transport=said.transport,
        follow_up_due=follow_up_due,
    )


def _report_follow_up(case: Case, said: ReportFollowUp, voice: Voice) -> Told:
    after = case.model_copy(
        update={
            "follow_up": said.result,
            "follow_up_at": voice["occurred_at"],
            "follow_up_by": said.by,
            "follow_up_tries": case.follow_up_tries + 1,
        }
    )
    return after, FollowUpDone(**voice, result=said.result)


def _report_safety_event(case: Case, said: ReportSafetyEvent, voice: Voice) -> Told:
    noted = SafetyEventNoted(event=said.event, at=voice["occurred_at"], said_at=voice["said_at"], by=said.by)
    after = case.model_copy(update={"safety_events": (*case.safety_events, noted)[-MOST_EVENTS:]})
    return after, SafetyEventReported(**voice, event=said.event)


def _write_note(case: Case, said: WriteNote, voice: Voice) -> Told:
    if case.acknowledged_at is None:
        return NEVER_TAKEN
    if case.erased:
        return ERASED
    if len(case.notes) >= MOST_NOTES:
        return TOO_MANY_NOTES
    note = Note(text=said.text, at=voice["occurred_at"], said_at=voice["said_at"], by=said.by)
    return case.model_copy(update={"notes": (*case.notes, note)}), None


TABLE: dict[type[Said], Rule[Any]] = {
    Acknowledge: Rule(NOBODY_YET, _acknowledge, repeats=HELD),
    Decline: Rule(NOBODY_YET, _decline, repeats=frozenset({CaseStage.DECLINED})),
    AssignTeam: Rule(HELD, _assign_team),
    GoEnRoute: Rule(
        NOBODY_YET | {CaseStage.ACKNOWLEDGED},
        _go_en_route,
        repeats=frozenset({CaseStage.EN_ROUTE, CaseStage.ON_SCENE}),
    ),
    HandBack: Rule(HELD, _hand_back, repeats=frozenset({CaseStage.HANDED_BACK})),
    Close: Rule(HELD, _close),
    WriteNote: Rule(HELD | ENDED_HELD, _write_note),
    MakeContact: Rule(HELD | ENDED_HELD, _make_contact),
    Ask: Rule(LIVE, _ask),
    ReportFollowUp: Rule(ENDED_HELD, _report_follow_up),
    Arrive: Rule(KNOWN, _arrive),
    AnswerSafetyCheck: Rule(KNOWN, _answer_safety_check),
    RequestBackup: Rule(KNOWN, _request_backup),
    RaiseEmergency: Rule(KNOWN, _raise_emergency),
    ReportBackup: Rule(KNOWN, _report_backup),
    ConfirmRecall: Rule(KNOWN, _confirm_recall),
    ReportSafetyEvent: Rule(KNOWN, _report_safety_event),
}
"""When each thing may be said."""

TOO_EARLY: dict[type[Said], Refusal] = {ReportFollowUp: NOT_ENDED}


def _status(case: Case, identity: Identity, *, repeated: bool = False) -> CaseStatus:
    return CaseStatus(case_id=case.case_id, stage=case.stage, epoch=identity.epoch, repeated=repeated)


def _position_of(case: Case) -> TeamPosition:
    """Return where the team is, as far as its reports say."""
    if case.recall is not None and case.recall.confirmed_at is not None:
        return TeamPosition.WITHDRAWN
    if case.on_scene_at is not None:
        return TeamPosition.ON_SCENE
    if case.en_route_at is not None:
        return TeamPosition.EN_ROUTE
    return TeamPosition.PREPARING if case.team is not None else TeamPosition.UNKNOWN


def _further(case: Case, said: Contact) -> Contact:
    """Return the closer of two contacts: in person counts more than by phone."""
    return max(case.contact, said, key=_CLOSENESS.__getitem__)


_CLOSENESS = {Contact.NONE: 0, Contact.UNKNOWN: 1, Contact.PHONE: 2, Contact.IN_PERSON: 3}


def _ahead(time: datetime, at: datetime, most: timedelta) -> bool:
    return timedelta() < time - at <= most


def _believed(said_at: datetime | None, at: datetime) -> datetime | None:
    """Return a device's time where it can be true: a bad clock must not undo a report."""
    if said_at is None or not -CLOCK_SLACK <= at - said_at <= OLDEST_SAID:
        return None
    return said_at.astimezone(UTC)


def shift_changed(roster: Roster, command: ChangeShift, _rules: Rules, at: datetime) -> Next[Roster]:
    """Publish who is on duty; the same again is no news."""
    teams = tuple(_team(one) for one in command.teams)
    if len({one.team for one in teams}) < len(teams):
        return Next(roster, refused=Refusal("team-twice", "A team stands more than once in the list.", 422))
    return _on_duty(roster, teams, at)


def signed_on(roster: Roster, command: SignOn, _rules: Rules, at: datetime) -> Next[Roster]:
    """Add a team to those on duty, or what it says of itself anew."""
    others = tuple(one for one in roster.teams if one.team != command.team.team)
    if len(others) >= MOST_TEAMS:
        return Next(roster, refused=TOO_MANY_TEAMS)
    team = _team(command.team)
    if team in roster.teams:
        return Next(roster, answer=roster)
    return _on_duty(roster, (*others, team), at)


def signed_off(roster: Roster, command: SignOff, _rules: Rules, at: datetime) -> Next[Roster]:
    """Take a team off duty and say which one relieves it; one that is off already is no news."""
    if command.relief == command.team:
        return Next(roster, refused=OWN_RELIEF)
    on_duty = {one.team for one in roster.teams}
    if command.team not in on_duty:
        return Next(roster, answer=roster)
    if command.relief is not None and command.relief not in on_duty:
        return Next(roster, refused=NOT_ON_SHIFT)
    teams = tuple(one for one in roster.teams if one.team != command.team)
    return _on_duty(roster, teams, at, SignedOff(team=command.team, relief=command.relief))


def _on_duty(roster: Roster, teams: tuple[Team, ...], at: datetime, *off: SignedOff) -> Next[Roster]:
    if roster.changed_at is not None and roster.teams == teams:
        return Next(roster, answer=roster)
    after = Roster(provider=roster.provider, teams=teams, changed_at=at)
    fact = ShiftChanged(occurred_at=at, provider=roster.provider, teams=teams, signed_off=off)
    return Next(after, (fact,), answer=after)


def _team(said: OnShift) -> Team:
    return Team(team=said.team, unit=said.unit, members=said.members, languages=said.languages, needs=said.needs)
