"""The step for a fact that could not be handled: a dead letter is not silence."""

from datetime import datetime

from divert_contracts.step import Failure, Next
from divert_contracts.topics import CASES
from divert_contracts.vocabulary import Eligibility, HandOffReason, Responder
from divert_routing.domain import endings, promises
from divert_routing.domain.call import Call
from divert_routing.domain.decisions import eligibility
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn

UNKNOWN_PROVIDER = "provider:unknown"
OF_PROVIDERS = frozenset(fact.type_name() for fact in CASES.carries)


def not_understood(call: Call, failure: Failure, given: Given, at: datetime) -> Next[Call]:
    """Hand a call off of which something could not be read.

    After the conclusion that is done once more when a provider said it, or might have: it may have been a call for
    help. An observed call is left alone: nobody waits for divert there.
    """
    turn = Turn(call, given, at)
    now = turn.call
    named = failure.agency if failure.agency in given.agencies else None
    now.agency = now.agency or named or _only(given.agencies)
    if failure.reason == UNKNOWN_PROVIDER:
        # Nobody who has any of this call: what the others do goes on, and the dead letter is counted.
        return turn.done()
    if now.concluded:
        if failure.fact_type is None or failure.fact_type in OF_PROVIDERS:
            _hand_off_again(turn)
    elif now.revision is None:
        # What is not known is not left to silence: until CAD says otherwise, it was diverted.
        now.diverted = True
        endings.end(turn, endings.NOT_UNDERSTOOD)
    elif now.diverted:
        _give_up(turn)
    return turn.done()


def _give_up(turn: Turn) -> None:
    call = turn.call
    found = eligibility(call)
    if call.attempts or (call.judged and found is Eligibility.ELIGIBLE):
        endings.end(turn, endings.NOT_UNDERSTOOD_AFTER_TRIAGE)
    elif call.judged and found is Eligibility.INELIGIBLE:
        endings.by_ruling_out(turn)
    else:
        endings.end(turn, endings.NOT_UNDERSTOOD)


def _hand_off_again(turn: Turn) -> None:
    call = turn.call
    waiting = any(one.reason is HandOffReason.NOT_UNDERSTOOD for one in call.hand_offs)
    if call.agency and not waiting:
        promises.hand_off(turn, HandOffReason.NOT_UNDERSTOOD, Responder.HOLD, urgent=True)


def _only(agencies: frozenset[str]) -> str:
    return next(iter(agencies)) if len(agencies) == 1 else ""
