"""Runs a service: its wiring table on Kafka and Postgres, its API, its timers, until it is told to stop.

Crash-only: outages are waited out where they happen; a task that ends by itself ends the process, and whoever started
it starts it again.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Generic

import asyncpg
import redis.asyncio
import uvloop
from fastapi import APIRouter
from typing_extensions import TypeVar

from divert_chassis import core, http, logs, metrics, telemetry
from divert_chassis.access import Gate
from divert_chassis.audit import TASK, Audit
from divert_chassis.clock import Clock, DomainClock
from divert_chassis.consumer import Consumer, Handler
from divert_chassis.core import Reply
from divert_chassis.engine import Engine
from divert_chassis.errors import TRANSIENT, backoff
from divert_chassis.health import Health
from divert_chassis.learner import Learner
from divert_chassis.oidc import CodeFlow
from divert_chassis.publisher import Outgoing, Publisher
from divert_chassis.rates import Rates
from divert_chassis.relay import Relay
from divert_chassis.service import Service, Stage, Wired
from divert_chassis.settings import ChassisSettings
from divert_chassis.stage import StageHandler
from divert_chassis.store import Store
from divert_chassis.tokens import Keys, Verifier
from divert_contracts.envelope import Envelope, encode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.policies import ClockSet
from divert_contracts.step import Command, Rejected, State, Unavailable
from divert_contracts.topics import POLICIES

__all__ = ["Runtime", "run", "serve"]

log = logs.logger(__name__)

G = TypeVar("G", default=Any)
S = TypeVar("S", bound=State)

Beside = Callable[["Runtime[G]"], Mapping[str, Callable[[], Coroutine[Any, Any, None]]]]
"""Names the long tasks that a service that remembers runs beside the chassis' own. They wait outages out themselves,
say by ``health.beat`` under their name that they get on, and end the process when they end."""

PUBLISHED_WITHIN = 5.0
"""Seconds that a caller waits for the broker before its request counts as unknown."""
VALKEY_SECONDS = 0.02
MOST_NOT_LEARNT = 100
STUCK_SECONDS = 60.0
"""A long task that has not said for so long that it gets on is stuck."""


class Runtime(Generic[G]):
    """What a service's API sees of the running service."""

    def __init__(self, wired: Wired[G], settings: ChassisSettings) -> None:
        """Put together what the service needs; nothing runs yet."""
        self.settings = settings
        self.health = Health()
        self.health.hold("starting")
        self.publisher = Publisher(settings.kafka, service=wired.group)
        self.valkey = redis.asyncio.Redis.from_url(
            settings.valkey, socket_timeout=VALKEY_SECONDS, socket_connect_timeout=VALKEY_SECONDS
        )
        self.wired = wired
        self.learning = False
        """Whether it still reads what was published before it started."""
        self.not_learnt: deque[tuple[Fact, str]] = deque(maxlen=MOST_NOT_LEARNT)
        """The latest facts that were refused as they were learnt, each with the coded reason."""
        self._clock = DomainClock()
        self._given = wired.given
        self._engine: Engine[G] | None = None
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @property
    def clock(self) -> Clock:
        """The domain clock."""
        return self._clock

    @property
    def given(self) -> G:
        """What the service has learnt until now.

        Raises:
            Unavailable: it has not read everything yet that was published before it started.
        """
        if self.learning:
            raise Unavailable("learning")
        return self._given

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        """Connections to the service's own schema, for its adapters.

        Raises:
            Unavailable: Postgres has not been reached yet.
        """
        if self._pool is None:
            raise Unavailable("postgres")
        return self._pool

    async def send(self, command: Command, idempotency_key: str | None = None) -> Reply:
        """Do a command in one transaction and return its reply after the commit.

        Raises:
            Unavailable: it may or may not have been done; the same key asks again.
        """
        return await self._ready_engine().send(command, idempotency_key)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when the broker has acknowledged every fact with all its replicas.

        Raises:
            Unavailable: it did not in time; the facts may or may not be on their topics.
        """
        records = [
            Outgoing(topic, *encode(one))
            for envelope in envelopes
            for topic, one in core.variants(self.wired, envelope)
        ]
        try:
            async with asyncio.timeout(PUBLISHED_WITHIN):
                await self.publisher.publish(records)
        except TimeoutError:
            raise Unavailable("kafka") from None
        for record in records:
            metrics.FACTS_PUBLISHED.labels(self.wired.group, record.topic).inc()

    async def get(self, kind: type[S], key: str) -> S | None:
        """Return the state of a key, or None."""
        with _postgres():
            return await self._ready_engine().get(kind, key)

    async def listed(self, kind: type[S], *, limit: int = 500, **columns: str) -> list[tuple[str, S]]:
        """Return open states by their listing columns, those due first before the others."""
        with _postgres():
            return await self._ready_engine().listed(kind, limit=limit, **columns)

    def learn(self, fact: Fact) -> None:
        """Fold a fact of a topic that is read whole.

        Raises:
            Rejected: it cannot be used; what was known stays.
        """
        if isinstance(fact, ClockSet):
            self._clock.learn(fact)
        try:
            self._given = self.wired.learn(self._given, fact)
        except Rejected as why:
            self.not_learnt.append((fact, str(why)))
            metrics.NOT_LEARNT.labels(self.wired.group, type(fact).__name__).inc()
            raise

    def remember(
        self, service: Service[G], store: Store, pool: asyncpg.Pool[asyncpg.Record], relay: Relay
    ) -> Engine[G]:
        """Begin to remember, on a pool that works."""
        self._pool = pool
        self._engine = Engine(
            service,
            pool=pool,
            store=store,
            given=lambda: self._given,
            clock=self._clock,
            health=self.health,
            committed=relay.wake,
        )
        return self._engine

    def _ready_engine(self) -> Engine[G]:
        if self._engine is None:
            raise Unavailable("starting")
        return self._engine


@contextmanager
def _postgres() -> Generator[None]:
    """Turn an outage of Postgres into ``Unavailable``."""
    try:
        yield
    except Unavailable:
        raise
    except TRANSIENT:
        raise Unavailable("postgres") from None


def run(
    wired: Wired[G],
    settings: ChassisSettings,
    *,
    routes: Callable[[Runtime[G]], APIRouter],
    title: str,
    body_limit: int = 1_048_576,
    beside: Beside[G] | None = None,
) -> None:
    """Run a service until SIGTERM or SIGINT; exit with 1 when a part of it ended by itself."""
    logs.configure(wired.group, settings.log_level)
    telemetry.configure(wired.group, endpoint=settings.otlp_endpoint)
    metrics.watch_process()

    async def until_signalled() -> bool:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        runtime = Runtime(wired, settings)
        return await serve(runtime, stopping, routes=routes, title=title, body_limit=body_limit, beside=beside)

    try:
        sound = uvloop.run(until_signalled())
    finally:
        telemetry.off()
    sys.exit(0 if sound else 1)


async def serve(
    runtime: Runtime[G],
    stopping: asyncio.Event,
    *,
    routes: Callable[[Runtime[G]], APIRouter],
    title: str,
    body_limit: int = 1_048_576,
    beside: Beside[G] | None = None,
) -> bool:
    """Run everything in this loop until the event is set; return whether it was, rather than a part having ended."""
    settings = runtime.settings
    health = runtime.health
    audit = None if settings.issuer is None else Audit(settings.postgres, runtime.wired.group.replace("-", "_"))
    gate = _gate(runtime, audit)
    runtime.learning = True
    health.depends("kafka", lambda: _must(runtime.publisher.reachable()), timeout=3.0)
    server = http.serve(
        http.application(
            title=title, version="1.0.0", router=routes(runtime), health=health, gate=gate, body_limit=body_limit
        ),
        settings.host,
        settings.port,
    )
    log.info("listening", host=settings.host, port=server.port)
    parts = _Parts(runtime, {} if beside is None else beside(runtime))
    running = {
        "http": asyncio.create_task(server.run_until_stopped()),
        "publisher": asyncio.create_task(runtime.publisher.run()),
        "work": asyncio.create_task(parts.run()),
    }
    if audit is not None:
        running[TASK] = asyncio.create_task(audit.run(health))
    for name, task in running.items():
        health.watch(name, task)
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait([told, *running.values()], return_when=asyncio.FIRST_COMPLETED)
    sound = told.done()
    for name, task in running.items():
        if task.done() and not sound:
            log.error("part-ended", task=name, exc_info=None if task.cancelled() else task.exception())
    health.hold("stopping")
    server.stop()
    for name in ("work", "http", "publisher", *([] if audit is None else [TASK])):
        # In this order: what is in hand is finished and published before the way out is closed.
        if name != "http":
            running[name].cancel()
        await asyncio.wait([running[name]], timeout=25.0)
    told.cancel()
    await runtime.valkey.aclose()
    log.info("stopped")
    return sound


def _gate(runtime: Runtime[Any], audit: Audit | None) -> Gate:
    """Return who is let in.

    Raises:
        RuntimeError: everybody would be, from other machines too.
    """
    settings, wired = runtime.settings, runtime.wired
    if settings.issuer is None:
        if not _is_loopback(settings.host):
            raise RuntimeError("without DIVERT_ISSUER a service listens on loopback alone")
        return Gate(service=wired.group)
    verifier = Verifier(Keys(settings.issuer, settings.jwks), issuer=settings.issuer, audience=settings.audience)
    rates = Rates(runtime.valkey, service=wired.group, most=settings.rate_limit)
    flow = None
    if settings.client_id is not None:
        flow = CodeFlow(
            settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scope=settings.sign_in_scope,
            audience=settings.audience,
        )
    own = {} if wired.family is None else {wired.family: wired.member}
    return Gate(
        verifier,
        service=wired.group,
        provider=own.get("provider"),
        agency=own.get("agency"),
        audit=audit,
        rates=rates,
        flow=flow,
        public_url=settings.public_url,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Parts:
    """The long tasks behind the API: learning first, then consuming, timers and the relay."""

    def __init__(self, runtime: Runtime[Any], beside: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
        self._runtime = runtime
        self._beside = beside
        self._wired = runtime.wired
        self._settings = runtime.settings

    async def run(self) -> None:
        """Work until cancelled."""
        learns_from = dict.fromkeys((POLICIES, *self._wired.learns_from))
        health = self._runtime.health
        learner = Learner(self._settings.kafka, topics=list(learns_from), learn=self._runtime.learn, health=health)
        async with asyncio.TaskGroup() as tasks:
            self._watched("learner", tasks.create_task(learner.run()))
            await learner.learnt.wait()
            self._runtime.learning = False
            match self._wired:
                case Service() as service:
                    await self._remember(service)
                case Stage() as stage if stage.steps:
                    handler = StageHandler(stage, publisher=self._runtime.publisher, given=lambda: self._runtime.given)
                    await self._consume(handler, tasks)
                case _:
                    health.release("starting")

    async def _remember(self, service: Service[Any]) -> None:
        runtime = self._runtime
        store = Store(service)
        pool = await self._pool(store)
        try:
            relay = Relay(service.group, pool=pool, store=store, publisher=runtime.publisher, health=runtime.health)
            engine = runtime.remember(service, store, pool, relay)
            runtime.health.depends("postgres", lambda: pool.fetchval("SELECT 1"), timeout=2.0)
            async with asyncio.TaskGroup() as inner:
                self._watched("relay", inner.create_task(relay.run()))
                self._watched("timers", inner.create_task(engine.run_timers()))
                inner.create_task(engine.sweep())
                for name, work in self._beside.items():
                    self._watched(name, inner.create_task(work()))
                await self._consume(engine, inner)
        finally:
            await asyncio.wait_for(pool.close(), 5.0)

    async def _consume(self, handler: Handler, tasks: asyncio.TaskGroup) -> None:
        """Consume until cancelled; the consumer leaves its group after the batch in hand."""
        health = self._runtime.health
        consumer = Consumer(
            self._settings.kafka,
            group=self._wired.group,
            topics=self._wired.names_of(self._wired.reads),
            handler=handler,
            health=health,
        )
        try:
            await consumer.start()
            _settle()
            health.release("starting")
            self._watched("consumer", tasks.create_task(consumer.watch()))
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(asyncio.wait_for(consumer.stop(), 20.0))

    async def _pool(self, store: Store) -> asyncpg.Pool[asyncpg.Record]:
        waits = backoff(first=0.2)
        while True:
            try:
                pool = await store.connect(self._settings.postgres)
            except TRANSIENT as why:
                log.warning("postgres-not-reached", error=type(why).__name__)
                await asyncio.sleep(next(waits))
                continue
            async with pool.acquire() as connection:
                await store.lay_out(connection)
            return pool

    def _watched(self, name: str, task: asyncio.Task[Any]) -> None:
        self._runtime.health.watch(name, task, within=STUCK_SECONDS)


def _settle() -> None:
    """Take what has been loaded out of the garbage collector's sight, and let it look less often.

    Facts are many small objects without cycles: at its usual threshold it spends a tenth of the time on finding none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 5, 50)


async def _must(answer: Awaitable[bool]) -> None:
    if not await answer:
        raise Unavailable("kafka")
