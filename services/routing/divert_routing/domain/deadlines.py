"""Steps for what time brings. Each makes its own timer go away."""

from datetime import datetime

from divert_contracts.facts.routing import SafetyCheckMissed
from divert_contracts.step import Next
from divert_contracts.vocabulary import Assistance, Eligibility, OutcomeReason, RecallReason, Responder, Stage
from divert_routing.domain import dangers, endings, erasing, offers, promises, timers
from divert_routing.domain.call import Call, Case
from divert_routing.domain.cases import check_next
from divert_routing.domain.decisions import conclude_on_record, consider, eligibility, is_over
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn


def triage_overdue(call: Call, timer: timers.TriageOverdue, given: Given, at: datetime) -> Next[Call]:
    """Stop waiting for the newest revision's own fact or triage."""
    del timer
    turn = Turn(call, given, at)
    now = turn.call
    now.triage_by = None
    dangers.learn(turn, now.alarming, "answer")
    case = now.case
    if case is not None and case.acknowledged_at is None and not now.judged:
        # What nobody has judged nobody is offered; a provider that took the call before keeps it.
        endings.end(turn, endings.TRIAGE_OVERDUE)
    elif case is not None:
        offers.keep_informed(turn)
        if not now.judged:
            # Nobody has read its words, and a team may be on its way to what they say: somebody at the desk must.
            now.review_by = now.review_by or at + turn.limits.review_within
    elif is_over(now) or not now.diverted:
        conclude_on_record(turn, endings.UNFINISHED)
    elif now.dangers or (now.judged and eligibility(now) is Eligibility.INELIGIBLE):
        endings.by_ruling_out(turn)
    elif now.judged:
        # The rules have spoken, but the call's own words never came: nobody can be sent with them.
        endings.end(turn, endings.NOT_UNDERSTOOD_AFTER_TRIAGE)
    else:
        endings.end(turn, endings.TRIAGE_OVERDUE)
    return turn.done()


def review_overdue(call: Call, timer: timers.ReviewOverdue, given: Given, at: datetime) -> Next[Call]:
    """Give a call back that nobody reviewed; a team that has it, and may meet danger, is the PSAP's to check on."""
    del timer
    turn = Turn(call, given, at)
    case = turn.call.case
    if case is None:
        endings.end(turn, endings.REVIEW_EXPIRED)
    else:
        turn.call.review_by = None
        promises.ask_for_help(turn, Assistance.CHECK_ON_TEAM, Responder.PATROL, case)
    return turn.done()


def hold_over(call: Call, timer: timers.HoldOver, given: Given, at: datetime) -> Next[Call]:
    """Offer the call again after the desk's hold, if there is time left."""
    del timer
    turn = Turn(call, given, at)
    turn.call.held_until = None
    turn.call.stage = Stage.AWAITING_TRIAGE
    consider(turn)
    return turn.done()


def observation_over(call: Call, timer: timers.ObservationOver, given: Given, at: datetime) -> Next[Call]:
    """Conclude an observed call that CAD did not close."""
    del timer
    turn = Turn(call, given, at)
    conclude_on_record(turn, endings.OBSERVED_UNTRIAGED)
    return turn.done()


def answer_overdue(call: Call, timer: timers.AnswerOverdue, given: Given, at: datetime) -> Next[Call]:
    """Ask the next provider: this one did not answer."""
    del timer
    turn = Turn(call, given, at)
    case = turn.call.case
    if case is not None:
        offers.refused(turn, case, OutcomeReason.TIMED_OUT)
        offers.withdraw(turn, case, RecallReason.ANSWER_OVERDUE)
        consider(turn)
    return turn.done()


def en_route_overdue(call: Call, timer: timers.EnRouteOverdue, given: Given, at: datetime) -> Next[Call]:
    """Take a case back for which nobody set out."""
    del timer
    turn = Turn(call, given, at)
    endings.end(turn, endings.MISSED_EN_ROUTE)
    return turn.done()


def arrival_overdue(call: Call, timer: timers.ArrivalOverdue, given: Given, at: datetime) -> Next[Call]:
    """Take a case back for which nobody arrived."""
    del timer
    turn = Turn(call, given, at)
    endings.end(turn, endings.MISSED_ARRIVAL)
    return turn.done()


def not_closed(call: Call, timer: timers.NotClosed, given: Given, at: datetime) -> Next[Call]:
    """End a case that its provider never closed."""
    del timer
    turn = Turn(call, given, at)
    endings.end(turn, endings.NOT_CLOSED)
    return turn.done()


def check_unanswered(call: Call, timer: timers.CheckUnanswered, given: Given, at: datetime) -> Next[Call]:
    """Let the desk ring a team that did not answer its safety check."""
    del timer
    turn = Turn(call, given, at)
    case = turn.call.case
    if case is not None:
        case.ring_at = None
        _say_missed(turn, case, told_psap=False)
    return turn.done()


def check_missed(call: Call, timer: timers.CheckMissed, given: Given, at: datetime) -> Next[Call]:
    """Ask the PSAP to check on a team that still did not answer; the checks go on."""
    del timer
    turn = Turn(call, given, at)
    case = turn.call.case
    if case is not None and case.check_by is not None:
        _say_missed(turn, case, told_psap=True)
        promises.ask_for_help(turn, Assistance.CHECK_ON_TEAM, Responder.PATROL, case)
        check_next(turn, case, max(case.check_by + turn.limits.check_every, at))
    return turn.done()


def private_outlived(call: Call, timer: timers.PrivateOutlived, given: Given, at: datetime) -> Next[Call]:
    """Forget the private part."""
    del timer
    turn = Turn(call, given, at)
    erasing.forget(turn.call)
    return turn.done()


def _say_missed(turn: Turn, case: Case, *, told_psap: bool) -> None:
    turn.say(
        SafetyCheckMissed(
            **turn.head,
            case_id=case.case_id,
            provider=case.provider,
            due_at=case.check_by or turn.at,
            told_psap=told_psap,
        )
    )
