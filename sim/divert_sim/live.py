"""The evening on a stack that runs: everybody acts over HTTP, sees what is on Kafka, and lives by the domain clock."""

# aiokafka types its records only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import BaseModel, ValidationError

from divert_chassis.clock import Clock
from divert_contracts.envelope import Envelope, UnknownType, decode
from divert_contracts.facts.routing import CallConcluded, CallOpened
from divert_contracts.facts.triage import CallTriaged
from divert_contracts.step import Rejected
from divert_contracts.topics import ASSIGNMENTS, HANDOFFS, ROUTING, TRIAGE
from divert_sim.behaviour import Planned
from divert_sim.evening import AGENCY, Ending, Entry
from divert_sim.people import People
from divert_sim.requests import Request, of_action, of_entry

PATIENCE = 15.0
"""Real seconds for which a request is made again, unless it is said otherwise."""
_AGAIN_AFTER, _AGAIN_AT_MOST = 0.2, 1.0
_AT_ONCE = 100
"""Requests on their way to one service. Whoever waits for a turn waits in line, however long: on a slow machine people
queue up before they act, and standing there costs nobody's patience."""
_UNSENT_AT_MOST = 2_000
"""Entries that wait to be sent; while there are more, CAD takes no new calls: a machine is asked for what it can do."""
_REFUSED, _NOT_FOUND, _FAILED = 400, 404, 500
_GATEWAY = "provider-gateway-"


class _Problem(BaseModel):
    """What is looked at of a refusal."""

    code: str


@dataclass(slots=True)
class Progress:
    """How far the evening is."""

    sent: int = 0
    """Entries that were sent."""
    repeated: int = 0
    """Requests that were made again, because there was no answer or one that says "try again"."""
    accepted: set[UUID] = field(default_factory=set[UUID])
    """Calls whose posting was answered with 202."""
    triaged: set[UUID] = field(default_factory=set[UUID])
    opened: set[UUID] = field(default_factory=set[UUID])
    endings: dict[UUID, Ending] = field(default_factory=dict[UUID, Ending])
    refused: list[str] = field(default_factory=list[str])
    """Requests that were answered with 4xx, as people must live with: where to, path, status, type of the problem."""

    @property
    def open(self) -> frozenset[UUID]:
        """Calls that are not concluded yet."""
        return frozenset(self.opened - self.endings.keys())


class UnfinishedError(RuntimeError):
    """The evening did not come to its end; the message says what was missing."""


def _quiet(progress: Progress) -> None:
    del progress


def _nobody(service: str) -> Mapping[str, str]:
    del service
    return {}


class LiveEvening:
    """Plays an evening against a running stack, once."""

    def __init__(
        self,
        kafka: str,
        urls: Mapping[str, str],
        clock: Clock,
        *,
        seed: int,
        patience: float = PATIENCE,
        told: Callable[[Progress], None] = _quiet,
        bearing: Callable[[str], Mapping[str, str]] = _nobody,
        apart: Collection[str] = (),
    ) -> None:
        """Get ready.

        Args:
            kafka: host:port.
            urls: base URLs of the services by the names that the stack gives its processes.
            clock: the domain clock that they run by.
            seed: what the people are like.
            patience: real seconds for which a request is made again before its sender gives up.
            told: is called with every step of progress.
            bearing: returns the headers with which somebody signs in to a service.
            apart: providers that somebody else plays.
        """
        self.progress = Progress()
        self._kafka = kafka
        self._urls = urls
        self._clock = clock
        self._people = People(seed)
        self._patience = patience
        self._told = told
        self._bearing = bearing
        self._apart = apart
        self._turns = {name: asyncio.Semaphore(_AT_ONCE) for name in urls}
        self._unsent = asyncio.Semaphore(_UNSENT_AT_MOST)
        self._working = 0
        self._changed = asyncio.Event()

    async def play(self, entries: Iterable[Entry], start: datetime, *, within: float) -> Mapping[UUID, Ending]:
        """Send everything at its time, let everybody act, and return what became of each call.

        Args:
            entries: in the order of their times.
            start: the domain time at which the evening starts.
            within: real seconds after which it must be over.

        Raises:
            UnfinishedError: calls are still open then, or a service did not answer.
        """
        # Not httpx: its pool looks at every connection and every waiting request for each request that it makes.
        connector = aiohttp.TCPConnector(limit=0)
        patience = aiohttp.ClientTimeout(total=10)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, enable_auto_commit=False, fetch_max_wait_ms=20)
        await consumer.start()
        try:
            partitions = self._partitions()
            consumer.assign(partitions)
            await consumer.seek_to_end(*partitions)
            async with (
                aiohttp.ClientSession(connector=connector, timeout=patience) as self._http,
                asyncio.timeout(within),
                asyncio.TaskGroup() as self._group,
            ):
                watching = self._group.create_task(self._watch(consumer))
                await self._send_all(entries, start)
                while self._working or self.progress.open:
                    self._changed.clear()
                    await self._changed.wait()
                watching.cancel()
        except TimeoutError:
            open_ = sorted(str(call) for call in self.progress.open)
            raise UnfinishedError(
                f"after {within:.0f} s {self.progress.sent} entries were sent and {len(open_)} calls still "
                f"open: {', '.join(open_[:5])}"
            ) from None
        except ExceptionGroup as failed:
            raise UnfinishedError(str(failed.exceptions[0])) from failed
        finally:
            await consumer.stop()
        return self.progress.endings

    # ------------------------------------------------------------------------------------------------- what is seen

    def _partitions(self) -> list[TopicPartition]:
        gateways = (name.removeprefix(_GATEWAY) for name in self._urls if name.startswith(_GATEWAY))
        providers = [name for name in gateways if name not in self._apart]
        wanted = {
            TRIAGE.name: TRIAGE.partitions,
            ROUTING.name: ROUTING.partitions,
            HANDOFFS.name_of(AGENCY): HANDOFFS.partitions,
            **{ASSIGNMENTS.name_of(provider): ASSIGNMENTS.partitions for provider in providers},
        }
        return [TopicPartition(name, number) for name, count in wanted.items() for number in range(count)]

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                record = await consumer.getone()
                envelope = decode(record.value, record.headers)
            except (Rejected, UnknownType):
                continue  # foreign: none of our people would read it
            except KafkaError:
                await asyncio.sleep(_AGAIN_AFTER)  # it goes on where it was
                continue
            self._see(record.topic, envelope)

    def _see(self, topic: str, envelope: Envelope) -> None:
        match envelope.fact:
            case CallOpened(call_id=call) if topic == ROUTING.name:
                self.progress.opened.add(call)
            case CallConcluded() as concluded if topic == ROUTING.name:
                self.progress.opened.add(concluded.call_id)
                self.progress.endings[concluded.call_id] = Ending.of(concluded)
            case _:
                if isinstance(envelope.fact, CallTriaged):
                    self.progress.triaged.add(envelope.fact.call_id)
                plan = self._people.see(topic, envelope)
                if plan:
                    self._start(self._act(plan))
                return
        self._told(self.progress)
        self._changed.set()

    # -------------------------------------------------------------------------------------------------- what is done

    async def _send_all(self, entries: Iterable[Entry], start: datetime) -> None:
        for entry in entries:
            await self._until(start + entry.at)
            await self._unsent.acquire()
            self._start(self._send_entry(entry, start))

    async def _send_entry(self, entry: Entry, start: datetime) -> None:
        try:
            taken = await self._send(of_entry(entry, start))
        finally:
            self._unsent.release()
        self.progress.sent += 1
        if taken and entry.do == "call":
            self.progress.accepted.add(entry.call_id)
            self.progress.opened.add(entry.call_id)
        self._told(self.progress)

    async def _act(self, plan: Sequence[Planned]) -> None:
        """Do one thing after the other: during an outage nobody says that he has arrived before that he left."""
        for planned in plan:
            await self._until(planned.at)
            if self._people.still_want(planned.action):
                await self._send(of_action(planned))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._working += 1
        self._group.create_task(work).add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        del task
        self._working -= 1
        self._changed.set()

    async def _until(self, at: datetime) -> None:
        await asyncio.sleep(self._clock.real_seconds_until(at))

    async def _send(self, request: Request) -> bool:
        """Send until there is an answer that is not "try again"; return whether it was taken."""
        headers = dict(self._bearing(request.to))
        if request.key is not None:
            headers["Idempotency-Key"] = str(request.key)
        url = self._urls[request.to] + request.path
        spent, wait = 0.0, _AGAIN_AFTER
        while True:
            async with self._turns[request.to]:
                began = time.monotonic()
                try:
                    async with self._http.request(request.method, url, json=dict(request.body), headers=headers) as got:
                        status, body = got.status, await got.read()
                except (aiohttp.ClientError, TimeoutError) as error:
                    status, body, said = None, b"", type(error).__name__
                else:
                    said = str(status)
                spent += time.monotonic() - began
            if status is not None:
                if status < _REFUSED:
                    return True
                # The people read Kafka beside the gateway, and may be the quicker ones.
                unknown_yet = status == _NOT_FOUND and spent < self._patience / 2
                if status < _FAILED and not unknown_yet:
                    self.progress.refused.append(
                        f"{request.to} {request.method} {request.path}: {said} {_problem(body)}"
                    )
                    return False
            if spent > self._patience:
                raise UnfinishedError(
                    f"{request.to} {request.method} {request.path}: {said} for {self._patience:.0f} s"
                )
            self.progress.repeated += 1
            await asyncio.sleep(wait)
            spent += wait
            wait = min(wait * 2, _AGAIN_AT_MOST)


def _problem(body: bytes) -> str:
    try:
        return _Problem.model_validate_json(body).code
    except ValidationError:
        return "?"
