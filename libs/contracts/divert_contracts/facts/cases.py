"""cases.v1: what providers said about their cases. No private words."""

from pydantic import AwareDatetime

from divert_contracts.facts.base import CaseFact
from divert_contracts.vocabulary import (
    MEDICAL,
    Answer,
    Contact,
    DeclineReason,
    Disposition,
    FollowUp,
    HandBackReason,
    Hazard,
    Question,
    SafetyEvent,
    TeamPosition,
)


class CaseAcknowledged(CaseFact):
    """The provider takes the call and promises an arrival time."""

    arrive_by: AwareDatetime


class CaseDeclined(CaseFact):
    """The provider does not take the call."""

    reason: DeclineReason


class TeamAssigned(CaseFact):
    """A team has the case."""

    team: str
    unit: str | None = None


class TeamEnRoute(CaseFact):
    """The team is on its way; implies that the case was acknowledged."""

    arrive_by: AwareDatetime | None = None


class TeamOnScene(CaseFact):
    """The team is there."""


class PersonContacted(CaseFact):
    """The team spoke with the person."""

    contact: Contact


class SafetyCheckAnswered(CaseFact):
    """The team on scene says that it is well."""


class QuestionAsked(CaseFact):
    """The team asks the dispatcher one of the script's questions."""

    question: Question


class BackupRequested(CaseFact):
    """The team wants police or medical help to come; it keeps the case."""

    hazards: tuple[Hazard, ...] = ()
    medical: Answer = Answer.NOT_ASKED
    position: TeamPosition = TeamPosition.UNKNOWN

    @property
    def for_medical(self) -> bool:
        """Whether an ambulance is wanted, perhaps among others."""
        return self.medical is Answer.YES or not MEDICAL.isdisjoint(self.hazards)

    @property
    def for_police(self) -> bool:
        """Whether the police are wanted: not where it is about an ambulance alone."""
        return not self.for_medical or not MEDICAL.issuperset(self.hazards)


class EmergencyRaised(CaseFact):
    """The team is in danger."""

    hazards: tuple[Hazard, ...] = ()
    position: TeamPosition = TeamPosition.UNKNOWN


class BackupArrived(CaseFact):
    """Help has come; the gateway publishes it on the team's word, routing on CAD's."""

    unit: str | None = None


class RecallConfirmed(CaseFact):
    """The team has withdrawn or stays away."""

    position: TeamPosition = TeamPosition.WITHDRAWN


class CaseHandedBack(CaseFact):
    """The provider gives the case back to the dispatcher."""

    reason: HandBackReason
    hazards: tuple[Hazard, ...] = ()
    contact: Contact = Contact.NONE


class CaseClosed(CaseFact):
    """The provider has finished the case."""

    disposition: Disposition
    contact: Contact = Contact.NONE
    """``none`` leaves standing what was said before."""
    referral: str | None = None
    """Coded kind of service, never a name."""
    transport: str | None = None
    """Coded kind of destination."""
    follow_up_due: AwareDatetime | None = None


class FollowUpDone(CaseFact):
    """The follow-up was made."""

    result: FollowUp


class SafetyEventReported(CaseFact):
    """Something went wrong on a case; independent of its conclusion."""

    event: SafetyEvent
