"""Danger next door with two workers of routing, each with some of the partitions, in whatever order it comes."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import httpx

from divert_chassis.publisher import Outgoing, Publisher
from divert_cli import kafka_admin
from divert_cli.prepare import seed_policy, topic_specs
from divert_contracts.call import Decision, Picture, Private, Revision, RuleFired, Signal
from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.calls import CallReceived
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.facts.routing import CallConcluded, CaseOffered, CaseRecalled, DangerNearby
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import (
    Acuity,
    Certainty,
    Eligibility,
    Feed,
    Hazard,
    PolicyKind,
    Programme,
    SignalSource,
)
from integration.processes import running
from stack import Addresses, fresh_database
from waiting import eventually

PROVIDERS = ["exodus", "alcott", "penny-lane", "circle", "crisis-line"]
PAIRS = 200
AHEAD = timedelta(minutes=4)
"""Calls count as accepted so much later: no deadline passes while a slow machine starts two workers."""
AT_ONCE = 8
"""Records that are published together."""


def judged(call: UUID, picture: Picture, *hazards: Hazard) -> tuple[CallReceived, CallTriaged]:
    """Return a call and what triage says of it."""
    now = datetime.now(UTC) + AHEAD
    eligibility = Eligibility.INELIGIBLE if hazards else Eligibility.ELIGIBLE
    received = CallReceived(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        incident_number=str(call),
        revision=Revision(number=1, digest="one"),
        picture=picture,
        private=Private(narrative="words"),
        decide_by=now + timedelta(seconds=300),
    )
    triaged = CallTriaged(
        **{name: getattr(received, name) for name in CallTriaged.model_fields if hasattr(received, name)},
        signals=tuple(
            Signal(hazard=one, source=SignalSource.CALL_TYPE, certainty=Certainty.PRESENT, code="x") for one in hazards
        ),
        decision=Decision(
            eligibility=eligibility,
            programme=Programme.UMCR,
            acuity=Acuity.ROUTINE,
            rules=(RuleFired(rule="a-rule", effect=eligibility),),
            hard_exclusion=bool(hazards),
            policy="one",
        ),
    )
    return received, triaged


def pair(number: int) -> tuple[tuple[CallReceived, CallTriaged], tuple[CallReceived, CallTriaged]]:
    """Return a quiet call and one with danger: every other two at one address, the others in cells that touch."""
    same = number % 2 == 0
    row = 10_000 + 10 * number
    quiet = Picture(feed=Feed.DIVERTED, reporting_district="1822", cell=f"{row}:7", place=f"house-{number}")
    changes = {"place": quiet.place if same else None, "cell": f"{row + 1}:8", "feed": Feed.OBSERVED}
    return judged(uuid4(), quiet), judged(uuid4(), quiet.model_copy(update=changes), Hazard.WEAPON)


def record(fact: Fact) -> Outgoing:
    topic = "triage.v1" if isinstance(fact, CallTriaged) else "calls.v1"
    return Outgoing(topic, *encode(Envelope(id=uuid4(), source="/divert/test", fact=fact)))


async def said(kafka: str) -> list[Fact]:
    def whole() -> list[Fact]:
        records = kafka_admin.read(kafka, kafka_admin.ends(kafka, ["routing.v1"]))
        return [decode(one.value, one.headers.items()).fact for one in records]

    return await asyncio.to_thread(whole)


async def handled(client: httpx.AsyncClient) -> bool:
    text = (await client.get("/metrics")).text
    return any(line.startswith("divert_facts_handled_total{") for line in text.splitlines())


async def test_no_order_and_no_worker_leaves_a_provider_with_a_call_next_to_danger(stack: Addresses) -> None:
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, topic_specs(PROVIDERS, ["lapd"]))
    publisher = Publisher(stack.kafka, service="test")
    task = asyncio.create_task(publisher.run())
    pairs = [pair(number) for number in range(PAIRS)]
    facts: list[Fact] = [fact for both in pairs for call in both for fact in call]
    Random(1).shuffle(facts)
    registered = AgencyRegistered(occurred_at=datetime.now(UTC), agency="lapd", title="LAPD")
    for fact in (seed_policy(PolicyKind.ROUTING), registered):
        await publisher.publish([Outgoing("policies.v1", *encode(Envelope(uuid4(), "/divert/test", fact)))])
    quiet = {first[0].call_id for first, _ in pairs}
    async with (
        fresh_database(stack.postgres) as database,
        running("divert_routing", "ROUTING", stack, database) as one,
        running("divert_routing", "ROUTING", stack, database) as two,
    ):
        for first in range(0, len(facts), AT_ONCE):
            await publisher.publish([record(fact) for fact in facts[first : first + AT_ONCE]])

        async def everybody_heard() -> list[Fact] | None:
            found = await said(stack.kafka)
            heard = {fact.call_id for fact in found if isinstance(fact, DangerNearby)}
            return found if heard >= quiet else None

        found = await eventually(everybody_heard, f"{PAIRS} calls to hear of danger close by", within=120, every=0.5)
        assert await handled(one)
        assert await handled(two)
    offered = {fact.case_id for fact in found if isinstance(fact, CaseOffered) and fact.call_id in quiet}
    recalled = {fact.case_id for fact in found if isinstance(fact, CaseRecalled) and fact.call_id in quiet}
    assert offered == recalled
    concluded = {fact.call_id: fact.rule for fact in found if isinstance(fact, CallConcluded) and fact.call_id in quiet}
    at_one_address = {first[0].call_id for number, (first, _) in enumerate(pairs) if number % 2 == 0}
    assert concluded.keys() >= at_one_address
    assert set(concluded.values()) == {"danger-nearby"}
    task.cancel()
    await asyncio.wait([task])
