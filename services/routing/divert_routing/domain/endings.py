"""The table of endings, and the one place where a call is concluded."""

from dataclasses import dataclass, replace

from divert_contracts.call import Picture
from divert_contracts.facts.routing import CallConcluded
from divert_contracts.vocabulary import (
    MEDICAL,
    Acuity,
    CancelReason,
    Contact,
    Feed,
    HandBackReason,
    HandOffReason,
    Outcome,
    OutcomeReason,
    Programme,
    RecallReason,
    Responder,
    Stage,
    TeamPosition,
)
from divert_routing.domain import promises
from divert_routing.domain.call import Call
from divert_routing.domain.turn import Turn

UNDECIDED = frozenset({Stage.AWAITING_TRIAGE, Stage.IN_REVIEW})
"""Stages in which nobody has found the call eligible yet, or not any more."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A row of the table: what a call becomes before contact and after, and what is owed for it."""

    outcome: Outcome
    reason: OutcomeReason
    after_contact: OutcomeReason = OutcomeReason.RECALLED_AFTER_CONTACT
    """The reason when the team had spoken with the person: then the call was served."""
    arrival_serves: bool = False
    """Arrival alone counts as service here, too."""
    recall: RecallReason | None = None
    """Why a live offer or case is taken away; null where the provider itself has ended it."""
    hand_off: HandOffReason | None = None
    """Null where CAD itself has ended the call."""
    hand_off_if_served: bool = True
    recommend: Responder = Responder.PATROL
    urgent: bool = False
    team: TeamPosition = TeamPosition.NOT_SENT
    """Where a team is of which no case says that it was sent."""


def _not_served(reason: OutcomeReason, hand_off: HandOffReason, recall: RecallReason | None = None) -> Ending:
    return Ending(Outcome.ELIGIBLE_NOT_SERVED, reason, hand_off=hand_off, recall=recall)


def _not_triaged(reason: OutcomeReason, hand_off: HandOffReason | None, recall: RecallReason | None = None) -> Ending:
    return Ending(Outcome.NOT_TRIAGED, reason, hand_off=hand_off, recall=recall, recommend=Responder.HOLD)


# Ended by the provider.
CLOSED = Ending(
    Outcome.ELIGIBLE_NOT_SERVED,
    OutcomeReason.CLOSED_WITHOUT_CONTACT,
    after_contact=OutcomeReason.CLOSED,
    arrival_serves=True,
    hand_off=HandOffReason.CLOSED_WITHOUT_CONTACT,
    hand_off_if_served=False,
)
HANDED_BACK = replace(
    _not_served(OutcomeReason.HANDED_BACK, HandOffReason.HANDED_BACK),
    after_contact=OutcomeReason.HANDED_BACK_AFTER_CONTACT,
)

# Ended by CAD: nothing to hand off.
CANCELLED = Ending(
    Outcome.WITHDRAWN,
    OutcomeReason.CANCELLED,
    after_contact=OutcomeReason.CANCELLED_AFTER_CONTACT,
    recall=RecallReason.CANCELLED,
)
DUPLICATE = replace(CANCELLED, reason=OutcomeReason.DUPLICATE)
CLOSED_BY_CAD = Ending(
    Outcome.ELIGIBLE_NOT_SERVED,
    OutcomeReason.CLOSED_BY_CAD,
    after_contact=OutcomeReason.CLOSED,
    arrival_serves=True,
    recall=RecallReason.CLOSED_BY_CAD,
)
UNFINISHED = _not_triaged(OutcomeReason.UNFINISHED, None)
NOT_REVIEWED = _not_triaged(OutcomeReason.NOT_REVIEWED, None)
NOT_REFERRED = Ending(Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.NOT_REFERRED)
RECORDED_LATE = Ending(Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.RECORDED_LATE, after_contact=OutcomeReason.CLOSED)
OBSERVED_UNTRIAGED = _not_triaged(OutcomeReason.TRIAGE_OVERDUE, None)

# Ended by the desk.
TAKEN_BACK = replace(
    _not_served(OutcomeReason.TAKEN_BACK, HandOffReason.TAKEN_BACK, RecallReason.TAKEN_BACK),
    after_contact=OutcomeReason.TAKEN_BACK_AFTER_CONTACT,
)
TAKEN_BACK_UNDECIDED = _not_triaged(OutcomeReason.UNFINISHED, HandOffReason.TAKEN_BACK)
REVIEWED = Ending(Outcome.INELIGIBLE, OutcomeReason.REVIEWED, hand_off=HandOffReason.INELIGIBLE)

# Ended by what is known of the call.
EXCLUDED = Ending(
    Outcome.INELIGIBLE,
    OutcomeReason.HARD_EXCLUSION,
    recall=RecallReason.NO_LONGER_ELIGIBLE,
    hand_off=HandOffReason.INELIGIBLE,
)
RULED_OUT = replace(EXCLUDED, reason=OutcomeReason.RULE)
DANGER = replace(EXCLUDED, recall=RecallReason.DANGER, hand_off=HandOffReason.DANGER, urgent=True)
OTHER_PROGRAMME = _not_served(
    OutcomeReason.OTHER_PROGRAMME, HandOffReason.OTHER_PROGRAMME, RecallReason.NO_LONGER_ELIGIBLE
)
NOT_ROUTABLE = _not_served(OutcomeReason.NOT_ROUTABLE, HandOffReason.NO_PROVIDER)
NO_PROVIDER_IN_AREA = _not_served(OutcomeReason.NO_PROVIDER_IN_AREA, HandOffReason.NO_PROVIDER)

# Ended by time, or because nobody took it.
TRIAGE_OVERDUE = _not_triaged(OutcomeReason.TRIAGE_OVERDUE, HandOffReason.NOT_TRIAGED, RecallReason.NO_LONGER_ELIGIBLE)
REVIEW_EXPIRED = _not_triaged(OutcomeReason.REVIEW_EXPIRED, HandOffReason.REVIEW_EXPIRED)
DECIDED_TOO_LATE = _not_served(OutcomeReason.DECIDED_TOO_LATE, HandOffReason.DECIDED_TOO_LATE)
NOBODY_TOOK_IT = {
    reason: _not_served(reason, HandOffReason.NOBODY_TOOK_IT)
    for reason in (
        OutcomeReason.DECLINED_BY_ALL,
        OutcomeReason.AT_CAPACITY,
        OutcomeReason.TIMED_OUT,
        OutcomeReason.OUTSIDE_HOURS,
        OutcomeReason.NO_TEAM_ON_SHIFT,
        OutcomeReason.PROVIDER_OUTAGE,
    )
}
MISSED_EN_ROUTE = _not_served(
    OutcomeReason.MISSED_EN_ROUTE, HandOffReason.MISSED_EN_ROUTE, RecallReason.MISSED_EN_ROUTE
)
MISSED_ARRIVAL = _not_served(OutcomeReason.MISSED_ARRIVAL, HandOffReason.MISSED_ARRIVAL, RecallReason.MISSED_ARRIVAL)
NOT_CLOSED = replace(
    _not_served(OutcomeReason.NOT_CLOSED, HandOffReason.NOT_CLOSED, RecallReason.NOT_CLOSED),
    after_contact=OutcomeReason.NOT_CLOSED_AFTER_CONTACT,
)

# Ended because something could not be read.
NOT_UNDERSTOOD = _not_triaged(OutcomeReason.NOT_UNDERSTOOD, HandOffReason.NOT_UNDERSTOOD, RecallReason.NOT_UNDERSTOOD)
NOT_UNDERSTOOD_AFTER_TRIAGE = replace(
    _not_served(OutcomeReason.NOT_UNDERSTOOD_AFTER_TRIAGE, HandOffReason.NOT_UNDERSTOOD, RecallReason.NOT_UNDERSTOOD),
    recommend=Responder.HOLD,
)

NEARBY = "danger-nearby"
"""What to cite where only another call told of danger."""

NO_PICTURE = Picture(feed=Feed.UNKNOWN)
"""Stands for what was never understood."""

_OF_PROGRAMME = {
    Programme.SMART: Responder.MEU,
    Programme.FIRE_EMS: Responder.LAFD,
    Programme.PHONE: Responder.CRISIS_LINE,
}
_OF_HAND_BACK = {
    HandBackReason.MEDICAL: Responder.LAFD,
    HandBackReason.NOT_FOUND: Responder.HOLD,
    HandBackReason.OUT_OF_SCOPE: Responder.HOLD,
}
_URGENT_HAND_BACKS = frozenset(
    {
        HandBackReason.WEAPON,
        HandBackReason.VIOLENCE,
        HandBackReason.MEDICAL,
        HandBackReason.POLICE_NEEDED,
        HandBackReason.UNKNOWN,
    }
)


def end(turn: Turn, ending: Ending, *, rule: str | None = None) -> None:
    """Conclude the call: recall what lives, hand it off where that is owed, and fix the one outcome.

    Args:
        turn: the step; its call is not concluded yet.
        ending: the row of the table.
        rule: the rule that decided, where one did.
    """
    call = turn.call
    outcome, reason = ending.outcome, ending.reason
    served = reached(call) or (ending.arrival_serves and call.arrived)
    if served:
        outcome, reason = Outcome.SERVED, ending.after_contact
    elif outcome is Outcome.INELIGIBLE and call.acknowledged:
        outcome, reason = Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.RECALLED
    position = ending.team if call.position is TeamPosition.NOT_SENT else call.position
    unit = None if call.case is None else call.case.unit
    turn.open()
    if call.case is not None and ending.recall is not None:
        promises.recall(turn, call.case, ending.recall)
    _stop(turn)
    call.outcome, call.reason = outcome, reason
    owed = call.diverted and (ending.hand_off_if_served or not served)
    if owed and ending.hand_off is not None and not call.agency:
        call.owes_hand_off = True
    elif owed and ending.hand_off is not None:
        promises.hand_off(turn, ending.hand_off, ending.recommend, urgent=ending.urgent, position=position, unit=unit)
    decision, picture = call.decision, call.picture or NO_PICTURE
    turn.say(
        CallConcluded(
            **turn.head,
            outcome=outcome,
            reason=reason,
            rule=rule,
            duplicate_of=call.duplicate_of,
            feed=call.feed,
            origin=picture.origin,
            exercise=picture.exercise,
            unscreened=decision is not None and decision.unscreened,
            assumed_screening=picture.assumed_screening,
            recorded_late=picture.recorded_late,
            division=call.division,
            call_type=picture.call_type,
            acuity=call.acuity,
            programme=call.meant_for,
            provider=call.provider,
            case_id=call.case_id,
            attempts=call.attempts,
            contact=call.contact,
            disposition=call.disposition,
            police=call.police,
            hand_back=call.hand_back,
            unmet_needs=call.unmet_needs,
            policy=None if decision is None else decision.policy,
            routing_policy=turn.directory.version,
        )
    )


def reached(call: Call) -> bool:
    """Say whether a team spoke with the person, in whatever way."""
    return call.contact is not Contact.NONE


def by_hand_back(turn: Turn, reason: HandBackReason) -> None:
    """End a case that its provider has given back; it is never offered again."""
    endangered = bool(turn.call.dangers) and reason is not HandBackReason.MEDICAL
    recommend = Responder.PATROL if endangered else _OF_HAND_BACK.get(reason, Responder.PATROL)
    urgent = reason in _URGENT_HAND_BACKS or endangered
    end(turn, replace(HANDED_BACK, recommend=recommend, urgent=urgent))


def by_cancelling(turn: Turn, reason: CancelReason) -> None:
    """End a call that CAD has cancelled."""
    end(turn, DUPLICATE if reason is CancelReason.DUPLICATE else CANCELLED)


def by_danger(turn: Turn) -> None:
    """End a call because of known danger."""
    end(turn, _danger(turn.call), rule=turn.call.danger_rule or NEARBY)


def by_ruling_out(turn: Turn) -> None:
    """End a call that is ineligible by known danger or by the newest decision."""
    ending, rule = _ruled_out(turn.call)
    end(turn, ending, rule=rule)


def by_ruling_out_on_record(turn: Turn) -> None:
    """End an ineligible call that CAD has ended, or that was only observed: nobody waits for it any more."""
    ending, rule = _ruled_out(turn.call)
    end(turn, replace(ending, hand_off=None), rule=rule)


def by_other_programme(turn: Turn) -> None:
    """End an eligible call that is for somebody without a gateway here, or too urgent for anybody who has one."""
    call = turn.call
    recommend = Responder.PATROL if call.meant_for is Programme.PHONE else _OF_PROGRAMME.get(call.meant_for)
    urgent = call.acuity is Acuity.IMMEDIATE
    end(turn, replace(OTHER_PROGRAMME, recommend=recommend or Responder.PATROL, urgent=urgent))


def unassigned(turn: Turn, reason: OutcomeReason) -> None:
    """End an eligible call that nobody has taken."""
    end(turn, NOBODY_TOOK_IT[reason])


def _danger(call: Call) -> Ending:
    medical = not MEDICAL.isdisjoint(call.hazards)
    return replace(DANGER, recommend=Responder.LAFD) if medical else DANGER


def _ruled_out(call: Call) -> tuple[Ending, str | None]:
    decision = call.decision
    if call.dangers or decision is None:
        return _danger(call), call.danger_rule or NEARBY
    rule = decision.rules[0].rule if decision.rules else None
    recommend = _OF_PROGRAMME.get(call.meant_for, Responder.PATROL)
    if not decision.hard_exclusion:
        return replace(RULED_OUT, recommend=recommend), rule
    if not MEDICAL.isdisjoint(call.hazards):
        return replace(EXCLUDED, hand_off=HandOffReason.MEDICAL, recommend=Responder.LAFD, urgent=True), rule
    return replace(EXCLUDED, recommend=recommend), rule


def _stop(turn: Turn) -> None:
    """Let nothing run on but promises, and the time until the private part is forgotten."""
    call = turn.call
    call.case = None
    call.stage = Stage.CONCLUDED
    call.triage_by = call.review_by = call.held_until = call.observed_until = None
    call.forget_at = turn.at + turn.limits.private_for
