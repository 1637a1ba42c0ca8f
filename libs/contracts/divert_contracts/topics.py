"""The topics, as data: what each carries, who writes and reads it, how long it is kept."""

from dataclasses import dataclass
from datetime import timedelta

from divert_contracts.facts.base import Fact
from divert_contracts.facts.calls import (
    CallCancelled,
    CallClosedByCad,
    CallReceived,
    CallReopened,
    CallUpdated,
    HandoffAccepted,
    ResponderReported,
)
from divert_contracts.facts.cases import (
    BackupArrived,
    BackupRequested,
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    FollowUpDone,
    PersonContacted,
    QuestionAsked,
    RecallConfirmed,
    SafetyCheckAnswered,
    SafetyEventReported,
    TeamAssigned,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.policies import AgencyRegistered, ClockSet, PolicyPublished, ShadowEnded
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallClaimed,
    CallConcluded,
    CallDirected,
    CallHandedOff,
    CallOpened,
    CallReviewed,
    CallStatusChanged,
    CaseErased,
    CaseOffered,
    CaseRecalled,
    CaseUpdated,
    DangerCleared,
    DangerNearby,
    DecisionRereviewed,
    HandoffConfirmed,
    NeighbourReported,
    PrivateErased,
    QuestionAnswered,
    ResponderRecorded,
    SafetyCheckMissed,
)
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.facts.statuses import CaseStatusSaid, ShiftSaid, StatementAnswered
from divert_contracts.facts.triage import CallTriaged, ShadowDiffered

PROVIDER = "provider"
"""Writes on its own topic with its own client."""
FOR_EVER = None
"""Kept without limit, uncompacted."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, or a family of topics whose names hold a value of the fact, such as ``assignments.{provider}.v1``."""

    name: str
    carries: tuple[type[Fact], ...]
    written_by: frozenset[str]
    """Services, ``cli`` or ``provider``: who publishes on it."""
    read_by: frozenset[str]
    """Services that consume it; ``*`` means every service, without a group."""
    kept: timedelta | None
    """How long a record stays; ``FOR_EVER`` where it must never go."""
    private: bool = False
    """Whether the private part may stand on it."""
    partitions: int = 6
    """Never changed within a topic's version: keys would move."""
    key: str = "call_id"
    """What its records are keyed by, and so ordered within: a fact's ``key``."""

    @property
    def foreign(self) -> bool:
        """Whether others than divert write on it."""
        return PROVIDER in self.written_by

    @property
    def family(self) -> str | None:
        """The field whose value the name holds, or null for a single topic."""
        return self.name.partition("{")[2].partition("}")[0] or None

    def name_for(self, fact: Fact) -> str:
        """Return the topic's name for a fact."""
        return self.name if self.family is None else self.name_of(str(getattr(fact, self.family)))

    def name_of(self, member: str) -> str:
        """Return the name of one member of a family: a provider's or an agency's topic."""
        return self.name if self.family is None else self.name.replace("{" + self.family + "}", member)


def _topic(
    name: str,
    *carries: type[Fact],
    by: str,
    to: str,
    kept: timedelta | None,
    private: bool = False,
    partitions: int = 6,
    key: str = "call_id",
) -> Topic:
    return Topic(name, carries, frozenset(by.split()), frozenset(to.split()), kept, private, partitions, key)


CALLS = _topic(
    "calls.v1",
    CallReceived,
    CallUpdated,
    CallCancelled,
    CallReopened,
    CallClosedByCad,
    HandoffAccepted,
    ResponderReported,
    by="intake",
    to="triage routing",
    kept=timedelta(days=30),
    private=True,
)
TRIAGE = _topic("triage.v1", CallTriaged, ShadowDiffered, by="triage", to="routing reporting", kept=FOR_EVER)
ROUTING = _topic(
    "routing.v1",
    CallOpened,
    CallReviewed,
    CallDirected,
    CallClaimed,
    DecisionRereviewed,
    CaseOffered,
    CaseUpdated,
    CaseRecalled,
    CallHandedOff,
    HandoffConfirmed,
    AssistanceRequested,
    BackupArrived,
    ResponderRecorded,
    DangerNearby,
    DangerCleared,
    QuestionAnswered,
    SafetyCheckMissed,
    CallConcluded,
    PrivateErased,
    CaseErased,
    by="routing",
    to="reporting",
    kept=FOR_EVER,
)
CASES = _topic(
    "cases.v1",
    CaseAcknowledged,
    CaseDeclined,
    TeamAssigned,
    TeamEnRoute,
    TeamOnScene,
    PersonContacted,
    SafetyCheckAnswered,
    QuestionAsked,
    BackupRequested,
    EmergencyRaised,
    BackupArrived,
    RecallConfirmed,
    CaseHandedBack,
    CaseClosed,
    FollowUpDone,
    SafetyEventReported,
    by="provider-gateway",
    to="routing reporting",
    kept=FOR_EVER,
)
SHIFTS = _topic(
    "shifts.v1",
    ShiftChanged,
    by="provider-gateway",
    to="routing reporting",
    kept=FOR_EVER,
    partitions=1,
    key="provider",
)
NEIGHBOURS = _topic("neighbours.v1", NeighbourReported, by="routing", to="routing", kept=timedelta(hours=72))
ASSIGNMENTS = _topic(
    "assignments.{provider}.v1",
    CaseOffered,
    CaseUpdated,
    CaseRecalled,
    QuestionAnswered,
    CaseErased,
    by="routing",
    to="provider-gateway",
    kept=timedelta(hours=72),
    private=True,
    partitions=3,
)
STATUSES = _topic(
    "statuses.{provider}.v1",
    CaseStatusSaid,
    ShiftSaid,
    by=PROVIDER,
    to="provider-gateway",
    kept=timedelta(hours=72),
    partitions=3,
    key="case_id",
)
ANSWERS = _topic(
    "answers.{provider}.v1",
    StatementAnswered,
    by="provider-gateway",
    to="",
    kept=timedelta(hours=72),
    partitions=3,
    key="case_id",
)
HANDOFFS = _topic(
    "handoffs.{agency}.v1",
    CallHandedOff,
    AssistanceRequested,
    PrivateErased,
    by="routing",
    to="agency-gateway",
    kept=timedelta(hours=72),
    private=True,
    partitions=3,
)
FEEDBACK = _topic(
    "feedback.{agency}.v1",
    CallStatusChanged,
    by="routing",
    to="agency-gateway",
    kept=timedelta(hours=72),
    partitions=3,
)
POLICIES = _topic(
    "policies.v1",
    PolicyPublished,
    ShadowEnded,
    AgencyRegistered,
    ClockSet,
    by="cli",
    to="*",
    kept=FOR_EVER,
    partitions=1,
    key="kind/version",
)

TOPICS: tuple[Topic, ...] = (
    CALLS,
    TRIAGE,
    ROUTING,
    NEIGHBOURS,
    CASES,
    SHIFTS,
    ASSIGNMENTS,
    STATUSES,
    ANSWERS,
    HANDOFFS,
    FEEDBACK,
    POLICIES,
)

FACTS: dict[str, type[Fact]] = {fact.type_name(): fact for topic in TOPICS for fact in topic.carries}
"""Every published fact by its type name."""


def written_by(service: str) -> tuple[Topic, ...]:
    """Return the topics that a service publishes on."""
    return tuple(topic for topic in TOPICS if service in topic.written_by)


def dead_letters(topic: str, service: str) -> str:
    """Return the name of the topic for what a service could not handle of a topic."""
    return f"{topic}.{service}.dead"
