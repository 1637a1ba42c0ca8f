"""Reporting as processes: the same log gives the same tables, and the tables are told by HTTP and on pages."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
import pytest_asyncio

from divert_bench.processes import Backing
from divert_chassis.publisher import Outgoing, Publisher
from divert_cli import kafka_admin
from divert_cli.prepare import topic_specs
from divert_cli.rebuild import rebuilt
from divert_contracts import ids
from divert_contracts.envelope import Envelope, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.topics import CASES, ROUTING, SHIFTS, TRIAGE
from divert_reporting.adapters.tables import digest
from divert_reporting.domain.case_outcome import CaseOutcome
from divert_reporting.domain.outcome import CallOutcome, ShiftChange
from integration.processes import running
from stack import Addresses, fresh_database
from unit.reporting.stories import NOBODY_ANSWERED, NOON, SERVED, enveloped
from waiting import eventually

CALLS = 300
RUN = uuid4()
"""Keeps the calls of this run apart from others on the same topics."""


@pytest_asyncio.fixture(scope="module")
async def publisher(stack: Addresses) -> AsyncIterator[Publisher]:
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, topic_specs(["exodus"], ["lapd"]))
    made = Publisher(stack.kafka, service="test")
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


def call_of(number: int) -> UUID:
    return ids.call_id("lapd", f"{RUN}-{number}")


def told(number: int) -> list[Envelope]:
    """Return the facts of one call, with ids of its own."""
    call = call_of(number)
    story = enveloped(SERVED if number % 2 else NOBODY_ANSWERED)
    return [
        Envelope(
            id=uuid5(call, str(one.id)),
            source=one.source,
            fact=one.fact.model_copy(update={"call_id": call}),
            cause=None if one.cause is None else uuid5(call, str(one.cause)),
            sequence=one.sequence,
        )
        for one in story
    ]


def record(envelope: Envelope) -> Outgoing:
    topic = next(one for one in (TRIAGE, ROUTING, CASES, SHIFTS) if type(envelope.fact) in one.carries)
    return Outgoing(topic.name, *encode(envelope))


def changed_shift(number: int) -> Envelope:
    fact: Fact = ShiftChanged(occurred_at=NOON + timedelta(minutes=number), provider=f"{RUN}", teams=())
    return Envelope(id=uuid5(RUN, f"shift:{number}"), source="/divert/provider-gateway/exodus", fact=fact)


@pytest_asyncio.fixture(scope="module")
async def facts(publisher: Publisher) -> int:
    """Publish all calls, shuffled, some facts twice; return how many facts there are."""
    envelopes = [one for number in range(CALLS) for one in told(number)] + [changed_shift(one) for one in range(20)]
    random = Random(7)
    sent = [*envelopes, *random.sample(envelopes, len(envelopes) // 5)]
    random.shuffle(sent)
    await publisher.publish([record(one) for one in sent])
    return len(envelopes)


async def tables(stack: Addresses, workers: int) -> dict[str, str]:
    """Let so many workers read the log from its beginning into an empty database; return the digests of the tables."""
    async with AsyncExitStack() as held:
        database = await held.enter_async_context(fresh_database(stack.postgres))
        for _ in range(workers):
            await held.enter_async_context(running("divert_reporting", "REPORTING", stack, database))
        connection = await asyncpg.connect(database, server_settings={"search_path": "reporting"})
        held.push_async_callback(connection.close)
        await eventually(lambda: caught_up(stack, connection), f"{workers} workers to catch up", within=180, every=0.2)
        return await digest(connection)


async def caught_up(stack: Addresses, connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    topics = [one.name for one in (TRIAGE, ROUTING, CASES, SHIFTS)]
    ends = await asyncio.to_thread(kafka_admin.ends, stack.kafka, topics)
    rows = await connection.fetch("SELECT topic, partition, next FROM reporting.position")
    stands = {(row["topic"], row["partition"]): row["next"] for row in rows}
    return all(stands.get(partition, 0) == end for partition, (first, end) in ends.items() if end > first)


async def test_one_worker_and_three_give_the_same_tables(stack: Addresses, facts: int) -> None:
    del facts
    assert await tables(stack, 1) == await tables(stack, 3)


@pytest_asyncio.fixture(scope="module")
async def reporting(stack: Addresses, facts: int) -> AsyncIterator[httpx.AsyncClient]:
    del facts
    async with (
        fresh_database(stack.postgres) as database,
        running("divert_reporting", "REPORTING", stack, database) as client,
    ):
        connection = await asyncpg.connect(database)
        await eventually(lambda: caught_up(stack, connection), "reporting to catch up", within=180, every=0.2)
        yield client
        await every_column_is_explained(connection)
        await connection.close()


async def every_column_is_explained(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    rows = await connection.fetch(
        "SELECT table_name, column_name,"
        " col_description(format('reporting.%s', table_name)::regclass, ordinal_position) AS about"
        " FROM information_schema.columns"
        " WHERE table_schema = 'reporting' AND table_name IN ('call_outcomes', 'case_outcomes', 'shift_changes')"
    )
    named = {(row["table_name"], row["column_name"]) for row in rows}
    assert named == {("call_outcomes", name) for name in CallOutcome.model_fields} | {
        ("case_outcomes", name) for name in CaseOutcome.model_fields
    } | {("shift_changes", name) for name in ShiftChange.model_fields}
    assert all(row["about"] for row in rows)


async def outcomes(reporting: httpx.AsyncClient, **wanted: str | int) -> Sequence[CallOutcome]:
    """Read all pages."""
    found: list[CallOutcome] = []
    after: dict[str, str] = {}
    while True:
        page = (await reporting.get("/v1/outcomes", params={**wanted, **after, "limit": 70})).json()
        found += [CallOutcome.model_validate(row) for row in page["outcomes"]]
        if page["after"] is None:
            return found
        after = {"after": page["after"]}


async def test_tables_are_rebuilt_beside_the_live_ones_which_go_on_after_the_swap(
    stack: Addresses, publisher: Publisher, facts: int, tmp_path: Path
) -> None:
    del facts
    async with AsyncExitStack() as held:
        database = await held.enter_async_context(fresh_database(stack.postgres))
        await held.enter_async_context(running("divert_reporting", "REPORTING", stack, database))
        connection = await asyncpg.connect(database, server_settings={"search_path": "reporting"})
        held.push_async_callback(connection.close)
        await eventually(lambda: caught_up(stack, connection), "reporting to catch up", within=180, every=0.2)
        before = await digest(connection)
        await connection.execute("UPDATE call_outcomes SET facts = 0")
        said = await rebuilt(Backing(stack.kafka, database, stack.valkey, tmp_path))
        assert "not equal" in said
        assert await digest(connection) == before
        late = told(CALLS)
        await publisher.publish([record(one) for one in late])
        await eventually(lambda: caught_up(stack, connection), "the live worker to go on", within=60, every=0.2)
        assert await connection.fetchval("SELECT facts FROM call_outcomes WHERE call_id = $1", call_of(CALLS)) == len(
            late
        )
        schemas = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'reporting%'")
        assert [row["nspname"] for row in schemas] == ["reporting"]


async def test_every_call_has_its_row(reporting: httpx.AsyncClient) -> None:
    rows = {row.call_id: row for row in await outcomes(reporting)}
    assert {call_of(number) for number in range(CALLS)} <= rows.keys()
    for number in range(CALLS):
        row = rows[call_of(number)]
        assert row.facts == len(told(number))
        assert row.outcome == ("served" if number % 2 else "eligible_not_served")


async def test_rows_are_filtered(reporting: httpx.AsyncClient) -> None:
    served = await outcomes(reporting, outcome="served", provider="alcott", division=7, feed="diverted")
    assert {row.outcome for row in served} == {"served"}
    assert {call_of(1), call_of(3)} <= {row.call_id for row in served}
    later = (NOON + timedelta(days=1)).isoformat()
    assert not [row for row in await outcomes(reporting, since=later) if row.call_id == call_of(1)]
    assert (await reporting.get("/v1/outcomes", params={"limit": 0})).status_code == 422
    assert (await reporting.get("/v1/outcomes", params={"provider": "\x00"})).status_code == 422


async def test_the_funnel_narrows_and_its_counts_add_up(reporting: httpx.AsyncClient) -> None:
    funnel = (await reporting.get("/v1/funnel", params={"agency": "lapd"})).json()
    counts = [step["calls"] for step in funnel["steps"]]
    assert counts == sorted(counts, reverse=True)
    ended = sum(ending["calls"] for ending in funnel["endings"])
    assert ended + sum(funnel["in_flight"].values()) == counts[0] == funnel["denominators"]["in"]
    hours = (await reporting.get("/v1/hourly", params={"agency": "lapd", "limit": 744})).json()["hours"]
    assert sum(hour["received"] for hour in hours) == counts[0]


async def test_a_call_is_told_with_causes(reporting: httpx.AsyncClient) -> None:
    story = (await reporting.get(f"/v1/calls/{call_of(1)}")).json()
    facts = story["facts"]
    assert [one["type"] for one in facts][:3] == [
        "divert.CallTriaged.v1",
        "divert.CallOpened.v1",
        "divert.CaseOffered.v1",
    ]
    known = {one["id"] for one in facts}
    assert all(one["cause"] in known for one in facts[1:])
    assert story["outcome"]["outcome"] == "served"
    unknown = await reporting.get(f"/v1/calls/{uuid4()}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-call")


CELL = "dimension=all&part=served&measure=closed"
EVENING = "since=2026-10-01T00:00:00Z&until=2026-10-02T00:00:00Z"


async def test_a_number_opens_into_the_calls_behind_it(reporting: httpx.AsyncClient) -> None:
    counted = (await reporting.get(f"/v1/figures/outcomes?{EVENING}")).json()["cells"]
    (n,) = [
        one["n"] for one in counted if (one["dimension"], one["part"], one["measure"]) == ("all", "served", "closed")
    ]
    page = (await reporting.get(f"/v1/figures/outcomes/rows?{EVENING}&{CELL}")).json()
    assert (len(page["rows"]), page["next"]) == (n, None)
    assert {one["outcome"] for one in page["rows"]} == {"served"}
    assert not {"call_id", "incident_number", "place", "accepted_at"} & page["rows"][0].keys()
    shown = (await reporting.get(f"/figures/outcomes/rows?{EVENING}&{CELL}")).text
    assert shown.count("<tr>") == n + 1
    assert "count(*) AS calls" in (await reporting.get(f"/figures/outcomes?{EVENING}")).text
    today = (await reporting.get(f"/today?{EVENING}")).text
    links = re.findall(r'href="(/figures/[^"]+/rows[^"]+)">(\d+)<', today)
    assert len(links) > 8
    for link, calls in links:
        behind = (await reporting.get("/v1" + link.replace("&amp;", "&"))).json()
        assert sum(one["counts"] for one in behind["rows"]) == int(calls), link
    for wrong in ("/v1/figures/none/rows", "/figures/none/rows"):
        assert (await reporting.get(f"{wrong}?{CELL}")).status_code == 404


async def test_the_pages_are_whole_and_load_nothing_from_elsewhere(reporting: httpx.AsyncClient) -> None:
    for path, status in (
        ("/today", 200),
        (f"/today?{EVENING}", 200),
        ("/figures", 200),
        (f"/figures/response?{EVENING}", 200),
        (f"/figures/outcomes/rows?{EVENING}&{CELL}", 200),
        ("/board/alarms", 200),
        (f"/calls/{call_of(1)}", 200),
        (f"/calls/{uuid4()}", 404),
    ):
        page = await reporting.get(path)
        assert page.status_code == status
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert "style=" not in page.text
        for link in re.findall(r'(?:href|src)="([^"#]+)"', page.text):
            assert link.startswith("/")
        assert (await reporting.get("/assets/reporting.css")).headers["content-type"].startswith("text/css")
    assert "Alcott has it" in (await reporting.get(f"/calls/{call_of(1)}")).text
