"""A provider's gateway as a process: offers in by Kafka, answers in by HTTP, facts out by Kafka."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from divert_chassis.publisher import Outgoing, Publisher
from divert_cli import kafka_admin
from divert_cli.prepare import topic_specs
from divert_contracts.call import Decision, Picture, Private
from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.cases import CaseAcknowledged, EmergencyRaised
from divert_contracts.facts.routing import CaseOffered, CaseRecalled
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.ids import case_id
from divert_contracts.vocabulary import Acuity, Eligibility, Feed, Hazard, Programme, RecallReason, Stage
from integration.processes import running
from stack import Addresses, fresh_database
from waiting import eventually

TOPIC = "assignments.exodus.v1"


@pytest_asyncio.fixture(scope="module")
async def publisher(stack: Addresses) -> AsyncIterator[Publisher]:
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, topic_specs(["exodus"], ["lapd"]))
    made = Publisher(stack.kafka, service="test")
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


@pytest_asyncio.fixture(scope="module")
async def gateway(stack: Addresses, publisher: Publisher) -> AsyncIterator[httpx.AsyncClient]:
    del publisher  # it has made the topics
    async with (
        fresh_database(stack.postgres) as database,
        running(
            "divert_provider_gateway", "PROVIDER_GATEWAY", stack, database, PROVIDER_GATEWAY_PROVIDER="exodus"
        ) as client,
    ):
        yield client


def an_offer(*, seconds: float = 90) -> CaseOffered:
    now = datetime.now(UTC)
    call = uuid4()
    return CaseOffered(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=1,
        case_id=case_id(call, 1),
        provider="exodus",
        attempt=1,
        incident_number="26100100123",
        programme=Programme.UMCR,
        acuity=Acuity.URGENT,
        division=7,
        picture=Picture(feed=Feed.DIVERTED),
        decision=Decision(
            eligibility=Eligibility.ELIGIBLE, programme=Programme.UMCR, acuity=Acuity.URGENT, policy="2026-10"
        ),
        answer_by=now + timedelta(seconds=seconds),
        en_route_within=900,
        on_scene_within=2700,
        private=Private(narrative="words"),
    )


async def publish(publisher: Publisher, fact: Fact) -> None:
    await publisher.publish([Outgoing(TOPIC, *encode(Envelope(id=uuid4(), source="/divert/routing", fact=fact)))])


async def offered(publisher: Publisher, gateway: httpx.AsyncClient, *, seconds: float = 90) -> str:
    """Offer a case and return its path once the gateway shows it."""
    offer = an_offer(seconds=seconds)
    await publish(publisher, offer)
    path = f"/v1/cases/{offer.case_id}"

    async def shown() -> bool:
        return (await gateway.get(path)).is_success

    await eventually(shown, "the offer to be shown")
    return path


async def said(stack: Addresses, kind: type[Fact], topic: str = "cases.v1") -> list[Envelope]:
    def read() -> list[Envelope]:
        records = kafka_admin.read(stack.kafka, kafka_admin.ends(stack.kafka, [topic]))
        envelopes = [decode(one.value, one.headers.items()) for one in records]
        return [one for one in envelopes if isinstance(one.fact, kind)]

    return await asyncio.to_thread(read)


async def test_an_offer_is_taken_once_however_often_the_answer_is_sent(
    stack: Addresses, publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    path = await offered(publisher, gateway)
    listed = (await gateway.get("/v1/cases", params={"stage": "offered"})).json()["cases"]
    assert path.rpartition("/")[2] in {case["case_id"] for case in listed}

    answer = {"epoch": 1, "arrive_in_seconds": 600}
    key = {"Idempotency-Key": str(uuid4())}
    first, second = [await gateway.post(f"{path}/acknowledge", json=answer, headers=key) for _ in range(2)]
    assert (
        first.json()
        == second.json()
        == {
            "case_id": path.rpartition("/")[2],
            "stage": "acknowledged",
            "epoch": 1,
            "repeated": False,
        }
    )
    again = await gateway.post(f"{path}/acknowledge", json=answer)
    assert again.json()["repeated"]
    other = await gateway.post(f"{path}/acknowledge", json={"epoch": 1, "arrive_in_seconds": 900}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")

    case = UUID(path.rpartition("/")[2])

    async def published() -> list[Envelope]:
        return [
            one
            for one in await said(stack, CaseAcknowledged)
            if isinstance(one.fact, CaseAcknowledged) and one.fact.case_id == case
        ]

    facts = await eventually(published, "the acknowledgement on cases.v1", every=0.2)
    assert len(facts) == 1
    assert (facts[0].source, facts[0].sequence) == ("/divert/provider-gateway/exodus", 1)


async def test_a_late_answer_is_refused_with_a_problem(publisher: Publisher, gateway: httpx.AsyncClient) -> None:
    path = await offered(publisher, gateway, seconds=-1)
    late = await gateway.post(f"{path}/acknowledge", json={"epoch": 1, "arrive_in_seconds": 600})
    assert late.status_code == 409
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json()["code"] == "expired"


async def test_a_call_for_help_is_taken_after_a_recall_and_whatever_its_body(
    stack: Addresses, publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    path = await offered(publisher, gateway)
    call = (await gateway.get(path)).json()
    case = UUID(call["case_id"])
    await publish(
        publisher,
        CaseRecalled(
            occurred_at=datetime.now(UTC),
            call_id=UUID(call["identity"]["call_id"]),
            agency="lapd",
            stage=Stage.CONCLUDED,
            epoch=2,
            case_id=case,
            provider="exodus",
            reason=RecallReason.DANGER,
            confirm_by=datetime.now(UTC) + timedelta(seconds=30),
        ),
    )

    async def recalled() -> bool:
        return (await gateway.get(path)).json()["stage"] == "recalled"

    await eventually(recalled, "the recall to be shown")
    late = await gateway.post(f"{path}/acknowledge", json={"epoch": 1, "arrive_in_seconds": 600})
    assert (late.status_code, late.json()["code"]) == (409, "recalled")
    bodies = [b"", b"{", b"[1]", b"\xff", b"null", b'{"hazards":"gun","epoch":"x"}']
    for body in bodies:
        raised = await gateway.post(f"{path}/emergency", content=body)
        assert raised.status_code == 200, body
    reports = [("fire", "one"), ("violence", "one"), ("violence", "one"), ("traffic", "k" * 500), ("weapon", "")]
    for hazard, key in reports:
        headers = {"Idempotency-Key": key}
        raised = await gateway.post(f"{path}/emergency", json={"hazards": [hazard], "epoch": 77}, headers=headers)
        assert raised.status_code == 200, (hazard, key)

    async def published() -> list[EmergencyRaised] | None:
        facts = [one.fact for one in await said(stack, EmergencyRaised)]
        ours = [one for one in facts if isinstance(one, EmergencyRaised) and one.case_id == case]
        return ours if len(ours) == len(bodies) + len(set(reports)) else None

    facts = await eventually(published, "every call for help on cases.v1", every=0.2)
    assert facts[-1].hazards == (Hazard.WEAPON,)
    assert facts[len(bodies) - 1].hazards == (Hazard.UNKNOWN,)
    confirmed = await gateway.post(f"{path}/confirm-recall")
    assert confirmed.status_code == 200


async def test_an_unknown_case_is_not_found(gateway: httpx.AsyncClient) -> None:
    path = f"/v1/cases/{uuid4()}"
    assert (await gateway.get(path)).status_code == 404
    answered = await gateway.post(f"{path}/emergency", json={})
    assert (answered.status_code, answered.json()["code"]) == (404, "unknown-case")
    assert (await gateway.get(path)).status_code == 404


def from_a_page_of(gateway: httpx.AsyncClient, device: str = "") -> dict[str, str]:
    """Return the headers of what the portal's script sends from a device that is used so."""
    headers = {"origin": str(gateway.base_url), "accept": "application/json"}
    return headers | ({"cookie": f"divert-device={device}"} if device else {})


async def test_the_portal_takes_nothing_from_another_sites_page(
    publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    path = (await offered(publisher, gateway)).removeprefix("/v1")
    told = from_a_page_of(gateway, "team:west-1")
    for origin in ("https://evil.example", "null", ""):
        for url in (f"{path}/acknowledge", f"{path}/emergency", "/who", "/language", "/shift/on", "/shift/off"):
            refused = await gateway.post(url, headers=told | {"origin": origin})
            assert (refused.status_code, refused.json()["code"]) == (403, "other-origin")
    assert (await gateway.get(f"/v1{path}")).json()["stage"] == "offered"


async def test_whoever_has_not_said_who_they_are_sees_nothing_and_is_heard_in_danger(
    publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    path = (await offered(publisher, gateway)).removeprefix("/v1")
    for url in ("/", path, "/shift"):
        answer = await gateway.get(url)
        assert (answer.status_code, answer.headers["location"]) == (303, "/who")
    assert (await gateway.get("/live")).text == ""
    stranger = from_a_page_of(gateway)
    refused = await gateway.post(f"{path}/acknowledge", data={"epoch": "1"}, headers=stranger)
    assert (refused.status_code, refused.json()["code"]) == (401, "who")
    for body in (b"", b"\xff\xfe=%zz&&&", b"hazards=gun&position=moon&said_at=never&by=%00", b"a=1&" * 1_000):
        raised = await gateway.post(f"{path}/emergency", content=body, headers=stranger)
        assert raised.status_code == 200, body
    assert (await gateway.get(f"/v1{path}")).json()["emergency_at"] is not None


async def test_the_portal_tells_of_news_only_and_sets_cookies_that_no_script_reads(
    publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    path = await offered(publisher, gateway)
    told = from_a_page_of(gateway, "team:west-1")
    first = await gateway.get("/live", headers=told)
    seen = first.text.partition('name="seen" value="')[2].partition('"')[0]
    assert path.rpartition("/")[2] in first.text
    assert (await gateway.get("/live", params={"seen": seen}, headers=told)).status_code == 204
    other = told | {"accept-language": "es"}
    assert (await gateway.get("/live", params={"seen": seen}, headers=other)).status_code == 200
    answer = await gateway.post("/who", data={"team": "west-1"}, headers=from_a_page_of(gateway))
    cookie = answer.headers["set-cookie"].lower()
    assert [part for part in ("httponly", "samesite=strict", "path=/") if part not in cookie] == []
    bad = await gateway.post("/who", data={"team": "<b>"}, headers=from_a_page_of(gateway))
    assert (bad.status_code, "set-cookie" in bad.headers) == (422, False)
    away = await gateway.post("/language", data={"back": "//evil.example"}, headers=from_a_page_of(gateway))
    assert away.headers["location"] == "/"


async def test_a_form_without_a_script_works_and_says_why_it_was_refused(
    publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    path = (await offered(publisher, gateway)).removeprefix("/v1")
    plain = from_a_page_of(gateway, "team:west-1") | {"accept": "text/html"}
    taken = await gateway.post(f"{path}/acknowledge", data={"epoch": "1", "arrive_in_seconds": "600"}, headers=plain)
    assert (taken.status_code, taken.headers["location"]) == (303, path)
    late = await gateway.post(f"{path}/decline", data={"epoch": "1", "reason": "other"}, headers=plain)
    assert late.status_code == 409
    assert "You have this case already." in late.text
    nothing = await gateway.post(f"{path}/nothing", headers=plain)
    assert nothing.status_code == 404


async def test_a_note_stays_and_a_relief_goes_on_with_the_case(
    publisher: Publisher, gateway: httpx.AsyncClient
) -> None:
    before = (await gateway.get("/v1/shift")).json()["teams"]
    own, relief = (f"team-{uuid4().hex[:8]}" for _ in range(2))
    for team in (own, relief):
        assert (await gateway.post("/v1/shift/on", json={"team": team})).is_success
    path = await offered(publisher, gateway)
    await gateway.post(f"{path}/acknowledge", json={"epoch": 1, "arrive_in_seconds": 600})
    await gateway.post(f"{path}/team-assigned", json={"epoch": 1, "team": own})
    assert (await gateway.post(f"{path}/note", json={"text": "Sister comes on Monday."})).is_success
    nobody = await gateway.post("/v1/shift/off", json={"team": own})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "no-relief")
    assert (await gateway.post("/v1/shift/off", json={"team": own, "relief": relief})).is_success
    case = (await gateway.get(path)).json()
    assert (case["team"], [note["text"] for note in case["notes"]]) == (relief, ["Sister comes on Monday."])
    assert own not in {one["team"] for one in (await gateway.get("/v1/shift")).json()["teams"]}
    assert (await gateway.put("/v1/shift", json={"teams": before})).is_success


async def test_a_shift_is_published(stack: Addresses, gateway: httpx.AsyncClient) -> None:
    team = f"west-{uuid4().hex[:8]}"
    changed = await gateway.put("/v1/shift", json={"teams": [{"team": team, "languages": ["es"]}]})
    assert changed.status_code == 200
    assert (await gateway.get("/v1/shift")).json() == changed.json()

    async def published() -> bool:
        facts = [one.fact for one in await said(stack, ShiftChanged, "shifts.v1")]
        return any(isinstance(one, ShiftChanged) and any(on.team == team for on in one.teams) for one in facts)

    await eventually(published, "the shift on shifts.v1", every=0.2)


async def test_the_books_say_what_is_owed_what_went_wrong_and_why_offers_expired(
    gateway: httpx.AsyncClient, publisher: Publisher
) -> None:
    taken, missed = an_offer(), an_offer(seconds=2)
    await publish(publisher, taken)
    await publish(publisher, missed)
    case = f"/v1/cases/{taken.case_id}"

    async def there() -> bool:
        return (await gateway.get(case)).is_success

    await eventually(there, "the gateway to have the offer")
    due = (datetime.now(UTC) + timedelta(hours=48)).isoformat()
    closing = {"epoch": 1, "disposition": "referred", "contact": "phone", "follow_up_due": due}
    for verb, said in (
        ("acknowledge", {"epoch": 1, "arrive_in_seconds": 600}),
        ("safety-event", {"event": "near_miss", "by": "desk"}),
        ("close", closing),
    ):
        assert (await gateway.post(f"{case}/{verb}", json=said)).is_success

    async def owed() -> list[str]:
        found = (await gateway.get("/v1/follow-ups")).json()["follow_ups"]
        return [one["case_id"] for one in found if one["case_id"] == str(taken.case_id)]

    assert await owed() == [str(taken.case_id)]
    assert (await gateway.post(f"{case}/follow-up", json={"result": "not_reached"})).is_success
    assert await owed() == [str(taken.case_id)]
    assert (await gateway.post(f"{case}/follow-up", json={"result": "connected"})).is_success
    assert await owed() == []
    (made,) = (await gateway.get("/v1/follow-ups", params={"made": True})).json()["follow_ups"]
    assert (made["follow_up"], made["follow_up_tries"]) == ("connected", 2)
    noted = (await gateway.get("/v1/safety-events")).json()["cases"]
    events = [event["event"] for one in noted if one["case_id"] == str(taken.case_id) for event in one["events"]]
    assert events == ["near_miss"]

    async def expired() -> dict[str, str] | None:
        found = (await gateway.get("/v1/expiries")).json()["expiries"]
        return next((one for one in found if one["case_id"] == str(missed.case_id)), None)

    one = await eventually(expired, "the offer to have expired", within=60)
    assert one["cause"] in {"not_answered", "nobody_on_duty", "came_late"}
    late = await gateway.post(f"/v1/cases/{missed.case_id}/acknowledge", json={"epoch": 1, "arrive_in_seconds": 60})
    assert (late.status_code, late.json()["code"]) == (409, "expired")
    again = await expired()
    assert again is not None
    assert float(again["seconds_late"]) > 0


async def test_new_offers_are_told_to_whoever_waits_for_them(gateway: httpx.AsyncClient, publisher: Publisher) -> None:
    asked = {"stage": "offered", "wait": 30}
    first = (await gateway.get("/v1/cases", params={"stage": "offered"})).json()
    waiting = asyncio.create_task(gateway.get("/v1/cases", params={**asked, "seen": first["seen"]}, timeout=60))
    events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def listen() -> None:
        async with gateway.stream("GET", "/v1/events", params={"seconds": 120}, timeout=60) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            kind = ""
            async for line in stream.aiter_lines():
                name, _, value = line.partition(": ")
                kind = value if name == "event" else kind
                if name == "data":
                    await events.put((kind, value))

    listening = asyncio.create_task(listen())
    offer = an_offer()
    await publish(publisher, offer)

    async def told(kind: str) -> None:
        while True:
            said, body = await asyncio.wait_for(events.get(), 60)
            if said == kind and str(offer.case_id) in body:
                return

    await told("case")
    answer = await waiting
    assert str(offer.case_id) in answer.text or answer.json()["seen"] != first["seen"]
    declined = await gateway.post(f"/v1/cases/{offer.case_id}/decline", json={"epoch": 1, "reason": "no_team"})
    assert declined.is_success
    await told("ended")
    listening.cancel()
    await asyncio.wait([listening])
    same = (await gateway.get("/v1/cases", params={"stage": "on_scene"})).json()["seen"]
    again = await gateway.get("/v1/cases", params={"stage": "on_scene", "wait": 0.5, "seen": same})
    assert again.json()["seen"] == same
