"""Hand-offs, calls for assistance and recalls: repeated until somebody accepts or confirms, whatever the outcome is."""

from datetime import datetime

from divert_contracts.facts.base import CaseFact
from divert_contracts.facts.calls import HandoffAccepted
from divert_contracts.facts.cases import (
    BackupRequested,
    EmergencyRaised,
    PersonContacted,
    RecallConfirmed,
    TeamOnScene,
)
from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseRecalled, HandoffConfirmed
from divert_contracts.step import Next
from divert_contracts.vocabulary import Assistance, HandOffReason, RecallReason, Responder, TeamPosition
from divert_routing.domain.call import Call, Case, HandOff, Help, Recall
from divert_routing.domain.given import Given
from divert_routing.domain.timers import RecallUnconfirmed, Unaccepted
from divert_routing.domain.turn import Turn, of_its_agency

OUT_THERE = frozenset({TeamPosition.EN_ROUTE, TeamPosition.ON_SCENE, TeamPosition.UNKNOWN})
"""Positions from which a recall is urgent at once."""


def hand_off(
    turn: Turn,
    reason: HandOffReason,
    recommend: Responder,
    *,
    urgent: bool,
    position: TeamPosition = TeamPosition.NOT_SENT,
    unit: str | None = None,
) -> None:
    """Give the call back to the dispatcher, who must accept it."""
    one = HandOff(
        handoff_id=turn.next_handoff(),
        reason=reason,
        recommend=recommend,
        urgent=urgent,
        position=position,
        unit=unit,
        since=turn.at,
        accept_by=turn.at + turn.limits.accept_within,
    )
    turn.call.hand_offs = (*turn.call.hand_offs, one)
    _say_hand_off(turn, one)


def ask_for_help(turn: Turn, assistance: Assistance, recommend: Responder, about: Recall | Case | CaseFact) -> None:
    """Ask the PSAP for help with a case; asked again before it is accepted, it is the same, repeated at once."""
    call = turn.call
    case = call.case if call.case is not None and call.case.case_id == about.case_id else None
    position, unit = (call.position, case.unit) if case is not None else _last_known(about)
    known = next((one for one in call.helps if (one.case_id, one.assistance) == (about.case_id, assistance)), None)
    if known is not None:
        _repeat_help(turn, known.model_copy(update={"position": position, "unit": unit}), known.accept_by)
        return
    one = Help(
        handoff_id=turn.next_handoff(),
        assistance=assistance,
        recommend=recommend,
        case_id=about.case_id,
        provider=about.provider,
        position=position,
        unit=unit,
        since=turn.at,
        accept_by=turn.at + turn.limits.accept_within,
    )
    call.helps = (*call.helps, one)
    _say_help(turn, one)


def recall(turn: Turn, case: Case, reason: RecallReason, *, believed_at: TeamPosition | None = None) -> None:
    """Take an offer or a case away; where the provider took the call, it must confirm.

    Args:
        turn: the step.
        case: what is taken away; it is the caller's to end it.
        reason: why.
        believed_at: where the team is of a provider that wrongly believes to have the call.
    """
    call = turn.call
    if case.acknowledged_at is None and believed_at is None:
        turn.say(_recalled(turn, case, reason, urgent=reason is RecallReason.DANGER, withdraw=False))
        return
    one = Recall(
        case_id=case.case_id,
        provider=case.provider,
        epoch=case.epoch,
        reason=reason,
        position=believed_at or call.position,
        unit=case.unit,
        since=turn.at,
        confirm_by=turn.at + turn.limits.confirm_within,
    )
    call.recalls = (*(other for other in call.recalls if other.case_id != case.case_id), one)
    _say_recall(turn, one)


def recall_again(turn: Turn, fact: CaseFact, position: TeamPosition) -> None:
    """Tell a provider that the case it acts on is not, or no longer, its own; it must confirm."""
    call = turn.call
    known = next((one for one in call.recalls if one.case_id == fact.case_id), None)
    if known is None:
        one = Recall(
            case_id=fact.case_id,
            provider=fact.provider,
            epoch=fact.epoch,
            reason=RecallReason.LATE_ANSWER,
            position=position,
            since=turn.at,
            confirm_by=turn.at + turn.limits.confirm_within,
        )
        call.recalls = (*call.recalls, one)
        _say_recall(turn, one)
    else:
        _repeat_recall(turn, known.model_copy(update={"position": position}), known.confirm_by)


def withdrawn(turn: Turn, fact: CaseFact) -> None:
    """Take a provider's word that it has nothing to do with a case any more."""
    turn.call.recalls = tuple(one for one in turn.call.recalls if one.case_id != fact.case_id)


def warn_again(turn: Turn) -> None:
    """Repeat open recalls and hand-offs at once and as urgent: there is danger that they did not speak of."""
    call = turn.call
    for one in call.recalls:
        _repeat_recall(turn, one, one.confirm_by)
    for one in call.hand_offs:
        _repeat_hand_off(turn, one.model_copy(update={"urgent": True}), one.accept_by)


@of_its_agency
def accepted(call: Call, fact: HandoffAccepted, given: Given, at: datetime) -> Next[Call]:
    """End the repeats of what a dispatcher has accepted."""
    turn = Turn(call, given, at)
    now = turn.call
    turn.name(fact.agency)
    now.hand_offs = tuple(one for one in call.hand_offs if one.handoff_id != fact.handoff_id)
    now.helps = tuple(one for one in call.helps if one.handoff_id != fact.handoff_id)
    if len(now.hand_offs) + len(now.helps) < len(call.hand_offs) + len(call.helps):
        turn.say(HandoffConfirmed(**turn.head, handoff_id=fact.handoff_id, by=fact.by, unit=fact.unit))
    return turn.done()


def confirmed(call: Call, fact: RecallConfirmed, given: Given, at: datetime) -> Next[Call]:
    """End the repeats of a recall."""
    turn = Turn(call, given, at)
    withdrawn(turn, fact)
    return turn.done()


def unaccepted(call: Call, timer: Unaccepted, given: Given, at: datetime) -> Next[Call]:
    """Repeat a hand-off or call for assistance."""
    turn = Turn(call, given, at)
    for handed in call.hand_offs:
        if handed.handoff_id == timer.handoff_id and handed.accept_by <= at:
            _repeat_hand_off(turn, handed, _accept_by(turn, handed))
    for help_ in call.helps:
        if help_.handoff_id == timer.handoff_id and help_.accept_by <= at:
            _repeat_help(turn, help_, _accept_by(turn, help_))
    return turn.done()


def unconfirmed(call: Call, timer: RecallUnconfirmed, given: Given, at: datetime) -> Next[Call]:
    """Repeat a recall as urgent, and tell the PSAP that a team may be where it should not."""
    turn = Turn(call, given, at)
    limits = turn.limits
    for one in call.recalls:
        if one.case_id == timer.case_id and one.confirm_by <= at:
            confirm_by = at + limits.repeat_after(limits.confirm_within, at - one.since)
            _repeat_recall(turn, one.model_copy(update={"told_psap": True}), confirm_by)
            if not one.told_psap:
                ask_for_help(turn, Assistance.RECALL_UNCONFIRMED, Responder.PATROL, one)
    return turn.done()


def _last_known(about: Recall | Case | CaseFact) -> tuple[TeamPosition, str | None]:
    if isinstance(about, Recall):
        return about.position, about.unit
    if isinstance(about, (BackupRequested, EmergencyRaised)):
        return about.position, None
    here = isinstance(about, (TeamOnScene, PersonContacted))
    return TeamPosition.ON_SCENE if here else TeamPosition.UNKNOWN, None


# What is repeated because of an event keeps the time of its next alarm: a team that goes on asking cannot put it off.


def _repeat_hand_off(turn: Turn, one: HandOff, accept_by: datetime) -> None:
    again = one.model_copy(update={"repeat": one.repeat + 1, "accept_by": accept_by})
    turn.call.hand_offs = tuple(again if old.handoff_id == one.handoff_id else old for old in turn.call.hand_offs)
    _say_hand_off(turn, again)


def _repeat_help(turn: Turn, one: Help, accept_by: datetime) -> None:
    again = one.model_copy(update={"repeat": one.repeat + 1, "accept_by": accept_by})
    turn.call.helps = tuple(again if old.handoff_id == one.handoff_id else old for old in turn.call.helps)
    _say_help(turn, again)


def _repeat_recall(turn: Turn, one: Recall, confirm_by: datetime) -> None:
    again = one.model_copy(update={"repeat": one.repeat + 1, "confirm_by": confirm_by})
    turn.call.recalls = tuple(again if old.case_id == one.case_id else old for old in turn.call.recalls)
    _say_recall(turn, again)


def _accept_by(turn: Turn, one: HandOff | Help) -> datetime:
    return turn.at + turn.limits.repeat_after(turn.limits.accept_within, turn.at - one.since)


def _say_hand_off(turn: Turn, one: HandOff) -> None:
    call = turn.call
    turn.say(
        CallHandedOff(
            **turn.head,
            private=call.told_private,
            handoff_id=one.handoff_id,
            incident_number=call.incident_number,
            reason=one.reason,
            recommend=one.recommend,
            urgent=one.urgent,
            brief=turn.brief(one.position, one.unit),
            picture=call.picture,
            decision=call.decision,
            accept_by=one.accept_by,
            repeat=one.repeat,
        )
    )


def _say_help(turn: Turn, one: Help) -> None:
    call = turn.call
    turn.say(
        AssistanceRequested(
            **turn.head,
            private=call.told_private,
            handoff_id=one.handoff_id,
            incident_number=call.incident_number,
            case_id=one.case_id,
            provider=one.provider,
            assistance=one.assistance,
            recommend=one.recommend,
            urgent=True,
            brief=turn.brief(one.position, one.unit),
            picture=call.picture,
            accept_by=one.accept_by,
            repeat=one.repeat,
        )
    )


def _say_recall(turn: Turn, one: Recall) -> None:
    urgent = one.repeat > 0 or one.reason is RecallReason.DANGER or one.position in OUT_THERE
    withdraw = one.position is TeamPosition.ON_SCENE
    fact = _recalled(turn, one, one.reason, urgent=urgent, withdraw=withdraw)
    turn.say(fact.model_copy(update={"confirm_by": one.confirm_by, "repeat": one.repeat}))


def _recalled(turn: Turn, one: Case | Recall, reason: RecallReason, *, urgent: bool, withdraw: bool) -> CaseRecalled:
    head = turn.head
    # A recall is about one case: its epoch is that case's, not the newest.
    head["epoch"] = one.epoch
    return CaseRecalled(
        **head,
        case_id=one.case_id,
        provider=one.provider,
        reason=reason,
        urgent=urgent,
        withdraw_if_safe=withdraw,
        hazards=turn.call.all_dangers,
    )
