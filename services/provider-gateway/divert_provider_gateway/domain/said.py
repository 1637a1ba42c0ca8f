"""What a provider can say, as it comes over HTTP."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    Field,
    SerializeAsAny,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    computed_field,
)

from divert_contracts.model import COUNTED, Instant, Model
from divert_contracts.step import Command
from divert_contracts.vocabulary import (
    Answer,
    Contact,
    DeclineReason,
    Disposition,
    FollowUp,
    HandBackReason,
    Hazard,
    Need,
    Question,
    SafetyEvent,
    TeamPosition,
    Verb,
)
from divert_provider_gateway.domain.case import CaseStage

LONGEST_ARRIVAL = timedelta(hours=24)
"""An arrival time beyond this is a slip of the device, not a promise."""
MOST_TEAMS = 200

LONGEST_NOTE = 4_000
"""Characters of a note."""
MOST_NOTES = 100

NO_EPOCH = -1
"""Of no offer: an answer without an epoch is about none that stands."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/@-]*$", max_length=64)]
"""A coded word or the provider's own id of something. Never free text."""
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=32)]
"""One coded word: a name or an address does not fit in."""


class Said(Model):
    """What a provider says of a case."""

    said_at: Instant | None = None
    """When the device recorded it, if it was sent later."""
    by: Code | None = None
    """The provider's own id of who says it; never a name."""


class Answering(Said):
    """An answer about who has the case: fenced by the offer's epoch."""

    epoch: int
    """The epoch of the offer that is spoken of, as it was read."""


def _or_default(value: object, read: ValidatorFunctionWrapHandler, default: Any) -> Any:  # noqa: ANN401 (any field)
    try:
        return read(value)
    except ValidationError:
        return default


def _hazards(value: object, read: ValidatorFunctionWrapHandler) -> tuple[Hazard, ...]:
    return _or_default(value, read, (Hazard.UNKNOWN,))


def _answer(value: object, read: ValidatorFunctionWrapHandler) -> Answer:
    return _or_default(value, read, Answer.UNKNOWN)


def _position(value: object, read: ValidatorFunctionWrapHandler) -> TeamPosition:
    return _or_default(value, read, TeamPosition.UNKNOWN)


def _epoch(value: object, read: ValidatorFunctionWrapHandler) -> int:
    return _or_default(value, read, NO_EPOCH)


def _reason(value: object, read: ValidatorFunctionWrapHandler) -> HandBackReason:
    return _or_default(value, read, HandBackReason.UNKNOWN)


def _contact(value: object, read: ValidatorFunctionWrapHandler) -> Contact:
    return _or_default(value, read, Contact.NONE)


def _nothing(value: object, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 (any field)
    return _or_default(value, read, None)


ANYTHING = WithJsonSchema({})
"""What cannot be read is not refused."""


class SafetyReport(Said):
    """Something that is never refused for a case that is known: what cannot be read of it counts as not said."""

    said_at: Annotated[Instant | None, WrapValidator(_nothing), ANYTHING] = None
    """When the device recorded it, if it was sent later."""
    by: Annotated[Code | None, WrapValidator(_nothing), ANYTHING] = None
    """The provider's own id of who says it; never a name."""


Hazards = Annotated[tuple[Hazard, ...], Field(max_length=20), WrapValidator(_hazards)]
"""Hazards as a team reports them; what cannot be read is an unknown hazard, so danger."""


class Acknowledge(Answering):
    """We take it, and will be there by then."""

    arrive_by: Instant | None = None
    """The arrival time that is promised; this or ``arrive_in_seconds``."""
    arrive_in_seconds: float | None = Field(default=None, gt=0, le=LONGEST_ARRIVAL.total_seconds())
    """The same, in seconds from now."""


class Decline(Answering):
    """We cannot take it."""

    reason: DeclineReason


class AssignTeam(Answering):
    """This team has it."""

    team: Code
    unit: Code | None = None


class GoEnRoute(Answering):
    """The team is on its way; takes the case where that was not said before."""

    arrive_by: Instant | None = None
    """The arrival time that is promised now."""


class Arrive(SafetyReport):
    """The team is there. Always taken: people must know where a team is."""


class MakeContact(Said):
    """The team spoke with the person."""

    contact: Contact


class AnswerSafetyCheck(SafetyReport):
    """The team is well."""


class Ask(Said):
    """One of the script's questions, for the dispatcher."""

    question: Question


class RequestBackup(SafetyReport):
    """The team wants help to come, and keeps the case."""

    hazards: Hazards = ()
    medical: Annotated[Answer, WrapValidator(_answer)] = Answer.NOT_ASKED
    """Whether it is for a medical emergency."""
    position: Annotated[TeamPosition | None, WrapValidator(_position)] = None
    """Where the team is; what is known from its reports where it does not say."""


class RaiseEmergency(SafetyReport):
    """The team is in danger."""

    hazards: Hazards = ()
    position: Annotated[TeamPosition | None, WrapValidator(_position)] = None
    """Where the team is; what is known from its reports where it does not say."""


class ReportBackup(SafetyReport):
    """Help has come."""

    unit: Annotated[Code | None, WrapValidator(_nothing)] = None


class ConfirmRecall(SafetyReport):
    """The team has withdrawn, or stays away."""

    position: Annotated[TeamPosition | None, WrapValidator(_position)] = None
    """Where the team is now; ``withdrawn`` where it does not say."""


class HandBack(SafetyReport, Answering):
    """The provider gives the case back. Without a reason that can be read it counts as one for danger."""

    epoch: Annotated[int, WrapValidator(_epoch)] = NO_EPOCH
    """The epoch of the offer that is spoken of, as it was read; danger is taken without it."""
    reason: Annotated[HandBackReason, WrapValidator(_reason)] = HandBackReason.UNKNOWN
    hazards: Hazards = ()
    contact: Annotated[Contact, WrapValidator(_contact)] = Contact.NONE
    """Whether the team has spoken with the person."""

    @property
    def tells_of_danger(self) -> bool:
        """Say whether it is a danger report too, which is taken whoever has the case."""
        return bool(self.hazards) or self.reason in {
            HandBackReason.WEAPON,
            HandBackReason.VIOLENCE,
            HandBackReason.UNKNOWN,
        }


class Close(Answering):
    """The provider has finished."""

    disposition: Disposition
    contact: Contact = Contact.NONE
    """``none`` leaves standing what was said before."""
    referral: Kind | None = None
    """Coded kind of service, never a name."""
    transport: Kind | None = None
    """Coded kind of destination."""
    follow_up_due: Instant | None = None


class ReportFollowUp(Said):
    """The follow-up was made."""

    result: FollowUp


class WriteNote(Said):
    """Words for the provider's own record. They stay in the gateway: nothing is published."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NOTE)]


class ReportSafetyEvent(SafetyReport):
    """Something went wrong on the case."""

    event: SafetyEvent


VERBS: Mapping[Verb, type[Said]] = {
    Verb.ACKNOWLEDGE: Acknowledge,
    Verb.DECLINE: Decline,
    Verb.TEAM_ASSIGNED: AssignTeam,
    Verb.EN_ROUTE: GoEnRoute,
    Verb.ON_SCENE: Arrive,
    Verb.CONTACTED: MakeContact,
    Verb.SAFETY_CHECK: AnswerSafetyCheck,
    Verb.QUESTION: Ask,
    Verb.BACKUP: RequestBackup,
    Verb.EMERGENCY: RaiseEmergency,
    Verb.BACKUP_ARRIVED: ReportBackup,
    Verb.CONFIRM_RECALL: ConfirmRecall,
    Verb.HAND_BACK: HandBack,
    Verb.CLOSE: Close,
    Verb.FOLLOW_UP: ReportFollowUp,
    Verb.SAFETY_EVENT: ReportSafetyEvent,
    Verb.NOTE: WriteNote,
}
"""What each word stands for; the HTTP routes have the same names."""


class Tell(Command):
    """A provider says something of a case."""

    case_id: UUID
    said: SerializeAsAny[Said]

    @computed_field
    @property
    def verb(self) -> str:
        """What is said; part of what an Idempotency-Key stands for."""
        return type(self.said).__name__

    @property
    def key(self) -> str:
        """The case's id."""
        return str(self.case_id)


class OnShift(Model):
    """A team on shift, as a provider says it."""

    team: Code
    """The provider's own id of the team."""
    unit: Code | None = None
    members: Annotated[int, Field(ge=0, le=100), COUNTED] | None = None
    languages: tuple[Code, ...] = Field(default=(), max_length=50)
    """BCP 47 tags."""
    needs: tuple[Need, ...] = Field(default=(), max_length=20)
    """What needs it can meet."""


class ChangeShift(Command):
    """The provider says which teams are on duty from now on."""

    provider: str
    teams: tuple[OnShift, ...] = Field(max_length=MOST_TEAMS)
    """Empty: nobody is."""

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class SignOn(Command):
    """A team comes on duty, or says anew what it can do."""

    provider: str
    team: OnShift

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class SignOff(Command):
    """A team goes off duty."""

    provider: str
    team: Code
    relief: Code | None = None
    """The team that goes on in its place; null when nobody does."""

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider


class CaseStatus(Model):
    """What is answered to whoever said something of a case."""

    case_id: UUID
    stage: CaseStage
    epoch: int
    repeated: bool = False
    """It was said before; nothing was published anew."""
