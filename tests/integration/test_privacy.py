"""Canaries: strings that stand in every private place of some calls, looked for in whatever divert leaves behind.

They may be found where the design names a place for them, and nowhere else; after the calls were erased in no table.
What is looked through is proved to be looked through by words that must be there.
"""

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from confluent_kafka import Producer
from pydantic import JsonValue

from divert_cli import kafka_admin
from divert_cli.bearers import Bearers
from divert_cli.erase import forgetting
from divert_cli.stack import LocalStack
from divert_contracts.access import Role
from divert_contracts.topics import TOPICS
from divert_contracts.vocabulary import Question
from divert_intake.api import EIDO_EXAMPLE
from divert_provider_gateway.pages.who import DESK, DEVICE
from waiting import eventually

ALCOTT, LAPD = "provider-gateway-alcott", "agency-gateway-lapd"
MAY_HOLD = {
    f"topic {one.name_of(member)}" for one in TOPICS if one.private or one.foreign for member in ("alcott", "lapd")
}
ROUTINGS, ALCOTTS = "routing.state_call", "provider_gateway_alcott.state_case"
STATUSES = "statuses.alcott.v1"
BURIED = f"{STATUSES}.provider-gateway.dead"
WAITING = {"provider_gateway_alcott.state_deliveries", "agency_gateway_lapd.state_deliveries"}
TABLES = {ROUTINGS, ALCOTTS, *WAITING}
"""Where private words stand until their time is over, beside outboxes in passing."""
SHOWN = {
    "routing": ("/v1/calls?limit=2000", "/v1/directory"),
    "reporting": (
        "/",
        "/?wall",
        "/today",
        "/board/alarms",
        "/v1/outcomes?limit=1000",
        "/v1/funnel",
        "/v1/hourly",
        "/v1/agreement",
        "/v1/shadow",
        "/v1/figures",
        "/v1/figures/outcomes",
        "/v1/figures/outcomes/rows?dimension=all&part=served&measure=closed",
        "/figures",
        "/figures/outcomes",
        "/figures/outcomes/rows?dimension=all&part=served&measure=closed",
        "/v1/dictionary",
        "/v1/corrections",
    ),
    ALCOTT: (
        "/follow-ups",
        "/safety",
        "/expiries",
        "/v1/follow-ups",
        "/v1/follow-ups?made=true",
        "/v1/safety-events",
        "/v1/expiries",
        "/v1/shift",
        "/v1/webhooks",
    ),
}
"""What is told of all calls; reporting's exports and reports are made of the same tables and topics."""
SHOWN_OF_EACH = {
    "routing": ("/v1/calls/{call}", "/v1/calls/{call}/status"),
    "reporting": ("/v1/calls/{call}", "/calls/{call}", "/board/calls/{call}"),
    LAPD: ("/v1/webhooks/deliveries/{call}",),
}
AT_THE_DESK = {"cookie": f"{DEVICE}={DESK}"}

Found = Mapping[str, set[str]]
"""By word, the places where it was found."""


def a_canary() -> str:
    return f"qzx{uuid.uuid4().hex}"


def a_number() -> str:
    return f"+1 213 {uuid.uuid4().int % 10**15:015d}"


@dataclass
class Call:
    """A call that is full of canaries."""

    number: str = field(default_factory=lambda: f"canary-{uuid.uuid4().hex}")
    canaries: dict[str, str] = field(default_factory=dict[str, str])
    weapon: str = "no"
    id: str = ""
    case: str = ""

    def canary(self, where: str) -> str:
        """Return the canary of a place."""
        return self.canaries.setdefault(where, a_number() if where.endswith("number") else a_canary())

    @property
    def body(self) -> dict[str, JsonValue]:
        """The call as CAD posts it."""
        own = self.canary
        return {
            "agency": "lapd",
            "incident_number": self.number,
            "feed": "diverted",
            "call_type": "918",
            "call_type_text": f"type {own('call type text')}"[:64],
            "reporting_district": "0723",
            "answers": {
                **{one.value: "no" for one in Question if one is not Question.UNKNOWN},
                Question.WEAPON.value: self.weapon,
            },
            "narrative": f"Man weeping, says {own('narrative')}.",
            "address": {
                "text": f"1 {own('street')} St",
                "unit": own("unit"),
                "gate": own("gate"),
                "cross_street": own("cross"),
            },
            "caller": {"name": own("name"), "number": own("caller's number"), "description": own("description")},
            "persons": [{"name": own("other name"), "number": own("other number"), "description": own("looks")}],
            "people_animals_access": f"A dog, {own('access')}.",
        }

    @property
    def eido(self) -> Mapping[str, object]:
        """The call as NENA's form."""
        text = json.dumps(EIDO_EXAMPLE).replace("Man on the bench weeping.", f"Weeping {self.canary('note')}.")
        whole = cast("dict[str, JsonValue]", json.loads(text))
        prologue: Mapping[str, object] = {
            "lastUpdateTimeStamp": datetime.now(UTC).isoformat(),
            "updatedByAgencyReference": {"$ref": "a"},
        }
        person = {"PersonName": {"PersonFullName": self.canary("person")}, "PersonDescriptionText": self.canary("coat")}
        incident = cast("dict[str, JsonValue]", whole["incidentComponent"])
        return {
            **whole,
            "$id": f"urn:emergency:uid:incidentid:{self.number}",
            "incidentComponent": {**incident, "internalIncidentId": self.number},
            "personComponent": [
                {
                    "$id": "p",
                    **prologue,
                    "personIncidentRoleRegistryText": ["Caller"],
                    "ncPersonComponent": person,
                }
            ],
            self.canary("unknown member"): {"nested": self.canary("unknown value")},
        }


class Divert:
    """The running system, as everybody who asks it sees it."""

    def __init__(self, system: LocalStack, http: httpx.AsyncClient) -> None:
        self.system = system
        self.http = http

    async def get(self, service: str, path: str) -> httpx.Response:
        return await self.http.get(f"{self.system.urls[service]}{path}", headers=AT_THE_DESK)

    async def erase(self, call: Call) -> httpx.Response:
        admin = Bearers(self.system, roles={"routing": Role.ADMIN})
        url = f"{self.system.urls['routing']}/v1/calls/{call.id}/erase"
        return await self.http.post(url, json={"by": "records-04"}, auth=admin)

    async def post(self, service: str, path: str, body: object, kind: str = "application/json") -> httpx.Response:
        headers = {"Content-Type": kind}
        content = json.dumps(body).encode()
        return await self.http.post(f"{self.system.urls[service]}{path}", content=content, headers=headers)

    async def stage(self, call: Call, *stages: str) -> dict[str, str]:
        """Wait until a call stands at one of these stages."""

        async def stands() -> dict[str, str] | None:
            told = await self.get("routing", f"/v1/calls/{call.id}/status")
            return told.json() if told.is_success and told.json()["stage"] in stages else None

        return await eventually(stands, f"the call to be {' or '.join(stages)}", within=90, every=0.1)

    async def says(self, call: Call, verb: str, **said: JsonValue) -> None:
        """Let Alcott say something of its case, as soon as it has it."""

        async def taken() -> bool:
            return (await self.post(ALCOTT, f"/v1/cases/{call.case}/{verb}", said)).is_success

        await eventually(taken, f"Alcott to say {verb}", within=90, every=0.1)

    async def known(self, call: Call) -> None:
        """Wait until reporting has the call's end."""

        async def has_ended() -> bool:
            told = await self.get("reporting", f"/v1/calls/{call.id}")
            return told.is_success and told.json()["outcome"]["outcome"] is not None

        await eventually(has_ended, "reporting to know the call's end", within=90, every=0.1)


@asynccontextmanager
async def an_endpoint(divert: Divert, gateway: str, call: Call) -> AsyncGenerator[list[bytes]]:
    """Have a gateway's webhooks sent to a server that fails at those of a call, and says all that it was told."""
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": "divert"})
        body = await request.read()
        if not any(word.encode() in body for word in (call.number, *call.canaries.values())):
            return web.Response(status=204)
        bodies.append(body)
        return web.Response(status=500, body=body, headers={"x-said": body[:200].hex()})

    app = web.Application()
    app.router.add_route("*", "/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    assert (await divert.post(gateway, "/v1/webhooks", {"url": url})).status_code == httpx.codes.CREATED
    try:
        yield bodies
    finally:
        await divert.http.delete(f"{divert.system.urls[gateway]}/v1/webhooks")
        await runner.cleanup()


async def sent(call: Call, bodies: list[bytes]) -> None:
    """Wait until a server was sent the call's words."""

    async def told() -> bool:
        return call.canaries["narrative"].encode() in b"".join(bodies)

    await eventually(told, "the call's words to be sent", within=90, every=0.1)


@pytest_asyncio.fixture(scope="module")
async def divert(system: LocalStack) -> AsyncIterator[Divert]:
    async with httpx.AsyncClient(timeout=30, trust_env=False, auth=Bearers(system)) as http:
        yield Divert(system, http)


@pytest_asyncio.fixture(scope="module")
async def served(divert: Divert) -> Call:
    """A call that Alcott has served, with its webhooks on, after others that could not be read."""
    call = Call()
    for unreadable in (
        json.dumps(call.body)[:-1],
        json.dumps({**call.body, "incident_number": None}),
        f"[{call.body}]",
    ):
        refused = await divert.http.post(f"{divert.system.urls['intake']}/v1/calls", content=unreadable.encode())
        assert refused.is_client_error
    async with an_endpoint(divert, ALCOTT, call) as bodies:
        posted = await divert.post("intake", "/v1/calls", call.body)
        assert posted.status_code == httpx.codes.ACCEPTED
        call.id = posted.json()["call_id"]
        call.case = (await divert.stage(call, "offered"))["case_id"]
        await sent(call, bodies)
        await divert.says(call, "acknowledge", epoch=1, arrive_in_seconds=600)
        await divert.says(call, "note", text=f"She said {call.canary('note of the team')}.")
        await write_to_alcott(divert, call)
        await divert.says(call, "contacted", contact="in_person")
        await divert.says(call, "close", epoch=1, contact="in_person", disposition="resolved_on_scene")
        await divert.says(call, "follow-up", result="reached")
        await divert.says(call, "safety-event", event="near_miss")
    await divert.known(call)
    return call


async def write_to_alcott(divert: Divert, call: Call) -> None:
    """Have Alcott write a note on Kafka, and after it what nobody can read."""
    note = {
        "case_id": call.case,
        "verb": "note",
        "said": {"text": f"He said {call.canary('note on Kafka')}."},
    }
    headers = {
        "ce_specversion": "1.0",
        "ce_type": "divert.CaseStatusSaid.v1",
        "ce_source": "/alcott/dispatch",
        "ce_id": call.number,
    }
    producer = Producer({"bootstrap.servers": divert.system.kafka})
    for value in (note, [call.canary("no statement")]):
        producer.produce(STATUSES, key=call.case.encode(), value=json.dumps(value).encode(), headers=dict(headers))
    assert await asyncio.to_thread(producer.flush, 20) == 0

    async def taken() -> bool:
        case = (await divert.get(ALCOTT, f"/v1/cases/{call.case}")).json()
        word = call.canary("no statement")
        found = await asyncio.to_thread(in_topics, divert.system.kafka, [word], [BURIED])
        return len(case["notes"]) == len({"by HTTP", "on Kafka"}) and word in found

    await eventually(taken, "what Alcott wrote to be taken and buried", within=90, every=0.5)


@pytest_asyncio.fixture(scope="module")
async def handed(divert: Divert) -> AsyncIterator[tuple[Call, list[bytes]]]:
    """A call with a weapon, which its agency's CAD is to take back and does not; and what CAD was sent."""
    call = Call(weapon="yes")
    async with an_endpoint(divert, LAPD, call) as bodies:
        call.id = (await divert.post("intake", "/v1/calls", call.body)).json()["call_id"]
        await sent(call, bodies)
        await divert.known(call)
        yield call, bodies


@pytest_asyncio.fixture(scope="module")
async def withdrawn(divert: Divert) -> Call:
    """A call that came as an EIDO and was cancelled; and a record about it that nobody can read."""
    call = Call()
    posted = await divert.post("intake", "/v1/calls", call.eido, "application/emergency.eido+json")
    assert posted.status_code == httpx.codes.ACCEPTED, posted.text
    call.id = posted.json()["call_id"]
    await divert.stage(call, "in_review", "offered")
    await divert.post("intake", f"/v1/calls/{call.id}/cancel", {"agency": "lapd", "reason": "caller"})
    await divert.known(call)
    producer = Producer({"bootstrap.servers": divert.system.kafka})
    producer.produce("calls.v1", key=b"nobody's", value=json.dumps(call.eido).encode(), headers={"ce_id": b"x"})
    assert await asyncio.to_thread(producer.flush, 20) == 0

    async def buried() -> bool:
        dead = [f"calls.v1.{reader}.dead" for reader in ("triage", "routing")]
        found = await asyncio.to_thread(in_topics, divert.system.kafka, [call.canaries["note"]], dead)
        return len(found.get(call.canaries["note"], ())) == len(dead)

    await eventually(buried, "the unreadable record to be buried", within=90, every=0.5)
    return call


# ---------------------------------------------------------------------------------------------------------- searching


def in_bytes(place: str, text: bytes, words: Iterable[str], found: dict[str, set[str]]) -> None:
    """Note which words stand in a text."""
    for word in words:
        if word.encode() in text:
            found[word].add(place)


def in_topics(kafka: str, words: Iterable[str], topics: Iterable[str]) -> Found:
    """Look through every record of topics: values, and apart from them keys and headers."""
    found: dict[str, set[str]] = defaultdict(set)
    values: dict[str, bytearray] = defaultdict(bytearray)
    edges: dict[str, bytearray] = defaultdict(bytearray)
    for record in kafka_admin.read(kafka, kafka_admin.ends(kafka, sorted(topics))):
        values[record.topic] += (record.value or b"") + b"\n"
        edges[record.topic] += (record.key or b"") + b"\n"
        for name, value in record.headers.items():
            edges[record.topic] += name.encode() + b":" + value + b"\n"
    for place, texts in (("topic", values), ("keys and headers of", edges)):
        for topic, text in texts.items():
            in_bytes(f"{place} {topic}", bytes(text), words, found)
    return found


async def in_tables(postgres: str, words: Iterable[str]) -> Found:
    """Look through every row of every table of every schema, also what stands there as bytes."""
    found: dict[str, set[str]] = defaultdict(set)
    connection = await asyncpg.connect(postgres)
    try:
        tables = await connection.fetch(
            "SELECT schemaname AS schema, tablename AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, name in tables:
            rows = await connection.fetch(
                f'SELECT DISTINCT word FROM "{schema}"."{name}" one, unnest($1::text[]) word'  # noqa: S608  # from Postgres itself
                " WHERE one::text LIKE '%' || word || '%'"
                " OR one::text LIKE '%' || encode(convert_to(word, 'UTF8'), 'hex') || '%'",
                list(words),
            )
            for row in rows:
                found[row["word"]].add(f"{schema}.{name}")
    finally:
        await connection.close()
    return found


async def in_what_is_shown(divert: Divert, calls: Iterable[Call], words: Iterable[str]) -> Found:
    """Look through what analysts, operations, CAD and a provider's books are shown, and through metrics."""
    found: dict[str, set[str]] = defaultdict(set)
    paths = [(service, path) for service, shown in SHOWN.items() for path in shown]
    paths += [
        (service, path.format(call=call.id)) for call in calls for service, of in SHOWN_OF_EACH.items() for path in of
    ]
    paths += [(ALCOTT, f"/v1/webhooks/deliveries/{call.case}") for call in calls if call.case]
    for service, path in paths:
        answer = await divert.get(service, path)
        assert answer.is_success, (service, path, answer.status_code)
        in_bytes(f"{service} {path.partition('?')[0]}", answer.content, words, found)
    async with divert.http.stream("GET", f"{divert.system.urls['reporting']}/board/live") as news:
        # The first that an open board is told is everything that it shows.
        in_bytes("the board's news", (await anext(news.aiter_lines())).encode(), words, found)
    for service in divert.system.urls:
        in_bytes("metrics", (await divert.get(service, "/metrics")).content, words, found)
    return found


def in_files(folder: Path, spans: Path, words: Iterable[str]) -> Found:
    """Look through the logs of all processes, and through their spans."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in folder.iterdir():
        in_bytes(f"log of {file.stem}", file.read_bytes(), words, found)
    in_bytes("spans", spans.read_bytes(), words, found)
    return found


async def told_of_their_spans(divert: Divert, spans: Path) -> None:
    """Wait until every process has told of its spans up to now."""
    traces = {service: uuid.uuid4() for service in divert.system.urls}
    for service, trace in traces.items():
        sent = {"traceparent": f"00-{trace.hex}-{trace.hex[:16]}-01"}
        await divert.http.get(f"{divert.system.urls[service]}/livez", headers=sent)

    async def told() -> bool:
        collected = await asyncio.to_thread(spans.read_bytes)
        return all(trace.bytes in collected for trace in traces.values())

    await eventually(told, "every process to tell of its spans", within=90, every=0.5)


async def everywhere(divert: Divert, spans: Path, calls: Iterable[Call], words: Iterable[str]) -> Found:
    """Look everywhere but at the desk and at a provider's cases, which show private words to whom they are for."""
    calls, words = list(calls), list(words)
    found: dict[str, set[str]] = defaultdict(set)
    for part in (
        await asyncio.to_thread(in_topics, divert.system.kafka, words, kafka_admin.topics(divert.system.kafka)),
        await in_tables(divert.system.postgres, words),
        await in_what_is_shown(divert, calls, words),
        await asyncio.to_thread(in_files, divert.system.data / "logs", spans, words),
    ):
        for word, places in part.items():
            found[word] |= places
    return found


# -------------------------------------------------------------------------------------------------------------- tests


async def outcome_of(divert: Divert, call: Call) -> dict[str, JsonValue]:
    """Return a call's row, but for how many facts it was made of."""
    row = (await divert.get("reporting", f"/v1/calls/{call.id}")).json()["outcome"]
    return {name: value for name, value in row.items() if name != "facts"}


async def accept(divert: Divert, call: Call, bodies: list[bytes]) -> None:
    """Let a dispatcher accept what CAD was sent."""
    handoff = next(one["data"]["handoff_id"] for one in map(json.loads, bodies) if "handoff_id" in one["data"])
    said = {"agency": "lapd", "handoff_id": handoff, "by": "dispatcher-12", "unit": "7A15"}
    assert (await divert.post("intake", f"/v1/calls/{call.id}/handoff-accepted", said)).is_success

    async def confirmed() -> bool:
        told = await divert.get("routing", "/v1/calls?stage=concluded&agency=lapd&limit=2000")
        return call.id not in {one["call_id"] for one in told.json()["calls"]}

    await eventually(confirmed, "routing to know that the hand-off is accepted", within=90, every=0.1)


@pytest.mark.timeout(900)
async def test_private_words_are_where_the_design_names_a_place_for_them_and_nowhere_else(
    divert: Divert, served: Call, withdrawn: Call, handed: tuple[Call, list[bytes]], spans: Path
) -> None:
    calls = (served, withdrawn, handed[0])
    canaries = {word: where for call in calls for where, word in call.canaries.items()}
    controls = {
        served.id: "reporting.state_record",
        served.number: "topic routing.v1",
        "/divert/triage": "keys and headers of triage.v1",
        "resolved_on_scene": f"reporting /v1/calls/{served.id}",
        served.case: f"{ALCOTT} /v1/safety-events",
        "near_miss": f"{ALCOTT} /v1/safety-events",
        handed[0].id: f"{LAPD} /v1/webhooks/deliveries/{handed[0].id}",
        '"lanes"': "the board's news",
        "divert_http_requests_total": "metrics",
        "listening": "log of routing",
        "process calls.v1": "spans",
    }
    await told_of_their_spans(divert, spans)
    found = await everywhere(divert, spans, calls, [*canaries, *controls])
    for word, place in controls.items():
        assert place in found[word], f"the search does not find {word!r} in {place}"
    for word, where in canaries.items():
        place = {"note of the team": ALCOTTS, "note on Kafka": ALCOTTS, "no statement": f"topic {BURIED}"}.get(
            where, "topic calls.v1"
        )
        assert place in found[word], f"the search does not find the canary of {where} in {place}"
    stray = {
        (where, place)
        for word, where in canaries.items()
        for place in found[word]
        if place not in TABLES and not any(place == one or place.startswith(f"{one}.") for one in MAY_HOLD)
    }
    assert not stray
    assert found[served.canaries["narrative"]] >= {ROUTINGS, ALCOTTS}
    assert found[handed[0].canaries["narrative"]] >= {ROUTINGS, "agency_gateway_lapd.state_deliveries"}


async def test_erased_words_are_in_no_table_and_what_was_decided_stays(
    divert: Divert, served: Call, withdrawn: Call, handed: tuple[Call, list[bytes]]
) -> None:
    await accept(divert, *handed)
    for call in (served, withdrawn, handed[0]):
        before = await outcome_of(divert, call)
        for _ in range(2):
            erased = await divert.erase(call)
            assert erased.is_success, erased.text

        async def gone(call: Call = call) -> bool:
            return not await in_tables(divert.system.postgres, call.canaries.values())

        await eventually(gone, "the private words to be gone from every table", within=90, every=0.5)
        assert await outcome_of(divert, call) == before
        cad = Bearers(divert.system, roles={"routing": Role.CAD})
        exported = await divert.http.get(f"{divert.system.urls['routing']}/v1/calls/{call.id}/eido", auth=cad)
        assert exported.is_success, exported.text
        assert not [word for word in call.canaries.values() if word in exported.text]


async def test_statuses_that_cad_is_sent_hold_no_private_words(handed: tuple[Call, list[bytes]]) -> None:
    """They wait behind the hand-off that CAD does not take, until a dispatcher has it and its words are erased."""
    call, bodies = handed

    async def told() -> list[bytes]:
        return [body for body in bodies if b"divert.CallStatusChanged.v1" in body]

    statuses = b"".join(await eventually(told, "CAD to be sent a status", within=90, every=0.1))
    assert not [where for where, word in call.canaries.items() if word.encode() in statuses]


async def test_a_newer_picture_does_not_bring_erased_words_back(divert: Divert, served: Call) -> None:
    again = await divert.http.put(
        f"{divert.system.urls['intake']}/v1/calls/{served.id}", json={**served.body, "revision": 2}
    )
    assert again.status_code == httpx.codes.ACCEPTED

    async def seen() -> bool:
        told = await divert.get("routing", f"/v1/calls/{served.id}/status")
        return told.json()["revision"] == again.json()["revision"]["digest"]

    await eventually(seen, "routing to have the newer picture", within=90, every=0.1)
    assert not await in_tables(divert.system.postgres, served.canaries.values())


async def test_an_open_call_is_not_erased(divert: Divert) -> None:
    call = Call()
    posted = await divert.post("intake", "/v1/calls", call.body)
    call.id = posted.json()["call_id"]
    await divert.stage(call, "offered")
    refused = await divert.erase(call)
    assert (refused.status_code, refused.json()["code"]) == (409, "still-open")


async def test_the_broker_says_by_when_each_topic_will_have_forgotten(divert: Divert) -> None:
    now = datetime.now(UTC)
    found = await asyncio.to_thread(forgetting, divert.system.kafka, agency="lapd", providers=["alcott"], at=now)
    by = {one.topic: one.by for one in found}
    assert by["calls.v1"] == now + timedelta(days=31)
    assert by["assignments.alcott.v1"] == now + timedelta(hours=78)
    assert by.keys() >= {"handoffs.lapd.v1", "calls.v1.routing.dead", "statuses.alcott.v1"}
    assert None not in by.values()
