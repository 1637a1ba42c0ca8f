"""Routing as a process: calls and their decisions in by Kafka, the desk's orders in by HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from divert_chassis.publisher import Outgoing, Publisher
from divert_cli import kafka_admin
from divert_cli.prepare import seed_policy, topic_specs
from divert_contracts.call import Decision, Picture, Private, Revision
from divert_contracts.envelope import Envelope, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.calls import CallReceived
from divert_contracts.facts.cases import CaseAcknowledged, QuestionAsked
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.ids import case_id
from divert_contracts.vocabulary import Acuity, Eligibility, Feed, PolicyKind, Programme, Question
from integration.processes import running
from stack import Addresses, fresh_database
from waiting import eventually

PROVIDERS = ["exodus", "alcott", "penny-lane", "circle", "crisis-line"]
CANARY = "a-private-word"
JSON = {"content-type": "application/json"}


@pytest_asyncio.fixture(scope="module")
async def publisher(stack: Addresses) -> AsyncIterator[Publisher]:
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, topic_specs(PROVIDERS, ["lapd"]))
    made = Publisher(stack.kafka, service="test")
    task = asyncio.create_task(made.run())
    await publish(made, "policies.v1", seed_policy(PolicyKind.ROUTING))
    await publish(made, "policies.v1", AgencyRegistered(occurred_at=datetime.now(UTC), agency="lapd", title="LAPD"))
    yield made
    task.cancel()
    await asyncio.wait([task])


@pytest_asyncio.fixture(scope="module")
async def routing(stack: Addresses, publisher: Publisher) -> AsyncIterator[httpx.AsyncClient]:
    del publisher  # it has made the topics
    async with (
        fresh_database(stack.postgres) as database,
        running("divert_routing", "ROUTING", stack, database) as client,
    ):
        yield client


async def publish(publisher: Publisher, topic: str, fact: Fact) -> None:
    await publisher.publish([Outgoing(topic, *encode(Envelope(id=uuid4(), source="/divert/test", fact=fact)))])


async def posted(publisher: Publisher, routing: httpx.AsyncClient, eligibility: Eligibility, stage: str) -> UUID:
    """Post a call with its decision, and return its id once it has come to a stage."""
    call, now = uuid4(), datetime.now(UTC)
    picture = Picture(feed=Feed.DIVERTED, reporting_district="0822")
    revision = Revision(number=1, digest="seen")
    received = CallReceived(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        incident_number=str(call),
        revision=revision,
        picture=picture,
        private=Private(narrative=CANARY),
        decide_by=now + timedelta(seconds=300),
    )
    triaged = CallTriaged(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        incident_number=str(call),
        revision=revision,
        picture=picture,
        decide_by=received.decide_by,
        decision=Decision(eligibility=eligibility, programme=Programme.UMCR, acuity=Acuity.ROUTINE, policy="one"),
    )
    await publish(publisher, "triage.v1", triaged)
    await publish(publisher, "calls.v1", received)
    await reached(routing, call, stage)
    return call


async def reached(routing: httpx.AsyncClient, call: UUID, stage: str) -> None:
    async def stands_there() -> bool:
        answer = await routing.get(f"/v1/calls/{call}/status")
        return answer.is_success and answer.json()["stage"] == stage

    await eventually(stands_there, f"the call to be {stage}")


async def test_a_review_is_done_once_and_offers_the_call(publisher: Publisher, routing: httpx.AsyncClient) -> None:
    call = await posted(publisher, routing, Eligibility.NEEDS_REVIEW, "in_review")
    order = {"by": "reviewer-1", "revision": "seen", "eligibility": "eligible", "reason": "record_is_clear"}
    stale = await routing.post(f"/v1/calls/{call}/review", json={**order, "revision": "another"})
    assert (stale.status_code, stale.json()["code"]) == (409, "revision-changed")
    assert stale.headers["content-type"] == "application/problem+json"

    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await routing.post(f"/v1/calls/{call}/review", json=order, headers=key) for _ in range(2)]
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert first.json()["status"]["stage"] == "offered"
    assert first.json()["status"]["epoch"] == 1
    other = await routing.post(f"/v1/calls/{call}/review", json={**order, "by": "reviewer-2"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_the_desk_moves_holds_and_takes_back(publisher: Publisher, routing: httpx.AsyncClient) -> None:
    call = await posted(publisher, routing, Eligibility.ELIGIBLE, "offered")
    path = f"/v1/calls/{call}/direct"
    order = {"by": "desk-1", "reason": "supervisor"}
    until = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    held = await routing.post(path, json={**order, "direction": "hold", "until": until})
    assert held.json()["status"]["stage"] == "held"
    moved = await routing.post(path, json={**order, "direction": "reassign", "provider": "alcott"})
    assert (moved.json()["status"]["provider"], moved.json()["status"]["epoch"]) == ("alcott", 2)
    early = await routing.post(path, json={**order, "direction": "extend", "until": until})
    assert (early.status_code, early.json()["code"]) == (409, "not-acknowledged")
    back = await routing.post(path, json={**order, "direction": "take_back"})
    assert (back.json()["status"]["outcome"], back.json()["status"]["reason"]) == ("eligible_not_served", "taken_back")
    assert len(back.json()["status"]["waiting"]) == 1
    late = await routing.post(path, json={**order, "direction": "take_back"})
    assert (late.status_code, late.json()["code"]) == (409, "concluded")


async def test_questions_and_danger_are_the_desks_and_not_cads(
    publisher: Publisher, routing: httpx.AsyncClient
) -> None:
    call = await posted(publisher, routing, Eligibility.ELIGIBLE, "offered")
    now = datetime.now(UTC)
    taken = CaseAcknowledged(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        case_id=case_id(call, 1),
        provider="exodus",
        epoch=1,
        arrive_by=now + timedelta(minutes=10),
    )
    await publish(publisher, "cases.v1", taken)
    asking = QuestionAsked(**dict(taken), question=Question.WEAPON)
    await publish(publisher, "cases.v1", asking)

    async def asked() -> bool:
        return (await routing.get(f"/v1/calls/{call}")).json()["questions"] == ["weapon"]

    await eventually(asked, "the question to reach the desk")
    status = (await routing.get(f"/v1/calls/{call}/status")).json()
    assert (status["holder"], status["stage"]) == ("exodus", "acknowledged")
    assert "questions" not in status

    cleared = await routing.post(f"/v1/calls/{call}/clear-danger", json={"by": "sergeant-2", "unit": "8L20"})
    assert (cleared.status_code, cleared.json()["code"]) == (409, "no-danger")
    order = {"by": "desk-1", "question": "weapon", "answer": "yes"}
    answered = (await routing.post(f"/v1/calls/{call}/answer-question", json=order)).json()
    assert answered["dangers"] == ["weapon"]
    assert answered["status"]["reason"] == "recalled"
    assert len(answered["status"]["unconfirmed"]) == 1
    cleared = await routing.post(f"/v1/calls/{call}/clear-danger", json={"by": "sergeant-2", "unit": "8L20"})
    assert (cleared.json()["dangers"], cleared.json()["cleared"]) == ([], ["weapon"])


async def test_open_calls_are_listed_without_private_words(publisher: Publisher, routing: httpx.AsyncClient) -> None:
    call = await posted(publisher, routing, Eligibility.ELIGIBLE, "offered")
    listed = await routing.get("/v1/calls", params={"stage": "offered", "provider": "exodus", "acuity": "routine"})
    assert str(call) in {one["call_id"] for one in listed.json()["calls"]}
    everything = await routing.get("/v1/calls")
    single = [await routing.get(f"/v1/calls/{call}"), await routing.get(f"/v1/calls/{call}/status")]
    assert all(CANARY not in answer.text for answer in (listed, everything, *single))


async def test_the_directory_in_force_is_shown(routing: httpx.AsyncClient) -> None:
    directory = (await routing.get("/v1/directory")).json()
    assert [one["id"] for one in directory["providers"]] == PROVIDERS
    assert len(directory["divisions"]) == 21
    assert directory["limits"]["decide_within"] == 300


async def test_what_is_not_known_or_not_understood_is_a_problem(routing: httpx.AsyncClient) -> None:
    unknown = uuid4()
    review = {"by": "one", "revision": "seen", "eligibility": "eligible", "reason": "other"}
    answers = [
        (await routing.get(f"/v1/calls/{unknown}/status"), 404),
        (await routing.get(f"/v1/calls/{unknown}"), 404),
        (await routing.post(f"/v1/calls/{unknown}/review", json=review), 404),
        (await routing.get("/v1/calls/no-uuid/status"), 422),
        (await routing.post(f"/v1/calls/{unknown}/review", json={**review, "extra": 1}), 422),
        (await routing.post(f"/v1/calls/{unknown}/review", json={**review, "by": "two words"}), 422),
        (await routing.post(f"/v1/calls/{unknown}/direct", json={"by": "one", "until": "10^400"}), 422),
        (await routing.post(f"/v1/calls/{unknown}/direct", content=b"{", headers=JSON), 400),
        (await routing.get("/v1/calls", params={"limit": 0}), 422),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
