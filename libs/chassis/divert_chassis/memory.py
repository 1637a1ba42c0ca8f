"""The same services in one process on a virtual clock: for tests, simulation and what-if studies.

It hides nothing that Kafka would show: facts and states go through their codecs, topics keep order by partition only,
and a seed decides how partitions interleave. Equal seeds give equal runs.
"""

import heapq
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5

from typing_extensions import TypeVar

from divert_chassis import core
from divert_chassis.core import Held, Reply
from divert_chassis.service import Remembered, Service, Stage, Wired
from divert_chassis.vicinity import Vicinity
from divert_contracts import ids
from divert_contracts.envelope import Envelope, Headers, decode, encode
from divert_contracts.facts.base import Fact
from divert_contracts.step import Command, Rejected, State
from divert_contracts.topics import TOPICS

S = TypeVar("S", bound=State)
Watcher = Callable[[str, Envelope], None]
NO_LAG = timedelta(0)


@dataclass(slots=True)
class _Record:
    """A record of a topic as it stands on Kafka."""

    topic: str
    key: str
    value: bytes
    headers: Headers
    ready_at: datetime


@dataclass(slots=True)
class _Reader:
    """A service with what it holds."""

    wired: Wired[Any]
    given: Any
    queues: dict[tuple[str, int], deque[_Record]] = field(default_factory=dict[tuple[str, int], deque[_Record]])
    inbox: set[UUID] = field(default_factory=set[UUID])
    states: dict[tuple[str, str], tuple[bytes, int]] = field(default_factory=dict[tuple[str, str], tuple[bytes, int]])
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    near: Vicinity = field(default_factory=lambda: Vicinity(everywhere=True))
    topics: frozenset[str] = frozenset()


class VirtualTime:
    """A clock that goes on when nothing is left to do, what is to be done then, and those who watch."""

    def __init__(self, start: datetime) -> None:
        """Begin at a time."""
        self.now = start
        self.dead: list[tuple[str, str, str]] = []
        """What could not be handled: service, topic, reason."""
        self._watchers: list[Watcher] = []
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def watch(self, watcher: Watcher) -> None:
        """Call the watcher with topic and envelope of each fact as it is published."""
        self._watchers.append(watcher)

    def at(self, time: datetime, what: Callable[[], None]) -> None:
        """Do something at a virtual time, or now if that has passed."""
        self._count += 1
        heapq.heappush(self._agenda, (time, self._count, what))

    def _next(self) -> None:
        """Do what is to be done next, at its time."""
        when, _, what = heapq.heappop(self._agenda)
        self.now = max(self.now, when)
        what()


class MemoryWorld(VirtualTime):
    """Services wired to each other through topics in memory."""

    def __init__(
        self,
        services: Sequence[Wired[Any]],
        *,
        start: datetime,
        seed: int = 0,
        most_lag: timedelta = NO_LAG,
    ) -> None:
        """Wire the services.

        Args:
            services: their wiring tables.
            start: the virtual time at first.
            seed: decides how partitions interleave, and each record's lag.
            most_lag: records reach their readers up to so much later, in order within a partition.
        """
        super().__init__(start)
        self.log: list[tuple[str, Envelope]] = []
        """All that was published, with its topic, in order."""
        self._random = Random(seed)  # noqa: S311 (repeatable on purpose)
        self._most_lag = most_lag
        self._readers = [_Reader(one, one.given, topics=frozenset(one.names_of(one.reads))) for one in services]

    def publish(self, fact: Fact, *, source: str = "/divert/intake", id: UUID | None = None) -> None:  # noqa: A002
        """Publish a fact as intake, the command line or any other writer would."""
        writer = source.removeprefix("/divert/").partition("/")[0]
        self._count += 1
        envelope = Envelope(id=id or uuid5(ids.NAMESPACE, f"memory:{self._count}"), source=source, fact=fact)
        for topic in TOPICS:
            if writer in topic.written_by and type(fact) in topic.carries:
                sent = fact if topic.private else fact.without_private()
                self._append(topic.name_for(fact), Envelope(id=envelope.id, source=source, fact=sent))

    def command(self, service: Wired[Any], command: Command, *, idempotency_key: str | None = None) -> Reply:
        """Give a service a command, as its HTTP interface would."""
        reader = self._reader(service)
        if not isinstance(service, Service):
            raise TypeError(f"{service.name} takes no commands")
        if idempotency_key is not None and idempotency_key in reader.replies:
            return reader.replies[idempotency_key]
        kind = next(kind for kind in service.kinds if type(command) in kind.steps)
        self._count += 1
        cause = uuid5(ids.NAMESPACE, f"memory-command:{idempotency_key or self._count}")
        held = self._held(reader, kind, command.key)
        held, facts, chosen = core.take(
            service, kind, command.key, held, command, cause=cause, given=reader.given, at=self.now, near=reader.near
        )
        reply = Reply.of(chosen)
        self._keep(reader, kind, command.key, held, facts)
        if idempotency_key is not None and reply.is_final:
            reader.replies[idempotency_key] = reply
        return reply

    def state(self, service: Wired[Any], kind: type[S], key: str) -> S | None:
        """Return what a service remembers of a key, or None."""
        kept = self._reader(service).states.get((kind.__name__.lower(), key))
        return None if kept is None else kind.model_validate_json(kept[0])

    def states(self, service: Wired[Any], kind: type[S]) -> dict[str, S]:
        """Return all that a service remembers of a kind, by key."""
        name = kind.__name__.lower()
        return {
            key: kind.model_validate_json(document)
            for (named, key), (document, _) in sorted(self._reader(service).states.items())
            if named == name
        }

    def run_until(self, time: datetime) -> None:
        """Let everything happen up to and at a virtual time."""
        while True:
            self._drain()
            if not self._agenda or self._agenda[0][0] > time:
                break
            self._next()
        self.now = max(self.now, time)

    def run(self, *, until: datetime | None = None) -> None:
        """Let everything happen until nothing is left to do (or left before a time)."""
        self._drain()
        while self._agenda and (until is None or self._agenda[0][0] <= until):
            self.run_until(self._agenda[0][0])

    def _reader(self, service: Wired[Any]) -> _Reader:
        return next(reader for reader in self._readers if reader.wired is service)

    def _append(self, topic: str, envelope: Envelope) -> None:
        """Put a record on a topic: to those who learn from it at once, to those who consume it in a queue."""
        key, value, headers = encode(envelope)
        self.log.append((topic, envelope))
        for reader in self._readers:
            if type(envelope.fact) in reader.wired.folds:
                try:
                    reader.given = reader.wired.learn(reader.given, decode(value, headers).fact)
                except Rejected as why:
                    self.dead.append((reader.wired.source, topic, str(why)))
            if topic in reader.topics:
                partition = zlib.crc32(key) % 6
                queue = reader.queues.setdefault((topic, partition), deque())
                ready = self.now + self._most_lag * self._random.random() if self._most_lag else self.now
                if queue:
                    ready = max(ready, queue[-1].ready_at)
                queue.append(_Record(topic, key.decode(), value, headers, ready))
                if ready > self.now:
                    self.at(ready, _nothing)
        for watcher in self._watchers:
            watcher(topic, envelope)

    def _drain(self) -> None:
        """Deliver all that is ready, the seed choosing among partitions."""
        while True:
            ready = [
                (reader, queue)
                for reader in self._readers
                for queue in reader.queues.values()
                if queue and queue[0].ready_at <= self.now
            ]
            if not ready:
                return
            reader, queue = self._random.choice(ready)
            self._deliver(reader, queue.popleft())

    def _deliver(self, reader: _Reader, record: _Record) -> None:
        envelope = decode(record.value, record.headers)
        wired = reader.wired
        if isinstance(wired, Stage):
            step = wired.steps.get(type(envelope.fact))
            if step is not None:
                published = core.staged(wired, envelope, step(envelope.fact, reader.given))
                for topic, one in (pair for fact in published for pair in core.variants(wired, fact)):
                    self._append(topic, one)
            return
        if not isinstance(wired, Service) or envelope.id in reader.inbox:
            return
        reader.inbox.add(envelope.id)
        for kind, key in core.targets(wired, envelope.fact):
            held = self._held(reader, kind, key)
            held, facts, why = core.hear(
                wired, kind, key, held, envelope, given=reader.given, at=self.now, near=reader.near
            )
            if why is not None:
                self.dead.append((wired.source, record.topic, why))
            self._keep(reader, kind, key, held, facts)

    def _held(self, reader: _Reader, kind: Remembered[Any, Any], key: str) -> Held[Any]:
        kept = reader.states.get((kind.name, key))
        if kept is None:
            return Held(kind.blank(key), 0)
        return Held(kind.kind.model_validate_json(kept[0]), kept[1])

    def _keep(
        self, reader: _Reader, kind: Remembered[Any, Any], key: str, held: Held[Any], facts: Sequence[Envelope]
    ) -> None:
        reader.states[kind.name, key] = (core.document(held.state), held.version)
        due = core.next_due(held.state)
        if due is not None:
            self.at(due, lambda: self._ring(reader, kind, key))
        for topic, envelope in (pair for fact in facts for pair in core.variants(reader.wired, fact)):
            self._append(topic, envelope)

    def _ring(self, reader: _Reader, kind: Remembered[Any, Any], key: str) -> None:
        held = self._held(reader, kind, key)
        due = core.next_due(held.state)
        if due is None or due > self.now or not isinstance(reader.wired, Service):
            return
        held, facts, _ = core.ring(reader.wired, kind, key, held, given=reader.given, at=self.now, near=reader.near)
        self._keep(reader, kind, key, held, facts)


def _nothing() -> None:
    """Wake the world at a time; what is ready by then is delivered."""
