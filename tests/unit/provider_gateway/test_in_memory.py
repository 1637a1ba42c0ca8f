"""The gateway's wiring table, run in memory."""

from datetime import timedelta

from divert_chassis.memory import MemoryWorld
from divert_contracts.facts.cases import CaseAcknowledged, CaseClosed, TeamEnRoute, TeamOnScene
from divert_contracts.topics import ANSWERS, ASSIGNMENTS, CASES, SHIFTS, STATUSES, written_by
from divert_contracts.vocabulary import Contact, Disposition
from divert_provider_gateway.app import build
from divert_provider_gateway.domain.case import Case, CaseStage, Roster
from divert_provider_gateway.domain.said import (
    Acknowledge,
    Arrive,
    ChangeShift,
    Close,
    GoEnRoute,
    OnShift,
    Tell,
)

from .test_case import ANSWER_BY, CASE, EPOCH, NOON, a_recall, an_offer


def test_it_reads_its_own_topics_and_writes_cases_shifts_and_answers() -> None:
    gateway = build("exodus")
    assert gateway.reads == (ASSIGNMENTS, STATUSES)
    assert gateway.names_of(gateway.reads) == ("assignments.exodus.v1", "statuses.exodus.v1")
    assert gateway.writes == written_by("provider-gateway") == (CASES, SHIFTS, ANSWERS)
    assert gateway.handles == frozenset((*ASSIGNMENTS.carries, *STATUSES.carries))


def test_a_case_is_taken_and_closed() -> None:
    gateway = build("exodus")
    world = MemoryWorld([gateway], start=NOON)
    world.publish(an_offer(), source="/divert/routing")
    world.run_until(NOON + timedelta(seconds=10))
    for said in (
        Acknowledge(epoch=EPOCH, arrive_in_seconds=600),
        GoEnRoute(epoch=EPOCH),
        Arrive(),
        Close(epoch=EPOCH, disposition=Disposition.RESOLVED_ON_SCENE, contact=Contact.IN_PERSON),
    ):
        reply = world.command(gateway, Tell(case_id=CASE, said=said))
        assert reply.refusal is None
    said_of_it = [envelope for topic, envelope in world.log if topic == "cases.v1"]
    assert [type(envelope.fact) for envelope in said_of_it] == [
        CaseAcknowledged,
        TeamEnRoute,
        TeamOnScene,
        CaseClosed,
    ]
    assert [envelope.sequence for envelope in said_of_it] == [1, 2, 3, 4]
    assert {envelope.source for envelope in said_of_it} == {"/divert/provider-gateway/exodus"}
    world.run()
    case = world.state(gateway, Case, str(CASE))
    assert case is not None
    assert case.stage is CaseStage.CLOSED
    assert case.private is None


def test_other_providers_offers_do_not_reach_it() -> None:
    exodus, alcott = build("exodus"), build("alcott")
    world = MemoryWorld([exodus, alcott], start=NOON)
    world.publish(an_offer(), source="/divert/routing")
    world.run_until(NOON)
    assert world.state(alcott, Case, str(CASE)) is None
    reply = world.command(alcott, Tell(case_id=CASE, said=Arrive()))
    assert reply.refusal is not None
    assert reply.refusal.status == 404


def test_an_offer_that_nobody_answers_expires_and_then_is_recalled() -> None:
    gateway = build("exodus")
    world = MemoryWorld([gateway], start=NOON)
    world.publish(an_offer(), source="/divert/routing")
    world.run_until(ANSWER_BY + timedelta(seconds=1))
    case = world.state(gateway, Case, str(CASE))
    assert case is not None
    assert case.stage is CaseStage.EXPIRED
    world.publish(a_recall(), source="/divert/routing")
    world.run()
    case = world.state(gateway, Case, str(CASE))
    assert case is not None
    assert case.stage is CaseStage.RECALLED


def test_a_repeated_command_has_the_same_answer_and_publishes_nothing() -> None:
    gateway = build("exodus")
    world = MemoryWorld([gateway], start=NOON)
    command = ChangeShift(provider="exodus", teams=(OnShift(team="west-1"),))
    first = world.command(gateway, command, idempotency_key="a")
    assert world.command(gateway, command, idempotency_key="a") == first
    assert [topic for topic, _ in world.log] == ["shifts.v1"]
    roster = world.state(gateway, Roster, "exodus")
    assert roster is not None
    assert [team.team for team in roster.teams] == ["west-1"]
