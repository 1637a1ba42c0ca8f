"""The one way in for services that remember: batches, commands and timers, each one Postgres transaction.

Order within it: positions by compare-and-set; inbox; states locked in key order; the pure steps; states, outbox and
projections written; commit. What collides is done again whole; what cannot be reached is waited for.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic
from uuid import UUID, uuid4, uuid5

import asyncpg
from aiokafka import TopicPartition
from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar

from divert_chassis import access, audit, core, metrics
from divert_chassis.clock import Clock, real_now
from divert_chassis.consumer import Record
from divert_chassis.core import Held, Reply
from divert_chassis.errors import COLLISIONS, TRANSIENT, Zombie, backoff
from divert_chassis.health import Health
from divert_chassis.logs import logger
from divert_chassis.publisher import Outgoing
from divert_chassis.service import Remembered, Service, own_key
from divert_chassis.store import Store
from divert_chassis.telemetry import SpanKind, current_traceparent, process_attributes, span
from divert_chassis.vicinity import Unheld, Vicinity
from divert_contracts import ids
from divert_contracts.envelope import Envelope, Headers, UnknownType, decode, encode, read
from divert_contracts.facts.base import CallFact, Fact
from divert_contracts.step import Command, Failure, Rejected, State, Unavailable
from divert_contracts.topics import dead_letters

if TYPE_CHECKING:
    from divert_chassis.store import Connection

log = logger(__name__)

G = TypeVar("G", default=Any)
S = TypeVar("S", bound=State)
R = TypeVar("R")

NOT_THE_STEP = (Unavailable, Unheld, asyncpg.PostgresError, *TRANSIENT)
"""What a step may meet while places are taken for it, and is no fault of it: the whole is done again."""
LONGEST_DEAD_LETTER = 900_000
"""Bytes of a dead letter with its headers; Kafka takes a mebibyte, and ours are added."""
KEPT_OF_LONGER = 100_000
"""Bytes of key and of value each that are kept of a longer one."""
MOST_LINKS = 100
"""Causes that the span of a batch links to."""
MOST_DUE = 200
"""Timers of one kind that are rung in one transaction."""
TIMER_SECONDS = 0.1
"""Real seconds between looks at what is due."""
POSTPONED_BY = timedelta(seconds=60)
"""A state whose timer cannot be rung is left alone for so long."""
OVERDUE_LOOKED_AT_EVERY = 5.0
INBOX_DAYS = 7
SWEPT_EVERY = 600.0
"""Real seconds from one look for what can go to the next."""
MOST_SWEPT = 2_000
"""Rows that go in one statement: a long one would hold up what wants the same rows."""
SWEEP_PAUSE = 0.2


@dataclass(slots=True)
class _Work(Generic[G]):
    """What one transaction has in hand."""

    given: G
    at: datetime
    near: Vicinity = field(default_factory=Vicinity)
    states: dict[tuple[str, str], Held] = field(default_factory=dict[tuple[str, str], Held])
    changed: dict[str, dict[str, Held]] = field(default_factory=dict[str, dict[str, Held]])
    postponed: dict[str, datetime] = field(default_factory=dict[str, datetime])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])
    handled: dict[str, int] = field(default_factory=dict[str, int])
    rung: dict[str, int] = field(default_factory=dict[str, int])
    dead: int = 0


@dataclass(frozen=True, slots=True)
class _Dead:
    """A record that could not be handled."""

    record: Record
    reason: str


class Engine(Generic[G]):
    """Runs a service's wiring table on Postgres."""

    def __init__(
        self,
        service: Service[G],
        *,
        pool: asyncpg.Pool[asyncpg.Record],
        store: Store,
        given: Callable[[], G],
        clock: Clock,
        health: Health,
        committed: Callable[[], None],
    ) -> None:
        """Bring together what a transaction needs.

        Args:
            service: the wiring table.
            pool: connections to the service's schema.
            store: its tables.
            given: returns what the service knows now.
            clock: tells the domain time.
            health: is told that the timers get on.
            committed: is called after each commit that put something into the outbox.
        """
        self._service = service
        self._pool = pool
        self._store = store
        self._given = given
        self._clock = clock
        self._health = health
        self._committed = committed
        self._positions: dict[TopicPartition, int] = {}
        self._handles = service.handles
        self._carried = service.carried
        self._foreign = frozenset(
            name for topic in service.reads if topic.foreign for name in service.names_of([topic])
        )

    async def of_cluster(self, cluster: str) -> bool:
        """Say whether positions are of this Kafka cluster; of another one nothing is handled any more."""
        async with self._pool.acquire() as connection:
            known = await self._store.cluster(connection, cluster)
        if known != cluster:
            self._positions.clear()
        return known == cluster

    async def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return where to read partitions on from."""
        async with self._pool.acquire() as connection:
            positions = await self._store.positions(connection, partitions)
        self._positions.update(positions)
        return positions

    async def handle(self, records: Sequence[Record]) -> int:
        """Handle a batch in one transaction; return how many records became dead letters.

        Raises:
            Zombie: a partition does not stand where this worker left it; nothing was handled.
        """
        started = time.perf_counter()
        fresh, moves = self._fresh(records)
        if not moves:
            return 0
        envelopes, dead = self._decoded(fresh)
        topics = ",".join(sorted({partition.topic for partition in moves}))
        with span(
            f"process {topics}",
            SpanKind.CONSUMER,
            links=(one.traceparent for _, one in envelopes[:MOST_LINKS]),
            attributes=process_attributes(topics, self._service.group, len(fresh)),
        ):
            try:
                work = await self._transact(
                    lambda connection, work: self._batch(connection, work, moves, envelopes, dead)
                )
            except Zombie:
                raise
            except Exception as bug:
                # asyncpg's error for a value that cannot be sent is an InterfaceError too, and will not pass.
                if isinstance(bug, TRANSIENT) and not isinstance(bug, ValueError):
                    raise
                log.error("batch-failed", records=len(fresh), error=type(bug).__name__, exc_info=bug)
                return await self._isolated(fresh, bug)
        self._positions.update({partition: after for partition, (_, after) in moves.items()})
        self._measure(work, time.perf_counter() - started)
        return work.dead

    async def _isolated(self, records: Sequence[Record], bug: Exception) -> int:
        """Handle records of a batch that failed outside any step one by one, and bury the one that fails alone."""
        if len(records) > 1:
            return sum([await self.handle([record]) for record in records])
        record = records[0]
        dead = _Dead(record, f"bug:{type(bug).__name__}")
        _, moves = self._fresh(records)

        async def bury(connection: Connection, work: _Work[G]) -> None:
            await self._store.advance(connection, moves)
            await self._hold(connection, work, self._concerned(record))
            await self._hold_places(connection, work)
            self._bury(work, dead, self._concerned(record))

        await self._transact(bury)
        self._positions.update({partition: after for partition, (_, after) in moves.items()})
        return 1

    async def send(self, command: Command, idempotency_key: str | None) -> Reply:
        """Do a command, or repeat the reply to an earlier one with the same key.

        Raises:
            Unavailable: it may or may not have been done; the same key asks again.
        """
        kind = next(kind for kind in self._service.kinds if type(command) in kind.steps)
        scope = f"command:{self._service.source}:{type(command).__name__}:{command.key}:{idempotency_key}"
        cause = uuid4() if idempotency_key is None else uuid5(ids.NAMESPACE, scope)
        request = hashlib.sha256(command.model_dump_json().encode()).digest()
        replies: list[Reply] = []
        acting = access.acting()

        async def recorded(connection: Connection, result: str) -> None:
            if acting is not None:
                await audit.write(connection, [audit.entry(acting, result, real_now())])
                acting.recorded = True

        async def do(connection: Connection, work: _Work[G]) -> None:
            replies.clear()
            known = await self._store.known_reply(connection, cause, request)
            if known is not None:
                replies.append(known)
                await recorded(connection, "repeated")
                return
            await self._hold(connection, work, [(kind, command.key)])
            await self._hold_places(connection, work, [(kind, command.key, command)])
            before = work.states[kind.name, command.key]
            held, facts, chosen = await self._near(
                connection,
                work,
                lambda: core.take(
                    self._service,
                    kind,
                    command.key,
                    before,
                    command,
                    cause=cause,
                    given=work.given,
                    at=work.at,
                    near=work.near,
                    traceparent=current_traceparent(),
                ),
            )
            self._keep(work, kind, command.key, held, facts)
            replies.append(Reply.of(chosen))
            await self._store.replied(connection, cause, replies[-1])
            await recorded(connection, "done" if chosen.refused is None else chosen.refused.code)

        try:
            async with asyncio.timeout(10.0):
                work = await self._transact(do)
        except TRANSIENT as why:
            log.warning("command-unknown", command=type(command).__name__, error=type(why).__name__)
            raise Unavailable("postgres") from None
        self._measure(work, None)
        result = "refused" if replies[-1].refusal is not None else "done"
        metrics.COMMANDS.labels(self._service.group, type(command).__name__, result).inc()
        return replies[-1]

    async def run_timers(self) -> None:
        """Ring what is due, until cancelled."""
        waits = backoff()
        looked = float("-inf")
        while True:
            try:
                busy = False
                for kind in self._service.kinds:
                    busy = await self._ring(kind) or busy
                if time.monotonic() - looked > OVERDUE_LOOKED_AT_EVERY:
                    await self._measure_overdue()
                    looked = time.monotonic()
            except TRANSIENT as why:
                log.warning("timers-postponed", error=type(why).__name__)
                self._health.beat("timers")
                await asyncio.sleep(next(waits))
            else:
                waits = backoff()
                self._health.beat("timers")
                await asyncio.sleep(0 if busy else TIMER_SECONDS)

    async def sweep(self) -> None:
        """Remove what nobody asks for any more, a little at a time beside all other work, until cancelled."""
        while True:
            gone = 0
            try:
                gone = await self._store.forget(self._pool, INBOX_DAYS, self._clock.now(), MOST_SWEPT)
            except (*TRANSIENT, *COLLISIONS) as why:
                log.warning("sweep-postponed", error=type(why).__name__)
            await asyncio.sleep(SWEEP_PAUSE if gone == MOST_SWEPT else SWEPT_EVERY)

    async def get(self, kind: type[S], key: str) -> S | None:
        """Return the state of a key, or None."""
        row = await self._pool.fetchrow(f"SELECT document FROM state_{kind.__name__.lower()} WHERE key = $1", key)
        return None if row is None or not row["document"] else kind.model_validate_json(row["document"])

    async def listed(self, kind: type[S], *, limit: int = 500, **columns: str) -> list[tuple[str, S]]:
        """Return open states, those due first before the others.

        Args:
            kind: which kind of state.
            limit: how many at the most.
            columns: the values that listing columns must have.
        """
        remembered = next(one for one in self._service.kinds if one.kind is kind)
        if unknown := columns.keys() - set(remembered.lists):
            raise ValueError(f"{remembered.name} is not listed by {', '.join(sorted(unknown))}")
        where = "".join(f" AND {column} = ${number}" for number, column in enumerate(columns, 2))
        rows = await self._pool.fetch(
            f"SELECT key, document FROM state_{remembered.name} WHERE {remembered.lists[0]} IS NOT NULL{where}"
            " ORDER BY due NULLS LAST, key LIMIT $1",
            limit,
            *columns.values(),
        )
        return [(row["key"], kind.model_validate_json(row["document"])) for row in rows if row["document"]]

    async def _transact(self, do: Callable[[Connection, _Work[G]], Any]) -> _Work[G]:
        """Run something in one transaction, again if it collided; publish nothing before the commit."""
        waits = backoff(first=0.005, most=0.2)
        looked_at: frozenset[str] = frozenset()
        spoken_at: frozenset[str] = frozenset()
        while True:
            work = _Work(self._given(), self._clock.now(), Vicinity(looked_at=set(looked_at), spoken_at=set(spoken_at)))
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await do(connection, work)
                    for kind in self._service.kinds:
                        await self._store.keep(connection, kind, work.changed.get(kind.name, {}), work.postponed)
                    await self._store.stand(connection, work.near.changed)
                    await self._store.send(connection, work.outgoing, work.at)
            except Unheld as missing:
                looked_at |= missing.looked_at
                spoken_at |= missing.spoken_at
                metrics.BATCHES_RETRIED.labels(self._service.group, type(missing).__name__).inc()
            except COLLISIONS as why:
                metrics.BATCHES_RETRIED.labels(self._service.group, type(why).__name__).inc()
                await asyncio.sleep(next(waits))
            else:
                if work.outgoing:
                    self._committed()
                return work

    def _fresh(self, records: Sequence[Record]) -> tuple[list[Record], dict[TopicPartition, tuple[int, int]]]:
        """Leave out what was handled before; say how positions will move.

        Raises:
            Zombie: where a partition stands was never read, so it must be before anything of it is handled.
        """
        fresh: list[Record] = []
        moves: dict[TopicPartition, tuple[int, int]] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            stands = self._positions.get(partition)
            if stands is None:
                raise Zombie
            if record.offset < stands:
                continue
            fresh.append(record)
            moves[partition] = (stands, record.offset + 1)
        return fresh, moves

    def _decoded(self, records: Sequence[Record]) -> tuple[list[tuple[Record, Envelope]], list[_Dead]]:
        envelopes: list[tuple[Record, Envelope]] = []
        dead: list[_Dead] = []
        for record in records:
            try:
                envelope = decode(record.value, record.headers)
            except UnknownType:
                metrics.UNKNOWN_TYPES.labels(self._service.group).inc()
            except Rejected as why:
                dead.append(_Dead(record, str(why)))
            else:
                if type(envelope.fact) in self._carried[record.topic]:
                    envelopes.append((record, envelope))
                else:  # whoever may write on one topic must not speak as another
                    dead.append(_Dead(record, "topic:type"))
        return envelopes, dead

    async def _batch(
        self,
        connection: Connection,
        work: _Work[G],
        moves: Mapping[TopicPartition, tuple[int, int]],
        envelopes: Sequence[tuple[Record, Envelope]],
        undecoded: Sequence[_Dead],
    ) -> None:
        await self._store.advance(connection, moves)
        wanted = [(record, one) for record, one in envelopes if type(one.fact) in self._handles]
        unseen = await self._store.unseen(connection, [one.id for _, one in wanted])
        metrics.FACTS_REPEATED.labels(self._service.group).inc(len(wanted) - len(unseen))
        todo: list[tuple[Record, Envelope]] = []
        for record, one in wanted:
            if one.id in unseen:
                unseen.discard(one.id)
                todo.append((record, one))
        pairs = [pair for _, one in todo for pair in core.targets(self._service, one.fact)]
        pairs += [pair for dead in undecoded for pair in self._concerned(dead.record)]
        await self._hold(connection, work, pairs)
        await self._hold_places(
            connection,
            work,
            [(kind, key, one.fact) for _, one in todo for kind, key in core.targets(self._service, one.fact)],
        )
        for record, one in todo:
            for kind, key in core.targets(self._service, one.fact):
                await self._step(connection, work, kind, key, (record, one))
        for dead in undecoded:
            self._bury(work, dead, self._concerned(dead.record))

    def _concerned(self, record: Record) -> list[tuple[Remembered[Any, G], str]]:
        """Return the states that a record which cannot be read is about, as far as its key tells."""
        try:
            key = str(UUID((record.key or b"").decode()))
        except ValueError:
            return []
        return [(kind, key) for kind in self._service.kinds if kind.failed is not None and kind.key is own_key]

    async def _step(
        self,
        connection: Connection,
        work: _Work[G],
        kind: Remembered[Any, G],
        key: str,
        wanted: tuple[Record, Envelope],
    ) -> None:
        record, one = wanted
        before = work.states[kind.name, key]
        name = type(one.fact).__name__
        try:
            held, facts, _ = await self._near(
                connection,
                work,
                lambda: core.take(
                    self._service, kind, key, before, one, cause=one.id, given=work.given, at=work.at, near=work.near
                ),
            )
        except NOT_THE_STEP:
            raise
        except Rejected as why:
            self._bury(work, _Dead(record, str(why)), [(kind, key)], one)
        except Exception as bug:
            log.error("step-failed", type=name, fact_id=str(one.id), error=type(bug).__name__, exc_info=bug)
            self._bury(work, _Dead(record, f"bug:{type(bug).__name__}"), [(kind, key)], one)
        else:
            work.handled[name] = work.handled.get(name, 0) + 1
            self._keep(work, kind, key, held, facts)

    def _bury(
        self,
        work: _Work[G],
        dead: _Dead,
        concerned: Sequence[tuple[Remembered[Any, G], str]],
        one: Envelope | None = None,
    ) -> None:
        """Write a dead letter, and run the failed step of what it was about."""
        record = dead.record
        log.error(
            "dead-letter", topic=record.topic, partition=record.partition, offset=record.offset, reason=dead.reason
        )
        metrics.DEAD_LETTERS.labels(self._service.group, record.topic).inc()
        if record.topic not in self._foreign:
            # What others write must not be able to stop us.
            work.dead += 1
        work.outgoing.append(dead_letter(self._service.name, record, dead.reason))
        cause = one.id if one else ids.foreign_id(f"{record.topic}/{record.partition}", str(record.offset))
        failure = Failure(type_of(record, one), dead.reason, _agency(record, one))
        for kind, key in concerned:
            held = work.states[kind.name, key]
            held, facts = core.fail(
                self._service, kind, key, held, failure, cause=cause, given=work.given, at=work.at, near=work.near
            )
            self._keep(work, kind, key, held, facts)

    async def _ring(self, kind: Remembered[Any, G]) -> bool:
        """Ring what is due of one kind; return whether there may be more."""
        at = self._clock.now()
        async with self._pool.acquire() as connection:
            keys = await self._store.due(connection, kind, at, MOST_DUE)
        if not keys:
            return False

        async def do(connection: Connection, work: _Work[G]) -> None:
            due = await self._store.held_if_due(connection, kind, keys, work.at)
            await self._hold_places(connection, work)
            for key, held in due.items():
                ring = partial(core.ring, self._service, kind, key, held, given=work.given, at=work.at, near=work.near)
                try:
                    after, facts, names = await self._near(connection, work, ring)
                except NOT_THE_STEP:
                    raise
                except Exception as bug:
                    log.error("timer-failed", kind=kind.name, key=key, error=type(bug).__name__, exc_info=bug)
                    work.postponed[key] = work.at + POSTPONED_BY
                    failure = Failure("timer", f"bug:{type(bug).__name__}")
                    cause = uuid5(
                        ids.NAMESPACE, f"timer-failed:{self._service.source}:{kind.name}:{key}:{held.version}"
                    )
                    after, facts = core.fail(
                        self._service,
                        kind,
                        key,
                        held,
                        failure,
                        cause=cause,
                        given=work.given,
                        at=work.at,
                        near=work.near,
                    )
                else:
                    for name in names:
                        work.rung[name] = work.rung.get(name, 0) + 1
                self._keep(work, kind, key, after, facts)

        work = await self._transact(do)
        self._measure(work, None)
        # Where others have them all in hand there is nothing to hurry for.
        return len(keys) == MOST_DUE and bool(work.changed)

    async def _measure_overdue(self) -> None:
        late = self._clock.now() - timedelta(seconds=1)
        async with self._pool.acquire() as connection:
            overdue = [await self._store.count_due(connection, kind, late) for kind in self._service.kinds]
        metrics.TIMERS_OVERDUE.labels(self._service.group).set(sum(overdue))

    async def _hold(
        self, connection: Connection, work: _Work[G], pairs: Sequence[tuple[Remembered[Any, G], str]]
    ) -> None:
        for kind in self._service.kinds:
            keys = [key for wanted, key in pairs if wanted is kind]
            if keys:
                held = await self._store.held(connection, kind, keys)
                work.states.update({(kind.name, key): one for key, one in held.items()})

    async def _hold_places(
        self,
        connection: Connection,
        work: _Work[G],
        todo: Sequence[tuple[Remembered[Any, G], str, Fact | Command]] = (),
    ) -> None:
        """Lock the places that steps are going to need, in order; states are locked before."""
        near = work.near
        for kind, key, what in todo:
            if kind.neighbourhood is not None:
                state = work.states[kind.name, key].state
                looked_at, spoken_at = core.places(kind, state, what, given=work.given, at=work.at)
                near.looked_at |= looked_at
                near.spoken_at |= spoken_at
        if near.looked_at or near.spoken_at:
            near.stands = await self._store.standing(connection, near.looked_at, near.spoken_at)

    async def _near(self, connection: Connection, work: _Work[G], step: Callable[[], R]) -> R:
        """Run a step, and hold the places that it turns out to need while it does.

        Raises:
            Unheld: somebody else holds one of them; out of order nobody waits, so the whole must be done again.
        """
        while True:
            try:
                return step()
            except Unheld as missing:
                found = await self._store.standing_free(connection, missing.looked_at, missing.spoken_at)
                if found is None:
                    near = work.near
                    raise Unheld(
                        looked_at=missing.looked_at | near.looked_at, spoken_at=missing.spoken_at | near.spoken_at
                    ) from None
                work.near.learn(found, missing)

    def _keep(self, work: _Work[G], kind: Remembered[Any, G], key: str, held: Held, facts: Sequence[Envelope]) -> None:
        work.states[kind.name, key] = held
        work.changed.setdefault(kind.name, {})[key] = held
        for fact in facts:
            for topic, one in core.variants(self._service, fact):
                work.outgoing.append(Outgoing(topic, *encode(one)))

    def _measure(self, work: _Work[G], seconds: float | None) -> None:
        group = self._service.group
        for name, count in work.handled.items():
            metrics.FACTS_HANDLED.labels(group, name).inc(count)
        for name, count in work.rung.items():
            metrics.TIMERS_RUN.labels(group, name).inc(count)
        if seconds is not None:
            metrics.BATCH_SECONDS.labels(group).observe(seconds)


def type_of(record: Record, one: Envelope | None) -> str | None:
    """Return the type of a fact that cannot be handled; its envelope tells it where its words cannot be read."""
    if one is not None:
        return one.fact.type_name()
    try:
        return read(record.value, record.headers)[0]["type"]
    except Rejected:
        return None


def _agency(record: Record, one: Envelope | None) -> str | None:
    """Return whose call a record that cannot be handled is about, as far as it tells."""
    if one is not None:
        return one.fact.agency if isinstance(one.fact, CallFact) else None
    try:
        return _Named.model_validate_json(record.value or b"").agency
    except ValidationError:
        return None


class _Named(BaseModel):
    agency: str


def dead_letter(service: str, record: Record, reason: str) -> Outgoing:
    """Return what is kept of a record that could not be handled: its bytes, key and headers, and why and where.

    Of a record that no topic takes with all that the beginning is kept, without its headers; the whole of it stands
    where it came from for as long as that is kept. A dead letter that cannot be written holds up everything behind it.
    """
    added: Headers = (
        ("divert-reason", reason.encode()),
        ("divert-topic", record.topic.encode()),
        ("divert-partition", str(record.partition).encode()),
        ("divert-offset", str(record.offset).encode()),
    )
    original: Headers = tuple(record.headers)
    key, value = record.key, record.value
    size = len(key or b"") + len(value or b"") + sum(len(name) + len(said or b"") for name, said in original)
    if size > LONGEST_DEAD_LETTER:
        original = (("divert-size", str(size).encode()),)
        key, value = key and key[:KEPT_OF_LONGER], value and value[:KEPT_OF_LONGER]
    return Outgoing(dead_letters(record.topic, service), key, value, (*original, *added))
