"""What is to become of a call, by all that is known of it now."""

from divert_contracts.vocabulary import (
    MEDICAL,
    Answer,
    Assistance,
    Contact,
    Eligibility,
    Feed,
    Hazard,
    Origin,
    Question,
    RecallReason,
    Responder,
    Stage,
)
from divert_routing.domain import dangers, endings, offers, promises
from divert_routing.domain.call import Call, Case, Reviewed
from divert_routing.domain.turn import Turn


def consider(turn: Turn) -> None:
    """Bring the call to where it belongs; does nothing when it is there already, or nothing can be said yet."""
    call = turn.call
    if call.concluded or call.revision is None:
        return
    if call.cancelled is not None:
        endings.by_cancelling(turn, call.cancelled)
    elif not call.opened:
        if call.diverted:
            wait_for_triage(turn)
    elif call.case is not None and call.menaced:
        endings.by_danger(turn)
    elif call.case is not None and call.case.acknowledged_at is not None:
        _inform(turn, call.case)
    elif is_over(call):
        _settle(turn)
    elif call.diverted:
        _decide(turn)


def endanger(turn: Turn, hazards: tuple[Hazard, ...], said_by: str) -> None:
    """Learn hazards, and do at once what they demand of a call whose offer or case is alive, or that is concluded.

    Danger ends a diverted call: what lives is recalled, and the dispatcher has it back. After the conclusion, open
    recalls and hand-offs are repeated with it. Medical hazards bring an ambulance to a team, which keeps its case.
    """
    call = turn.call
    if dangers.learn(turn, hazards, said_by):
        # Whoever was told to come back before, and has not said that they did, hears of this too.
        promises.warn_again(turn)
    if call.concluded:
        return
    if call.case is None:
        consider(turn)
    elif dangers.endangering(hazards):
        endings.by_danger(turn)
    else:
        ambulance(turn, hazards)


def ambulance(turn: Turn, hazards: tuple[Hazard, ...]) -> None:
    """Ask once for an ambulance where a team has the case."""
    case = turn.call.case
    if case is None or case.acknowledged_at is None or case.medical_told or MEDICAL.isdisjoint(hazards):
        return
    case.medical_told = True
    promises.ask_for_help(turn, Assistance.MEDICAL, Responder.LAFD, case)


def wait_for_triage(turn: Turn) -> None:
    """Wait until own fact and triage of the newest revision are there; further revisions do not prolong it."""
    call = turn.call
    if call.triage_by is None:
        waited_for = call.revised_at or turn.at
        until = waited_for + turn.limits.triage_within
        call.triage_by = until if call.decide_by is None else min(until, call.decide_by)


def is_over(call: Call) -> bool:
    """Say whether CAD has closed the call, or entered it only when it was over."""
    return call.closed_by_cad or _recorded_late(call)


def eligibility(call: Call) -> Eligibility:
    """Return what rules, persons and known danger say together: eligible, ineligible or needs review."""
    decision = call.decision
    if call.dangers:
        return Eligibility.INELIGIBLE
    if decision is None:
        return Eligibility.NEEDS_REVIEW
    if decision.eligibility is Eligibility.INELIGIBLE and not _excluded_by_cleared(call):
        return Eligibility.INELIGIBLE
    if call.reviewed is not None and _stands(call.reviewed, call):
        return Eligibility.ELIGIBLE
    # What was judged without its screening is not offered because the call had been diverted before.
    screened = not (call.diverted and decision.unscreened)
    uncertain = call.cleared or call.menaced or call.doubted
    if decision.eligibility is Eligibility.ELIGIBLE and screened and not uncertain:
        return Eligibility.ELIGIBLE
    return Eligibility.NEEDS_REVIEW


def reviewed_now(call: Call) -> Reviewed:
    """Return what a reviewer sees of the newest revision, and of doubt from before it."""
    signs = call.told_signs
    return Reviewed(
        answers=_safety_answers(call),
        hazards=tuple(dict.fromkeys(one.hazard for one in signs)),
        signs=signs,
        nearby=call.nearby_dangers(),
    )


def conclude_on_record(turn: Turn, otherwise: endings.Ending) -> None:
    """End a call that CAD has ended, or that was over when it came: by its own stamps, else by what the rules said.

    Args:
        turn: the step.
        otherwise: how a call ends that nobody judged.
    """
    call = turn.call
    if _visited_before(call):
        # A team was there, and CAD's stamps do not say how they spoke.
        call.contact = Contact.UNKNOWN
        endings.end(turn, endings.RECORDED_LATE)
        return
    found = eligibility(call)
    if not call.judged and not call.dangers:
        endings.end(turn, otherwise)
    elif found is Eligibility.INELIGIBLE:
        endings.by_ruling_out_on_record(turn)
    elif found is not Eligibility.ELIGIBLE:
        endings.end(turn, endings.UNFINISHED if call.diverted else endings.NOT_REVIEWED)
    elif not call.diverted:
        endings.end(turn, endings.NOT_REFERRED)
    else:
        endings.end(turn, endings.RECORDED_LATE if _recorded_late(call) else endings.CLOSED_BY_CAD)


def _recorded_late(call: Call) -> bool:
    return call.picture is not None and call.picture.recorded_late and not call.attempts


def _visited_before(call: Call) -> bool:
    """Say whether a call that was entered afterwards had a team there; to a call that was observed the police went."""
    if not _recorded_late(call) or call.picture is None or call.picture.stamps.arrived_at is None:
        return False
    return call.diverted or call.picture.origin in {Origin.SELF_INITIATED, Origin.PROVIDER_LINE}


def _inform(turn: Turn, case: Case) -> None:
    """Let a revision reach the team, with its triage if that comes in time; without danger it ends nothing.

    Danger in doubt waits for nothing: the team hears of it, and somebody at the desk must look.
    """
    call = turn.call
    doubted = call.doubted
    fresh = not all(one.is_among(case.doubts) for one in doubted)
    offers.tighten(turn, case)
    if call.complete or fresh:
        offers.keep_informed(turn)
        call.triage_by = None
    if not call.complete and (fresh or not call.told):
        # What is missing of the revision follows when it comes.
        call.told = False
        wait_for_triage(turn)
    if fresh:
        case.doubts = tuple(dict.fromkeys((*case.doubts, *doubted)))
        call.review_by = call.review_by or turn.at + turn.limits.review_within
    elif not doubted:
        call.review_by = None


def _settle(turn: Turn) -> None:
    """End what is over by its record; the rules are waited for, so that it counts as what it was."""
    call = turn.call
    if call.judged or call.dangers or _visited_before(call):
        conclude_on_record(turn, endings.UNFINISHED)
    elif call.triage_by is None:
        call.triage_by = turn.at + turn.limits.triage_within


def _decide(turn: Turn) -> None:
    call = turn.call
    if call.dangers:
        endings.by_danger(turn)
    elif call.picture is not None and call.picture.feed is Feed.UNKNOWN:
        endings.end(turn, endings.NOT_UNDERSTOOD)
    elif call.complete:
        call.triage_by = None
        _follow_rules(turn)
    elif call.case is None or not call.told:
        wait_for_triage(turn)


def _follow_rules(turn: Turn) -> None:
    found = eligibility(turn.call)
    if found is Eligibility.INELIGIBLE:
        endings.by_ruling_out(turn)
    elif found is Eligibility.ELIGIBLE:
        _pursue(turn)
    else:
        _ask_reviewer(turn)


def _pursue(turn: Turn) -> None:
    """Offer an eligible call, or leave its offer open where that still fits."""
    call = turn.call
    case = call.case
    if case is not None:
        fits = call.acuity in turn.limits.by_acuity and case.programme is call.meant_for
        if fits and case.division == call.division:
            offers.tighten(turn, case)
            offers.keep_informed(turn)
            return
        offers.withdraw(turn, case, RecallReason.DIVISION_CHANGED if fits else RecallReason.NO_LONGER_ELIGIBLE)
    if call.stage is not Stage.HELD:
        offers.offer_next(turn)


def _ask_reviewer(turn: Turn) -> None:
    call = turn.call
    if call.case is not None:
        offers.withdraw(turn, call.case, RecallReason.NO_LONGER_ELIGIBLE)
    if call.stage is Stage.IN_REVIEW:
        return
    if call.decide_by is None or turn.at >= call.decide_by:
        endings.end(turn, endings.REVIEW_EXPIRED)
        return
    call.stage = Stage.IN_REVIEW
    call.held_until = None
    call.review_by = min(turn.at + turn.limits.review_within, call.decide_by)


def _safety_answers(call: Call) -> dict[Question, Answer]:
    answers = {} if call.picture is None else call.picture.answers
    return {question: answered.answer for question, answered in answers.items() if question in dangers.SAFETY}


def _stands(reviewed: Reviewed, call: Call) -> bool:
    """Say whether a review still holds: no safety answer is another one, and no sign is new."""
    now = reviewed_now(call)
    seen = all(one.is_among(reviewed.signs) for one in now.signs)
    return seen and now.answers == reviewed.answers and not call.menaced


def _excluded_by_cleared(call: Call) -> bool:
    """Say whether the newest decision excludes only because of signs that a person has cleared since."""
    if call.decision is None or not call.decision.hard_exclusion or call.revised_at is None:
        return False
    signs = dangers.excluding(call.signals) or (Hazard.UNKNOWN,)
    return MEDICAL.isdisjoint(signs) and not dangers.counting(call, signs, call.revised_at)
