"""The three ways between a provider and its gateway. Which one it is must make no difference to anybody."""

# aiokafka types its records only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from provider_sim.contract import Answer, Json, News, Schemas, Told, read
from provider_sim.plans import Transport

LOOKS_EVERY = 0.2
"""Seconds between looks at the list of cases, for who has only that."""
ANSWERED_WITHIN = 10.0
AGAIN_AFTER = 0.5
FLAPS_EVERY = 3.0
OLDEST_REMEMBERED = 10_000
_OK, _REFUSED, _FAILED = 200, 400, 500


class Way(Protocol):
    """How a provider hears and speaks."""

    heard: asyncio.Queue[Told]
    """What divert told; nothing is in it twice."""

    async def say(self, case: str, verb: str, body: Mapping[str, object]) -> Answer:
        """Say something of a case, again and again until it is answered."""
        ...

    async def shift(self, teams: list[Json]) -> Answer:
        """Say who is on duty."""
        ...

    async def rubbish(self, case: str) -> None:
        """Say something that nobody can read."""
        ...


@dataclass(slots=True)
class Machine:
    """The provider's machine, as sound as it is."""

    transport: Transport

    @property
    def dead(self) -> bool:
        """Say whether it does nothing at the moment."""
        flapping = self.transport is Transport.FLAPS
        return flapping and int(asyncio.get_running_loop().time() / FLAPS_EVERY) % 2 == 1

    async def alive(self) -> None:
        """Return when it does something again."""
        if self.dead:
            await asyncio.sleep(FLAPS_EVERY - asyncio.get_running_loop().time() % FLAPS_EVERY)

    @property
    def deaf(self) -> bool:
        """Say whether what it hears is lost on it."""
        return self.dead or self.transport in {Transport.ERRORS, Transport.HANGS}


class Spoken:
    """Speaks by HTTP."""

    def __init__(self, gateway: str, http: aiohttp.ClientSession) -> None:
        """Speak with the gateway at a base URL."""
        self.gateway = gateway
        self.http = http

    async def say(self, case: str, verb: str, body: Mapping[str, object]) -> Answer:
        """Post it, again with the same key as long as there is no answer or one that says "try again"."""
        return await self._send("POST", f"/v1/cases/{case}/{verb}", body)

    async def shift(self, teams: list[Json]) -> Answer:
        """Put the whole list."""
        return await self._send("PUT", "/v1/shift", {"teams": teams})

    async def rubbish(self, case: str) -> None:
        """Post what is no JSON, what is too much, and what there is no route for."""
        for path, body in (
            (f"/v1/cases/{case}/acknowledge", b"\xff{"),
            (f"/v1/cases/{case}/acknowledge", b"[" * 20_000),
            (f"/v1/cases/{case}/juggle", b"{}"),
            ("/v1/cases/none/close", b'{"epoch": "one"}'),
        ):
            try:
                async with self.http.post(self.gateway + path, data=body):
                    pass
            except (aiohttp.ClientError, TimeoutError):
                continue

    async def _send(self, method: str, path: str, body: Mapping[str, object]) -> Answer:
        headers = {"Idempotency-Key": str(uuid4())}
        while True:
            try:
                async with self.http.request(method, self.gateway + path, json=body, headers=headers) as answer:
                    if answer.status < _REFUSED:
                        return Answer(taken=True, code="")
                    if answer.status < _FAILED:
                        return Answer(taken=False, code=(await answer.json(content_type=None)).get("code", ""))
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(AGAIN_AFTER)


class ByHttp(Spoken):
    """Hears by looking at the list of open cases."""

    def __init__(self, gateway: str, http: aiohttp.ClientSession, machine: Machine) -> None:
        """Look at the gateway at a base URL."""
        super().__init__(gateway, http)
        self.heard: asyncio.Queue[Told] = asyncio.Queue()
        self._machine = machine
        self._seen: dict[str, Json] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if not self._machine.deaf:
                try:
                    await self._look()
                except (aiohttp.ClientError, TimeoutError):
                    await asyncio.sleep(AGAIN_AFTER)
            await asyncio.sleep(LOOKS_EVERY)

    async def _look(self) -> None:
        open_ = {one["case_id"]: one for one in (await self._get("/v1/cases?limit=500"))["cases"]}
        gone = [case for case, seen in self._seen.items() if case not in open_ and not seen.get("over")]
        for case in gone:
            now = await self._get(f"/v1/cases/{case}")
            # One that expired is recalled in a moment.
            open_[case] = {**now, "over": now.get("recall") is not None or now["stage"] != "expired"}
        for case, now in open_.items():
            before = self._seen.get(case)
            if before is None and now["stage"] != "offered":
                if now.get("recall") is None:
                    continue
                before = {}
            self._seen[case] = now
            for news in _differs(before, now):
                identity, offer = now["identity"] or {}, now["offer"] or {}
                number, until = offer.get("incident_number", ""), offer.get("answer_by", "")
                self.heard.put_nowait(Told(news, case, identity.get("epoch", 0), number, until))

    async def _get(self, path: str) -> Json:
        async with self.http.get(self.gateway + path, raise_for_status=True) as answer:
            return await answer.json()


def _differs(before: Json | None, now: Json) -> list[News]:
    """Return what is new of a case."""
    if before is None:
        return [News.OFFERED]
    found: list[News] = []
    if now.get("recall") is not None and (before.get("recall") or {}).get("at") != now["recall"]["at"]:
        found.append(News.RECALLED)
    if before and before.get("answers") != now.get("answers"):
        found.append(News.ANSWERED)
    if before and before.get("pictured_at") != now.get("pictured_at"):
        found.append(News.UPDATED)
    return found


class ByWebhook(Spoken):
    """Hears by a server of its own; speaks by HTTP."""

    def __init__(self, gateway: str, http: aiohttp.ClientSession, machine: Machine, schemas: Schemas) -> None:
        """Serve, once registered."""
        super().__init__(gateway, http)
        self.heard: asyncio.Queue[Told] = asyncio.Queue()
        self._machine = machine
        self._schemas = schemas
        self._secret: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._known: dict[str, None] = {}

    async def register(self, url: str) -> None:
        """Have webhooks sent here from now on.

        Raises:
            aiohttp.ClientResponseError: the gateway will not.
        """
        async with self.http.post(f"{self.gateway}/v1/webhooks", json={"url": url}, raise_for_status=True) as answer:
            self._secret.set_result((await answer.json())["secret"])

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer the gateway."""
        if request.method == "OPTIONS":
            origin = request.headers.get("WebHook-Request-Origin", "")
            return web.Response(headers={"WebHook-Allowed-Origin": origin, "Allow": "OPTIONS, POST"})
        if self._machine.transport is Transport.HANGS:
            await asyncio.sleep(ANSWERED_WITHIN * 10)
        if self._machine.deaf:
            return web.Response(status=500)
        body = await request.read()
        try:
            Webhook(await self._secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return web.Response(status=401)
        name = request.headers["webhook-id"]
        if name in self._known:
            return web.Response(status=204)
        event: Json = json.loads(body)
        self._schemas.check(event["type"], event["data"])
        self._known[name] = None
        if len(self._known) > OLDEST_REMEMBERED:
            del self._known[next(iter(self._known))]
        told = read(event["type"], event["data"])
        if told is not None:
            self.heard.put_nowait(told)
        return web.Response(status=204)


class ByKafka:
    """Hears and speaks on topics of its own."""

    def __init__(
        self, provider: str, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, machine: Machine, schemas: Schemas
    ) -> None:
        """Read and write with these clients."""
        self.heard: asyncio.Queue[Told] = asyncio.Queue()
        self._provider = provider
        self._consumer = consumer
        self._producer = producer
        self._machine = machine
        self._schemas = schemas
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._known: dict[str, None] = {}

    async def run(self) -> None:
        """Read until cancelled."""
        async for record in self._consumer:
            headers = {name: value.decode() for name, value in record.headers}
            data: Json = json.loads(record.value or b"{}")
            if record.topic.startswith("answers."):
                self._answered(data)
                continue
            await self._machine.alive()
            if self._machine.deaf or headers["ce_id"] in self._known:
                continue
            self._schemas.check(headers["ce_type"], data)
            self._known[headers["ce_id"]] = None
            if len(self._known) > OLDEST_REMEMBERED:
                del self._known[next(iter(self._known))]
            told = read(headers["ce_type"], data)
            if told is not None:
                self.heard.put_nowait(told)

    async def say(self, case: str, verb: str, body: Mapping[str, object]) -> Answer:
        """Write it, again under the same id until it is answered."""
        return await self._send("divert.CaseStatusSaid.v1", case, {"case_id": case, "verb": verb, "said": body})

    async def shift(self, teams: list[Json]) -> Answer:
        """Write the whole list."""
        return await self._send("divert.ShiftSaid.v1", "shift", {"said": {"teams": teams}})

    async def rubbish(self, case: str) -> None:
        """Write what is no event, and what is one but says nothing."""
        topic = f"statuses.{self._provider}.v1"
        await self._producer.send_and_wait(topic, b"\xff{", key=case.encode())
        event = {"case_id": case, "verb": "juggle", "said": {"balls": 3}}
        headers = _headers("divert.CaseStatusSaid.v1", self._provider, str(uuid4()))
        await self._producer.send_and_wait(topic, json.dumps(event).encode(), key=case.encode(), headers=headers)

    async def _send(self, kind: str, key: str, body: Json) -> Answer:
        name = str(uuid4())
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answered
        value = json.dumps({**body, "statement": name}).encode()
        while True:
            await self._producer.send_and_wait(
                f"statuses.{self._provider}.v1", value, key=key.encode(), headers=_headers(kind, self._provider, name)
            )
            done, _ = await asyncio.wait([answered], timeout=ANSWERED_WITHIN)
            if done:
                return answered.result()

    def _answered(self, data: Json) -> None:
        if data.get("code") == "early":
            return  # it is answered again when the offer has come
        waiting = self._waiting.pop(data.get("statement") or "", None)
        if waiting is not None:
            waiting.set_result(Answer(taken=data["taken"], code=data.get("code") or ""))


def _headers(kind: str, provider: str, name: str) -> list[tuple[str, bytes]]:
    attributes = {"ce_specversion": "1.0", "ce_type": kind, "ce_source": f"/{provider}/dispatch", "ce_id": name}
    return [(key, value.encode()) for key, value in attributes.items()]


@dataclass(frozen=True, slots=True)
class Where:
    """Where the gateway is, and how it is reached."""

    way: str
    provider: str
    gateway: str
    """Base URL; for Kafka it is not needed."""
    listen: int
    """Port of the own server; 0 takes a free one."""
    kafka: str
    """host:port; for Kafka alone."""
    password: str
    """The provider's on Kafka; empty where none is needed."""
    token: str = ""
    """What it shows to its gateway; empty where nobody has to say who they are."""

    @property
    def headers(self) -> dict[str, str]:
        """With which it speaks to its gateway."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@asynccontextmanager
async def opened(where: Where, machine: Machine, schemas: Schemas) -> AsyncGenerator[Way]:
    """Open a way and close it afterwards."""
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        if where.way == "kafka":
            kafka = await _kafka(where, machine, schemas, stack)
            running = tasks.create_task(kafka.run())
            stack.callback(running.cancel)
            yield kafka
            return
        patience = aiohttp.ClientTimeout(total=ANSWERED_WITHIN)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=patience, headers=where.headers))
        if where.way == "http":
            polled = ByHttp(where.gateway, http, machine)
            running = tasks.create_task(polled.run())
            stack.callback(running.cancel)
            yield polled
            return
        served = ByWebhook(where.gateway, http, machine, schemas)
        await served.register(await _served(served, where.listen, stack))
        yield served


async def _served(way: ByWebhook, port: int, stack: AsyncExitStack) -> str:
    app = web.Application()
    app.router.add_route("*", "/webhooks", way.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks"


async def _kafka(where: Where, machine: Machine, schemas: Schemas, stack: AsyncExitStack) -> ByKafka:
    login: Json = {}
    if where.password:
        login = {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": where.provider,
            "sasl_plain_password": where.password,
        }
    consumer = AIOKafkaConsumer(
        f"assignments.{where.provider}.v1",
        f"answers.{where.provider}.v1",
        bootstrap_servers=where.kafka,
        group_id=f"{where.provider}.dispatch",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        **login,
    )
    producer = AIOKafkaProducer(bootstrap_servers=where.kafka, acks="all", enable_idempotence=False, **login)
    for client in (consumer, producer):
        await client.start()
        stack.push_async_callback(client.stop)
    return ByKafka(where.provider, consumer, producer, machine, schemas)
