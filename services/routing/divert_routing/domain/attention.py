"""What waits for somebody at the desk, the most acute and oldest first; and every promise that is open."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from divert_contracts.model import Model
from divert_contracts.vocabulary import (
    Acuity,
    Assistance,
    HandOffReason,
    Question,
    RecallReason,
    Responder,
)
from divert_routing.domain.call import Call, Case
from divert_routing.domain.promises import OUT_THERE

AT_ONCE = 0
"""The urgency of what concerns a person in danger now."""
URGENCY = {Acuity.IMMEDIATE: 1, Acuity.EMERGENT: 1, Acuity.UNKNOWN: 1, Acuity.URGENT: 2, Acuity.ROUTINE: 3}
"""By acuity; what is not known is not taken for harmless."""


class Kind(StrEnum):
    """What a need is about."""

    ASSISTANCE = "assistance"
    """A team's call for help that no dispatcher has accepted."""
    CHECK = "check"
    """A team on scene that did not answer its safety check: the desk rings."""
    RECALL = "recall"
    """A recall that its provider has not confirmed."""
    HAND_OFF = "hand_off"
    """A hand-off that no dispatcher has accepted."""
    QUESTION = "question"
    """A question of the team."""
    REVIEW = "review"
    """What the rules would not decide, or danger in doubt of a call that a team has."""
    HOLD = "hold"
    """A hold that the desk ordered; it needs nobody until it ends."""
    EXTENSION = "extension"
    """A limit that the desk moved; it needs nobody until it ends."""


class Need(Model):
    """Something that is open."""

    id: str
    """Of what is open; stays the same while it is."""
    call_id: UUID
    kind: Kind
    urgency: int
    """0 concerns a person in danger; else 1 to 3 by the call's acuity."""
    since: datetime
    due: datetime | None = None
    """When it is repeated, lapses or ends."""
    repeat: int = 0
    assistance: Assistance | None = None
    hand_off: HandOffReason | None = None
    recall: RecallReason | None = None
    recommend: Responder | None = None
    provider: str | None = None
    unit: str | None = None
    questions: tuple[Question, ...] = ()


def needs(call: Call, at: datetime) -> list[Need]:
    """Return what of a call needs somebody at the desk now, the most acute and oldest first."""
    return sorted([*_promised(call), *_asked(call, at)], key=order)


def promises(call: Call, at: datetime) -> list[Need]:
    """Return everything that is open of a call, also what needs nobody just now."""
    return sorted([*needs(call, at), *_granted(call)], key=order)


def order(need: Need) -> tuple[int, datetime, str]:
    """Return the key by which needs are sorted."""
    return need.urgency, need.since, need.id


def _promised(call: Call) -> list[Need]:
    urgency = URGENCY[call.acuity]
    found = [
        Need(
            id=f"assistance-{one.handoff_id}",
            call_id=call.call_id,
            kind=Kind.ASSISTANCE,
            urgency=AT_ONCE,
            since=one.since,
            due=one.accept_by,
            repeat=one.repeat,
            assistance=one.assistance,
            recommend=one.recommend,
            provider=one.provider,
            unit=one.unit,
        )
        for one in call.helps
    ]
    found += [
        Need(
            id=f"recall-{one.case_id}",
            call_id=call.call_id,
            kind=Kind.RECALL,
            urgency=AT_ONCE if one.position in OUT_THERE else urgency,
            since=one.since,
            due=one.confirm_by,
            repeat=one.repeat,
            recall=one.reason,
            provider=one.provider,
            unit=one.unit,
        )
        for one in call.recalls
    ]
    found += [
        Need(
            id=f"hand_off-{one.handoff_id}",
            call_id=call.call_id,
            kind=Kind.HAND_OFF,
            urgency=AT_ONCE if one.urgent else urgency,
            since=one.since,
            due=one.accept_by,
            repeat=one.repeat,
            hand_off=one.reason,
            recommend=one.recommend,
            unit=one.unit,
        )
        for one in call.hand_offs
    ]
    return found


def _asked(call: Call, at: datetime) -> list[Need]:
    urgency = URGENCY[call.acuity]
    found: list[Need] = []
    case = call.case
    if case is not None and case.check_by is not None and case.ring_at is None:
        found.append(_need(call, case, Kind.CHECK, AT_ONCE, since=case.check_by, due=case.psap_check_at))
    if case is not None and case.questions:
        asked = _need(call, case, Kind.QUESTION, urgency, since=case.asked_at or at)
        found.append(asked.model_copy(update={"questions": case.questions}))
    if call.review_by is not None:
        since = call.revised_at or call.accepted_at or at
        review = Need(
            id=f"review-{call.call_id}",
            call_id=call.call_id,
            kind=Kind.REVIEW,
            urgency=urgency if case is None else AT_ONCE,
            since=since,
            due=call.review_by,
        )
        found.append(review)
    return found


def _granted(call: Call) -> list[Need]:
    found: list[Need] = []
    since = call.accepted_at
    if call.held_until is not None and since is not None:
        found.append(
            Need(
                id=f"hold-{call.call_id}",
                call_id=call.call_id,
                kind=Kind.HOLD,
                urgency=URGENCY[call.acuity],
                since=since,
                due=call.held_until,
            )
        )
    case = call.case
    if case is not None and case.extended_to is not None and case.acknowledged_at is not None:
        found.append(
            _need(call, case, Kind.EXTENSION, URGENCY[call.acuity], since=case.acknowledged_at, due=case.extended_to)
        )
    return found


def _need(call: Call, case: Case, kind: Kind, urgency: int, *, since: datetime, due: datetime | None = None) -> Need:
    return Need(
        id=f"{kind}-{case.case_id}",
        call_id=call.call_id,
        kind=kind,
        urgency=urgency,
        since=since,
        due=due,
        provider=case.provider,
        unit=case.unit,
    )
