"""Lives of calls, as the facts that reporting hears of them: made up from a seed, at any pace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from random import Random
from uuid import UUID, uuid5

from divert_chassis.publisher import Outgoing
from divert_contracts import ids
from divert_contracts.call import Decision, Picture, Revision, RuleFired, SafetyBrief, Stamps
from divert_contracts.envelope import Envelope, encode
from divert_contracts.facts.base import CaseFact, Fact, RoutingFact
from divert_contracts.facts.cases import (
    CaseAcknowledged,
    CaseClosed,
    SafetyCheckAnswered,
    TeamEnRoute,
    TeamOnScene,
)
from divert_contracts.facts.routing import (
    CallConcluded,
    CallHandedOff,
    CallOpened,
    CaseOffered,
    CaseRecalled,
    HandoffConfirmed,
)
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.topics import CASES, ROUTING, TRIAGE
from divert_contracts.vocabulary import (
    Acuity,
    Contact,
    Disposition,
    Eligibility,
    Feed,
    HandOffReason,
    Origin,
    Outcome,
    OutcomeReason,
    Programme,
    RecallReason,
    Responder,
    Stage,
)

PROVIDERS = ("exodus", "alcott", "penny-lane", "circle", "crisis-line")
TYPES = ("918", "507P", "929", "620", "907", "918V")
ACUITIES = (Acuity.ROUTINE, Acuity.URGENT, Acuity.URGENT, Acuity.EMERGENT)
SOURCES = {TRIAGE: "/divert/triage", ROUTING: "/divert/routing"}
ANSWER_WITHIN = 90.0
CHECK_EVERY = 900.0
UNANSWERED_OF = 12
"""One call in so many is answered by nobody and handed off."""
DRILL_OF = 30
LASTS = 2_500.0
"""Seconds that a call lasts at the mean, about."""


@dataclass(slots=True)
class Life:
    """One call from its acceptance to its end, facts in their order."""

    call_id: UUID
    agency: str
    number: str
    drill: bool
    provider: str
    facts: list[Fact] = field(default_factory=list[Fact])

    def records(self) -> Iterator[tuple[datetime, Outgoing]]:
        """Yield each fact's time and its record."""
        for place, fact in enumerate(self.facts):
            topic = TRIAGE if isinstance(fact, CallTriaged) else ROUTING if isinstance(fact, RoutingFact) else CASES
            envelope = Envelope(
                id=uuid5(self.call_id, f"fact {place}"),
                source=SOURCES.get(topic, f"/divert/provider-gateway/{self.provider}"),
                fact=fact,
                cause=uuid5(self.call_id, f"fact {place - 1}") if place else None,
                sequence=None if topic is TRIAGE else place,
            )
            yield fact.occurred_at, Outgoing(topic.name, *encode(envelope))


def lives(
    number: int, since: datetime, *, every: timedelta, agency: str, seed: int, drills: bool = True
) -> Iterator[Life]:
    """Yield so many calls, accepted one after the other."""
    chance = Random(seed)  # noqa: S311  # repeatable on purpose
    for count in range(number):
        drill = drills and count % DRILL_OF == DRILL_OF - 1
        yield life(f"B{seed}-{count:06d}", since + every * count, chance, agency=agency, drill=drill)


def in_time(calls: Sequence[Life]) -> Iterator[tuple[datetime, Outgoing]]:
    """Yield the records of many calls in the order of their times."""
    return merge(*(one.records() for one in calls), key=lambda pair: pair[0])


def life(number: str, at: datetime, chance: Random, *, agency: str, drill: bool = False) -> Life:
    """Return one call that was accepted at a time."""
    call_id = ids.call_id(agency, number)
    made = Life(call_id, agency, number, drill, chance.choice(PROVIDERS))
    division = chance.randint(1, 21)
    acuity = chance.choice(ACUITIES)
    picture = Picture(
        feed=Feed.DIVERTED,
        origin=Origin.NINE_ONE_ONE,
        exercise=drill,
        call_type=chance.choice(TYPES),
        reporting_district=f"{division:02d}{chance.randint(1, 99):02d}",
        stamps=Stamps(answered_at=at - timedelta(seconds=40), created_at=at - timedelta(seconds=10)),
    )
    decision = Decision(
        eligibility=Eligibility.ELIGIBLE,
        programme=Programme.UMCR,
        acuity=acuity,
        rules=(RuleFired(rule=f"care-type-{picture.call_type}", effect=Eligibility.ELIGIBLE),),
        policy="2026-10",
    )
    teller = _Teller(made, at, division, picture, decision)
    teller.until_the_offer(chance)
    if chance.randrange(UNANSWERED_OF) == 0:
        teller.nobody_answers(chance)
    else:
        teller.served(chance)
    return made


class _Teller:
    def __init__(self, made: Life, at: datetime, division: int, picture: Picture, decision: Decision) -> None:
        self._life = made
        self._at = at
        self._accepted_at = at
        self._division = division
        self._picture = picture
        self._decision = decision
        self._case = ids.case_id(made.call_id, 1)

    def _later(self, seconds: float) -> datetime:
        self._at += timedelta(seconds=seconds)
        return self._at

    def _says(self, kind: type[Fact], seconds: float, **said: object) -> None:
        common: dict[str, object] = {
            "occurred_at": self._later(seconds),
            "call_id": self._life.call_id,
            "agency": self._life.agency,
        }
        if issubclass(kind, CaseFact):
            common |= {"case_id": self._case, "provider": self._life.provider, "epoch": 1}
        elif issubclass(kind, RoutingFact):
            common |= {"epoch": 1}
        self._life.facts.append(kind.model_validate({**common, **said}))

    def until_the_offer(self, chance: Random) -> None:
        self._says(
            CallTriaged,
            0,
            incident_number=self._life.number,
            revision=Revision(number=1, digest=f"{chance.getrandbits(256):064x}"),
            picture=self._picture,
            decide_by=self._at + timedelta(seconds=300),
            decision=self._decision,
        )
        self._says(
            CallOpened,
            0.1,
            stage=Stage.AWAITING_TRIAGE,
            incident_number=self._life.number,
            picture=self._picture,
            accepted_at=self._accepted_at,
            division=self._division,
        )
        waits = chance.uniform(1, 20) if chance.random() < 0.8 else chance.uniform(20, 120)  # noqa: PLR2004
        self._says(
            CaseOffered,
            waits,
            stage=Stage.OFFERED,
            case_id=self._case,
            provider=self._life.provider,
            attempt=1,
            incident_number=self._life.number,
            programme=Programme.UMCR,
            acuity=self._decision.acuity,
            division=self._division,
            picture=self._picture,
            decision=self._decision,
            answer_by=self._at + timedelta(seconds=waits + ANSWER_WITHIN),
            en_route_within=900,
            on_scene_within=2700,
            check_after=600,
            check_every=CHECK_EVERY,
        )

    def nobody_answers(self, chance: Random) -> None:
        self._says(
            CaseRecalled,
            ANSWER_WITHIN + 1,
            stage=Stage.OFFERED,
            case_id=self._case,
            provider=self._life.provider,
            reason=RecallReason.ANSWER_OVERDUE,
        )
        handoff = ids.handoff_id(self._life.call_id, 1)
        self._says(
            CallHandedOff,
            0.1,
            stage=Stage.CONCLUDED,
            handoff_id=handoff,
            incident_number=self._life.number,
            reason=HandOffReason.NOBODY_TOOK_IT,
            recommend=Responder.PATROL,
            brief=SafetyBrief(),
            accept_by=self._at + timedelta(seconds=30),
        )
        self._concluded(0.1, Outcome.ELIGIBLE_NOT_SERVED, OutcomeReason.TIMED_OUT)
        self._says(HandoffConfirmed, chance.uniform(5, 90), stage=Stage.CONCLUDED, handoff_id=handoff, by="desk-4")

    def served(self, chance: Random) -> None:
        self._says(CaseAcknowledged, chance.uniform(8, 80), arrive_by=self._at + timedelta(seconds=1500))
        self._says(TeamEnRoute, chance.uniform(60, 880))
        self._says(TeamOnScene, chance.uniform(300, 1800))
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            self._says(SafetyCheckAnswered, chance.uniform(500, 620))
        self._says(CaseClosed, chance.uniform(200, 590), disposition=Disposition.REFERRED, contact=Contact.IN_PERSON)
        self._concluded(0.1, Outcome.SERVED, OutcomeReason.CLOSED)

    def _concluded(self, seconds: float, outcome: Outcome, reason: OutcomeReason) -> None:
        self._says(
            CallConcluded,
            seconds,
            stage=Stage.CONCLUDED,
            outcome=outcome,
            reason=reason,
            feed=Feed.DIVERTED,
            origin=Origin.NINE_ONE_ONE,
            exercise=self._life.drill,
            division=self._division,
            call_type=self._picture.call_type,
            acuity=self._decision.acuity,
            programme=Programme.UMCR,
            provider=self._life.provider,
            attempts=1,
            policy="2026-10",
        )
