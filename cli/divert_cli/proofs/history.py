"""A long history: read anew by one worker, and then looked at while facts flow.

The evening is decided once, in memory. Its records are written again and again, each time at another hour and with
other ids, until there are so many calls: what reporting reads is what the services would have written.
"""

import asyncio
import itertools
import re
import statistics
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import httpx
from confluent_kafka import Producer

from divert_chassis.publisher import Outgoing
from divert_cli import kafka_admin
from divert_cli.errors import StackError
from divert_cli.prepare import prepare
from divert_cli.proofs.rebuild import READ, an_evening
from divert_cli.report import ASSUMPTIONS, LABELS, Paper, named, read_assumptions, read_labels, tables, write
from divert_cli.stack import LocalStack
from divert_contracts.envelope import encode
from divert_contracts.topics import ROUTING
from divert_reporting.pages.report import collected
from divert_reporting.pages.report.council import council
from divert_reporting.settings import ZONE

Say = Callable[[str], None]

CALLS_A_DAY = 2_250
REBUILT_AT_LEAST = 5_000.0
"""Facts a second by one worker."""
FLOWING = 1_000
"""Facts a second while pages are looked at."""
PAGE_WITHIN = 0.2
"""Seconds in which 95 of 100 answers come."""
REPORT_WITHIN = 30.0
MONTH = timedelta(days=31)
WORKER = "reporting-history"
_LOOKS = 40
"""Times that each page is asked for."""
_STILL_FOR = 120.0
_LOOKS_EVERY = 1.0
_TOLD_EVERY = 60.0
_BEYOND = 1_000_000
"""Copies that the history does not have: what flows while it is looked at is numbered from there."""
_NAMES = re.compile(
    rb"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-)([0-9a-f]{12})"
    rb"|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z|\+00:00)"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """How soon a page or an answer came."""

    path: str
    p50: float
    """Seconds."""
    p95: float
    bytes: int


@dataclass(slots=True)
class Result:
    """What was seen."""

    calls: int = 0
    records: int = 0
    days: float = 0.0
    rebuild_seconds: float = 0.0
    counted_after: float = 0.0
    """Seconds from then until every day's figures were counted."""
    flowed: float = 0.0
    """Facts a second that reporting took in while it was looked at."""
    looked: list[Looked] = field(default_factory=list[Looked])
    report_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Facts a second of the rebuild."""
        return self.records / self.rebuild_seconds if self.rebuild_seconds else 0.0

    @property
    def faults(self) -> dict[str, bool]:
        """What was promised, and whether it is broken."""
        return {
            "rebuilt too slowly": self.rate < REBUILT_AT_LEAST,
            "facts did not flow": self.flowed < FLOWING * 0.95,
            **{f"late: {one.path}": one.p95 > PAGE_WITHIN for one in self.looked},
            "report too slow": not 0 < self.report_seconds < REPORT_WITHIN,
        }

    @property
    def clean(self) -> bool:
        """Say whether all of it held."""
        return bool(self.looked) and not any(self.faults.values())


# ------------------------------------------------------------------------------------------------------- the history


class _Copies:
    """The evening's records, to be written at any time with ids of their own."""

    def __init__(self) -> None:
        records = [Outgoing(topic, *encode(one)) for topic, one in an_evening()]
        self.calls = len({one.key for one in records if one.topic == ROUTING.name})
        self._records = [(one.topic, one.headers, _slots(one)) for one in records]
        self.length = len(records)
        self.began = min(at for _, _, slots in self._records for at in slots.times)

    def at(self, number: int, later: timedelta) -> Iterator[Outgoing]:
        """Yield one copy's records, so much later."""
        for topic, headers, slots in self._records:
            key, value, *said = slots.filled(number, later)
            names = (name for name, _ in headers)
            yield Outgoing(topic, key, value, tuple(zip(names, said, strict=True)))


@dataclass(frozen=True, slots=True)
class _Slots:
    """A record's texts, cut where an id or a time stands."""

    texts: Sequence[Sequence[bytes | tuple[bytes, int] | datetime]]
    times: Sequence[datetime]

    def filled(self, number: int, later: timedelta) -> Iterator[bytes]:
        for text in self.texts:
            yield b"".join(_filled(piece, number, later) for piece in text)


def _filled(piece: bytes | tuple[bytes, int] | datetime, number: int, later: timedelta) -> bytes:
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, datetime):
        return f"{(piece + later).isoformat()}Z".encode()
    head, node = piece
    return head + b"%012x" % (node ^ number)


def _slots(record: Outgoing) -> _Slots:
    texts = [_cut(text or b"") for text in (record.key, record.value or b"", *(said for _, said in record.headers))]
    return _Slots(texts, [piece for text in texts for piece in text if isinstance(piece, datetime)])


def _cut(text: bytes) -> Sequence[bytes | tuple[bytes, int] | datetime]:
    pieces: list[bytes | tuple[bytes, int] | datetime] = []
    end = 0
    for found in _NAMES.finditer(text):
        pieces.append(text[end : found.start()])
        head, node, at = found.groups()
        pieces.append(datetime.fromisoformat(at.decode()) if at else (head, int(node, 16)))
        end = found.end()
    return [*pieces, text[end:]]


def _write(kafka: str, records: Iterator[Outgoing], a_second: float | None, until: Callable[[], bool]) -> int:
    """Write records, as fast as it goes or so many a second; return how many."""
    # librdkafka's "consistent" is the CRC32 by which every writer of divert chooses the partition.
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "partitioner": "consistent",
            "linger.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 200_000,
        }
    )
    written, began = 0, time.monotonic()
    for one in records:
        if until():
            break
        while True:
            try:
                producer.produce(one.topic, one.value, one.key, headers=list(one.headers))
                break
            except BufferError:
                producer.poll(0.1)
        written += 1
        if a_second is not None and written % 100 == 0:
            producer.poll(0)
            time.sleep(max(0.0, written / a_second - (time.monotonic() - began)))
    if producer.flush(60):
        raise StackError("Kafka does not take the history")
    return written


# ---------------------------------------------------------------------------------------------------------- the proof


async def prove(data: Path, *, calls: int, say: Say) -> Result:
    """Write a history, read it with one worker, and look at every page and answer while facts flow.

    Args:
        data: where the stack keeps everything.
        calls: how many, about.
        say: is told what is going on.

    Raises:
        StackError: the stack does not start, or the tables do not get on.
    """
    copies = _Copies()
    number = -(-calls // copies.calls)
    step = timedelta(days=copies.calls / CALLS_A_DAY)
    now = datetime.now(UTC).replace(tzinfo=None)
    first = now - step * number - copies.began
    result = Result(calls=number * copies.calls, days=step.total_seconds() * number / 86_400)

    def history() -> Iterator[Outgoing]:
        for at in range(number):
            yield from copies.at(at + 1, first + step * at)

    async with LocalStack(data, services=False, preferred_ports=False, environment={}) as stack:
        await prepare(stack.kafka, stack.postgres)
        marks = await asyncio.to_thread(kafka_admin.ends, stack.kafka, [one.name for one in READ])
        result.records = await asyncio.to_thread(_write, stack.kafka, history(), None, lambda: False)
        say(f"{result.records:,} records of {result.calls:,} calls in {result.days:.0f} days are written")
        before = sum(end for _, end in marks.values())
        # The stack ends it with itself, whatever becomes of us.
        starting = asyncio.create_task(stack.add("reporting", WORKER, {"DIVERT_LOG_LEVEL": "warning"}))
        async with _tables(stack.postgres) as connection:
            await _handled(connection, before + 1)
            began = time.monotonic()
            await _handled(connection, before + result.records, say)
            result.rebuild_seconds = time.monotonic() - began
            say(f"rebuilt in {result.rebuild_seconds:.0f} s: {result.rate:,.0f} facts a second")
            await _counted(connection)
            result.counted_after = time.monotonic() - began - result.rebuild_seconds
            say(f"every day counted {result.counted_after:.0f} s later")
            result.looked, result.flowed = await _look(stack.kafka, await starting, connection, copies, say)
        await stack.remove(WORKER)
        result.report_seconds = await _reported(stack.postgres, now)
    return result


@asynccontextmanager
async def _tables(dsn: str) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "reporting"})
    try:
        yield connection
    finally:
        await connection.close()


async def _stands(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    try:
        return int(await connection.fetchval("SELECT coalesce(sum(next), 0) FROM position"))
    except asyncpg.UndefinedTableError:
        return 0  # it has not begun


async def _handled(connection: "asyncpg.Connection[asyncpg.Record]", records: int, say: Say | None = None) -> None:
    """Wait until so many records were handled."""
    stands, since, began = -1, time.monotonic(), time.monotonic()
    first = await _stands(connection)
    told = began
    while (now := await _stands(connection)) < records:
        if now > stands:
            stands, since = now, time.monotonic()
        elif time.monotonic() - since > _STILL_FOR:
            raise StackError(f"reporting does not get beyond {stands:,} records")
        if say is not None and time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            say(f"{now:,} records, {(now - first) / (told - began):,.0f} a second")
        await asyncio.sleep(_LOOKS_EVERY if say is not None else 0.02)


async def _counted(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    while await connection.fetchval("SELECT EXISTS (SELECT 1 FROM touched)"):  # noqa: ASYNC110 (another process counts)
        await asyncio.sleep(_LOOKS_EVERY)


async def _look(
    kafka: str, url: str, connection: "asyncpg.Connection[asyncpg.Record]", copies: _Copies, say: Say
) -> tuple[list[Looked], float]:
    """Ask for every page and every answer over a month while facts flow; return also how many flowed a second."""
    over = False
    looked: list[Looked] = []

    def flow() -> Iterator[Outgoing]:
        for number in itertools.count(_BEYOND):
            yield from copies.at(number, datetime.now(UTC).replace(tzinfo=None) - copies.began - timedelta(hours=1))

    flowing = asyncio.create_task(asyncio.to_thread(_write, kafka, flow(), FLOWING, lambda: over))
    try:
        await asyncio.sleep(5)
        stood, began = await _stands(connection), time.monotonic()
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            for path in await _paths(http):
                one = await _timed(http, path)
                say(f"{one.path}: p50 {one.p50 * 1000:.0f} ms, p95 {one.p95 * 1000:.0f} ms")
                looked.append(one)
        return looked, (await _stands(connection) - stood) / (time.monotonic() - began)
    finally:
        over = True
        await flowing


async def _paths(http: httpx.AsyncClient) -> list[str]:
    """Return every page and answer, over a month where a period can be asked for."""
    until = datetime.now(UTC)
    since = until - MONTH
    period = f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
    figures = [one["name"] for one in (await http.get("/v1/figures")).raise_for_status().json()["figures"]]
    rows = (await http.get(f"/v1/outcomes?limit=1&{period}")).raise_for_status().json()
    call = rows["outcomes"][0]["call_id"]
    return [
        "/",
        "/board/alarms",
        "/today",
        f"/calls/{call}",
        f"/v1/calls/{call}",
        f"/v1/outcomes?{period}",
        *(f"/v1/{name}?{period}" for name in ("funnel", "agreement", "shadow", "hourly", "corrections")),
        *(f"/v1/figures/{name}?{period}" for name in figures),
    ]


async def _timed(http: httpx.AsyncClient, path: str) -> Looked:
    took: list[float] = []
    size = 0
    for _ in range(_LOOKS):
        began = time.perf_counter()
        answer = (await http.get(path)).raise_for_status()
        took.append(time.perf_counter() - began)
        size = len(answer.content)
    *_, p95 = statistics.quantiles(took, n=20)
    named_as = re.sub(r"[0-9a-f-]{36}", "…", path.partition("?")[0])
    return Looked(named_as, statistics.median(took), p95, size)


async def _reported(dsn: str, now: datetime) -> float:
    """Return the seconds that the report of a whole month takes."""
    until = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=ZONE)
    since = (until - timedelta(days=1)).replace(day=1)
    began = time.monotonic()
    async with tables(dsn) as connection:
        numbers = await collected.collect(
            connection,
            since,
            until,
            zone=ZONE,
            agency=None,
            assumed=read_assumptions(ASSUMPTIONS),
            labels=read_labels(LABELS),
        )
    with TemporaryDirectory() as folder:
        write(council(numbers), numbers, Path(folder), named(None, since, until), Paper.LETTER)
    return time.monotonic() - began
