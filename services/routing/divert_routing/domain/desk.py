"""What people at the desk can order, and the steps that do it or say why not."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.facts.routing import CallDirected, CallReviewed, DangerCleared, QuestionAnswered
from divert_contracts.step import Command, Next
from divert_contracts.vocabulary import (
    DANGER_ASKED_FOR,
    Answer,
    Direction,
    DirectionReason,
    Eligibility,
    Hazard,
    OutcomeReason,
    PoliceInvolvement,
    Programme,
    Question,
    RecallReason,
    ReviewReason,
    Stage,
)
from divert_routing.domain import claims, endings, offers
from divert_routing.domain.call import Call, Case
from divert_routing.domain.cases import involve_police
from divert_routing.domain.decisions import consider, eligibility, endanger, reviewed_now
from divert_routing.domain.directory import GATEWAY_PROGRAMMES, Route
from divert_routing.domain.given import Given
from divert_routing.domain.standing import at_desk
from divert_routing.domain.turn import Turn

UNPROCESSABLE = 422
NOT_FOUND = 404


class DeskCommand(Command):
    """An order about one call, by a named person."""

    call_id: UUID
    by: str
    """Who orders it: an id, never a name."""

    @property
    def key(self) -> str:
        """The call's id."""
        return str(self.call_id)


class Review(DeskCommand):
    """Decide what the rules would not."""

    revision: str
    """Digest of the revision that the person saw."""
    eligibility: Eligibility
    """``eligible`` or ``ineligible``."""
    reason: ReviewReason


class Direct(DeskCommand):
    """Take a call back, or say otherwise who is to have it and when."""

    direction: Direction
    reason: DirectionReason
    provider: str | None = None
    """Reassign: to whom; null means the next in turn."""
    programme: Programme | None = None
    """Other programme: which."""
    until: AwareDatetime | None = None
    """Hold: until when, at most ``decide_by``. Extend: the new end of the limit that runs."""


class ClaimCall(DeskCommand):
    """Look after a call; while the claim runs nobody else may review it. Repeated, it runs on."""


class HandOver(DeskCommand):
    """Let somebody else look after what one looks after: said by whoever gives it, or whoever takes it."""

    holder: str
    """Who looked after it."""
    to: str
    """Who does from now on."""


class ClearDanger(DeskCommand):
    """Say that danger is over."""

    unit: str
    """The unit that made the scene safe."""
    hazards: tuple[Hazard, ...] = ()
    """Which; none named means all that are known."""


class AnswerQuestion(DeskCommand):
    """Answer a question of the team."""

    question: Question
    answer: Answer


def claimed(call: Call, command: ClaimCall, given: Given, at: datetime) -> Next[Call]:
    """Let a person look after the call, unless somebody else does."""
    turn = Turn(call, given, at)
    if turn.call.revision is None:
        return _unknown(turn)
    if other := claims.held_by_another(call, command.by, at):
        return turn.refuse("claimed", f"{other.by} has claimed it.")
    claims.claim(turn, command.by)
    return turn.done(at_desk(turn.call))


def handed_over(call: Call, command: HandOver, given: Given, at: datetime) -> Next[Call]:
    """Move a claim from one person to another, also one that has lapsed; both are recorded."""
    turn = Turn(call, given, at)
    if turn.call.revision is None:
        return _unknown(turn)
    if call.claim is None or call.claim.by != command.holder:
        return turn.refuse("not-theirs", f"{command.holder} does not look after this call.")
    if command.by not in (command.holder, command.to):
        return turn.refuse("not-yours", "A call is handed over by whoever gives it or takes it.", UNPROCESSABLE)
    claims.claim(turn, command.to, command.by)
    return turn.done(at_desk(turn.call))


def reviewed(call: Call, command: Review, given: Given, at: datetime) -> Next[Call]:
    """Let a person decide; it counts for the revision that they saw. A doubt that they confirm is danger."""
    turn = Turn(call, given, at)
    now = turn.call
    if now.revision is None:
        return _unknown(turn)
    if refused := _not_reviewable(turn, command):
        return refused
    if other := claims.held_by_another(call, command.by, at):
        return turn.refuse("claimed", f"{other.by} has claimed this review.")
    now.claim = None
    turn.say(
        CallReviewed(
            **turn.head,
            revision=now.revision,
            eligibility=command.eligibility,
            reason=command.reason,
            by=command.by,
        )
    )
    if command.eligibility is Eligibility.INELIGIBLE and now.case is not None:
        doubted = tuple(dict.fromkeys(one.hazard for one in now.doubted))
        endanger(turn, doubted or (Hazard.UNKNOWN,), "desk")
    elif command.eligibility is Eligibility.INELIGIBLE:
        endings.end(turn, endings.REVIEWED)
    else:
        now.reviewed = reviewed_now(now)
        consider(turn)
    return turn.done(at_desk(now))


def directed(call: Call, command: Direct, given: Given, at: datetime) -> Next[Call]:
    """Do what the desk orders, if it may still be done."""
    turn = Turn(call, given, at)
    if turn.call.revision is None:
        return _unknown(turn)
    if turn.call.concluded:
        return turn.refuse("concluded", "The call has its outcome already; a later fact cannot change it.")
    if not turn.call.diverted:
        return turn.refuse("not-diverted", "The call is only observed: nobody but CAD has it.")
    direct = _DIRECTIONS.get(command.direction)
    if direct is None:
        return turn.refuse("unknown-direction", "This direction is not known.", UNPROCESSABLE)
    return direct(turn, command)


def danger_cleared(call: Call, command: ClearDanger, given: Given, at: datetime) -> Next[Call]:
    """Let a named person clear dangers. From then on only a review can offer the call."""
    turn = Turn(call, given, at)
    now = turn.call
    if now.revision is None:
        return _unknown(turn)
    named = command.hazards or now.dangers
    hazards = tuple(one for one in now.dangers if one in named)
    if not hazards:
        return turn.refuse("no-danger", "No such danger is known of this call.")
    now.hazards = tuple(one for one in now.hazards if one not in hazards)
    now.alarming = tuple(one for one in now.alarming if one not in hazards)
    now.doubts = tuple(one for one in now.doubts if one.hazard not in hazards)
    now.cleared = {**now.cleared, **dict.fromkeys(hazards, at)}
    now.reviewed = None
    if not now.dangers:
        now.danger_rule = None
    turn.say(DangerCleared(**turn.head, by=command.by, unit=command.unit, hazards=hazards))
    return turn.done(at_desk(now))


def question_answered(call: Call, command: AnswerQuestion, given: Given, at: datetime) -> Next[Call]:
    """Pass an answer on to the team; a *yes* to a safety question is a report of danger like any other."""
    turn = Turn(call, given, at)
    now = turn.call
    if now.revision is None:
        return _unknown(turn)
    case = now.case
    if case is None or command.question not in case.questions:
        return turn.refuse("not-asked", "The team has no such question open.")
    case.questions = tuple(one for one in case.questions if one is not command.question)
    case.asked_at = case.asked_at if case.questions else None
    claims.answer_for(turn, command.by)
    turn.say(
        QuestionAnswered(
            **turn.head,
            case_id=case.case_id,
            provider=case.provider,
            question=command.question,
            answer=command.answer,
            by=command.by,
        )
    )
    hazard = DANGER_ASKED_FOR.get(command.question)
    if command.answer is Answer.YES and hazard is not None:
        endanger(turn, (hazard,), "desk")
    return turn.done(at_desk(now))


def _take_back(turn: Turn, command: Direct) -> Next[Call]:
    call = turn.call
    _say_directed(turn, command)
    if call.case is not None and call.case.acknowledged_at is not None:
        involve_police(call, PoliceInvolvement.TAKEN_BACK)
    undecided = call.stage in endings.UNDECIDED
    endings.end(turn, endings.TAKEN_BACK_UNDECIDED if undecided else endings.TAKEN_BACK)
    return turn.done(at_desk(call))


def _hold(turn: Turn, command: Direct) -> Next[Call]:
    call = turn.call
    if refused := _too_late(turn):
        return refused
    if call.stage not in (Stage.OFFERED, Stage.HELD):
        return turn.refuse("not-now", f"A call that is {_words(call.stage)} cannot be held.")
    until = call.decide_by if command.until is None or call.decide_by is None else min(command.until, call.decide_by)
    if until is None or until <= turn.at:
        return turn.refuse("not-in-future", "A hold ends in the future.", UNPROCESSABLE)
    _say_directed(turn, command.model_copy(update={"until": until}))
    if call.case is not None:
        offers.withdraw(turn, call.case, RecallReason.HELD)
    call.stage = Stage.HELD
    call.held_until = until
    return turn.done(at_desk(call))


def _reassign(turn: Turn, command: Direct) -> Next[Call]:
    call = turn.call
    if refused := _too_late(turn) or _not_movable(turn):
        return refused
    found = _next_route(turn) if command.provider is None else _route_to(turn, command.provider)
    if isinstance(found, Next):
        return found
    _say_directed(turn, command.model_copy(update={"provider": found.provider.id}))
    if call.case is not None:
        _move_away(turn, call.case)
    offers.offer(turn, found)
    return turn.done(at_desk(call))


def _extend(turn: Turn, command: Direct) -> Next[Call]:
    case = turn.call.case
    if case is None or case.acknowledged_at is None:
        return turn.refuse("not-acknowledged", "Only limits after an acknowledgement can be extended.")
    running = case.en_route_by or case.on_scene_by or case.close_by
    until = command.until
    if until is None or running is None or until <= running or until <= turn.at:
        return turn.refuse("not-later", "An extension ends later than the limit that runs.", UNPROCESSABLE)
    if until > turn.at + turn.limits.close_within:
        return turn.refuse("too-long", "An extension ends within the time that a case may take.", UNPROCESSABLE)
    _say_directed(turn, command)
    by = until - running
    case.en_route_by = None if case.en_route_by is None else case.en_route_by + by
    case.on_scene_by = None if case.on_scene_by is None else case.on_scene_by + by
    case.close_by = None if case.close_by is None else case.close_by + by
    case.extended_to = until
    return turn.done(at_desk(turn.call))


def _other_programme(turn: Turn, command: Direct) -> Next[Call]:
    call = turn.call
    if refused := _too_late(turn) or _not_movable(turn):
        return refused
    programme = command.programme
    if programme is None or programme is Programme.UNKNOWN or programme is call.meant_for:
        return turn.refuse("no-programme", "Name a programme other than the call's own.", UNPROCESSABLE)
    _say_directed(turn, command)
    call.programme = programme
    if programme not in GATEWAY_PROGRAMMES:
        endings.by_other_programme(turn)
        return turn.done(at_desk(call))
    if call.case is not None:
        offers.withdraw(turn, call.case, RecallReason.REASSIGNED)
    call.stage = Stage.AWAITING_TRIAGE
    call.held_until = None
    consider(turn)
    return turn.done(at_desk(call))


_DIRECTIONS: dict[Direction, Callable[[Turn, Direct], Next[Call]]] = {
    Direction.TAKE_BACK: _take_back,
    Direction.HOLD: _hold,
    Direction.REASSIGN: _reassign,
    Direction.EXTEND: _extend,
    Direction.OTHER_PROGRAMME: _other_programme,
}


def _too_late(turn: Turn) -> Next[Call] | None:
    """Refuse what acts until ``decide_by`` only."""
    decide_by = turn.call.decide_by
    if decide_by is None or turn.at >= decide_by:
        return turn.refuse("too-late", "The time to decide has passed: take the call back instead.")
    return None


def _not_movable(turn: Turn) -> Next[Call] | None:
    """Refuse to move a call that nobody may be offered now, or whose team has met the person."""
    call = turn.call
    if call.stage not in (Stage.OFFERED, Stage.HELD, Stage.ACKNOWLEDGED, Stage.EN_ROUTE):
        return turn.refuse("not-now", f"A call that is {_words(call.stage)} cannot be moved.")
    if endings.reached(call):
        return turn.refuse("contact-made", "The team has reached the person: take the call back instead.")
    if call.dangers or call.alarming:
        return turn.refuse("danger-known", "Danger is known of this call: nobody may be sent.")
    if not call.complete:
        return turn.refuse("not-judged-yet", "The rules have not judged the newest revision yet.")
    offerable = call.division is not None and call.acuity in turn.limits.by_acuity
    if eligibility(call) is not Eligibility.ELIGIBLE or not offerable:
        return turn.refuse("not-eligible", "The newest revision may not be offered: take the call back instead.")
    return None


def _not_reviewable(turn: Turn, command: Review) -> Next[Call] | None:
    call = turn.call
    if call.review_by is None or call.revision is None:
        return turn.refuse("not-in-review", f"The call is {_words(call.stage)}: there is nothing to review.")
    if command.revision != call.revision.digest:
        return turn.refuse("revision-changed", "The call was revised since: look at its newest revision.")
    if not call.complete and (call.case is None or call.triage_by is not None):
        return turn.refuse("not-judged-yet", "The rules have not judged the newest revision yet.")
    if turn.at >= call.review_by:
        return turn.refuse("too-late", "The time for a review has passed; the dispatcher has the call.")
    if command.eligibility not in (Eligibility.ELIGIBLE, Eligibility.INELIGIBLE):
        return turn.refuse("undecided", "A review says eligible or ineligible.", UNPROCESSABLE)
    return None


def _next_route(turn: Turn) -> Route | Next[Call]:
    found = offers.next_route(turn)
    return found or turn.refuse("no-other-provider", "Nobody else can be asked: take the call back instead.")


def _route_to(turn: Turn, provider_id: str) -> Route | Next[Call]:
    """Return the way to a provider that the desk names, whatever its divisions, hours and earlier answers."""
    call = turn.call
    provider = turn.directory.provider(provider_id)
    if provider is None:
        return turn.refuse("unknown-provider", "The directory has no such provider.", UNPROCESSABLE)
    if call.case is not None and call.case.provider == provider.id:
        return turn.refuse("same-provider", "That provider has the call already.")
    if call.meant_for not in provider.programmes:
        return turn.refuse("not-their-programme", "That provider does not take calls of this programme.")
    if call.division is not None and turn.directory.out(provider, call.division, turn.at):
        return turn.refuse("outage", "That provider has declared an outage: it takes no calls there now.")
    if turn.given.shifts.get(provider.id) == ():
        return turn.refuse("no-team-on-shift", "That provider has no team on shift.")
    return offers.route_to(turn, provider)


def _move_away(turn: Turn, case: Case) -> None:
    """Take a case from its provider, who is not asked again."""
    offers.refused(turn, case, OutcomeReason.TAKEN_BACK)
    offers.withdraw(turn, case, RecallReason.REASSIGNED)


def _say_directed(turn: Turn, command: Direct) -> None:
    claims.answer_for(turn, command.by)
    turn.say(
        CallDirected(
            **turn.head,
            direction=command.direction,
            reason=command.reason,
            by=command.by,
            provider=command.provider,
            programme=command.programme,
            until=command.until,
        )
    )


def _unknown(turn: Turn) -> Next[Call]:
    return turn.refuse("unknown-call", "No picture of such a call has come yet.", NOT_FOUND)


def _words(stage: Stage) -> str:
    return stage.replace("_", " ")
