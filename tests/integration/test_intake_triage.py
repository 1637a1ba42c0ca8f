"""Intake and triage as processes: what is answered is on Kafka, and is judged."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import redis.asyncio
from pydantic import JsonValue

from divert_cli import kafka_admin
from divert_cli.prepare import prepare
from divert_contracts import ids
from divert_contracts.envelope import Envelope, decode
from divert_contracts.facts.base import CallFact
from divert_contracts.facts.calls import CallCancelled, CallReceived, CallReopened, CallUpdated
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.vocabulary import Eligibility, Programme, Question
from integration.processes import running
from stack import Addresses, fresh_database
from waiting import eventually

NO: dict[str, JsonValue] = {question.value: "no" for question in Question if question is not Question.UNKNOWN}
KEY = "0123456789abcdef" * 4


@pytest_asyncio.fixture(scope="module")
async def intake(stack: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    async with fresh_database(stack.postgres) as database:
        await prepare(stack.kafka, database)
        async with (
            running("divert_triage", "TRIAGE", stack, database),
            running("divert_intake", "INTAKE", stack, database, INTAKE_PLACE_KEY=KEY) as client,
        ):
            yield client


def call(**fields: JsonValue) -> dict[str, JsonValue]:
    number = f"TEST-{uuid4().hex}"
    answers: JsonValue = NO
    return {
        "agency": "lapd",
        "incident_number": number,
        "feed": "diverted",
        "call_type": "918",
        "answers": answers,
        **fields,
    }


async def of_call(stack: Addresses, topic: str, *calls: object) -> list[Envelope]:
    """Read a topic whole and return what it says of some calls."""
    wanted = {UUID(str(one)) for one in calls}

    def whole() -> list[Envelope]:
        records = kafka_admin.read(stack.kafka, kafka_admin.ends(stack.kafka, [topic]))
        found = (decode(one.value, one.headers.items()) for one in records)
        return [one for one in found if isinstance(one.fact, CallFact) and one.fact.call_id in wanted]

    return await asyncio.to_thread(whole)


async def triaged(stack: Addresses, call_id: object) -> CallTriaged:
    async def judged() -> Envelope | None:
        return next(iter(await of_call(stack, "triage.v1", call_id)), None)

    found = await eventually(judged, "the call to be triaged")
    assert isinstance(found.fact, CallTriaged)
    return found.fact


async def test_a_call_is_on_its_topic_when_it_is_answered_and_then_judged(
    stack: Addresses, intake: httpx.AsyncClient
) -> None:
    posted = call(narrative="weeping", address={"text": "1 Alder Vale Ave"})
    answer = await intake.post("/v1/calls", json=posted)
    assert answer.status_code == 202
    said = answer.json()
    assert said["call_id"] == str(ids.call_id("lapd", str(posted["incident_number"])))
    assert said["warnings"] == []
    assert said["accepted_at"] < said["next_update_by"] < said["decide_by"]
    [envelope] = await of_call(stack, "calls.v1", said["call_id"])
    assert isinstance(envelope.fact, CallReceived)
    assert (str(envelope.id), envelope.source) == (said["fact_id"], "/divert/intake")
    assert envelope.fact.picture.place is not None
    judged = await triaged(stack, said["call_id"])
    assert (judged.decision.eligibility, judged.decision.programme) == (Eligibility.ELIGIBLE, Programme.UMCR)
    assert judged.decide_by == envelope.fact.decide_by
    assert "weeping" not in judged.model_dump_json()


async def test_the_same_post_again_has_the_same_answer_and_id_with_the_cache_and_without(
    stack: Addresses, intake: httpx.AsyncClient
) -> None:
    posted = call(revision=1)
    first = await intake.post("/v1/calls", json=posted)
    again = await intake.post("/v1/calls", content=json.dumps(posted, indent=2))
    assert again.content == first.content
    assert len(await of_call(stack, "calls.v1", first.json()["call_id"])) == 1
    async with redis.asyncio.Redis.from_url(stack.valkey) as valkey:
        await valkey.flushall()
    forgotten = await intake.post("/v1/calls", json=posted)
    assert forgotten.json()["fact_id"] == first.json()["fact_id"]
    facts = await of_call(stack, "calls.v1", first.json()["call_id"])
    assert len({one.id for one in facts}) == 1


async def test_every_other_word_about_a_call_is_on_its_topic(stack: Addresses, intake: httpx.AsyncClient) -> None:
    posted = call(revision=1)
    first = (await intake.post("/v1/calls", json=posted)).json()
    path = f"/v1/calls/{first['call_id']}"
    updated = await intake.put(path, json={**posted, "revision": 2, "flags": ["GUN"]})
    assert updated.status_code == 202
    for verb, fields in (
        ("cancel", {"reason": "caller"}),
        ("close", {"disposition_code": "CODE4"}),
        ("handoff-accepted", {"handoff_id": str(uuid4()), "by": "d-12"}),
        ("responder", {"responder": "patrol"}),
    ):
        answer = await intake.post(f"{path}/{verb}", json={"agency": "lapd", **fields})
        assert (verb, answer.status_code, answer.json()["warnings"]) == (verb, 202, [])
    reopened = (await intake.post(f"{path}/reopen", json={**posted, "revision": 3})).json()
    assert reopened["reopens"] == first["call_id"]
    facts = [one.fact for one in await of_call(stack, "calls.v1", first["call_id"], reopened["call_id"])]
    assert {type(one) for one in facts} >= {CallReceived, CallUpdated, CallCancelled, CallReopened}
    assert len(facts) == 7
    judged = await triaged(stack, reopened["call_id"])
    assert judged.decision.eligibility is Eligibility.ELIGIBLE


async def test_a_batch_is_answered_line_by_line_in_order(stack: Addresses, intake: httpx.AsyncClient) -> None:
    posts = [call(feed="observed") for _ in range(1000)]
    lines = [json.dumps(one) for one in posts]
    lines[499] = "{"
    lines[500] = json.dumps({**posts[500], "incident_number": ""})
    answer = await intake.post("/v1/calls:batch", content="\n".join(lines))
    assert answer.status_code == 200
    batch = answer.json()
    assert (batch["accepted"], batch["refused"]) == (998, 2)
    assert [one["line"] for one in batch["results"]] == list(range(1, 1001))
    assert [one["status"] for one in batch["results"][498:502]] == [202, 400, 422, 202]
    taken = [one["call"] for one in batch["results"] if one["status"] == 202]
    assert taken[0]["call_id"] == str(ids.call_id("lapd", str(posts[0]["incident_number"])))
    assert taken[0]["next_update_by"] is None
    facts = await of_call(stack, "calls.v1", *(one["call_id"] for one in taken))
    assert {str(one.id) for one in facts} == {one["fact_id"] for one in taken}
    assert len(facts) == 998


@pytest.mark.parametrize(
    "fields",
    [
        '"narrative":"\\u0000\\ud800"',
        '"people_present":1' + "0" * 400,
        '"people_present":1e999,"revision":NaN',
        '"x":' + "[" * 60 + "]" * 60,
        '"stamps":{"created_at":"0001-01-01T00:00:00Z","closed_at":"9999-12-31T23:59:59Z"}',
        '"narrative":"' + "\\u0001" * 40_000 + '"',
        '"narrative":"' + "x" * 250_000 + '"',
        '"answers":7,"flags":7,"address":7,"caller":7,"persons":7,"stamps":7,"feed":7,"needs":7',
    ],
)
async def test_odd_calls_arrive_and_are_judged(stack: Addresses, intake: httpx.AsyncClient, fields: str) -> None:
    number = f"TEST-{uuid4().hex}"
    answer = await intake.post("/v1/calls", content=f'{{"agency":"lapd","incident_number":"{number}",{fields}}}')
    assert answer.status_code == 202
    assert answer.json()["warnings"]
    judged = await triaged(stack, answer.json()["call_id"])
    assert judged.decision.eligibility is Eligibility.NEEDS_REVIEW
