"""Webhooks of a real gateway to a real receiver: what is sent, when again, and when no more."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from standardwebhooks import Webhook

from divert_chassis.publisher import Outgoing, Publisher
from divert_contracts.envelope import Envelope, decode, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import CaseOffered, CaseRecalled
from divert_contracts.vocabulary import RecallReason, Stage
from integration.processes import running
from integration.test_provider_gateway import TOPIC, an_offer, publisher
from stack import Addresses, fresh_database
from waiting import eventually

__all__ = ["publisher"]

TRIES = (0.0, 0.2, 0.4, 0.8, 1.2)
"""Seconds; the real ones are tens of times longer, and what decides is the same."""
TIMEOUT = 0.5


@dataclass
class Receiver:
    """A provider's server: keeps what it was sent, verified, and answers as it is told."""

    url: str = ""
    answer: Callable[[int], int | None] = field(default=lambda _: 204)
    """Gives the status for the n-th request, counted from 0; None: no answer at all."""
    secret: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    events: list[Envelope] = field(default_factory=list[Envelope])
    ids: list[str] = field(default_factory=list[str])
    times: list[float] = field(default_factory=list[float])

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": "divert", "Allow": "POST"})
        if self.secret:
            Webhook(self.secret).verify(body, dict(request.headers))
        if b"WebhookTested" not in body:
            self.events.append(decode(body, [("content-type", request.headers["content-type"].encode())]))
        self.ids.append(request.headers["webhook-id"])
        self.times.append(asyncio.get_running_loop().time())
        status = self.answer(len(self.ids) - 1)
        if status is None:
            await asyncio.sleep(TIMEOUT * 4)
            return web.Response()
        return web.Response(status=status, headers=self.headers)

    @property
    def gaps(self) -> list[float]:
        return [round(time - self.times[0], 1) for time in self.times]


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


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
            PROVIDER_GATEWAY_PROVIDER="exodus",
            PROVIDER_GATEWAY_WEBHOOK_TRIES=str(list(TRIES)),
            PROVIDER_GATEWAY_WEBHOOK_TIMEOUT=str(TIMEOUT),
            PROVIDER_GATEWAY_WEBHOOK_PRIVATE='["127.0.0.1/32"]',
        ) as client,
    ):
        yield client


@pytest_asyncio.fixture
async def receiver(gateway: httpx.AsyncClient) -> AsyncIterator[Receiver]:
    """A receiver that is registered as the endpoint of Exodus."""
    async with receiving() as made:
        registered = await gateway.post("/v1/webhooks", json={"url": made.url})
        assert registered.status_code == 201, registered.text
        made.secret = registered.json()["secret"]
        yield made
        assert (await gateway.delete("/v1/webhooks")).status_code == 204


def a_recall(offer: CaseOffered) -> CaseRecalled:
    now = datetime.now(UTC)
    return CaseRecalled(
        occurred_at=now,
        call_id=offer.call_id,
        agency=offer.agency,
        stage=Stage.CONCLUDED,
        epoch=offer.epoch + 1,
        case_id=offer.case_id,
        provider=offer.provider,
        reason=RecallReason.DANGER,
        confirm_by=now + timedelta(seconds=30),
    )


async def publish(publisher: Publisher, fact: Fact) -> UUID:
    name = uuid4()
    await publisher.publish([Outgoing(TOPIC, *encode(Envelope(id=name, source="/divert/routing", fact=fact)))])
    return name


async def log_of(gateway: httpx.AsyncClient, case: UUID) -> list[dict[str, Any]]:
    """Return what became of a case's messages once none waits."""

    async def ended() -> list[dict[str, Any]] | None:
        found = await gateway.get(f"/v1/webhooks/deliveries/{case}")
        return found.json()["ended"] if found.is_success and not found.json()["waiting"] else None

    return await eventually(ended, "every message to have come to its end", every=0.05)


async def test_an_offer_arrives_signed_as_the_event_that_kafka_carries(
    gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver
) -> None:
    offer = an_offer()
    name = await publish(publisher, offer)
    (delivered,) = await log_of(gateway, offer.case_id)
    assert (delivered["ending"], [one["status"] for one in delivered["tries"]]) == ("delivered", [204])
    assert receiver.ids == [str(name)]
    assert [(one.id, one.source, one.fact) for one in receiver.events] == [(name, "/divert/routing", offer)]
    taken = await gateway.post(f"/v1/cases/{offer.case_id}/acknowledge", json={"epoch": 1, "arrive_in_seconds": 600})
    assert taken.is_success


async def test_an_offer_is_tried_by_the_schedule_with_the_same_id_and_then_given_up(
    gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    offer = an_offer()
    name = await publish(publisher, offer)
    (given_up,) = await log_of(gateway, offer.case_id)
    assert given_up["ending"] == "given_up"
    assert [one["result"] for one in given_up["tries"]] == ["failed"] * len(TRIES)
    assert set(receiver.ids) == {str(name)}
    assert all(planned - 0.1 <= gap <= planned + 2 for planned, gap in zip(TRIES, receiver.gaps, strict=True))
    (shown,) = (await gateway.get("/v1/webhooks")).json()["webhooks"]
    assert (shown["failures"], shown["gone_at"]) == (len(TRIES), None)


async def test_errors_and_then_success_deliver_once(
    gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver
) -> None:
    receiver.answer = lambda number: 503 if number < 2 else 200
    offer = an_offer()
    await publish(publisher, offer)
    (delivered,) = await log_of(gateway, offer.case_id)
    assert delivered["ending"] == "delivered"
    assert [one["status"] for one in delivered["tries"]] == [503, 503, 200]

    async def well_again() -> bool:
        (shown,) = (await gateway.get("/v1/webhooks")).json()["webhooks"]
        return shown["failures"] == 0

    await eventually(well_again, "the endpoint to count as well")


async def test_nothing_is_sent_after_the_deadline_though_the_receiver_hangs(
    gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver
) -> None:
    receiver.answer = lambda _: None
    offer = an_offer(seconds=1)
    await publish(publisher, offer)
    (given_up,) = await log_of(gateway, offer.case_id)
    assert given_up["ending"] == "given_up"
    assert {one["result"] for one in given_up["tries"]} == {"timed_out"}
    assert datetime.fromisoformat(given_up["ended_at"]) <= offer.answer_by + timedelta(seconds=1)
    sent = len(receiver.ids)
    follows = an_offer()
    await publish(publisher, follows)
    receiver.answer = lambda _: 204
    assert (await log_of(gateway, follows.case_id))[0]["ending"] == "delivered"
    assert str(offer.case_id) not in {str(getattr(one.fact, "case_id", "")) for one in receiver.events[sent:]}


async def test_a_recall_is_delivered_though_offers_were_not(
    gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver
) -> None:
    receiver.answer = lambda number: None if number < 1 else 500 if number < len(TRIES) + 3 else 204
    offer = an_offer()
    await publish(publisher, offer)

    async def under_way() -> bool:
        return len(receiver.ids) == 1

    await eventually(under_way, "the offer to be under way")
    recall = await publish(publisher, a_recall(offer))

    async def sent_at_once() -> bool:
        return receiver.ids[1:2] == [str(recall)]

    await eventually(sent_at_once, "the recall to be sent while the offer hangs")
    receiver.answer = lambda _: 204
    superseded, delivered = await log_of(gateway, offer.case_id)
    assert (superseded["ending"], delivered["ending"]) == ("superseded", "delivered")
    assert delivered["id"] == str(recall)


async def test_a_redirect_is_a_failure(gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver) -> None:
    async with receiving() as other:
        receiver.headers = {"Location": other.url}
        receiver.answer = lambda number: 307 if number < 1 else 204
        offer = an_offer()
        await publish(publisher, offer)
        (delivered,) = await log_of(gateway, offer.case_id)
        assert [one["result"] for one in delivered["tries"]] == ["redirected", "delivered"]
        assert other.ids == []


async def test_an_endpoint_that_says_gone_is_sent_nothing_more(
    gateway: httpx.AsyncClient, publisher: Publisher, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 410
    offer, after = an_offer(seconds=3), an_offer(seconds=3)
    await publish(publisher, offer)

    async def gone() -> bool:
        (shown,) = (await gateway.get("/v1/webhooks")).json()["webhooks"]
        return shown["gone_at"] is not None

    await eventually(gone, "the endpoint to count as gone")
    await publish(publisher, after)
    assert [one["ending"] for one in await log_of(gateway, after.case_id)] == ["given_up"]
    assert len(receiver.ids) == 1


async def test_a_new_secret_and_the_old_one_are_both_good_for_a_while(
    gateway: httpx.AsyncClient, receiver: Receiver
) -> None:
    rotated = (await gateway.post("/v1/webhooks/rotate", json={})).json()
    assert rotated["secrets"] == 2
    assert rotated["secret"] != receiver.secret
    for secret in (receiver.secret, rotated["secret"]):
        receiver.secret = secret
        tested = await gateway.post("/v1/webhooks/test")
        assert tested.json()["result"] == "delivered"
    assert len(receiver.ids) == 2
    at_once = (await gateway.post("/v1/webhooks/rotate", json={"overlap_seconds": 0})).json()
    assert at_once["secrets"] == 1
    assert receiver.secret not in (await gateway.get("/v1/webhooks")).text


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.2:9/hook", "webhook-refused"),
        ("https://169.254.169.254/latest/meta-data", "webhook-refused"),
        ("https://10.0.0.1/", "webhook-refused"),
        ("http://[::1]:9/", "webhook-refused"),
        ("gopher://exodus.example/", "webhook-url"),
    ],
)
async def test_an_address_where_nothing_may_be_sent_is_not_registered(
    gateway: httpx.AsyncClient, url: str, code: str
) -> None:
    refused = await gateway.post("/v1/webhooks", json={"url": url})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert (await gateway.get("/v1/webhooks")).json() == {"webhooks": []}
    assert (await gateway.post("/v1/webhooks/test")).status_code == 404
