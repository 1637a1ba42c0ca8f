"""calls.v1: what CAD and the other callers of intake said. The only facts that bring private words in."""

from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.call import Picture, Revision, Stamps
from divert_contracts.facts.base import CallFact, WithPrivate
from divert_contracts.vocabulary import Answer, CancelReason, Responder


class PictureFact(WithPrivate):
    """A whole current picture of a call; ``occurred_at`` is when intake accepted it."""

    incident_number: str
    revision: Revision
    picture: Picture
    decide_by: AwareDatetime
    """Until when divert may offer it; after that the dispatcher keeps it."""


class CallReceived(PictureFact):
    """A call was posted."""


class CallUpdated(PictureFact):
    """CAD sent a newer picture of a call."""


class CallReopened(PictureFact):
    """A concluded call came back as a new one."""

    reopens: UUID
    """The id of the old call."""


class CallCancelled(CallFact):
    """CAD cancelled the call."""

    reason: CancelReason
    duplicate_of: UUID | None = None
    """The master call, for a duplicate."""


class CallClosedByCad(CallFact):
    """CAD closed the call."""

    disposition_code: str | None = None
    """CAD's own code."""
    stamps: Stamps = Stamps()


class HandoffAccepted(CallFact):
    """A dispatcher accepted a hand-off or a call for assistance."""

    handoff_id: UUID
    by: str
    """The dispatcher's own id; never a name."""
    unit: str | None = None


class ResponderReported(CallFact):
    """CAD says who went instead, or came to help, and how it went."""

    responder: Responder
    unit: str | None = None
    dispatched_at: AwareDatetime | None = None
    arrived_at: AwareDatetime | None = None
    cleared_at: AwareDatetime | None = None
    arrest: Answer = Answer.NOT_ASKED
    force: Answer = Answer.NOT_ASKED
    hold: Answer = Answer.NOT_ASKED
    """An involuntary hold was placed."""
