"""Who at the desk looks after a call: shown to the others, and nobody decides the same at the same time."""

from datetime import datetime

from divert_contracts.facts.routing import CallClaimed
from divert_routing.domain.call import Call, Claim
from divert_routing.domain.turn import Turn


def held_by_another(call: Call, by: str, at: datetime) -> Claim | None:
    """Return the claim of somebody else, if it runs."""
    claim = call.claim
    return claim if claim is not None and claim.by != by and at < claim.until else None


def claim(turn: Turn, by: str, said_by: str | None = None) -> None:
    """Let somebody look after the call from now on, and keep its review from others for a while.

    Args:
        turn: the step.
        by: who.
        said_by: who says so; themselves when it is left out.
    """
    _take(turn, Claim(by=by, at=turn.at, until=turn.at + turn.directory.desk.claim_for), said_by or by)


def answer_for(turn: Turn, by: str) -> None:
    """Let whoever ordered something look after what follows from it, without keeping anything from others."""
    if turn.call.claim is None or turn.call.claim.by != by:
        _take(turn, Claim(by=by, at=turn.at, until=turn.at), by)


def _take(turn: Turn, claim: Claim, said_by: str) -> None:
    known = turn.call.claim
    turn.call.claim = claim
    if known is None or known.by != claim.by:
        previous = None if known is None else known.by
        turn.say(CallClaimed(**turn.head, by=claim.by, previous=previous, said_by=said_by))
