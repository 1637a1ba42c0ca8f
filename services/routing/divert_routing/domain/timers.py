"""The timers of a call. Each runs its step in ``deadlines`` or ``promises`` when its time has come."""

from uuid import UUID

from divert_contracts.step import Timer


class TriageOverdue(Timer):
    """The newest revision was not judged in time."""


class ReviewOverdue(Timer):
    """Nobody reviewed the call in time."""


class HoldOver(Timer):
    """The desk's hold is over."""


class ObservationOver(Timer):
    """CAD did not close an observed call."""


class AnswerOverdue(Timer):
    """The provider did not answer an offer."""


class EnRouteOverdue(Timer):
    """No team set out in time."""


class ArrivalOverdue(Timer):
    """The team did not arrive in time."""


class CheckUnanswered(Timer):
    """A safety check was not answered: the desk rings."""


class CheckMissed(Timer):
    """A safety check was still not answered: the PSAP checks on the team."""


class NotClosed(Timer):
    """A case was not closed in time."""


class Unaccepted(Timer):
    """No dispatcher accepted a hand-off or a call for assistance."""

    handoff_id: UUID


class RecallUnconfirmed(Timer):
    """A provider did not confirm a recall."""

    case_id: UUID


class PrivateOutlived(Timer):
    """The private part is to be forgotten."""


TRIAGE_OVERDUE = TriageOverdue()
REVIEW_OVERDUE = ReviewOverdue()
HOLD_OVER = HoldOver()
OBSERVATION_OVER = ObservationOver()
ANSWER_OVERDUE = AnswerOverdue()
EN_ROUTE_OVERDUE = EnRouteOverdue()
ARRIVAL_OVERDUE = ArrivalOverdue()
CHECK_UNANSWERED = CheckUnanswered()
CHECK_MISSED = CheckMissed()
NOT_CLOSED = NotClosed()
PRIVATE_OUTLIVED = PrivateOutlived()
