"""Steps for what providers said. The epoch fences answers about who has the case, and nothing about safety."""

from collections.abc import Iterable
from datetime import datetime

from divert_contracts.facts.base import CaseFact
from divert_contracts.facts.cases import (
    BackupArrived,
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    PersonContacted,
    QuestionAsked,
    SafetyCheckAnswered,
    TeamAssigned,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.step import Next, Rejected
from divert_contracts.vocabulary import (
    MEDICAL,
    Answer,
    Assistance,
    Contact,
    DeclineReason,
    HandBackReason,
    Hazard,
    OutcomeReason,
    PoliceInvolvement,
    Programme,
    RecallReason,
    Responder,
    Stage,
    TeamPosition,
)
from divert_routing.domain import dangers, endings, failures, offers, promises
from divert_routing.domain.call import Call, Case
from divert_routing.domain.decisions import ambulance, consider, endanger
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn

SEEN_AT: dict[type[CaseFact], TeamPosition] = {TeamEnRoute: TeamPosition.EN_ROUTE, TeamOnScene: TeamPosition.ON_SCENE}
"""Where a team is that says so."""
CALLS_FOR_HELP = (BackupRequested, EmergencyRaised)
"""Taken from anybody."""
CONTACTS = (Contact.NONE, Contact.UNKNOWN, Contact.PHONE, Contact.IN_PERSON)
"""The closest counts."""
FURTHER = tuple(PoliceInvolvement)
"""The most far-reaching, which stands last, counts."""

HAZARDS_OF = {
    HandBackReason.WEAPON: Hazard.WEAPON,
    HandBackReason.VIOLENCE: Hazard.VIOLENCE,
    HandBackReason.MEDICAL: Hazard.MEDICAL,
    HandBackReason.UNKNOWN: Hazard.UNKNOWN,
}
"""What a reason for handing back says of the place, whatever else the team had time to say."""
NOT_TO_BE_OFFERED_AGAIN = frozenset({DeclineReason.NOT_SAFE, DeclineReason.UNKNOWN})
"""A provider that thinks a call unsafe, or says what this version cannot read, has seen what the rules did not."""


def acknowledged(call: Call, fact: CaseAcknowledged, given: Given, at: datetime) -> Next[Call]:
    """Give the provider the call, if its promise to arrive is good; a late answer is recalled."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is None:
        promises.recall_again(turn, fact, TeamPosition.PREPARING)
    else:
        _take_up(turn, case, fact, fact.arrive_by)
    return turn.done()


def declined(call: Call, fact: CaseDeclined, given: Given, at: datetime) -> Next[Call]:
    """Ask the next provider; a provider that had acknowledged has handed the case back."""
    turn = _turn(call, fact, given, at)
    now = turn.call
    case = _current(now, fact)
    if case is None:
        promises.withdrawn(turn, fact)
    elif case.acknowledged_at is not None:
        _hand_back(turn, HandBackReason.NO_LONGER_ABLE)
    elif fact.reason in NOT_TO_BE_OFFERED_AGAIN:
        offers.refused(turn, case, OutcomeReason.DECLINED_BY_ALL)
        now.case = None
        endings.unassigned(turn, OutcomeReason.DECLINED_BY_ALL)
    else:
        full = fact.reason in (DeclineReason.AT_CAPACITY, DeclineReason.NO_TEAM)
        offers.refused(turn, case, OutcomeReason.AT_CAPACITY if full else OutcomeReason.DECLINED_BY_ALL)
        now.case = None
        now.stage = Stage.AWAITING_TRIAGE
        consider(turn)
    return turn.done()


def team_assigned(call: Call, fact: TeamAssigned, given: Given, at: datetime) -> Next[Call]:
    """Know the unit."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is not None:
        case.unit = fact.unit or fact.team
    return turn.done()


def en_route(call: Call, fact: TeamEnRoute, given: Given, at: datetime) -> Next[Call]:
    """Know that the team is on its way, which implies that the provider took the call."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is None:
        promises.recall_again(turn, fact, TeamPosition.EN_ROUTE)
    elif _take_up(turn, case, fact, fact.arrive_by) and turn.call.stage is Stage.ACKNOWLEDGED:
        turn.call.stage = Stage.EN_ROUTE
        case.en_route_by = None
        case.arrive_by = fact.arrive_by or case.arrive_by
    return turn.done()


def on_scene(call: Call, fact: TeamOnScene, given: Given, at: datetime) -> Next[Call]:
    """Know that the team is there; if the call is not theirs, recall them and tell the PSAP."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is None:
        _stray(turn, fact)
    elif _take_up(turn, case, fact, None):
        _arrive(turn, case, fact.occurred_at)
    else:
        promises.ask_for_help(turn, Assistance.TEAM_PRESENT, Responder.PATROL, fact)
    return turn.done()


def person_contacted(call: Call, fact: PersonContacted, given: Given, at: datetime) -> Next[Call]:
    """Know that the team spoke with the person: from now on the call counts as served."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    in_person = fact.contact is Contact.IN_PERSON
    if case is None:
        if in_person:
            _stray(turn, fact)
        else:
            promises.recall_again(turn, fact, TeamPosition.UNKNOWN)
    elif _take_up(turn, case, fact, None):
        _reach(turn.call, fact.contact)
        if fact.contact is not Contact.NONE:
            case.en_route_by = None
        if in_person:
            _arrive(turn, case, fact.occurred_at)
        elif case.programme is Programme.PHONE and fact.contact is not Contact.NONE:
            case.on_scene_by = None
    elif in_person:
        promises.ask_for_help(turn, Assistance.TEAM_PRESENT, Responder.PATROL, fact)
    return turn.done()


def check_answered(call: Call, fact: SafetyCheckAnswered, given: Given, at: datetime) -> Next[Call]:
    """Ask again later."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is not None and case.check_by is not None:
        check_next(turn, case, fact.occurred_at + turn.limits.check_every)
    return turn.done()


def question_asked(call: Call, fact: QuestionAsked, given: Given, at: datetime) -> Next[Call]:
    """Put a team's question before the desk."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is not None and fact.question not in case.questions:
        case.questions = (*case.questions, fact.question)
        case.asked_at = case.asked_at or at
    return turn.done()


def backup_requested(call: Call, fact: BackupRequested, given: Given, at: datetime) -> Next[Call]:
    """Send for help, whoever has the call; the case stays as it is."""
    turn = _turn(call, fact, given, at)
    hazards = (*fact.hazards, Hazard.MEDICAL) if fact.for_medical else fact.hazards
    _report(turn, fact, hazards)
    if fact.for_medical:
        _send_ambulance(turn, fact)
    if fact.for_police:
        promises.ask_for_help(turn, Assistance.BACKUP, Responder.PATROL, fact)
        _in_need(turn, fact)
    return turn.done()


def emergency_raised(call: Call, fact: EmergencyRaised, given: Given, at: datetime) -> Next[Call]:
    """Send for help at once, whoever has the call; the case stays as it is."""
    turn = _turn(call, fact, given, at)
    _report(turn, fact, fact.hazards or (Hazard.UNKNOWN,))
    if not MEDICAL.isdisjoint(fact.hazards):
        _send_ambulance(turn, fact)
    promises.ask_for_help(turn, Assistance.EMERGENCY, Responder.PATROL, fact)
    _in_need(turn, fact)
    return turn.done()


def backup_arrived(call: Call, fact: BackupArrived, given: Given, at: datetime) -> Next[Call]:
    """Know, on the team's word, that help has come."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    if case is not None:
        case.backup_wanted = False
        involve_police(turn.call, PoliceInvolvement.BACKUP_ARRIVED)
    return turn.done()


def handed_back(call: Call, fact: CaseHandedBack, given: Given, at: datetime) -> Next[Call]:
    """Give the call back to the dispatcher; hazards count from any epoch."""
    turn = _turn(call, fact, given, at)
    case = _current(turn.call, fact)
    told = HAZARDS_OF.get(fact.reason)
    hazards = fact.hazards if told is None or told in fact.hazards else (*fact.hazards, told)
    if case is not None:
        _reach(turn.call, fact.contact)
        dangers.learn(turn, hazards, "team")
        _hand_back(turn, fact.reason)
    else:
        promises.withdrawn(turn, fact)
        _report(turn, fact, hazards)
        if not MEDICAL.isdisjoint(hazards):
            _send_ambulance(turn, fact)
        if dangers.endangering(hazards):
            promises.ask_for_help(turn, Assistance.BACKUP, Responder.PATROL, fact)
    return turn.done()


def closed(call: Call, fact: CaseClosed, given: Given, at: datetime) -> Next[Call]:
    """Conclude the call, by whether anybody was reached."""
    turn = _turn(call, fact, given, at)
    if _current(turn.call, fact) is None:
        promises.withdrawn(turn, fact)
    else:
        _reach(turn.call, fact.contact)
        turn.call.disposition = fact.disposition
        endings.end(turn, endings.CLOSED)
    return turn.done()


def check_next(turn: Turn, case: Case, check_by: datetime) -> None:
    """Let the next safety check be due at a time, with what follows when it is not answered."""
    case.check_by = check_by
    case.ring_at = check_by + turn.limits.desk_rings_after
    case.psap_check_at = check_by + turn.limits.psap_checks_after


def involve_police(call: Call, how: PoliceInvolvement) -> None:
    """Remember the most far-reaching part that the police had while a team had the call."""
    call.police = max(call.police, how, key=FURTHER.index)


def _turn(call: Call, fact: CaseFact, given: Given, at: datetime) -> Turn:
    turn = Turn(call, given, at)
    turn.name(fact.agency)
    if not given.knows(fact.provider) and not isinstance(fact, CALLS_FOR_HELP):
        raise Rejected(failures.UNKNOWN_PROVIDER)
    return turn


def _current(call: Call, fact: CaseFact) -> Case | None:
    """Return the live case if the fact is about it, and not about an ended or foreign one."""
    case = call.case
    return case if case is not None and (case.case_id, case.epoch) == (fact.case_id, fact.epoch) else None


def _take_up(turn: Turn, case: Case, fact: CaseFact, arrive_by: datetime | None) -> bool:
    """Give the provider the call unless it has it already; return false where its answer came or promised too late.

    Args:
        turn: the step.
        case: the live case.
        fact: what the provider said; any step of the team's implies that the provider took the call.
        arrive_by: the promised arrival; null leaves the limit as the promise.
    """
    call = turn.call
    if case.acknowledged_at is not None:
        return True
    on_scene_by = fact.occurred_at + case.on_scene_within
    if fact.occurred_at > case.answer_by:
        offers.refused(turn, case, OutcomeReason.TIMED_OUT)
        _take_away(turn, case, fact, RecallReason.LATE_ANSWER)
    elif arrive_by is not None and arrive_by > on_scene_by:
        offers.refused(turn, case, OutcomeReason.AT_CAPACITY)
        _take_away(turn, case, fact, RecallReason.ARRIVAL_TOO_LATE)
    else:
        case.acknowledged_at = fact.occurred_at
        case.arrive_by = arrive_by or on_scene_by
        case.en_route_by = fact.occurred_at + case.en_route_within
        case.on_scene_by = on_scene_by
        case.close_by = fact.occurred_at + turn.limits.close_within
        call.stage = Stage.ACKNOWLEDGED
        call.acknowledged = True
        call.provider, call.case_id, call.unmet_needs = case.provider, case.case_id, case.unmet_needs
        if call.picture is not None and call.picture.police_present is Answer.YES:
            involve_police(call, PoliceInvolvement.JOINT)
        ambulance(turn, call.hazards)
        return True
    consider(turn)
    return False


def _take_away(turn: Turn, case: Case, fact: CaseFact, reason: RecallReason) -> None:
    """End an offer whose provider believes that it has the call: it must confirm that it has not."""
    promises.recall(turn, case, reason, believed_at=SEEN_AT.get(type(fact), TeamPosition.PREPARING))
    turn.call.case = None
    turn.call.stage = Stage.AWAITING_TRIAGE


def _arrive(turn: Turn, case: Case, arrived_at: datetime) -> None:
    if turn.call.stage is Stage.ON_SCENE:
        return
    turn.call.stage = Stage.ON_SCENE
    turn.call.arrived = True
    case.en_route_by = case.on_scene_by = None
    check_next(turn, case, arrived_at + turn.limits.check_after)


def _reach(call: Call, contact: Contact) -> None:
    call.contact = max(call.contact, contact, key=CONTACTS.index)


def _hand_back(turn: Turn, reason: HandBackReason) -> None:
    call = turn.call
    call.hand_back = reason
    if call.case is not None and call.case.acknowledged_at is not None:
        arrived = call.stage is Stage.ON_SCENE
        involve_police(
            call,
            PoliceInvolvement.HANDED_BACK_AFTER_ARRIVAL if arrived else PoliceInvolvement.HANDED_BACK_BEFORE_ARRIVAL,
        )
    endings.by_hand_back(turn, reason)


def _stray(turn: Turn, fact: CaseFact) -> None:
    """A team is at a call that is not, or no longer, its own."""
    promises.recall_again(turn, fact, TeamPosition.ON_SCENE)
    promises.ask_for_help(turn, Assistance.TEAM_PRESENT, Responder.PATROL, fact)


def _send_ambulance(turn: Turn, fact: CaseFact) -> None:
    case = _current(turn.call, fact)
    if case is not None:
        case.medical_told = True
    promises.ask_for_help(turn, Assistance.MEDICAL, Responder.LAFD, fact)


def _in_need(turn: Turn, fact: CaseFact) -> None:
    case = _current(turn.call, fact)
    if case is not None:
        case.backup_wanted = True
        involve_police(turn.call, PoliceInvolvement.BACKUP_REQUESTED)


def _report(turn: Turn, fact: CaseFact, hazards: Iterable[Hazard]) -> None:
    """Remember what a team reports. It ends what others have of this call, never that team's own case."""
    counted = dangers.counting(turn.call, hazards, fact.occurred_at)
    case = _current(turn.call, fact)
    if case is not None and case.acknowledged_at is not None:
        dangers.learn(turn, counted, "team")
    else:
        endanger(turn, counted, "team")
