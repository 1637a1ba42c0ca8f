"""What a provider keeps books of: follow-ups that are owed, what went wrong, and why its offers expired. Pure.

An entry is a function of its case and holds no private words, so it stays when they go.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.model import Model, Term
from divert_contracts.vocabulary import Acuity, Disposition, FollowUp
from divert_provider_gateway.domain.case import Case, CaseStage, SafetyEventNoted
from divert_provider_gateway.domain.webhook import Delivery, Ending, Result

ENDS_FOLLOW_UP = frozenset({FollowUp.REACHED, FollowUp.CONNECTED, FollowUp.DECLINED})
"""After these nothing is owed any more; who was not reached is tried again."""
OFFERED = "divert.CaseOffered.v1"


class ExpiryCause(Term):
    """Why an offer expired; the first that fits."""

    CAME_LATE = "came_late"
    """It reached the gateway when half of its time or more was over: divert's own doing."""
    NOT_DELIVERED = "not_delivered"
    """The provider's webhook could not be delivered, or not before half of the offer's time was over."""
    ANSWERED_LATE = "answered_late"
    """It was taken or declined after its deadline."""
    NOBODY_ON_DUTY = "nobody_on_duty"
    """No team was on shift when it came."""
    NOT_ANSWERED = "not_answered"
    """It was there, and nobody said anything."""
    UNKNOWN = "unknown"


class Entry(Model):
    """One case that was taken or that expired."""

    case_id: UUID
    call_id: UUID
    incident_number: str
    stage: CaseStage
    acuity: Acuity
    division: int | None = None
    team: str | None = None
    offered_at: AwareDatetime | None = None
    came_at: AwareDatetime | None = None
    """When the gateway had the offer."""
    answer_by: AwareDatetime | None = None
    taken_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    disposition: Disposition | None = None
    follow_up_due: AwareDatetime | None = None
    follow_up: FollowUp | None = None
    """What came of the last try."""
    follow_up_at: AwareDatetime | None = None
    follow_up_by: str | None = None
    follow_up_tries: int = 0
    events: tuple[SafetyEventNoted, ...] = ()
    expired_at: AwareDatetime | None = None
    answered_late_at: AwareDatetime | None = None
    """When somebody first tried to answer the offer that had expired."""

    @property
    def owed(self) -> bool:
        """Say whether a follow-up is still to be made."""
        return self.follow_up_due is not None and self.follow_up not in ENDS_FOLLOW_UP

    @property
    def noted_at(self) -> datetime | None:
        """When something went wrong last."""
        return max((one.at for one in self.events), default=None)


class Expiry(Model):
    """An offer that expired, and why."""

    case_id: UUID
    call_id: UUID
    incident_number: str
    acuity: Acuity
    division: int | None
    offered_at: AwareDatetime | None
    came_at: AwareDatetime | None
    answer_by: AwareDatetime | None
    expired_at: AwareDatetime
    cause: ExpiryCause
    seconds_to_answer: float | None
    """From the offer's coming to its deadline."""
    seconds_late: float | None
    """Of an answer that came after the deadline."""
    webhook: Result | None
    """What came of the last attempt to deliver it, where a webhook was tried."""
    webhook_tries: int
    teams_on_duty: int | None
    """When it was offered; null where that is not known."""


def entry(case: Case) -> Entry | None:
    """Return a case's entry, or None while there is nothing to keep books of."""
    identity, offer = case.identity, case.offer
    if identity is None or (case.acknowledged_at is None and case.expired_at is None and not case.safety_events):
        return None
    return Entry(
        case_id=case.case_id,
        call_id=identity.call_id,
        incident_number="" if offer is None else offer.incident_number,
        stage=case.stage,
        acuity=Acuity.UNKNOWN if offer is None else offer.acuity,
        division=None if offer is None else offer.division,
        team=case.team,
        offered_at=None if offer is None else offer.offered_at,
        came_at=case.came_at,
        answer_by=None if offer is None else offer.answer_by,
        taken_at=case.acknowledged_at,
        ended_at=case.ended_at,
        disposition=case.disposition,
        follow_up_due=case.follow_up_due,
        follow_up=case.follow_up,
        follow_up_at=case.follow_up_at,
        follow_up_by=case.follow_up_by,
        follow_up_tries=case.follow_up_tries,
        events=case.safety_events,
        expired_at=case.expired_at,
        answered_late_at=case.answered_late_at,
    )


def expiry(
    one: Entry, deliveries: Sequence[Delivery], teams_on_duty: int | None, *, by_webhook: bool = False
) -> Expiry | None:
    """Return why an offer expired, or None of one that did not.

    Args:
        one: its entry.
        deliveries: what became of the case's webhooks.
        teams_on_duty: when it was offered, as far as that is known.
        by_webhook: whether the provider took webhooks by then.
    """
    if one.expired_at is None:
        return None
    sent = next(
        (delivery for delivery in deliveries if delivery.type == OFFERED and (delivery.tries or by_webhook)), None
    )
    came, until, late = one.came_at, one.answer_by, one.answered_late_at
    return Expiry(
        case_id=one.case_id,
        call_id=one.call_id,
        incident_number=one.incident_number,
        acuity=one.acuity,
        division=one.division,
        offered_at=one.offered_at,
        came_at=came,
        answer_by=until,
        expired_at=one.expired_at,
        cause=_cause(one, sent, teams_on_duty),
        seconds_to_answer=None if came is None or until is None else max(0.0, (until - came).total_seconds()),
        seconds_late=None if late is None or until is None else (late - until).total_seconds(),
        webhook=None if sent is None or not sent.tries else sent.tries[-1].result,
        webhook_tries=0 if sent is None else len(sent.tries),
        teams_on_duty=teams_on_duty,
    )


def _cause(one: Entry, sent: Delivery | None, teams_on_duty: int | None) -> ExpiryCause:
    offered, came, until = one.offered_at, one.came_at, one.answer_by
    if offered is None or came is None or until is None:
        return ExpiryCause.UNKNOWN
    half = offered + (until - offered) / 2
    if came >= half:
        return ExpiryCause.CAME_LATE
    if sent is not None and (sent.ending is not Ending.DELIVERED or sent.tries[-1].at >= half):
        return ExpiryCause.NOT_DELIVERED
    if one.answered_late_at is not None:
        return ExpiryCause.ANSWERED_LATE
    return ExpiryCause.NOBODY_ON_DUTY if teams_on_duty == 0 else ExpiryCause.NOT_ANSWERED
