"""A call as a strip on the board, and the alarms that it raises: both from its facts alone, whatever the time is.

An alarm's time may lie in the future: it is when the promise that runs will be broken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.call import Picture
from divert_contracts.facts.base import CaseFact, Fact, RoutingFact
from divert_contracts.facts.cases import (
    CaseAcknowledged,
    CaseClosed,
    CaseDeclined,
    CaseHandedBack,
    EmergencyRaised,
    RecallConfirmed,
    SafetyCheckAnswered,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import (
    AssistanceRequested,
    CallConcluded,
    CallHandedOff,
    CallOpened,
    CaseOffered,
    CaseRecalled,
    HandoffConfirmed,
    SafetyCheckMissed,
)
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.model import Model, Term
from divert_contracts.vocabulary import Acuity, Feed, RecallReason, Stage, TeamPosition
from divert_reporting.domain.history import utc
from divert_reporting.domain.record import Noted


class Lane(Term):
    """Where a strip lies on the board."""

    TRIAGED = "triaged"
    OFFERED = "offered"
    ON_THE_WAY = "on_the_way"
    ON_SCENE = "on_scene"
    HANDING_BACK = "handing_back"
    UNKNOWN = "unknown"


LANES = (Lane.TRIAGED, Lane.OFFERED, Lane.ON_THE_WAY, Lane.ON_SCENE, Lane.HANDING_BACK)
_LANE = {
    Stage.OFFERED: Lane.OFFERED,
    Stage.ACKNOWLEDGED: Lane.ON_THE_WAY,
    Stage.EN_ROUTE: Lane.ON_THE_WAY,
    Stage.ON_SCENE: Lane.ON_SCENE,
    Stage.CONCLUDED: Lane.HANDING_BACK,
}


class AlarmKind(Term):
    """What an alarm is about."""

    UNANSWERED_OFFER = "unanswered_offer"
    """A provider let the time to answer pass, and nobody has taken the call since."""
    UNCONFIRMED_RECALL = "unconfirmed_recall"
    """A team was called back and has not said that it heard."""
    UNACCEPTED_HAND_OFF = "unaccepted_hand_off"
    """A call went back to the dispatcher, and no dispatcher has accepted it."""
    UNACCEPTED_ASSISTANCE = "unaccepted_assistance"
    """A team needs help, and no dispatcher has accepted that."""
    MISSED_SAFETY_CHECK = "missed_safety_check"
    """A team on scene has not answered."""
    DEAD_LETTER = "dead_letter"
    """A service could not handle a record."""
    STAGE_LAG = "stage_lag"
    """A service is behind with its reading, or does not answer."""
    PROVIDER_DOWN = "provider_down"
    """A provider cannot be reached, or answers no offer."""
    WEBHOOK_GONE = "webhook_gone"
    """A provider's or a CAD's server answered that it takes no more webhooks: what is for it waits, unsent."""
    UNKNOWN = "unknown"


PERSON_IN_DANGER = frozenset(
    {AlarmKind.UNCONFIRMED_RECALL, AlarmKind.MISSED_SAFETY_CHECK, AlarmKind.UNACCEPTED_ASSISTANCE}
)
"""Alarms that concern a team out there."""


class Alarm(Model):
    """A promise that was, or is about to be, broken."""

    id: str
    """Of what is open; stays the same while it is."""
    kind: AlarmKind
    call_id: UUID | None = None
    """Null where it is about no call."""
    about: str = ""
    """The provider or service."""
    raised_at: AwareDatetime
    """When the promise was broken, or will be."""
    ended_at: AwareDatetime | None = None
    """When it was kept after all; null while it is open."""

    def stands(self, at: datetime) -> bool:
        """Say whether it is raised and not over at a time."""
        return self.raised_at <= at and (self.ended_at is None or self.ended_at > at)


class Strip(Model):
    """A diverted call that still needs somebody."""

    call_id: UUID
    incident_number: str | None
    agency: str
    drill: bool
    division: int | None
    call_type: str | None
    acuity: Acuity
    stage: Stage
    accepted_at: AwareDatetime
    since: AwareDatetime
    """Since when it is at this stage."""
    provider: str | None = None
    """Who is offered it, or has it."""
    attempt: int = 0
    """Counts the offers."""
    due: AwareDatetime | None = None
    """The limit that runs."""
    arrive_by: AwareDatetime | None = None
    """As the team promised."""
    emergency: bool = False
    """The team said that it is in danger, and is not known to be out of it."""
    alarms: tuple[Alarm, ...] = ()
    """Those that are open, also those that will be raised when their time comes."""

    @property
    def lane(self) -> Lane:
        """Where it lies."""
        return _LANE.get(self.stage, Lane.TRIAGED)

    def is_late(self, at: datetime) -> bool:
        """Say whether a limit has passed."""
        return self.due is not None and self.due < at


def at_hand(call_id: UUID, history: Sequence[Noted]) -> tuple[Strip | None, list[Alarm]]:
    """Return what the board shows of a call, from its facts in order.

    The strip is null where nobody waits for anything, or divert has no part. The alarms are those that were raised,
    also those that are over, as far as the facts go: what is still to come stands in the strip.
    """
    tale = _told(one.fact for one in history)
    alarms = _alarms(call_id, tale)
    last = max((one.fact.occurred_at for one in history), default=None)
    raised = [] if last is None else [one for one in alarms if one.raised_at <= last]
    return _strip(call_id, tale, tuple(one for one in alarms if one.ended_at is None)), raised


def _strip(call_id: UUID, tale: "_Tale", waiting: tuple[Alarm, ...]) -> Strip | None:
    if tale.accepted_at is None or tale.feed is not Feed.DIVERTED:
        return None
    over = tale.stage is Stage.CONCLUDED
    if over:
        waiting = tuple(one for one in waiting if one.kind is not AlarmKind.UNANSWERED_OFFER)
        if not waiting and not tale.in_danger:
            return None
    return Strip(
        call_id=call_id,
        incident_number=tale.incident_number,
        agency=tale.agency,
        drill=tale.drill,
        division=tale.division,
        call_type=tale.call_type,
        acuity=tale.acuity,
        stage=tale.stage,
        accepted_at=tale.accepted_at,
        since=utc(tale.since) or tale.accepted_at,
        provider=next(iter(tale.in_danger.values()), tale.provider) if over else tale.provider,
        attempt=tale.epoch,
        due=utc(_due(tale, waiting)),
        arrive_by=utc(tale.arrive_by) if tale.stage in TAKEN else None,
        emergency=bool(tale.in_danger),
        alarms=waiting,
    )


TAKEN = frozenset({Stage.ACKNOWLEDGED, Stage.EN_ROUTE})


@dataclass(slots=True)
class _Promise:
    """Something that somebody must do by a time."""

    id: str
    kind: AlarmKind
    about: str
    by: datetime
    case_id: UUID | None = None
    """Whose it is, where it is a team's."""
    kept_at: datetime | None = None


@dataclass(slots=True)
class _Tale:
    """What a call's facts have told so far."""

    agency: str = ""
    incident_number: str | None = None
    feed: Feed = Feed.UNKNOWN
    drill: bool = False
    division: int | None = None
    call_type: str | None = None
    acuity: Acuity = Acuity.UNKNOWN
    accepted_at: datetime | None = None
    stage: Stage = Stage.AWAITING_TRIAGE
    since: datetime | None = None
    epoch: int = 0
    provider: str | None = None
    arrive_by: datetime | None = None
    in_danger: dict[UUID, str] = field(default_factory=dict[UUID, str])
    """The cases whose teams said that they are in danger, and are not known to be out of it: with their providers."""
    decide_by: datetime | None = None
    limits: dict[Stage, datetime | None] = field(default_factory=dict[Stage, datetime | None])
    offer: CaseOffered | None = None
    promises: dict[str, _Promise] = field(default_factory=dict[str, _Promise])

    def stands_at(self, stage: Stage, at: datetime) -> None:
        if stage is not self.stage:
            self.stage, self.since = stage, at

    def promised(self, promise: _Promise) -> None:
        self.promises.setdefault(promise.id, promise)

    def keeps(self, promise: str, at: datetime) -> None:
        found = self.promises.get(promise)
        if found is not None and found.kept_at is None:
            found.kept_at = at

    def keeps_all(self, at: datetime, kind: AlarmKind, *, of: UUID | None = None) -> None:
        for one in self.promises.values():
            if one.kind is kind and of in (None, one.case_id):
                self.keeps(one.id, at)

    def is_out(self, case_id: UUID, at: datetime) -> None:
        """A team is safe by its own word: no other team is by that."""
        self.keeps_all(at, AlarmKind.MISSED_SAFETY_CHECK, of=case_id)
        self.in_danger.pop(case_id, None)


def _told(facts: Iterable[Fact]) -> _Tale:
    tale = _Tale()
    for fact in facts:
        if isinstance(fact, CallTriaged):
            _judged(tale, fact)
        elif isinstance(fact, RoutingFact):
            _routed(tale, fact)
        elif isinstance(fact, CaseFact):
            _said(tale, fact)
    return tale


def _judged(tale: _Tale, fact: CallTriaged) -> None:
    _seen(tale, fact.picture)
    tale.agency = tale.agency or fact.agency
    tale.incident_number = fact.incident_number
    tale.accepted_at = tale.accepted_at or utc(fact.occurred_at)
    tale.acuity = fact.decision.acuity
    tale.decide_by = tale.decide_by or fact.decide_by


def _seen(tale: _Tale, picture: Picture) -> None:
    # What was once told as real is no drill.
    tale.drill = picture.exercise and (tale.drill or tale.accepted_at is None)
    tale.feed, tale.call_type = picture.feed, picture.call_type


def _routed(tale: _Tale, fact: RoutingFact) -> None:
    at = fact.occurred_at
    tale.agency = tale.agency or fact.agency
    tale.epoch = max(tale.epoch, fact.epoch)
    told = fact.deadlines
    tale.decide_by = told.decide_by or tale.decide_by
    for stage, by in (
        (Stage.OFFERED, told.answer_by),
        (Stage.ACKNOWLEDGED, told.en_route_by),
        (Stage.EN_ROUTE, told.on_scene_by),
        (Stage.ON_SCENE, told.check_by),
    ):
        if by is not None:
            tale.limits[stage] = by
    tale.stands_at(fact.stage, at)
    match fact:
        case CallOpened():
            _seen(tale, fact.picture)
            tale.incident_number = fact.incident_number
            tale.division = fact.division
            tale.accepted_at = utc(fact.accepted_at)
        case CaseOffered():
            _offered(tale, fact)
        case CaseRecalled():
            _recalled(tale, fact)
        case CallHandedOff() | AssistanceRequested() | HandoffConfirmed():
            _at_the_dispatcher(tale, fact)
        case SafetyCheckMissed():
            check = f"check-{fact.case_id}-{fact.due_at.isoformat()}"
            tale.promised(_Promise(check, AlarmKind.MISSED_SAFETY_CHECK, fact.provider, at, fact.case_id))
        case CallConcluded():
            tale.stands_at(Stage.CONCLUDED, at)
            tale.acuity = fact.acuity if tale.acuity is Acuity.UNKNOWN else tale.acuity
            tale.provider = fact.provider or tale.provider
            _nobody_waits_for_an_answer(tale, at)
        case _:
            pass


def _at_the_dispatcher(tale: _Tale, fact: CallHandedOff | AssistanceRequested | HandoffConfirmed) -> None:
    name = f"hand-off-{fact.handoff_id}"
    match fact:
        case CallHandedOff():
            tale.promised(_Promise(name, AlarmKind.UNACCEPTED_HAND_OFF, fact.agency, fact.accept_by))
        case AssistanceRequested():
            tale.promised(_Promise(name, AlarmKind.UNACCEPTED_ASSISTANCE, fact.provider, fact.accept_by))
        case HandoffConfirmed():
            tale.keeps(name, fact.occurred_at)
            tale.keeps_all(fact.occurred_at, AlarmKind.UNANSWERED_OFFER)


def _nobody_waits_for_an_answer(tale: _Tale, at: datetime) -> None:
    handed_off = any(
        one.kind is AlarmKind.UNACCEPTED_HAND_OFF and one.kept_at is None for one in tale.promises.values()
    )
    if not handed_off:
        tale.keeps_all(at, AlarmKind.UNANSWERED_OFFER)


def _offered(tale: _Tale, fact: CaseOffered) -> None:
    _seen(tale, fact.picture)
    tale.offer = fact
    tale.incident_number = fact.incident_number
    tale.division, tale.acuity, tale.provider = fact.division, fact.acuity, fact.provider
    tale.arrive_by = None
    tale.since = fact.occurred_at
    tale.limits = {Stage.OFFERED: fact.answer_by}
    offer = f"offer-{fact.case_id}"
    tale.promised(_Promise(offer, AlarmKind.UNANSWERED_OFFER, fact.provider, fact.answer_by))


def _recalled(tale: _Tale, fact: CaseRecalled) -> None:
    at = fact.occurred_at
    if fact.reason is not RecallReason.ANSWER_OVERDUE:
        tale.keeps(f"offer-{fact.case_id}", at)
    if fact.confirm_by is None:
        return
    # A team that has confirmed, and is called back once more, must confirm once more.
    before = [one for one in tale.promises.values() if one.id.startswith(f"recall-{fact.case_id}")]
    if all(one.kept_at is not None for one in before):
        name = f"recall-{fact.case_id}" + (f"-{len(before) + 1}" if before else "")
        recall = _Promise(name, AlarmKind.UNCONFIRMED_RECALL, fact.provider, fact.confirm_by, fact.case_id)
        tale.promised(recall)


def _said(tale: _Tale, fact: CaseFact) -> None:
    at = fact.occurred_at
    tale.agency = tale.agency or fact.agency
    _of_its_team(tale, fact)
    offer = tale.offer
    if offer is None or fact.case_id != offer.case_id or tale.stage not in _GOING_ON:
        return
    match fact:
        case CaseAcknowledged():
            _taken(tale, offer, at)
            tale.arrive_by = tale.arrive_by or fact.arrive_by
        case TeamEnRoute():
            _taken(tale, offer, at)
            tale.arrive_by = fact.arrive_by or tale.arrive_by
            tale.stands_at(Stage.EN_ROUTE, at)
        case TeamOnScene():
            _taken(tale, offer, at)
            tale.stands_at(Stage.ON_SCENE, at)
            _check_next(tale, offer.check_after, at)
        case SafetyCheckAnswered():
            _check_next(tale, offer.check_every, at)
        case _:
            pass


def _of_its_team(tale: _Tale, fact: CaseFact) -> None:
    """Hear what is said of a team's safety, whoever has the call by now."""
    at = fact.occurred_at
    match fact:
        case RecallConfirmed():
            tale.keeps_all(at, AlarmKind.UNCONFIRMED_RECALL, of=fact.case_id)
            if fact.position is not TeamPosition.ON_SCENE:
                tale.is_out(fact.case_id, at)
        case EmergencyRaised():
            tale.in_danger[fact.case_id] = fact.provider
        case SafetyCheckAnswered():
            tale.keeps_all(at, AlarmKind.MISSED_SAFETY_CHECK, of=fact.case_id)
        case CaseClosed() | CaseHandedBack():
            tale.is_out(fact.case_id, at)
        case CaseDeclined():
            tale.keeps(f"offer-{fact.case_id}", at)
        case _:
            pass


_GOING_ON = frozenset({Stage.OFFERED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE, Stage.ON_SCENE})


def _taken(tale: _Tale, offer: CaseOffered, at: datetime) -> None:
    if tale.stage is Stage.OFFERED:
        tale.stands_at(Stage.ACKNOWLEDGED, at)
    tale.keeps_all(at, AlarmKind.UNANSWERED_OFFER)
    tale.limits.setdefault(Stage.ACKNOWLEDGED, at + timedelta(seconds=offer.en_route_within))
    tale.limits.setdefault(Stage.EN_ROUTE, at + timedelta(seconds=offer.on_scene_within))


def _check_next(tale: _Tale, seconds: float | None, at: datetime) -> None:
    tale.limits[Stage.ON_SCENE] = None if seconds is None else at + timedelta(seconds=seconds)


def _due(tale: _Tale, waiting: Sequence[Alarm]) -> datetime | None:
    if tale.stage is Stage.CONCLUDED:
        return min((one.raised_at for one in waiting), default=None)
    return tale.limits.get(tale.stage) if tale.stage in _GOING_ON else tale.decide_by


def _alarms(call_id: UUID, tale: _Tale) -> list[Alarm]:
    return [
        Alarm(
            id=one.id,
            kind=one.kind,
            call_id=call_id,
            about=one.about,
            raised_at=one.by,
            ended_at=one.kept_at,
        )
        for one in tale.promises.values()
        if one.kept_at is None or one.kept_at > one.by
    ]
