"""The gateway of an agency: what routing says of its calls reaches a real receiver, in order, whatever it answers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from divert_chassis.publisher import Outgoing, Publisher
from divert_contracts.call import Private, SafetyBrief
from divert_contracts.envelope import Envelope, encode
from divert_contracts.facts.routing import CallHandedOff, CallStatusChanged
from divert_contracts.vocabulary import HandOffReason, Responder, Stage
from divert_reporting.adapters.alarms import Alarms, look
from divert_reporting.adapters.pipeline import Services
from divert_reporting.domain.strips import AlarmKind
from integration.processes import running
from integration.test_figures import empty_tables
from integration.test_provider_gateway import publisher
from integration.test_webhooks import TIMEOUT, TRIES, Receiver, receiving
from stack import Addresses, fresh_database
from waiting import eventually

__all__ = ["publisher"]


@pytest_asyncio.fixture(scope="module")
async def gateway(stack: Addresses, publisher: Publisher) -> AsyncIterator[httpx.AsyncClient]:
    del publisher  # it has made the topics
    async with (
        fresh_database(stack.postgres) as database,
        running(
            "divert_provider_gateway",
            "PROVIDER_GATEWAY",
            stack,
            database,
            PROVIDER_GATEWAY_AGENCY="lapd",
            PROVIDER_GATEWAY_WEBHOOK_TRIES=str(list(TRIES)),
            PROVIDER_GATEWAY_WEBHOOK_TIMEOUT=str(TIMEOUT),
            PROVIDER_GATEWAY_WEBHOOK_PRIVATE='["127.0.0.1/32"]',
        ) as client,
    ):
        yield client


@pytest_asyncio.fixture
async def cad(gateway: httpx.AsyncClient) -> AsyncIterator[Receiver]:
    async with receiving() as made:
        registered = await gateway.post("/v1/webhooks", json={"url": made.url})
        assert registered.status_code == 201, registered.text
        made.secret = registered.json()["secret"]
        yield made
        assert (await gateway.delete("/v1/webhooks")).status_code == 204


def a_status(call: UUID, number: int) -> CallStatusChanged:
    return CallStatusChanged(
        occurred_at=datetime.now(UTC),
        call_id=call,
        agency="lapd",
        incident_number="261123004512",
        stage=Stage.OFFERED,
        status_number=number,
        holder="psap",
        agency_code="OFFERED",
    )


def a_hand_off(call: UUID) -> CallHandedOff:
    now = datetime.now(UTC)
    return CallHandedOff(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        stage=Stage.CONCLUDED,
        epoch=1,
        handoff_id=uuid4(),
        incident_number="261123004512",
        reason=HandOffReason.DANGER,
        recommend=Responder.PATROL,
        urgent=True,
        brief=SafetyBrief(people_present=2),
        accept_by=now + timedelta(seconds=30),
        private=Private(narrative="words of the call itself"),
    )


async def publish(publisher: Publisher, *facts: CallStatusChanged | CallHandedOff) -> list[UUID]:
    names = [uuid4() for _ in facts]
    for name, fact in zip(names, facts, strict=True):
        topic = "feedback.lapd.v1" if isinstance(fact, CallStatusChanged) else "handoffs.lapd.v1"
        await publisher.publish([Outgoing(topic, *encode(Envelope(id=name, source="/divert/routing", fact=fact)))])
    return names


def told(cad: Receiver, call: UUID) -> list[int | str]:
    """Return the statuses' numbers and the types of what else CAD has taken of a call, in order, repeats left out."""
    found = dict[UUID, int | str]()
    for one in cad.events:
        if isinstance(one.fact, CallStatusChanged) and one.fact.call_id == call:
            found[one.id] = one.fact.status_number
        elif isinstance(one.fact, CallHandedOff) and one.fact.call_id == call:
            found[one.id] = "hand-off"
    return list(found.values())


async def test_cad_is_told_every_status_in_order_signed_and_has_the_whole_record_with_a_hand_off(
    gateway: httpx.AsyncClient, publisher: Publisher, cad: Receiver
) -> None:
    call = uuid4()
    handed = a_hand_off(call)
    names = await publish(publisher, a_status(call, 1), a_status(call, 2), handed, a_status(call, 3))

    async def all_told() -> bool:
        return len(told(cad, call)) == len(names)

    await eventually(all_told, "CAD to be told everything", within=120)
    assert [one for one in told(cad, call) if one != "hand-off"] == [1, 2, 3]
    assert set(cad.ids) >= {str(name) for name in names}
    assert [one.fact for one in cad.events if one.id == names[2]] == [handed]
    log = (await gateway.get(f"/v1/webhooks/deliveries/{call}")).json()
    assert {one["ending"] for one in log["ended"]} <= {"delivered"}
    assert "words of the call itself" not in str(log)
    assert (await gateway.get("/v1/cases")).status_code == 404


async def test_a_cad_that_was_down_gets_all_of_it_afterwards_and_a_refusal_is_not_the_end(
    gateway: httpx.AsyncClient, publisher: Publisher, cad: Receiver
) -> None:
    call = uuid4()
    cad.answer = lambda number: (503, 500, None, 400)[number] if number < 4 else 204
    await publish(publisher, a_status(call, 1), a_status(call, 2), a_hand_off(call), a_status(call, 3))

    async def all_told() -> bool:
        found = await gateway.get(f"/v1/webhooks/deliveries/{call}")
        if not found.is_success or found.json()["waiting"]:
            return False
        return [one["ending"] for one in found.json()["ended"]].count("delivered") == 4

    await eventually(all_told, "everything to be delivered", within=180)
    assert [one for one in told(cad, call) if one != "hand-off"] == [1, 2, 3]


async def test_what_came_while_no_cad_was_registered_is_told_when_one_is(
    gateway: httpx.AsyncClient, publisher: Publisher
) -> None:
    call = uuid4()
    await publish(publisher, a_status(call, 1), a_status(call, 2))

    async def waiting() -> bool:
        found = await gateway.get(f"/v1/webhooks/deliveries/{call}")
        return found.is_success and len(found.json()["waiting"]) == 2

    await eventually(waiting, "both to wait", within=120)
    async with receiving() as late:
        registered = await gateway.post("/v1/webhooks", json={"url": late.url})
        late.secret = registered.json()["secret"]

        async def all_told() -> bool:
            return told(late, call) == [1, 2]

        await eventually(all_told, "both to be told", within=120)
        assert (await gateway.delete("/v1/webhooks")).status_code == 204


async def test_a_cad_that_says_it_is_gone_is_told_nothing_and_the_board_of_it_at_once_until_it_is_opened_again(
    gateway: httpx.AsyncClient, publisher: Publisher, database: str
) -> None:
    call = uuid4()
    watched = Services({"agency-gateway-lapd": str(gateway.base_url)})
    async with empty_tables(database) as tables, receiving() as made:
        registered = await gateway.post("/v1/webhooks", json={"url": made.url})
        made.secret = registered.json()["secret"]
        made.answer = lambda _: 410
        await publish(publisher, a_hand_off(call))
        suspected = frozenset[str]()

        async def rung() -> list[AlarmKind]:
            nonlocal suspected
            suspected = await look(tables.pool, watched, suspected, datetime.now(UTC))
            return [one.kind for one in await Alarms(tables.pool).standing() if one.about == "agency-gateway-lapd"]

        assert await eventually(rung, "the board to ring", within=120) == [AlarmKind.WEBHOOK_GONE]
        (shown,) = (await gateway.get("/v1/webhooks")).json()["webhooks"]
        assert shown["gone_at"] is not None
        tried = len(made.ids)
        await publish(publisher, a_status(call, 1))

        async def waiting() -> bool:
            found = await gateway.get(f"/v1/webhooks/deliveries/{call}")
            return len(found.json()["waiting"]) == 2

        await eventually(waiting, "both to wait", within=120)
        assert len(made.ids) == tried

        made.answer = lambda _: 204
        opened = await gateway.post("/v1/webhooks", json={"url": made.url})
        made.secret = opened.json()["secret"]

        async def all_told() -> bool:
            return {*told(made, call)} >= {"hand-off", 1}

        await eventually(all_told, "what waited to be told", within=120)

        async def still() -> bool:
            return not await rung()

        await eventually(still, "the alarm to be over", within=120)
        assert (await gateway.delete("/v1/webhooks")).status_code == 204
