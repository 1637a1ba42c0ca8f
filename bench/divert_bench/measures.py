"""The measurements. Each says what it did, what was expected of this kind of machine, and what came out."""

# aiokafka types its collections only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from divert_bench import sample
from divert_bench.load import Answers, Connection, flood, request
from divert_bench.processes import Backing, service
from divert_chassis.publisher import Outgoing, Publisher
from divert_contracts.envelope import decode, encode
from divert_contracts.facts.routing import CaseOffered
from divert_contracts.topics import ASSIGNMENTS, CALLS, TRIAGE, Topic

_LINES = 1000
_DRAINED_WITHIN = 300.0
_AHEAD = timedelta(minutes=4)
"""Calls to be drained count as accepted so much later, so that no deadline passes while they wait to be read."""

Say = Callable[[str], None]


class MeasureError(RuntimeError):
    """Something was not measured; the message says what happened instead."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    drained: int
    """Calls through triage and routing."""
    batched: int
    """Calls in NDJSON batches."""
    single: int
    latency_seconds: int


FULL = Size(drained=60_000, batched=40_000, single=15_000, latency_seconds=30)
QUICK = Size(drained=15_000, batched=10_000, single=4_000, latency_seconds=8)


@dataclass(frozen=True, slots=True)
class Result:
    """One figure."""

    what: str
    got: float
    unit: str
    expected: float | None = None
    """What this kind of machine should reach; for times, what it should stay below. Null: no expectation."""
    lower_is_better: bool = False

    @property
    def verdict(self) -> str:
        """Say how it compares: ``met``, ``missed``, ``below half``, or nothing where nothing was expected."""
        if self.expected is None or not self.got:
            return ""
        share = self.expected / self.got if self.lower_is_better else self.got / self.expected
        if share >= 1:
            return "met"
        return "missed" if share >= 0.5 else "below half"  # noqa: PLR2004  # half


# ------------------------------------------------------------------------------------------------------------- codec


def codec() -> Sequence[Result]:
    """Encode and decode a diverted call with every question answered."""
    envelope = sample.received(0, "codec", datetime.now(UTC))
    _, value, headers = encode(envelope)
    return [
        Result("encode a call", _microseconds(lambda: encode(envelope)), "µs"),
        Result("decode a call", _microseconds(lambda: decode(value, headers)), "µs"),
    ]


def _microseconds(what: Callable[[], object], times: int = 3000) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times // 5):
            what()
        best = min(best, (time.perf_counter() - began) / (times // 5))
    return best * 1e6


# --------------------------------------------------------------------------------------------------- through services


async def by_codes(backing: Backing, size: Size, say: Say) -> Sequence[Result]:
    """Fill calls.v1, then see how fast one triage process empties it by a policy that reads no texts.

    Raises:
        MeasureError: it did not get through in time.
    """
    say(f"filling {CALLS.name} with {size.drained:,} calls")
    await _fill(backing.kafka, size.drained)
    say("triage by codes: emptying calls.v1")
    return [Result("triage by codes, one process", await _triaged(backing, size), "facts/s", 20_000)]


async def drained(backing: Backing, size: Size, say: Say) -> Sequence[Result]:
    """Fill calls.v1, then see how fast one triage process and one routing process empty what waits for them.

    Raises:
        MeasureError: one of them did not get through in time.
    """
    say(f"filling {CALLS.name} with {size.drained:,} calls")
    await _fill(backing.kafka, size.drained)
    say("triage by codes and texts: emptying calls.v1")
    triaged = await _triaged(backing, size)
    connection = await asyncpg.connect(backing.postgres)
    try:
        say("routing: emptying calls.v1 and triage.v1")
        async with service(backing, "routing", ready=False):
            routed = await _rate(lambda: _handled(connection), 2 * size.drained)
            began = time.perf_counter()
            while await connection.fetchval("SELECT EXISTS (SELECT FROM routing.outbox)"):
                if time.perf_counter() - began > _DRAINED_WITHIN:
                    raise MeasureError("routing's outbox does not get empty")
                await asyncio.sleep(0.05)
            relayed = time.perf_counter() - began
    finally:
        await connection.close()
    return [
        Result("triage by codes and texts, one process", triaged, "facts/s"),
        Result("routing, one process", routed, "facts/s", 6_000),
        Result("routing's outbox empty after", relayed, "s"),
    ]


async def _triaged(backing: Backing, size: Size) -> float:
    consumer = AIOKafkaConsumer(bootstrap_servers=backing.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        async with service(backing, "triage", ready=False):
            return await _rate(lambda: _written(consumer, TRIAGE), size.drained)
    finally:
        await consumer.stop()


async def _fill(kafka: str, count: int) -> None:
    publisher = Publisher(kafka, service="bench")
    running = asyncio.create_task(publisher.run())
    at = datetime.now(UTC) + _AHEAD
    try:
        for first in range(0, count, _LINES):
            batch = [sample.received(number, "drain", at) for number in range(first, min(first + _LINES, count))]
            await publisher.publish([Outgoing(CALLS.name, *encode(one)) for one in batch])
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _rate(done: Callable[[], Awaitable[int]], total: int) -> float:
    """Return how many a second were done, from the first that was seen to the last: starting up is not counted."""
    until = time.perf_counter() + _DRAINED_WITHIN
    first: tuple[float, int] | None = None
    while True:
        count = await done()
        now = time.perf_counter()
        if count and first is None:
            first = now, count
        if count >= total and first is not None:
            if total == first[1]:
                raise MeasureError(f"{total} were done before one could look; measure more")
            return (total - first[1]) / (now - first[0])
        if now > until:
            raise MeasureError(f"{count} of {total} done after {_DRAINED_WITHIN:.0f} s")
        await asyncio.sleep(0.02)


async def _written(consumer: AIOKafkaConsumer, topic: Topic) -> int:
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    return sum((await consumer.end_offsets(partitions)).values())


async def _handled(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    try:
        return int(await connection.fetchval("SELECT coalesce(sum(next), 0) FROM routing.position"))
    except asyncpg.UndefinedTableError:
        return 0  # routing has not begun


# ------------------------------------------------------------------------------------------------------------ intake


async def taken_in(backing: Backing, size: Size, say: Say) -> Sequence[Result]:
    """Post as fast as intake answers: batches of 1,000 lines over 4 connections, single calls over 64."""
    now = datetime.now(UTC)
    calls = [
        json.dumps(sample.posted(number, "batch", now, diverted=number % sample.DIVERTED_OF == 0)).encode()
        for number in range(size.batched)
    ]
    single = [
        json.dumps(sample.posted(number, "single", now, diverted=number % sample.DIVERTED_OF == 0)).encode()
        for number in range(size.single)
    ]
    async with service(backing, "intake") as url:
        say(f"intake: {size.batched:,} calls in batches")
        batches = [
            request(f"{url}/v1/calls:batch", b"\n".join(calls[at : at + _LINES]), "application/x-ndjson")
            for at in range(0, len(calls), _LINES)
        ]
        batched = _all_well(await flood(url, batches, connections=4), len(batches))
        say(f"intake: {size.single:,} single calls")
        posts = [request(f"{url}/v1/calls", body) for body in single]
        alone = _all_well(await flood(url, posts, connections=64), len(posts))
    return [
        Result("intake, NDJSON batches", size.batched / batched, "calls/s", 4_000),
        Result("intake, single posts", size.single / alone, "calls/s", 1_500),
    ]


def _all_well(answers: Answers, sent: int) -> float:
    well = sum(count for status, count in answers.statuses.items() if 200 <= status < 300)  # noqa: PLR2004  # HTTP
    if well != sent:
        raise MeasureError(f"{well} of {sent} requests succeeded; statuses: {answers.statuses}")
    return answers.seconds


# ----------------------------------------------------------------------------------------------------------- latency


async def latency(backing: Backing, size: Size, say: Say, *, per_second: int = 50) -> Sequence[Result]:
    """Post diverted calls at an even rate and see when each is on its provider's topic.

    Raises:
        MeasureError: not every call was offered.
    """
    total = per_second * size.latency_seconds
    async with AsyncExitStack() as exit_:
        say("post to offer: starting intake, triage and routing")
        url, *_ = [await exit_.enter_async_context(service(backing, name)) for name in ("intake", "triage", "routing")]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=backing.kafka, enable_auto_commit=False, fetch_max_wait_ms=500, fetch_min_bytes=1
        )
        await consumer.start()
        exit_.push_async_callback(consumer.stop)
        partitions = [
            TopicPartition(ASSIGNMENTS.name_of(provider), number)
            for provider in ("exodus", "alcott", "penny-lane")
            for number in range(ASSIGNMENTS.partitions)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        await _posted_evenly(url, "warm", per_second, per_second)  # first requests compile and connect
        say(f"post to offer: {per_second} calls/s for {size.latency_seconds} s")
        offered: dict[str, float] = {}
        listening = asyncio.create_task(_listen(consumer, "latency-", total, offered))
        sent = await _posted_evenly(url, "latency", per_second, total)
        try:
            await asyncio.wait_for(listening, 30)
        except TimeoutError:
            raise MeasureError(f"{len(offered)} of {total} calls were offered") from None
    waits = sorted((offered[number] - at) * 1000 for number, at in sent.items())
    cuts = quantiles(waits, n=100)
    return [
        Result(f"post to offer at {per_second}/s, p50", cuts[49], "ms"),
        Result(f"post to offer at {per_second}/s, p99", cuts[98], "ms", 150, lower_is_better=True),
    ]


async def _posted_evenly(url: str, run: str, per_second: int, total: int) -> dict[str, float]:
    """Post calls, each at its own moment whether or not those before were answered; return when each began."""
    free = [await Connection.open(url) for _ in range(16)]
    sent: dict[str, float] = {}

    async def post(number: int) -> None:
        call = sample.posted(number, run, datetime.now(UTC), diverted=True)
        wire = request(f"{url}/v1/calls", json.dumps(call).encode())
        connection = free.pop() if free else await Connection.open(url)
        sent[str(call["incident_number"])] = time.perf_counter()
        status, _ = await connection.send(wire)
        free.append(connection)
        if status >= 300:  # noqa: PLR2004  # HTTP
            raise MeasureError(f"a call was answered with {status}")

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(total):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            group.create_task(post(number))
    for connection in free:
        connection.close()
    return sent


async def _listen(consumer: AIOKafkaConsumer, run: str, total: int, offered: dict[str, float]) -> None:
    async for record in consumer:
        seen = time.perf_counter()
        fact = decode(record.value, record.headers).fact
        if isinstance(fact, CaseOffered) and fact.incident_number.startswith(run):
            offered.setdefault(fact.incident_number, seen)
            if len(offered) == total:
                return
