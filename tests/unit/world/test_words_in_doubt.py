"""What the words of a call leave in doubt, from triage to the team: the real wiring tables in memory."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from divert_chassis.memory import MemoryWorld
from divert_cli.checkout import ROOT
from divert_cli.prepare import SEEDS, seed_policy
from divert_contracts import ids
from divert_contracts.call import Answered, Picture, Private, Revision
from divert_contracts.facts.base import Fact
from divert_contracts.facts.calls import CallReceived, CallUpdated
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.facts.routing import AssistanceRequested, CallHandedOff, CaseOffered, CaseRecalled
from divert_contracts.vocabulary import (
    Answer,
    Assistance,
    Certainty,
    Eligibility,
    Feed,
    HandOffReason,
    Hazard,
    Origin,
    PolicyKind,
    Question,
    RecallReason,
    ReviewReason,
    Stage,
)
from divert_provider_gateway import app as gateway
from divert_provider_gateway.domain import said
from divert_provider_gateway.domain.case import Case
from divert_routing import app as routing
from divert_routing.domain import desk
from divert_routing.domain.call import Call
from divert_triage import app as triage
from publishing import a_version

F = TypeVar("F", bound=Fact)
START = datetime(2026, 10, 5, 18, 0, tzinfo=UTC)
CALL = ids.call_id("lapd", "1")
SCREENING = tuple(question for question in Question if question not in {Question.UNKNOWN, Question.UNHOUSED})
CALM = "Man on the bench weeping, has not slept for days."
DOUBT = CALM + " His sister says he doesnt have the gun on him."
POLICIES = tuple(seed_policy(kind, ROOT / path) for kind, path in SEEDS.items())


class World:
    """One call, and those who have to do with it."""

    def __init__(self, policies: tuple[PolicyPublished, ...] = POLICIES) -> None:
        self.routing = routing.build()
        self.gateway = gateway.build("exodus")
        self.world = MemoryWorld([triage.build(), self.routing, self.gateway], start=START)
        for policy in policies:
            self.world.publish(policy, source="/divert/cli")
        self.world.publish(AgencyRegistered(occurred_at=START, agency="lapd", title="LAPD"), source="/divert/cli")
        self.number = 0

    def words(self, narrative: str) -> "World":
        """Let CAD send the call with these words now."""
        self.number += 1
        now = self.world.now
        kind = CallReceived if self.number == 1 else CallUpdated
        self.world.publish(
            kind(
                occurred_at=now,
                call_id=CALL,
                agency="lapd",
                incident_number="1",
                revision=Revision(number=self.number, digest=f"{self.number:064}"),
                picture=Picture(
                    feed=Feed.DIVERTED,
                    origin=Origin.NINE_ONE_ONE,
                    call_type="918",
                    reporting_district="1822",
                    answers={question: Answered(answer=Answer.NO) for question in SCREENING},
                ),
                private=Private(narrative=narrative),
                decide_by=now + timedelta(seconds=300),
            )
        )
        return self.after(1)

    def after(self, seconds: float) -> "World":
        self.world.run_until(self.world.now + timedelta(seconds=seconds))
        return self

    def team(self, *told: said.Said) -> "World":
        for one in told:
            assert self.world.command(self.gateway, said.Tell(case_id=self.case, said=one)).refusal is None
        return self.after(1)

    def review(self, eligibility: Eligibility) -> "World":
        revision = self.call.revision
        assert revision is not None
        review = desk.Review(
            call_id=CALL,
            by="desk-1",
            revision=revision.digest,
            eligibility=eligibility,
            reason=ReviewReason.CANNOT_TELL,
        )
        assert self.world.command(self.routing, review).refusal is None
        return self.after(1)

    @property
    def call(self) -> Call:
        found = self.world.state(self.routing, Call, str(CALL))
        assert found is not None
        return found

    @property
    def case(self) -> UUID:
        return self.said(CaseOffered)[-1].case_id

    def shown(self) -> list[tuple[Hazard, Certainty]]:
        """Return what the team is shown of danger."""
        found = self.world.state(self.gateway, Case, str(self.case))
        assert found is not None
        return [(one.hazard, one.certainty) for one in found.signals]

    def said(self, kind: type[F]) -> list[F]:
        return [one.fact for topic, one in self.world.log if topic == "routing.v1" and isinstance(one.fact, kind)]


ON_THE_WAY = (said.Acknowledge(epoch=1, arrive_in_seconds=600), said.GoEnRoute(epoch=1))


def test_words_that_a_later_revision_leaves_out_keep_the_call_from_being_offered() -> None:
    world = World().words(DOUBT).words(CALM)
    assert world.call.stage is Stage.IN_REVIEW
    assert not world.said(CaseOffered)
    world.review(Eligibility.ELIGIBLE)
    assert world.shown() == [(Hazard.WEAPON, Certainty.POSSIBLE)]


def test_a_doubt_on_the_way_is_shown_to_the_team_until_the_psap_has_heard_of_it() -> None:
    world = World().words(CALM).team(*ON_THE_WAY).words(DOUBT)
    assert world.shown() == [(Hazard.WEAPON, Certainty.POSSIBLE)]
    world.words(CALM)
    assert world.shown() == [(Hazard.WEAPON, Certainty.POSSIBLE)]
    world.after(120)
    asked = world.said(AssistanceRequested)[0]
    assert (asked.assistance, asked.brief.in_doubt) == (Assistance.CHECK_ON_TEAM, (Hazard.WEAPON,))
    assert world.call.stage is Stage.EN_ROUTE


def test_a_doubt_that_the_desk_does_not_let_pass_calls_the_team_back() -> None:
    world = World().words(CALM).team(*ON_THE_WAY).words(DOUBT).review(Eligibility.INELIGIBLE)
    assert world.said(CaseRecalled)[0].reason is RecallReason.DANGER
    assert world.said(CallHandedOff)[0].reason is HandOffReason.DANGER


def test_a_call_from_before_the_date_of_the_first_policy_goes_back_to_the_dispatcher() -> None:
    document = next(one.document for one in POLICIES if one.kind is PolicyKind.TRIAGE)
    date = START + timedelta(seconds=60)
    first = a_version(PolicyKind.TRIAGE, document, version="first", said_at=START, in_force_from=date)
    world = World((first, *(one for one in POLICIES if one.kind is not PolicyKind.TRIAGE))).words(CALM)
    assert not world.call.judged
    world.after(15)
    assert world.said(CallHandedOff)[0].reason is HandOffReason.NOT_TRIAGED
    assert not world.said(CaseOffered)
