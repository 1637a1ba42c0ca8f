"""The same services on a virtual clock without the codec: for studies of many runs, where memory.py proves the run.

Facts and states stay objects and facts are delivered in the order in which they were published. Everything else is
the same code: the wiring tables, ``core.take`` and ``core.ring``. That nothing depends on the difference is tested.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from divert_chassis import core
from divert_chassis.core import Held, Reply
from divert_chassis.memory import VirtualTime
from divert_chassis.service import Remembered, Service, Stage, Wired
from divert_chassis.vicinity import Vicinity
from divert_contracts import ids
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import Fact
from divert_contracts.step import Command, Rejected
from divert_contracts.topics import TOPICS, Topic

Address = tuple[int, str, str]
"""A state: the reader's number, the kind's name, the key."""


@dataclass(slots=True)
class _Reader:
    """A service with what it holds."""

    number: int
    wired: Wired[Any]
    given: Any
    topics: frozenset[str]
    inbox: set[UUID] = field(default_factory=set[UUID])
    near: Vicinity = field(default_factory=lambda: Vicinity(everywhere=True))


class DirectWorld(VirtualTime):
    """Services wired to each other in one process, without topics."""

    def __init__(self, services: Sequence[Wired[Any]], *, start: datetime) -> None:
        """Wire the services; the virtual time at first is ``start``."""
        super().__init__(start)
        self._readers = [
            _Reader(number, one, one.given, frozenset(one.names_of(one.reads))) for number, one in enumerate(services)
        ]
        self._by_service = {id(one.wired): one for one in self._readers}
        self._waiting: deque[tuple[_Reader, str, Envelope]] = deque()
        self._states: dict[Address, Held[Any]] = {}
        self._due: dict[Address, datetime | None] = {}
        self._published = 0
        self._learners: dict[type[Fact], list[_Reader]] = {}
        self._consumers: dict[str, list[_Reader]] = {}
        self._written: dict[tuple[str, type[Fact]], list[Topic]] = {}

    def publish(self, fact: Fact, *, source: str = "/divert/intake", id: UUID | None = None) -> None:  # noqa: A002
        """Publish a fact as intake, the command line or any other writer would."""
        writer = source.removeprefix("/divert/").partition("/")[0]
        wanted = self._written.get((writer, type(fact)))
        if wanted is None:
            wanted = [one for one in TOPICS if writer in one.written_by and type(fact) in one.carries]
            self._written[writer, type(fact)] = wanted
        self._published += 1
        envelope = Envelope(id=id or uuid5(ids.NAMESPACE, f"direct:{self._published}"), source=source, fact=fact)
        for topic in wanted:
            sent = fact if topic.private else fact.without_private()
            self._append(topic.name_for(fact), Envelope(id=envelope.id, source=source, fact=sent))

    def command(self, service: Wired[Any], command: Command) -> Reply:
        """Give a service a command, as its HTTP interface would.

        Raises:
            TypeError: the service takes none.
        """
        if not isinstance(service, Service):
            raise TypeError(f"{service.name} takes no commands")
        reader = self._by_service[id(service)]
        kind = next(kind for kind in service.kinds if type(command) in kind.steps)
        self._published += 1
        cause = uuid5(ids.NAMESPACE, f"direct-command:{self._published}")
        address = (reader.number, kind.name, command.key)
        held, facts, chosen = core.take(
            service,
            kind,
            command.key,
            self._held(kind, address),
            command,
            cause=cause,
            given=reader.given,
            at=self.now,
            near=reader.near,
        )
        self._keep(reader, kind, address, held, facts)
        return Reply(refusal=chosen.refused)

    def run(self, *, until: datetime) -> None:
        """Let everything happen up to and at a virtual time."""
        self._drain()
        while self._agenda and self._agenda[0][0] <= until:
            self._next()
            self._drain()

    def _append(self, topic: str, envelope: Envelope) -> None:
        kind = type(envelope.fact)
        learners = self._learners.get(kind)
        if learners is None:
            learners = self._learners[kind] = [one for one in self._readers if kind in one.wired.folds]
        for reader in learners:
            try:
                reader.given = reader.wired.learn(reader.given, envelope.fact)
            except Rejected as why:
                self.dead.append((reader.wired.source, topic, str(why)))
        consumers = self._consumers.get(topic)
        if consumers is None:
            consumers = self._consumers[topic] = [one for one in self._readers if topic in one.topics]
        for reader in consumers:
            self._waiting.append((reader, topic, envelope))
        for watcher in self._watchers:
            watcher(topic, envelope)

    def _drain(self) -> None:
        while self._waiting:
            self._deliver(*self._waiting.popleft())

    def _deliver(self, reader: _Reader, topic: str, envelope: Envelope) -> None:
        wired = reader.wired
        if isinstance(wired, Stage):
            step = wired.steps.get(type(envelope.fact))
            if step is not None:
                for one in core.staged(wired, envelope, step(envelope.fact, reader.given)):
                    for name, sent in core.variants(wired, one):
                        self._append(name, sent)
            return
        if not isinstance(wired, Service) or envelope.id in reader.inbox:
            return
        reader.inbox.add(envelope.id)
        for kind, key in core.targets(wired, envelope.fact):
            address = (reader.number, kind.name, key)
            held, facts, why = core.hear(
                wired,
                kind,
                key,
                self._held(kind, address),
                envelope,
                given=reader.given,
                at=self.now,
                near=reader.near,
            )
            if why is not None:
                self.dead.append((wired.source, topic, why))
            self._keep(reader, kind, address, held, facts)

    def _held(self, kind: Remembered[Any, Any], address: Address) -> Held[Any]:
        held = self._states.get(address)
        return Held(kind.blank(address[2]), 0) if held is None else held

    def _keep(
        self,
        reader: _Reader,
        kind: Remembered[Any, Any],
        address: Address,
        held: Held[Any],
        facts: Sequence[Envelope],
    ) -> None:
        self._states[address] = held
        due = core.next_due(held.state)
        if due != self._due.get(address):
            self._due[address] = due
            if due is not None:
                self.at(due, lambda: self._ring(reader, kind, address))
        for fact in facts:
            for topic, one in core.variants(reader.wired, fact):
                self._append(topic, one)

    def _ring(self, reader: _Reader, kind: Remembered[Any, Any], address: Address) -> None:
        held = self._held(kind, address)
        due = core.next_due(held.state)
        if due is None or due > self.now or not isinstance(reader.wired, Service):
            return
        held, facts, _ = core.ring(
            reader.wired, kind, address[2], held, given=reader.given, at=self.now, near=reader.near
        )
        self._keep(reader, kind, address, held, facts)
