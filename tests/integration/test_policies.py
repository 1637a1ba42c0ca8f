"""Policies switched and tried on the real stack, under load: every call is judged by the one in force at its time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest_asyncio
from pydantic import JsonValue

from divert_chassis.clock import DomainClock
from divert_cli import kafka_admin
from divert_cli.checkout import ROOT
from divert_cli.policy import approvals, backtest, files, publishing, recording
from divert_cli.policy.backtest import Entrant
from divert_cli.policy.files import PolicyFile
from divert_cli.prepare import SEEDS, fact_of, prepare, set_clock
from divert_contracts.envelope import Envelope, decode
from divert_contracts.facts.policies import ClockSet
from divert_contracts.facts.triage import CallTriaged, ShadowDiffered
from divert_contracts.policy import ROLES
from divert_contracts.vocabulary import Change, Eligibility, PolicyKind, Question
from integration.processes import running
from stack import Addresses, embedded, fresh_database
from waiting import eventually

RATE = 30.0
"""A minute of domain time is two seconds: the time that a version needs to come into force."""
NO: dict[str, JsonValue] = {question.value: "no" for question in Question if question is not Question.UNKNOWN}
SENDERS = 6


@dataclass
class City:
    """What the tests speak to."""

    stack: Addresses
    intake: httpx.AsyncClient
    triage: httpx.AsyncClient
    reporting: httpx.AsyncClient
    clock: DomainClock


@pytest_asyncio.fixture(scope="module")
async def city() -> AsyncIterator[City]:
    """Run intake, two triages and reporting on a stack of their own: a switched policy is for everybody on it."""
    async with AsyncExitStack() as held:
        stack = await held.enter_async_context(embedded())
        database = await held.enter_async_context(fresh_database(stack.postgres))
        await prepare(stack.kafka, database)
        now = datetime.now(UTC)
        fast = ClockSet(occurred_at=now, real_from=now, domain_from=now, rate=RATE)
        await set_clock(stack.kafka, fast)
        clock = DomainClock()
        clock.learn(fast)
        triage = await held.enter_async_context(running("divert_triage", "TRIAGE", stack, database))
        await held.enter_async_context(running("divert_triage", "TRIAGE", stack, database))
        intake = await held.enter_async_context(
            running("divert_intake", "INTAKE", stack, database, INTAKE_PLACE_KEY="0123456789abcdef" * 4)
        )
        reporting = await held.enter_async_context(running("divert_reporting", "REPORTING", stack, database))
        yield City(stack, intake, triage, reporting, clock)


def drafted(folder: Path, version: str, change: Callable[[str], str]) -> PolicyFile:
    """Write a policy of another version, its lexicon beside it."""
    seed = files.read(ROOT / SEEDS[PolicyKind.TRIAGE])
    for part in seed.parts.values():
        (folder / part.path.name).write_bytes(part.path.read_bytes())
    path = folder / f"{version}.yaml"
    path.write_text(change(seed.path.read_text().replace(f"version: {seed.version}", f"version: {version}")))
    policy = files.read(path)
    files.checked(policy)
    return policy


def approved(policy: PolicyFile) -> PolicyFile:
    """Back-test a policy and let three people approve it."""
    report = backtest.run(recording.of_evening(), Entrant(files.triage_policy(policy.path), policy.digest))
    backtest.beside(policy.path).write_bytes(report.canonical())
    for role in ROLES:
        approvals.approve(policy, role=role, by=f"{role}-1", backtest=report.sha256, at=datetime.now(UTC))
    return policy


def without_care_for_dispute(text: str) -> str:
    """Let the policy review what the seed finds eligible."""
    return text.replace('codes: ["918", 918M', "codes: [918M")


async def post(city: City) -> str:
    body = {
        "agency": "lapd",
        "incident_number": f"POLICY-{uuid4().hex}",
        "feed": "diverted",
        "call_type": "918",
        "answers": NO,
    }
    answer = await city.intake.post("/v1/calls", json=body)
    assert answer.status_code == 202
    return str(answer.json()["call_id"])


async def judged(city: City, calls: set[str]) -> list[Envelope]:
    """Return what triage has published of some calls."""

    def read() -> list[Envelope]:
        records = kafka_admin.read(city.stack.kafka, kafka_admin.ends(city.stack.kafka, ["triage.v1"]))
        found = [decode(one.value, one.headers.items()) for one in records]
        return [one for one in found if one.key in calls]

    return await asyncio.to_thread(read)


async def passed(city: City, moment: datetime) -> None:
    async def there() -> bool:
        return city.clock.now() > moment

    await eventually(there, f"domain time {moment}")


async def test_switched_under_load_every_call_is_judged_by_the_policy_in_force_when_it_was_accepted(
    city: City, tmp_path: Path
) -> None:
    policy = await asyncio.to_thread(approved, drafted(tmp_path, "strict-1", without_care_for_dispute))
    calls: set[str] = set()
    enough = asyncio.Event()

    async def keep_sending() -> None:
        while not enough.is_set():
            calls.add(await post(city))

    senders = [asyncio.create_task(keep_sending()) for _ in range(SENDERS)]
    try:
        await eventually(lambda: _many(calls, 50), "calls under the first policy")
        since = await publishing.publish(city.stack.kafka, policy)
        await passed(city, since)
        before = len(calls)
        await eventually(lambda: _many(calls, before + 50), "calls under the second policy")
    finally:
        enough.set()
        await asyncio.gather(*senders)

    async def all_judged() -> list[Envelope] | None:
        found = await judged(city, calls)
        return found if len({one.key for one in found}) == len(calls) else None

    envelopes = await eventually(all_judged, "every call to be judged", within=60)
    versions: dict[str, str] = {}
    seed = files.read(ROOT / SEEDS[PolicyKind.TRIAGE]).version
    for fact in (one.fact for one in envelopes):
        assert isinstance(fact, CallTriaged)
        in_force = "strict-1" if fact.occurred_at >= since else seed
        assert fact.decision.policy == in_force
        assert (fact.decision.eligibility is Eligibility.ELIGIBLE) is (in_force != "strict-1")
        assert versions.setdefault(str(fact.call_id), in_force) == in_force
    assert len(set(versions.values())) == 2


async def test_a_version_that_nobody_approved_is_refused_by_every_process_and_shown(city: City, tmp_path: Path) -> None:
    draft = drafted(tmp_path, "unapproved-1", str)
    now = city.clock.now()
    fact = fact_of(draft, said_at=now, in_force_from=now)
    envelope = Envelope(id=uuid4(), source="/divert/cli", fact=fact)
    await asyncio.to_thread(kafka_admin.publish, city.stack.kafka, "policies.v1", [envelope])

    async def shown() -> str | None:
        known = (await city.triage.get("/v1/policies")).json()
        return next((one["refused"] for one in known if one["version"] == "unapproved-1"), None)

    assert await eventually(shown, "the refused version to be shown") == "policy:not-approved"


async def test_what_is_tried_beside_is_reported_and_decides_nothing(city: City, tmp_path: Path) -> None:
    loose = drafted(tmp_path, "loose-1", str)
    begins = await publishing.try_beside(city.stack.kafka, loose)
    await passed(city, begins)
    call = await post(city)

    async def both() -> list[Envelope] | None:
        found = await judged(city, {call})
        return found if len({type(one.fact) for one in found}) == 2 else None

    facts = [one.fact for one in await eventually(both, "the difference to be published")]
    triaged = next(one for one in facts if isinstance(one, CallTriaged))
    differed = next(one for one in facts if isinstance(one, ShadowDiffered))
    assert triaged.decision.policy == differed.in_force.policy == "strict-1"
    assert triaged.decision.eligibility is Eligibility.NEEDS_REVIEW
    assert (differed.shadow.policy, differed.change) == ("loose-1", Change.NEWLY_ELIGIBLE)

    async def counted() -> list[dict[str, object]]:
        return (await city.reporting.get("/v1/shadow")).json()["differences"]

    assert await eventually(counted, "reporting to count it") == [
        {
            "policy": "loose-1",
            "change": "newly_eligible",
            "rule": triaged.decision.rules[0].rule,
            "shadow_rule": "C-MENTAL",
            "calls": 1,
        }
    ]
    assert "newly eligible" in (await city.reporting.get("/today")).text
    ends = await publishing.try_no_more(city.stack.kafka)
    await passed(city, ends)
    last = await post(city)

    async def alone() -> list[Envelope]:
        return await judged(city, {last})

    assert [type(one.fact) for one in await eventually(alone, "the last call to be judged")] == [CallTriaged]


async def _many(calls: set[str], count: int) -> bool:
    return len(calls) >= count
