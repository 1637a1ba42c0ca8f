"""triage.v1: what triage decided, and why. No private words."""

from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.call import Decision, Picture, Revision, Signal
from divert_contracts.facts.base import CallFact
from divert_contracts.vocabulary import Change


class CallTriaged(CallFact):
    """A revision of a call was judged. ``occurred_at`` is when the revision was accepted, so a repeat is identical."""

    incident_number: str
    revision: Revision
    picture: Picture
    decide_by: AwareDatetime
    signals: tuple[Signal, ...] = ()
    decision: Decision
    reopens: UUID | None = None
    """As in the revision's own fact."""


class ShadowDiffered(CallFact):
    """A second policy, run beside the one in force, decided otherwise."""

    revision: Revision
    in_force: Decision
    shadow: Decision
    change: Change = Change.UNKNOWN
    """What the second policy would have changed."""
