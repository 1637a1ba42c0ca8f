"""A share of what the rules decided by themselves is decided again by a person who does not know what they decided.

It measures the rules and never changes a call. Drills are in no figure, and so never chosen.
"""

import hashlib
from datetime import datetime

from divert_contracts.facts.routing import DecisionRereviewed
from divert_contracts.step import Next
from divert_contracts.vocabulary import Eligibility, ReviewReason
from divert_routing.domain.call import Call, Rereview
from divert_routing.domain.desk import DeskCommand
from divert_routing.domain.given import Given
from divert_routing.domain.standing import at_desk
from divert_routing.domain.turn import Turn

AUTOMATIC = frozenset({Eligibility.ELIGIBLE, Eligibility.INELIGIBLE})
"""Decisions that no person had a part in."""
_ALL = 1 << 64


class DecideAgain(DeskCommand):
    """Decide again what the rules had decided."""

    revision: str
    """Digest of the revision that the person saw."""
    eligibility: Eligibility
    """``needs_review`` when the person would have asked somebody."""
    reason: ReviewReason


def choose(turn: Turn) -> None:
    """Choose the newest revision's decision, if it is one of the share: by the hash of call and revision."""
    call = turn.call
    decision, revision, picture = call.decision, call.revision, call.picture
    if decision is None or revision is None or picture is None or decision.eligibility not in AUTOMATIC:
        return
    if not call.diverted or picture.exercise or picture.recorded_late:
        return
    if in_share(f"{call.call_id}:{revision.digest}", turn.directory.desk.rereview_share):
        call.rereview = Rereview(
            revision=revision, automatic=decision.eligibility, policy=decision.policy, since=turn.at
        )


def drop(call: Call) -> None:
    """Give a choice up: what would be looked at is not there any more."""
    if call.rereview is not None and call.rereview.waiting:
        call.rereview = call.rereview.model_copy(update={"waiting": False})


def in_share(name: str, share: float) -> bool:
    """Say whether a name is in a share from 0 to 1: always the same, and in a greater share too."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") < share * _ALL


def decided_again(call: Call, command: DecideAgain, given: Given, at: datetime) -> Next[Call]:
    """Record what a person would have decided; nothing else becomes of it."""
    turn = Turn(call, given, at)
    known = call.rereview
    if known is None or not known.waiting:
        return turn.refuse("not-waiting", "No decision of this call waits to be decided again.")
    if command.revision != known.revision.digest:
        return turn.refuse("revision-changed", "This is not the revision that was to be decided again.")
    if command.eligibility is Eligibility.UNKNOWN:
        return turn.refuse("undecided", "Say eligible, ineligible or needs review.", 422)
    drop(turn.call)
    turn.say(
        DecisionRereviewed(
            **turn.head,
            revision=known.revision,
            automatic=known.automatic,
            eligibility=command.eligibility,
            agreed=command.eligibility is known.automatic,
            reason=command.reason,
            by=command.by,
            policy=known.policy,
        )
    )
    return turn.done(at_desk(turn.call))
