"""What the gateway remembers: cases as their provider sees them, and who is on duty."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import (
    AwareDatetime,
    Field,
)

from divert_contracts.call import Decision, Picture, Private, Signal, Team
from divert_contracts.facts.base import Deadlines
from divert_contracts.facts.statuses import CaseStatusSaid
from divert_contracts.model import Model, Term
from divert_contracts.policy import Versions
from divert_contracts.step import Due, State, Timer
from divert_contracts.vocabulary import (
    Acuity,
    Answer,
    Contact,
    Disposition,
    FollowUp,
    Hazard,
    Need,
    Programme,
    Question,
    RecallReason,
    SafetyEvent,
)

JUST_AFTER = timedelta(milliseconds=1)
"""An acknowledgement at the very deadline is in time; the timer that ends the offer comes after it."""


class CaseStage(Term):
    """Where a case stands with its provider."""

    UNKNOWN = "unknown"
    """Nothing was heard of it."""
    OFFERED = "offered"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    EXPIRED = "expired"
    """Not answered in time."""
    DECLINED = "declined"
    RECALLED = "recalled"
    HANDED_BACK = "handed_back"
    CLOSED = "closed"


NOBODY_YET = frozenset({CaseStage.OFFERED})
HELD = frozenset({CaseStage.ACKNOWLEDGED, CaseStage.EN_ROUTE, CaseStage.ON_SCENE})
LIVE = NOBODY_YET | HELD
ENDED_HELD = frozenset({CaseStage.RECALLED, CaseStage.HANDED_BACK, CaseStage.CLOSED})
ENDED = ENDED_HELD | {CaseStage.EXPIRED, CaseStage.DECLINED}
KNOWN = LIVE | ENDED


class Recall(Model):
    """What the team was told when the case was taken away."""

    reason: RecallReason
    at: AwareDatetime
    urgent: bool = False
    withdraw_if_safe: bool = False
    hazards: tuple[Hazard, ...] = ()
    confirm_by: AwareDatetime | None = None
    """Null when no confirmation is needed."""
    repeat: int = 0
    confirmed_at: AwareDatetime | None = None


class Offer(Model):
    """What was offered."""

    offered_at: AwareDatetime
    attempt: int
    incident_number: str
    programme: Programme
    acuity: Acuity
    division: int | None = None
    decision: Decision
    answer_by: AwareDatetime
    en_route_within: float
    """Seconds from acknowledgement."""
    on_scene_within: float
    """Seconds from acknowledgement."""
    check_after: float | None = None
    """Seconds from arrival to the first safety check."""
    check_every: float | None = None
    """Seconds from one safety check to the next."""
    unmet_needs: tuple[Need, ...] = ()
    mutual_aid: bool = False


class Note(Model):
    """What a team wrote down for its own organisation. It is never published, and goes with the private part."""

    text: str
    at: AwareDatetime
    """When the gateway took it."""
    said_at: AwareDatetime | None = None
    """When the device recorded it."""
    by: str | None = None


class SafetyEventNoted(Model):
    """Something that went wrong on a case, as it stands in the provider's register."""

    event: SafetyEvent
    at: AwareDatetime
    """When the gateway took it."""
    said_at: AwareDatetime | None = None
    """When the device recorded it."""
    by: str | None = None


class Identity(Model):
    """Whose case it is; known from the first fact about it."""

    call_id: UUID
    agency: str
    provider: str
    epoch: int
    """The epoch of the offer; of the recall while only that is known."""


class Case(State):
    """One case as its provider sees it."""

    case_id: UUID
    stage: CaseStage = CaseStage.UNKNOWN
    identity: Identity | None = None
    offer: Offer | None = None
    """Null for a case that was recalled before its offer came."""
    came_at: AwareDatetime | None = None
    """When the gateway had the offer."""
    expired_at: AwareDatetime | None = None
    answered_late_at: AwareDatetime | None = None
    """When somebody first tried to answer it after that."""
    picture: Picture | None = None
    signals: tuple[Signal, ...] = ()
    pictured_at: AwareDatetime | None = None
    """When the picture was published: the newest stays."""
    private: Private | None = None
    """Null once it was forgotten, and for a provider that never took the case."""
    deadlines: Deadlines = Deadlines()
    team: str | None = None
    unit: str | None = None
    arrive_by: AwareDatetime | None = None
    acknowledged_at: AwareDatetime | None = None
    en_route_at: AwareDatetime | None = None
    on_scene_at: AwareDatetime | None = None
    contacted_at: AwareDatetime | None = None
    contact: Contact = Contact.NONE
    checked_at: AwareDatetime | None = None
    """When the team last said that it is well."""
    emergency_at: AwareDatetime | None = None
    """When the team last said that it is in danger."""
    backup_at: AwareDatetime | None = None
    """When the team last asked for help to come."""
    backup_arrived_at: AwareDatetime | None = None
    """When help had last come."""
    asked: tuple[Question, ...] = ()
    """Questions to the dispatcher that were not answered yet."""
    answers: dict[Question, Answer] = Field(default_factory=dict[Question, Answer])
    """What the dispatcher answered."""
    answered_at: dict[Question, AwareDatetime] = Field(default_factory=dict[Question, AwareDatetime])
    """When the dispatcher answered it."""
    recall: Recall | None = None
    disposition: Disposition | None = None
    """How the case was closed."""
    notes: tuple[Note, ...] = ()
    """Oldest first; gone with the private part."""
    follow_up_due: AwareDatetime | None = None
    follow_up: FollowUp | None = None
    """What came of the last try."""
    follow_up_at: AwareDatetime | None = None
    follow_up_by: str | None = None
    follow_up_tries: int = 0
    safety_events: tuple[SafetyEventNoted, ...] = ()
    """Oldest first; no private words, so they stay."""
    ended_at: AwareDatetime | None = None
    forget_at: AwareDatetime | None = None
    """When the private part is to go."""
    erased: bool = False
    """Somebody had it erased before its time: none is taken in again."""
    early: tuple[CaseStatusSaid, ...] = ()
    """What the provider has said over Kafka while the offer was still on its way here."""
    early_until: AwareDatetime | None = None
    """How long the offer is waited for."""

    @property
    def must_confirm(self) -> bool:
        """Say whether the team was told to stop and has not said yet that it did."""
        recall = self.recall
        return recall is not None and recall.confirm_by is not None and recall.confirmed_at is None

    @property
    def has_private_words(self) -> bool:
        """Say whether anything is kept that must go in time."""
        return self.private is not None or bool(self.notes)

    def stage_at(self, at: datetime) -> CaseStage:
        """Return the stage, an offer whose time is over counting as expired before its timer has run."""
        overdue = self.stage is CaseStage.OFFERED and self.offer is not None and at > self.offer.answer_by
        return CaseStage.EXPIRED if overdue else self.stage

    def due(self) -> tuple[Due, ...]:
        """Return when an open offer expires, when private words go, and when an offer is no longer waited for."""
        waiting: list[Due] = []
        if self.stage is CaseStage.OFFERED and self.offer is not None:
            waiting.append(Due(self.offer.answer_by + JUST_AFTER, AnswerOverdue()))
        if self.has_private_words and self.forget_at is not None:
            waiting.append(Due(self.forget_at, TimeToForget()))
        if self.early and self.early_until is not None:
            waiting.append(Due(self.early_until, OfferMissing()))
        return tuple(waiting)

    def listing(self) -> Mapping[str, str | datetime | None]:
        """Return the columns of an open case: a live one, or a recall that waits to be confirmed."""
        if self.stage not in LIVE and not self.must_confirm:
            return {}
        return {
            "stage": self.stage.value,
            "acuity": None if self.offer is None else self.offer.acuity.value,
            "open": GOING_ON if self.stage in LIVE else STOPPED,
        }


GOING_ON, STOPPED = "going_on", "stopped"
"""An open case is one that goes on, or a recall that waits to be confirmed."""


class Roster(State):
    """Who the provider has on duty."""

    provider: str
    teams: tuple[Team, ...] = ()
    changed_at: AwareDatetime | None = None


UNTIL_TOLD = timedelta(days=30)
"""How long private words stay as long as no policy says it."""
NO_SPANS: Versions[timedelta] = Versions()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the gateway is given besides what it hears of its cases."""

    spans: Versions[timedelta] = NO_SPANS
    """How long private words stay, by the versions of the routing policy."""
    divisions: Mapping[int, str] = field(default_factory=dict[int, str])
    """The divisions' names, by number; of the routing policy that was heard last."""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """What the rules of each version of the triage policy say in words, by version and rule id."""

    def private_for(self, ended_at: datetime) -> timedelta:
        """Return how long the private part of a case that was taken stays after its end."""
        return UNTIL_TOLD if self.spans.empty else self.spans.at(ended_at).value


class AnswerOverdue(Timer):
    """The offer's time to answer is over."""


class TimeToForget(Timer):
    """The private part has been kept long enough."""


class OfferMissing(Timer):
    """The offer of which something was said early has not come."""


def ended(case: Case, stage: CaseStage, at: datetime) -> Case:
    """Return the case after its end."""
    expired = {"expired_at": case.expired_at or at} if stage is CaseStage.EXPIRED else {}
    return case.model_copy(update={"stage": stage, "ended_at": case.ended_at or at, "asked": (), **expired})


def settled(case: Case, rules: Rules) -> Case:
    """Return the case with its private part as it may be kept: for a while after the end, and only if it was taken."""
    if case.ended_at is None or not case.has_private_words:
        return case
    if case.acknowledged_at is None:
        return case.model_copy(update={"private": None, "notes": ()})
    return case.model_copy(update={"forget_at": case.ended_at + rules.private_for(case.ended_at)})
