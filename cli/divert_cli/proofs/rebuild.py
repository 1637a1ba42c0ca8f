"""Reporting's tables follow from the log alone: read from the beginning, by one or by many, they are equal."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from urllib.parse import urlsplit
from uuid import uuid5

import asyncpg

from divert_chassis.publisher import Outgoing, Publisher
from divert_cli import kafka_admin
from divert_cli.demo import EVENING, SEED
from divert_cli.errors import StackError
from divert_cli.prepare import agency_fact, seed_policies
from divert_cli.stack import LocalStack
from divert_contracts import ids
from divert_contracts.envelope import Envelope, encode
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.topics import CASES, ROUTING, SHIFTS, TRIAGE
from divert_reporting.adapters.tables import digest
from divert_sim import evening
from divert_sim.in_memory import MemoryEvening

Say = Callable[[str], None]

READ = (TRIAGE, ROUTING, CASES, SHIFTS)
"""The topics that reporting reads."""
EVENING_AT = datetime(2026, 11, 14, 2, tzinfo=UTC)
REPEATED_OF = 5
"""One record in so many is on its topic twice."""
CAUGHT_UP_WITHIN = 180.0
_BATCH = 1_000
_LOOKS_EVERY = 0.02


class RebuildError(StackError):
    """The log cannot be written or read; the message says why."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One reading of the log into an empty database."""

    by: str
    seconds: float
    """From the start of the workers until the last record was handled."""
    digests: dict[str, str]
    """Table to SHA-256."""
    killed_at: float | None = None
    """The part of the log, 0 to 1, that was handled when a worker was killed."""


@dataclass(slots=True)
class Result:
    """What was seen."""

    records: int = 0
    calls: int = 0
    rebuilt: list[Rebuilt] = field(default_factory=list[Rebuilt])
    running: dict[str, str] | None = None
    """The digests of the stack that runs, where the log was taken from there."""

    @property
    def clean(self) -> bool:
        """Say whether all tables are equal, and a worker was killed in the middle where one was to be."""
        digests = [one.digests for one in self.rebuilt] + ([] if self.running is None else [self.running])
        midway = all(one.killed_at is None or 0 < one.killed_at < 1 for one in self.rebuilt)
        return self.calls > 0 and len(digests) > 1 and all(one == digests[0] for one in digests) and midway


# ------------------------------------------------------------------------------------------------------------ the log


def an_evening() -> list[tuple[str, Envelope]]:
    """Return what reporting reads of one evening, topic by topic in its order; the services decide in memory."""
    play = MemoryEvening([*seed_policies(), agency_fact()], EVENING_AT, seed=SEED)
    play.play(evening.load(EVENING))
    return [(topic, one) for topic, one in play.world.log if topic in {one.name for one in READ}]


def evenings(copies: int) -> list[Outgoing]:
    """Return so many evenings as records, each with calls of its own: order within a topic kept, some twice."""
    log = an_evening()
    records = [Outgoing(topic, *encode(_copied(one, copy))) for copy in range(copies) for topic, one in log]
    chance = Random(SEED)  # noqa: S311  # repeatable on purpose
    for again in chance.sample(records, len(records) // REPEATED_OF):
        records.insert(chance.randrange(len(records)), again)
    return records


def _copied(envelope: Envelope, copy: int) -> Envelope:
    fact = envelope.fact
    if copy == 0 or not isinstance(fact, CallFact):
        return envelope
    other = uuid5(ids.NAMESPACE, f"copy {copy}")
    changed: Fact = fact.model_copy(update={"call_id": uuid5(other, str(fact.call_id))})
    return Envelope(
        id=uuid5(other, str(envelope.id)),
        source=envelope.source,
        fact=changed,
        cause=None if envelope.cause is None else uuid5(other, str(envelope.cause)),
        caused_by=envelope.caused_by,
        sequence=envelope.sequence,
    )


def log_of(kafka: str) -> list[Outgoing]:
    """Return what stands on the topics that reporting reads, as it stands there, partition by partition.

    Raises:
        BrokerError: Kafka does not answer.
    """
    marks = kafka_admin.ends(kafka, [one.name for one in READ])
    return [
        Outgoing(one.topic, one.key, one.value, tuple(one.headers.items())) for one in kafka_admin.read(kafka, marks)
    ]


async def write(kafka: str, records: Sequence[Outgoing]) -> None:
    """Put records onto their topics, in this order for each key."""
    publisher = Publisher(kafka, service="proof")
    running = asyncio.create_task(publisher.run())
    try:
        for first in range(0, len(records), _BATCH):
            await publisher.publish(records[first : first + _BATCH])
    finally:
        running.cancel()
        await asyncio.wait([running])


# -------------------------------------------------------------------------------------------------------- the reading


async def rebuild(stack: LocalStack, say: Say) -> Result:
    """Read a stack's log with one worker, with three, and with one of three killed; it has no reporting of its own.

    Raises:
        StackError: a worker does not start or does not get through.
    """
    result = Result()
    marks = await asyncio.to_thread(kafka_admin.ends, stack.kafka, [one.name for one in READ])
    result.records = sum(end - first for first, end in marks.values())
    say(f"{result.records} records")
    for by, workers, kill in (("one worker", 1, False), ("three workers", 3, False), ("three, one killed", 3, True)):
        async with _database(stack.postgres) as dsn:
            reading = _Reading(stack, dsn, workers)
            one = await reading.read(by, kill=kill)
            result.calls = await reading.calls()
        say(f"{by}: {one.seconds:.1f} s")
        result.rebuilt.append(one)
    return result


async def tables(dsn: str) -> dict[str, str]:
    """Return the digests of the tables in a database."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "reporting"})
    try:
        return await digest(connection)
    finally:
        await connection.close()


class _Reading:
    """Workers of reporting on a database of their own."""

    def __init__(self, stack: LocalStack, dsn: str, workers: int) -> None:
        self._stack = stack
        self._dsn = dsn
        run = uuid.uuid4().hex[:6]
        self._names = [f"reporting-{run}-{number}" for number in range(1, workers + 1)]

    async def read(self, by: str, *, kill: bool) -> Rebuilt:
        loop = asyncio.get_running_loop()
        began = loop.time()
        starts = [
            asyncio.create_task(self._stack.add("reporting", name, {"DIVERT_POSTGRES": self._dsn}))
            for name in self._names
        ]
        try:
            killed_at = await self._kill_midway() if kill else None
            await asyncio.gather(*starts)
            await self._until(1.0)
            return Rebuilt(by, loop.time() - began, await tables(self._dsn), killed_at)
        finally:
            await asyncio.gather(*starts, return_exceptions=True)
            for name in self._names:
                await self._stack.remove(name)

    async def calls(self) -> int:
        connection = await asyncpg.connect(self._dsn)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM reporting.call_outcomes"))
        finally:
            await connection.close()

    async def _kill_midway(self) -> float:
        """Kill a worker as soon as something was handled; return how much that was."""
        await self._until(0.0)
        await self._stack.kill(self._names[0])
        return await self._handled()

    async def _until(self, part: float) -> None:
        """Wait until more than a part of the log was handled, or all of it."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + CAUGHT_UP_WITHIN
        while (handled := await self._handled()) <= part and handled < 1:
            if loop.time() > give_up:
                raise RebuildError(f"{handled:.0%} of the log handled after {CAUGHT_UP_WITHIN:.0f} s")
            await asyncio.sleep(_LOOKS_EVERY)

    async def _handled(self) -> float:
        marks = await asyncio.to_thread(kafka_admin.ends, self._stack.kafka, [one.name for one in READ])
        total = sum(end - first for first, end in marks.values())
        connection = await asyncpg.connect(self._dsn)
        try:
            rows = await connection.fetch("SELECT topic, partition, next FROM reporting.position")
        except asyncpg.UndefinedTableError:
            return 0.0  # no worker has begun
        finally:
            await connection.close()
        done = sum(max(0, row["next"] - marks[row["topic"], row["partition"]][0]) for row in rows)
        return done / total


@asynccontextmanager
async def _database(dsn: str) -> AsyncGenerator[str]:
    """Make an empty database on the server at `dsn`, and drop it afterwards."""
    name = f"rebuild_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
