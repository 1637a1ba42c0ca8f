"""How the simulated people behave: providers, the police dispatcher, the desk. Pure: a seed, and the fact they saw.

What somebody does about a call is chosen by the seed and the call's id alone, and its times count from the domain time
of the fact that made them do it; so a run on Kafka and a run in memory see the same people. Nobody acts within
``CLEAR_OF_DEADLINES`` of a deadline: a few seconds of transport must not decide what becomes of a call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from uuid import UUID

from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Answer,
    Assistance,
    Contact,
    DeclineReason,
    Disposition,
    Eligibility,
    Feed,
    HandBackReason,
    Hazard,
    Programme,
    Responder,
    ReviewReason,
)
from divert_provider_gateway.domain.said import (
    Acknowledge,
    AnswerSafetyCheck,
    Arrive,
    AssignTeam,
    Close,
    ConfirmRecall,
    Decline,
    GoEnRoute,
    HandBack,
    MakeContact,
    RaiseEmergency,
    ReportBackup,
    RequestBackup,
    Said,
)

CLEAR_OF_DEADLINES = timedelta(seconds=30)
_SLACK = timedelta(seconds=3)
_AT_ONCE = timedelta(seconds=4)
"""Hand-offs and recalls wait for 30 s only, which leaves no room for more."""
_CHECK_AFTER = 540.0
"""Seconds on scene after which a team says that it is well: a minute before the first safety check is due."""
_SHORT_LIMIT = 600.0
"""An en-route limit up to so many seconds may be missed on purpose; a longer one would outlast the evening."""


@dataclass(frozen=True, slots=True)
class ProviderSays:
    """A provider tells its gateway something of a case."""

    provider: str
    case_id: UUID
    said: Said


@dataclass(frozen=True, slots=True)
class DispatcherAccepts:
    """The police dispatcher accepts a hand-off or a call for assistance."""

    call_id: UUID
    handoff_id: UUID
    by: str


@dataclass(frozen=True, slots=True)
class DispatcherReports:
    """The police dispatcher reports who went."""

    call_id: UUID
    responder: Responder
    unit: str
    dispatched_at: datetime
    arrived_at: datetime
    arrest: Answer = Answer.NO
    force: Answer = Answer.NO


@dataclass(frozen=True, slots=True)
class DeskReviews:
    """Somebody at the desk decides what the rules would not."""

    call_id: UUID
    digest: str
    """Of the revision that was looked at."""
    eligibility: Eligibility
    reason: ReviewReason
    by: str


Action = ProviderSays | DispatcherAccepts | DispatcherReports | DeskReviews


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that somebody will do at a domain time, unless its reason goes away."""

    at: datetime
    action: Action
    because: UUID | None = None
    """The fact that it follows from."""


class Fate(StrEnum):
    """How a case goes once a provider has taken it."""

    CLOSED = "closed"
    LONG = "long"
    """On scene past the first safety check, which is answered."""
    NOT_FOUND = "not_found"
    CLOSED_UNSEEN = "closed_unseen"
    """Closed with neither contact nor arrival."""
    BACKUP = "backup"
    EMERGENCY = "emergency"
    BACK_BEFORE = "back_before"
    BACK_AFTER = "back_after"
    NEVER_LEAVES = "never_leaves"


_FATES = {
    Fate.CLOSED: 60,
    Fate.LONG: 6,
    Fate.NOT_FOUND: 6,
    Fate.CLOSED_UNSEEN: 4,
    Fate.BACKUP: 7,
    Fate.EMERGENCY: 3,
    Fate.BACK_BEFORE: 5,
    Fate.BACK_AFTER: 5,
    Fate.NEVER_LEAVES: 4,
}
_ANSWERS = {"takes it": 80, "declines": 11, "does not answer": 9}
_DECLINES = (DeclineReason.AT_CAPACITY, DeclineReason.NO_TEAM, DeclineReason.OUT_OF_SCOPE, DeclineReason.UNMET_NEED)
_ENDINGS = (
    Disposition.RESOLVED_ON_SCENE,
    Disposition.RESOLVED_ON_SCENE,
    Disposition.REFERRED,
    Disposition.TRANSPORTED,
    Disposition.PERSON_DECLINED,
    Disposition.NO_SERVICE_NEEDED,
)


def luck(seed: int, call_id: UUID, matter: str) -> Random:
    """Return the chance of one matter of one call; equal arguments give equal chance."""
    return Random(f"{seed}:{call_id}:{matter}")


def offered(seed: int, offer: CaseOffered) -> Sequence[Planned]:
    """Return all that a provider does about an offer, should nothing come between."""
    chance = luck(seed, offer.call_id, f"offer:{offer.attempt}")
    answer = chance.choices(list(_ANSWERS), list(_ANSWERS.values()))[0]
    answers_at = offer.occurred_at + timedelta(seconds=chance.uniform(10, 26))
    too_late = answers_at > offer.answer_by - CLEAR_OF_DEADLINES - _SLACK
    if answer == "does not answer" or too_late:
        return ()
    if answer == "declines":
        said = Decline(epoch=offer.epoch, reason=chance.choice(_DECLINES), by="desk-1")
        return (Planned(answers_at, ProviderSays(offer.provider, offer.case_id, said)),)
    return _Case(offer, chance, answers_at).plan()


class _Case:
    """Writes down what a team does, one thing after the other."""

    def __init__(self, offer: CaseOffered, chance: Random, at: datetime) -> None:
        self._offer = offer
        self._chance = chance
        self._at = at
        self._plan: list[Planned] = []
        self._team = f"{offer.provider}-{chance.randint(1, 4)}"

    def plan(self) -> Sequence[Planned]:
        chance = self._chance
        fate = chance.choices(list(_FATES), list(_FATES.values()))[0]
        if fate is Fate.NEVER_LEAVES and self._offer.en_route_within > _SHORT_LIMIT:
            fate = Fate.BACK_BEFORE
        if self._offer.programme is Programme.PHONE:
            self._by_phone()
            return self._plan
        leaves_after = chance.uniform(40, 100)
        travels = chance.uniform(150, 360)
        promised = leaves_after + travels + 180
        self._say(0, Acknowledge(epoch=self._epoch, arrive_in_seconds=promised, by=self._team))
        self._say(15, AssignTeam(epoch=self._epoch, team=self._team, unit=self._team.upper(), by=self._team))
        if fate is Fate.NEVER_LEAVES:
            return self._plan
        if fate is Fate.CLOSED_UNSEEN:
            self._say(60, Close(epoch=self._epoch, disposition=Disposition.NO_SERVICE_NEEDED, by=self._team))
            return self._plan
        self._say(leaves_after - 15, GoEnRoute(epoch=self._epoch, by=self._team))
        if fate is Fate.BACK_BEFORE:
            reason = chance.choice((HandBackReason.POLICE_NEEDED, HandBackReason.NO_LONGER_ABLE))
            self._say(travels / 2, HandBack(epoch=self._epoch, reason=reason, by=self._team))
            return self._plan
        self._say(travels, Arrive(by=self._team))
        self._on_scene(fate)
        return self._plan

    @property
    def _epoch(self) -> int:
        return self._offer.epoch

    def _say(self, after: float, said: Said) -> None:
        self._at += timedelta(seconds=after)
        self._plan.append(Planned(self._at, ProviderSays(self._offer.provider, self._offer.case_id, said)))

    def _by_phone(self) -> None:
        self._say(0, Acknowledge(epoch=self._epoch, arrive_in_seconds=180, by=self._team))
        self._say(self._chance.uniform(40, 90), MakeContact(contact=Contact.PHONE, by=self._team))
        self._say(
            self._chance.uniform(240, 480),
            Close(
                epoch=self._epoch,
                disposition=Disposition.RESOLVED_BY_PHONE,
                contact=Contact.PHONE,
                by=self._team,
            ),
        )

    def _on_scene(self, fate: Fate) -> None:
        chance = self._chance
        if fate is Fate.NOT_FOUND:
            self._say(240, Close(epoch=self._epoch, disposition=Disposition.NOT_FOUND, by=self._team))
            return
        self._say(chance.uniform(40, 90), MakeContact(contact=Contact.IN_PERSON, by=self._team))
        if fate is Fate.BACK_AFTER:
            self._say(
                chance.uniform(90, 240),
                HandBack(
                    epoch=self._epoch,
                    reason=chance.choice((HandBackReason.MEDICAL, HandBackReason.POLICE_NEEDED)),
                    contact=Contact.IN_PERSON,
                    by=self._team,
                ),
            )
            return
        if fate is Fate.EMERGENCY:
            self._say(100, RaiseEmergency(hazards=(Hazard.VIOLENCE,), by=self._team))
            back = HandBack(
                epoch=self._epoch,
                reason=HandBackReason.VIOLENCE,
                hazards=(Hazard.VIOLENCE,),
                contact=Contact.IN_PERSON,
                by=self._team,
            )
            self._say(45, back)
            return
        if fate is Fate.BACKUP:
            self._say(60, RequestBackup(medical=Answer.YES, by=self._team))
            self._say(200, ReportBackup(unit="RA27", by=self._team))
            self._close(60)
            return
        if fate is Fate.LONG:
            self._say(_CHECK_AFTER - 90, AnswerSafetyCheck(by=self._team))
            self._close(200)
            return
        self._close(chance.uniform(180, 420))

    def _close(self, after: float) -> None:
        disposition = self._chance.choice(_ENDINGS)
        follow_up = self._at + timedelta(hours=48) if disposition is Disposition.REFERRED else None
        self._say(
            after,
            Close(
                epoch=self._epoch,
                disposition=disposition,
                contact=Contact.IN_PERSON,
                referral="outpatient" if disposition is Disposition.REFERRED else None,
                transport="shelter" if disposition is Disposition.TRANSPORTED else None,
                follow_up_due=follow_up,
                by=self._team,
            ),
        )


def recalled(recall: CaseRecalled) -> Sequence[Planned]:
    """Return how a provider answers a recall: it stays away, or withdraws, and says so nearly at once."""
    if recall.confirm_by is None:
        return ()
    confirmed = ProviderSays(recall.provider, recall.case_id, ConfirmRecall(by="desk-1"))
    return (Planned(recall.occurred_at + _AT_ONCE, confirmed),)


def handed_off(seed: int, handoff: CallHandedOff) -> Sequence[Planned]:
    """Return what the dispatcher does about a hand-off: accept it at once, and some minutes later say who went."""
    accepted = Planned(handoff.occurred_at, DispatcherAccepts(handoff.call_id, handoff.handoff_id, by="dispatcher-12"))
    if handoff.repeat:
        return (accepted,)
    chance = luck(seed, handoff.call_id, f"handoff:{handoff.handoff_id}")
    responder = Responder.NOBODY if handoff.recommend is Responder.HOLD else handoff.recommend
    went = _report(chance, handoff.call_id, responder, handoff.occurred_at)
    return (accepted, went)


def assistance(seed: int, asked: AssistanceRequested) -> Sequence[Planned]:
    """Return what the dispatcher does about a call for assistance: accept it at once, and send who can help."""
    accepted = Planned(
        asked.occurred_at + _AT_ONCE, DispatcherAccepts(asked.call_id, asked.handoff_id, by="dispatcher-12")
    )
    helps = asked.assistance in {Assistance.EMERGENCY, Assistance.BACKUP, Assistance.MEDICAL}
    if asked.repeat or not helps:
        return (accepted,)
    chance = luck(seed, asked.call_id, f"assistance:{asked.handoff_id}")
    return (accepted, _report(chance, asked.call_id, asked.recommend, asked.occurred_at))


def _report(chance: Random, call_id: UUID, responder: Responder, at: datetime) -> Planned:
    dispatched = at + timedelta(seconds=chance.uniform(20, 60))
    arrived = dispatched + timedelta(seconds=chance.uniform(100, 300))
    unit = f"{chance.randint(1, 21)}A{chance.randint(1, 99)}"
    arrest = Answer.YES if chance.random() < 0.1 else Answer.NO  # noqa: PLR2004  # one in ten
    report = DispatcherReports(call_id, responder, unit, dispatched_at=dispatched, arrived_at=arrived, arrest=arrest)
    return Planned(arrived + timedelta(seconds=10), report)


def triaged(seed: int, triage: CallTriaged) -> Sequence[Planned]:
    """Return how the desk decides a call that the rules would not; now and then it does not get to it in time."""
    if triage.picture.feed is not Feed.DIVERTED or triage.decision.eligibility is not Eligibility.NEEDS_REVIEW:
        return ()
    chance = luck(seed, triage.call_id, "review")
    after = timedelta(seconds=chance.uniform(20, 75))
    decided = chance.choices(("eligible", "ineligible", "never"), (50, 30, 20))[0]
    if decided == "never":
        return ()
    eligible = decided == "eligible"
    reasons = (
        (ReviewReason.CALLER_ASKED_AGAIN, ReviewReason.RECORD_IS_CLEAR)
        if eligible
        else (ReviewReason.DANGER_LIKELY, ReviewReason.NOT_A_CRISIS_CALL, ReviewReason.CANNOT_TELL)
    )
    review = DeskReviews(
        triage.call_id,
        triage.revision.digest,
        Eligibility.ELIGIBLE if eligible else Eligibility.INELIGIBLE,
        chance.choice(reasons),
        by="desk-3",
    )
    return (Planned(triage.occurred_at + after, review),)
