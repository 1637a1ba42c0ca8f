"""Steps for what CAD and triage say of a call, in whatever order it comes."""

from datetime import datetime

from divert_contracts.call import Revision
from divert_contracts.facts.calls import (
    CallCancelled,
    CallClosedByCad,
    CallReopened,
    PictureFact,
    ResponderReported,
)
from divert_contracts.facts.cases import BackupArrived
from divert_contracts.facts.routing import ResponderRecorded
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.step import Next
from divert_contracts.vocabulary import HandOffReason, PoliceInvolvement, Responder, Stage, TeamPosition
from divert_routing.domain import dangers, endings, offers, promises, rereviews
from divert_routing.domain.call import Call
from divert_routing.domain.cases import involve_police
from divert_routing.domain.decisions import consider, endanger
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn, is_diverted, of_its_agency

NOT_SENT_TO_HELP = frozenset(
    {Responder.PROVIDER, Responder.CRISIS_LINE, Responder.HOLD, Responder.NOBODY, Responder.LAFD}
)
"""Whose arrival is no police backup."""


@of_its_agency
def received(call: Call, fact: PictureFact, given: Given, at: datetime) -> Next[Call]:
    """Take over a picture with its private part; the step for received, updated and reopened calls alike."""
    turn = Turn(call, given, at)
    now = turn.call
    newest = _heard(turn, fact)
    if newest:
        now.own = True
    # Of an older revision the private words are better than none; after their time none are taken in again.
    forgotten = now.forget_at is not None and at >= now.forget_at
    if not forgotten and (newest or now.private is None):
        now.private = fact.private
    turn.open()
    alarming = dangers.counting(now, dangers.of_picture(fact.picture), fact.occurred_at)
    now.alarming += tuple(one for one in alarming if one not in now.alarming)
    if alarming:
        now.danger_until = at + turn.limits.nearby.counts_for
    if alarming and (now.case is not None or now.promises):
        # A team may be on its way there: triage is not waited for.
        endanger(turn, alarming, "answer")
    else:
        consider(turn)
    if now.concluded and newest:
        offers.keep_recalled_informed(turn)
    return turn.done()


def triaged(call: Call, fact: CallTriaged, given: Given, at: datetime) -> Next[Call]:
    """Take over a decision if it is of the newest revision; danger and doubt are taken over from any."""
    turn = Turn(call, given, at)
    now = turn.call
    if _heard(turn, fact):
        now.told = now.told and not fact.signals
        now.judged = True
        now.decision, now.signals = fact.decision, fact.signals
        rereviews.choose(turn)
    dangers.doubt(now, fact)
    hazards = dangers.counting(now, dangers.of_triage(fact), fact.occurred_at)
    endanger(turn, hazards, dangers.rule_of(fact))
    if now.case is not None:
        consider(turn)
    return turn.done()


@of_its_agency
def cancelled(call: Call, fact: CallCancelled, given: Given, at: datetime) -> Next[Call]:
    """End a call that CAD has cancelled; a cancellation that comes first waits for its call."""
    turn = Turn(call, given, at)
    now = turn.call
    turn.name(fact.agency)
    if not now.concluded:
        now.cancelled, now.duplicate_of = fact.reason, fact.duplicate_of
        consider(turn)
    return turn.done()


@of_its_agency
def closed_by_cad(call: Call, fact: CallClosedByCad, given: Given, at: datetime) -> Next[Call]:
    """End a call that CAD has closed: at once where a provider has it, else when it was judged."""
    turn = Turn(call, given, at)
    now = turn.call
    turn.name(fact.agency)
    stamps = fact.stamps
    if stamps.dispatched_at is not None or stamps.arrived_at is not None:
        # CAD's record says that somebody went, and when; not who.
        turn.say(
            ResponderRecorded(
                **turn.head,
                responder=Responder.UNKNOWN,
                dispatched_at=stamps.dispatched_at,
                arrived_at=stamps.arrived_at,
                cleared_at=stamps.closed_at,
            )
        )
    if not now.concluded:
        now.closed_by_cad = True
        if now.case is not None:
            endings.end(turn, endings.CLOSED_BY_CAD)
        else:
            consider(turn)
    return turn.done()


@of_its_agency
def responder_reported(call: Call, fact: ResponderReported, given: Given, at: datetime) -> Next[Call]:
    """Record who went, also after the conclusion; an arrival answers a team's request for help."""
    turn = Turn(call, given, at)
    now = turn.call
    turn.name(fact.agency)
    turn.say(
        ResponderRecorded(
            **turn.head,
            responder=fact.responder,
            unit=fact.unit,
            dispatched_at=fact.dispatched_at,
            arrived_at=fact.arrived_at,
            cleared_at=fact.cleared_at,
            arrest=fact.arrest,
            force=fact.force,
            hold=fact.hold,
        )
    )
    case = now.case
    helped = fact.arrived_at is not None and fact.responder not in NOT_SENT_TO_HELP
    if case is not None and case.backup_wanted and helped:
        case.backup_wanted = False
        involve_police(now, PoliceInvolvement.BACKUP_ARRIVED)
        turn.say(
            BackupArrived(
                occurred_at=at,
                call_id=now.call_id,
                agency=now.agency,
                case_id=case.case_id,
                provider=case.provider,
                epoch=case.epoch,
                unit=fact.unit,
            )
        )
    return turn.done()


def _heard(turn: Turn, fact: PictureFact | CallTriaged) -> bool:
    """Take over a picture if none is newer; return whether it is of the newest revision."""
    call = turn.call
    turn.name(fact.agency)
    call.incident_number = call.incident_number or fact.incident_number
    if isinstance(fact, CallReopened | CallTriaged):
        call.reopens = call.reopens or fact.reopens
    if call.accepted_at is None or fact.occurred_at < call.accepted_at:
        call.accepted_at = fact.occurred_at
    if _is_newer(fact.revision, fact.occurred_at, call):
        call.revision, call.revised_at = fact.revision, fact.occurred_at
        call.picture = call.following(fact.picture)
        call.division = turn.directory.locate(fact.picture).division
        call.own = call.judged = call.told = False
        rereviews.drop(call)
    if call.concluded:
        _make_up(turn)
    elif is_diverted(fact.picture):
        _diverted(turn, fact)
    else:
        _observed(turn)
    return call.revision is not None and call.revision.digest == fact.revision.digest


def _make_up(turn: Turn) -> None:
    """Make the hand-off of a call that had to be concluded before its agency was known."""
    if turn.call.owes_hand_off:
        turn.call.owes_hand_off = False
        if turn.call.reported:
            where = TeamPosition.UNKNOWN
            promises.hand_off(turn, HandOffReason.DANGER, Responder.PATROL, urgent=True, position=where)
        else:
            promises.hand_off(turn, HandOffReason.NOT_UNDERSTOOD, Responder.HOLD, urgent=False)


def _diverted(turn: Turn, fact: PictureFact | CallTriaged) -> None:
    call = turn.call
    by = min(fact.decide_by, fact.occurred_at + turn.limits.decide_within)
    call.decide_by = by if call.decide_by is None else min(call.decide_by, by)
    if not call.diverted:
        call.diverted = True
        call.observed_until = None
        call.stage = Stage.AWAITING_TRIAGE


def _observed(turn: Turn) -> None:
    call = turn.call
    if not call.diverted and call.accepted_at is not None:
        call.stage = Stage.OBSERVED
        call.observed_until = call.accepted_at + turn.limits.observe_for


def _is_newer(revision: Revision, accepted_at: datetime, call: Call) -> bool:
    """Order revisions as CAD does, else by acceptance; of two accepted at once, one stays the newer in any order."""
    known = call.revision
    if known is None or call.revised_at is None:
        return True
    if revision.is_older_than(known):
        return False
    if known.is_older_than(revision):
        return True
    return (accepted_at, revision.digest) > (call.revised_at, known.digest)
