"""The step for a fact that could not be handled: a dead letter is not silence."""

from dataclasses import replace
from datetime import datetime

from divert_contracts.facts.cases import BackupRequested, EmergencyRaised
from divert_contracts.step import Failure, Next
from divert_contracts.topics import CASES
from divert_contracts.vocabulary import Eligibility, HandOffReason, Hazard, RecallReason, Responder, TeamPosition
from divert_routing.domain import dangers, endings, promises
from divert_routing.domain.call import Call
from divert_routing.domain.decisions import eligibility
from divert_routing.domain.endings import Ending
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn

UNKNOWN_PROVIDER = "provider:unknown"
OF_PROVIDERS = frozenset(fact.type_name() for fact in CASES.carries)
FOR_HELP = frozenset({BackupRequested.type_name(), EmergencyRaised.type_name()})


def not_understood(call: Call, failure: Failure, given: Given, at: datetime) -> Next[Call]:
    """Hand a call off of which something could not be read.

    A call for help whose words could not be read is one: danger that nobody could name, and patrol at once. After the
    conclusion the call is handed off once more when a provider said it, or might have: it may have been a call for
    help. Otherwise an observed call is left alone: nobody waits for divert there.
    """
    turn = Turn(call, given, at)
    now = turn.call
    named = failure.agency if failure.agency in given.agencies else None
    now.agency = now.agency or named or _only(given.agencies)
    if failure.reason == UNKNOWN_PROVIDER:
        # Nobody who has any of this call: what the others do goes on, and the dead letter is counted.
        return turn.done()
    for_help = failure.fact_type in FOR_HELP
    found = eligibility(now)
    if for_help and dangers.learn(turn, (Hazard.UNKNOWN,), "team"):
        promises.warn_again(turn)
    if now.concluded:
        if failure.fact_type is None or failure.fact_type in OF_PROVIDERS:
            _hand_off_again(turn, failure)
    elif now.revision is None:
        # What is not known is not left to silence: until CAD says otherwise, it was diverted.
        now.diverted = True
        endings.end(turn, _told(endings.NOT_UNDERSTOOD, now, failure))
    elif now.diverted:
        _give_up(turn, failure, found)
    elif for_help:
        _hand_off_again(turn, failure)
    return turn.done()


def _give_up(turn: Turn, failure: Failure, found: Eligibility) -> None:
    call = turn.call
    if call.attempts or (call.judged and found is Eligibility.ELIGIBLE):
        endings.end(turn, _told(endings.NOT_UNDERSTOOD_AFTER_TRIAGE, call, failure))
    elif call.judged and found is Eligibility.INELIGIBLE:
        endings.by_ruling_out(turn)
    else:
        endings.end(turn, _told(endings.NOT_UNDERSTOOD, call, failure))


def _told(ending: Ending, call: Call, failure: Failure) -> Ending:
    """Return the ending as the dispatcher and the team are told of it; the outcome is the same."""
    if failure.fact_type in FOR_HELP:
        return replace(
            ending,
            recall=RecallReason.DANGER,
            hand_off=HandOffReason.DANGER,
            recommend=Responder.PATROL,
            urgent=True,
            team=TeamPosition.UNKNOWN,
        )
    # Of what type it was is not known either: where a team has the call, it may have been theirs for help.
    return replace(ending, urgent=failure.fact_type is None and call.acknowledged)


def _hand_off_again(turn: Turn, failure: Failure) -> None:
    for_help = failure.fact_type in FOR_HELP
    reason = HandOffReason.DANGER if for_help else HandOffReason.NOT_UNDERSTOOD
    waiting = any(one.reason is reason and one.urgent for one in turn.call.hand_offs)
    if not turn.call.agency or waiting:
        return
    if for_help:
        promises.hand_off(turn, reason, Responder.PATROL, urgent=True, position=TeamPosition.UNKNOWN)
    else:
        promises.hand_off(turn, reason, Responder.HOLD, urgent=True)


def _only(agencies: frozenset[str]) -> str:
    return next(iter(agencies)) if len(agencies) == 1 else ""
