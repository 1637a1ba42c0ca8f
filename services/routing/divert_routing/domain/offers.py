"""Who is asked to take a call, and what they are told."""

from divert_contracts import ids
from divert_contracts.facts.routing import CaseOffered, CaseUpdated
from divert_contracts.vocabulary import Acuity, Need, OutcomeReason, Programme, RecallReason, Stage
from divert_routing.domain import dangers, endings, promises
from divert_routing.domain.call import Call, Case
from divert_routing.domain.directory import GATEWAY_PROGRAMMES, Provider, Route, unmet_needs
from divert_routing.domain.turn import Turn

_MOST_URGENT_FIRST = tuple(Acuity)


def offer_next(turn: Turn) -> None:
    """Offer an eligible, complete call to the next provider, or end it with the reason why nobody can take it."""
    call = turn.call
    programme = call.meant_for
    if call.alarming:
        dangers.learn(turn, call.alarming, "answer")
        endings.by_danger(turn)
    elif programme not in GATEWAY_PROGRAMMES or call.acuity not in turn.limits.by_acuity:
        endings.by_other_programme(turn)
    elif call.division is None:
        endings.end(turn, endings.NOT_ROUTABLE)
    else:
        _offer_in(turn, routes(turn, programme, call.division))


def routes(turn: Turn, programme: Programme, division: int) -> tuple[Route, ...]:
    """Return who may be asked now: the division's own before those that help, each by how much of a need is unmet."""
    found = turn.directory.routes(programme, division, turn.at)
    return tuple(sorted(found, key=lambda one: (one.mutual_aid, len(unmet(turn, one.provider)))))


def route_to(turn: Turn, provider: Provider) -> Route:
    """Return the way to a provider that the desk names: by an agreement only where one holds."""
    call = turn.call
    found = () if call.division is None else turn.directory.routes(call.meant_for, call.division, turn.at)
    return next((one for one in found if one.provider.id == provider.id), Route(provider, mutual_aid=False))


def unmet(turn: Turn, provider: Provider) -> tuple[Need, ...]:
    """Return what the person needs and the provider is not known to have."""
    picture = turn.call.picture
    return () if picture is None else unmet_needs(picture, provider, turn.given.shifts.get(provider.id, ()))


def next_route(turn: Turn) -> Route | None:
    """Return who would be asked next, leaving out whoever has the call now."""
    call = turn.call
    if call.division is None:
        return None
    here = None if call.case is None else call.case.provider
    found = routes(turn, call.meant_for, call.division)
    return next((one for one in found if one.provider.id != here and _unavailable(turn, one.provider) is None), None)


def offer(turn: Turn, route: Route) -> None:
    """Offer the call to a provider; the caller has made sure that it may be offered now.

    Raises:
        ValueError: it may not; a bug.
    """
    call, at, limits = turn.call, turn.at, turn.limits
    picture, decision, division, decide_by = call.picture, call.decision, call.division, call.decide_by
    if picture is None or decision is None or division is None or decide_by is None or at >= decide_by:
        raise ValueError("may not be offered")
    if call.dangers or call.alarming or call.menaced or call.doubted:
        raise ValueError("may not be offered: danger")
    of_acuity = limits.by_acuity[call.acuity]
    call.attempts += 1
    answer_by = min(at + of_acuity.offer_open, decide_by)
    case = Case(
        case_id=ids.case_id(call.call_id, call.attempts),
        provider=route.provider.id,
        epoch=call.attempts,
        programme=call.meant_for,
        division=division,
        answer_by=answer_by,
        expires_at=answer_by + limits.answer_grace,
        acuity=call.acuity,
        en_route_within=of_acuity.en_route_within,
        on_scene_within=of_acuity.on_scene_within,
        unmet_needs=unmet(turn, route.provider),
    )
    call.case = case
    call.offered = {**call.offered, case.case_id: case.provider}
    call.stage = Stage.OFFERED
    call.triage_by = call.review_by = call.held_until = None
    call.told = True
    if not call.acknowledged:
        call.provider, call.case_id, call.unmet_needs = case.provider, case.case_id, case.unmet_needs
    turn.say(
        CaseOffered(
            **turn.head,
            private=call.told_private,
            case_id=case.case_id,
            provider=case.provider,
            attempt=case.epoch,
            incident_number=call.incident_number,
            programme=case.programme,
            acuity=call.acuity,
            division=division,
            picture=picture,
            signals=call.signs,
            decision=decision,
            answer_by=answer_by,
            en_route_within=case.en_route_within.total_seconds(),
            on_scene_within=case.on_scene_within.total_seconds(),
            check_after=limits.check_after.total_seconds(),
            check_every=limits.check_every.total_seconds(),
            unmet_needs=case.unmet_needs,
            mutual_aid=route.mutual_aid,
        )
    )


def withdraw(turn: Turn, case: Case, reason: RecallReason) -> None:
    """Take an offer or case away from its provider, and leave the call waiting for what comes next."""
    promises.recall(turn, case, reason)
    turn.call.case = None
    turn.call.stage = Stage.AWAITING_TRIAGE


def refused(turn: Turn, case: Case, how: OutcomeReason) -> None:
    """Remember that a provider is not to be asked again, and how its offer ended."""
    turn.call.refusals = {**turn.call.refusals, case.provider: how}


def tighten(turn: Turn, case: Case) -> None:
    """Hold an offer or case to the limits of a more urgent revision, counted from now; none becomes longer by it."""
    call, at, limits = turn.call, turn.at, turn.limits
    if _MOST_URGENT_FIRST.index(call.acuity) >= _MOST_URGENT_FIRST.index(case.acuity):
        return
    # What is too urgent to be offered has no limits of its own.
    of_acuity = limits.by_acuity.get(call.acuity, limits.by_acuity[Acuity.EMERGENT])
    case.acuity = call.acuity
    case.en_route_within = min(case.en_route_within, of_acuity.en_route_within)
    case.on_scene_within = min(case.on_scene_within, of_acuity.on_scene_within)
    if case.acknowledged_at is None:
        case.answer_by = min(case.answer_by, at + of_acuity.offer_open)
        case.expires_at = case.answer_by + limits.answer_grace
    if case.en_route_by is not None:
        case.en_route_by = min(case.en_route_by, at + of_acuity.en_route_within)
    if case.on_scene_by is not None:
        case.on_scene_by = min(case.on_scene_by, at + of_acuity.on_scene_within)
    call.told = False


def keep_informed(turn: Turn) -> None:
    """Send the newest revision to whoever has the offer or case, if they have not got it."""
    call, case = turn.call, turn.call.case
    if case is None or call.told or call.picture is None:
        return
    call.told = True
    call.triage_by = None
    turn.say(
        CaseUpdated(
            **turn.head,
            private=call.told_private if call.own else None,
            case_id=case.case_id,
            provider=case.provider,
            picture=call.picture,
            signals=call.signs if call.judged else call.doubts,
            acuity=case.acuity,
            en_route_within=case.en_route_within.total_seconds(),
            on_scene_within=case.on_scene_within.total_seconds(),
        )
    )


def keep_recalled_informed(turn: Turn) -> None:
    """Send a revision that came after the end to teams that may still be out there; the dispatcher has it from CAD.

    The call is not theirs any more: they get what may concern their safety, and none of its words.
    """
    call = turn.call
    if call.told or call.picture is None:
        return
    call.told = True
    for one in call.recalls:
        head = turn.head
        head["epoch"] = one.epoch
        turn.say(
            CaseUpdated(
                **head,
                case_id=one.case_id,
                provider=one.provider,
                picture=call.picture,
                signals=call.signs if call.judged else call.doubts,
            )
        )


def _offer_in(turn: Turn, found: tuple[Route, ...]) -> None:
    if not found:
        endings.end(turn, endings.NO_PROVIDER_IN_AREA)
        return
    unavailable = [_unavailable(turn, route.provider) for route in found]
    free = next((route for route, reason in zip(found, unavailable, strict=True) if reason is None), None)
    decide_by = turn.call.decide_by
    if free is None:
        endings.unassigned(turn, _why_nobody(turn.call, unavailable))
    elif decide_by is None or turn.at >= decide_by:
        if OutcomeReason.TIMED_OUT in turn.call.refusals.values():
            endings.unassigned(turn, OutcomeReason.TIMED_OUT)
        else:
            endings.end(turn, endings.DECIDED_TOO_LATE)
    else:
        offer(turn, free)


def _unavailable(turn: Turn, provider: Provider) -> OutcomeReason | None:
    """Return why a provider is not asked, or null when it is. Of a shift that is not known, the best is assumed."""
    refusal = turn.call.refusals.get(provider.id)
    if refusal is not None:
        return refusal
    if turn.call.division is not None and turn.directory.out(provider, turn.call.division, turn.at):
        return OutcomeReason.PROVIDER_OUTAGE
    if not turn.directory.open_at(provider, turn.at):
        return OutcomeReason.OUTSIDE_HOURS
    if turn.given.shifts.get(provider.id) == ():
        return OutcomeReason.NO_TEAM_ON_SHIFT
    return None


def _why_nobody(call: Call, unavailable: list[OutcomeReason | None]) -> OutcomeReason:
    """Return one reason for all: how those asked answered, else why the division's own provider was not asked."""
    answered = {how for how in call.refusals.values() if how is not OutcomeReason.TAKEN_BACK}
    if OutcomeReason.TIMED_OUT in answered:
        return OutcomeReason.TIMED_OUT
    if answered == {OutcomeReason.AT_CAPACITY}:
        return OutcomeReason.AT_CAPACITY
    if answered:
        return OutcomeReason.DECLINED_BY_ALL
    reasons = [reason for reason in unavailable if reason in endings.NOBODY_TOOK_IT]
    return OutcomeReason.DECLINED_BY_ALL if not reasons or reasons[0] is None else reasons[0]
