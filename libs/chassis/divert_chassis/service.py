"""The wiring tables of services: which fact meets which pure step. The chassis runs them on Kafka, or in memory."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Protocol

from typing_extensions import TypeVar

from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import Fact
from divert_contracts.step import Command, Failure, Neighbour, Next, Presence, State, Timer
from divert_contracts.topics import TOPICS, Topic

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

G = TypeVar("G")
S = TypeVar("S", bound=State)
F = TypeVar("F", bound=Fact)
W = TypeVar("W", bound=Fact | Command | Timer)
S_contra = TypeVar("S_contra", bound=State, contravariant=True)
N = TypeVar("N", bound=State)
G_contra = TypeVar("G_contra", contravariant=True)


class Projection(Protocol[S_contra]):
    """Tables that are a function of the states, kept in the same transaction."""

    @property
    def ddl(self) -> str:
        """SQL that makes the tables, run at each start in the service's schema; must be idempotent."""
        ...

    async def save(
        self,
        connection: "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]",
        changed: Sequence[tuple[str, S_contra]],
    ) -> None:
        """Write the rows of the states that changed, each with its key, inside the transaction that changed them."""
        ...


class Neighbourhood(Protocol[N, G_contra]):
    """How states of one kind stand near each other, and what they hear of each other (``divert_chassis.vicinity``)."""

    def presence(self, state: N, /) -> Presence:
        """Return where a state stands, and what it tells there."""
        ...

    def around(self, place: str, given: G_contra, at: datetime, /) -> Iterable[str]:
        """Return the places near a place, itself too. Nearness is mutual."""
        ...

    def approached(self, state: N, what: Fact | Command | Timer, /) -> frozenset[str]:
        """Return the places at which the state is going to listen by the step for something, and does not yet."""
        ...

    def may_tell_at(self, state: N, what: Fact | Command | Timer, /) -> frozenset[str]:
        """Return where the step may change what the state tells. A guess: a place too few costs a query of its own."""
        ...

    def meets(self, state: N, neighbours: Sequence[Neighbour], given: G_contra, at: datetime, /) -> N:
        """Return the state with what it finds at the places that it approaches, before the step itself."""
        ...

    def told(self, state: N, listener: str, places: frozenset[str], at: datetime, /) -> Fact:
        """Return the fact that tells a listener at places near it what the state tells from now on."""
        ...


def own_key(fact: Fact) -> str:
    """Return the key under which the fact stands on its topic."""
    return fact.key


class Wired(Generic[G]):
    """What every service has: a name, and what it learns from topics that it reads whole."""

    def __init__(self, name: str, *, given: G, member: str | None = None) -> None:
        """Name the service as topics know it.

        Args:
            name: as in ``Topic.read_by`` and ``written_by``.
            given: what it knows before it has learnt anything.
            member: the provider or agency that this instance is for, where topics come in families.
        """
        self.name = name
        self.member = member
        self.given = given
        self.folds: dict[type[Fact], Callable[[G, Any], G]] = {}
        self.source = "/divert/" + "/".join(filter(None, (name, member)))
        """Who wrote a fact, as the envelope says it."""
        self.writes = tuple(topic for topic in TOPICS if name in topic.written_by)
        """The topics that it publishes on."""

    @property
    def group(self) -> str:
        """The consumer group; also the name of the Postgres schema, with underscores."""
        return "-".join(filter(None, (self.name, self.member)))

    @property
    def family(self) -> str | None:
        """What ``member`` is: ``provider`` or ``agency``; null where there are no instances by member."""
        return next((topic.family for topic in self.reads if topic.family is not None), None)

    def learns(self, fact: type[F], fold: Callable[[G, F], G]) -> None:
        """Read the fact's topic whole, without a group, before any work; fold each fact into what is given to steps."""
        self.folds[fact] = fold

    def learn(self, given: G, fact: Fact) -> G:
        """Return what is known after the fact."""
        fold = self.folds.get(type(fact))
        return given if fold is None else fold(given, fact)

    @property
    def handles(self) -> frozenset[type[Fact]]:
        """The facts that have a step."""
        raise TypeError(f"{type(self).__name__} handles nothing")

    @property
    def reads(self) -> tuple[Topic, ...]:
        """The topics that it consumes with its group."""
        return tuple(t for t in TOPICS if self.name in t.read_by and self.handles.intersection(t.carries))

    @property
    def carried(self) -> dict[str, frozenset[type[Fact]]]:
        """What the topics that it consumes may carry, by their Kafka names."""
        return {name: frozenset(t.carries) for t in self.reads for name in self.names_of([t])}

    @property
    def learns_from(self) -> tuple[Topic, ...]:
        """The topics that it reads whole."""
        return tuple(t for t in TOPICS if self.folds.keys() & set(t.carries))

    @cache  # noqa: B019 (a process has one service, for as long as it lives)
    def destinations(self, fact: type[Fact]) -> tuple[Topic, ...]:
        """Return the topics that a fact of this service goes to.

        Raises:
            TypeError: it may not publish such a fact.
        """
        found = tuple(topic for topic in self.writes if fact in topic.carries)
        if not found:
            raise TypeError(f"{self.name} may not publish {fact.__name__}")
        return found

    def names_of(self, topics: Sequence[Topic]) -> tuple[str, ...]:
        """Return the Kafka names of topics, a family's by this instance's member."""
        return tuple(t.name if t.family is None else t.name_of(self.member or "") for t in topics)


class Stage(Wired[G]):
    """A stateless service: one fact in, facts out, the same cause always giving the same facts."""

    def __init__(self, name: str, *, given: G) -> None:
        """Name the stage and what it knows before it has learnt anything."""
        super().__init__(name, given=given)
        self.steps: dict[type[Fact], Callable[[Any, G], Sequence[Fact]]] = {}

    def on(self, fact: type[F], step: Callable[[F, G], Sequence[Fact]]) -> None:
        """Run the step for each such fact. It sees no clock: what it publishes follows from the fact alone."""
        self.steps[fact] = step

    @property
    def handles(self) -> frozenset[type[Fact]]:
        """The facts that have a step."""
        return frozenset(self.steps)


class Remembered(Generic[S, G]):
    """One kind of state that a service remembers by key, and the steps that change it."""

    def __init__(
        self,
        kind: type[S],
        *,
        blank: Callable[[str], S],
        key: Callable[[Fact], str],
        lists: tuple[str, ...],
        projection: Projection[S] | None,
        neighbourhood: Neighbourhood[S, G] | None,
    ) -> None:
        """Say what is remembered; services call ``Service.remembers``."""
        self.kind = kind
        self.blank = blank
        self.key = key
        self.lists = lists
        self.projection = projection
        self.neighbourhood = neighbourhood
        self.steps: dict[type[Fact | Command | Timer], Callable[[S, Any, G, datetime], Next[S]]] = {}
        self.keeps: dict[type[Fact], Callable[[S, Any, G, datetime], Next[S]]] = {}
        self.failed: Callable[[S, Failure, G, datetime], Next[S]] | None = None
        self.name = kind.__name__.lower()
        """The kind's name, as its table has it."""

    def on(self, what: type[W], step: Callable[[S, W, G, datetime], Next[S]]) -> None:
        """Run the step when such a fact or command comes, or such a timer is due."""
        self.steps[what] = step

    def on_each(self, facts: Sequence[type[Fact]], step: Callable[[S, Envelope, G, datetime], Next[S]]) -> None:
        """Run one step for many facts, with their envelopes: for a service that keeps the facts themselves."""
        for fact in facts:
            self.keeps[fact] = step

    def when_failed(self, step: Callable[[S, Failure, G, datetime], Next[S]]) -> None:
        """Run the step for the key of a fact that cannot be handled: a dead letter is not silence."""
        self.failed = step


class Service(Wired[G]):
    """A service that remembers: one way in (facts, commands, timers), one way out (the outbox)."""

    def __init__(self, name: str, *, given: G, member: str | None = None) -> None:
        """Name the service and what it knows before it has learnt anything."""
        super().__init__(name, given=given, member=member)
        self.kinds: list[Remembered[Any, G]] = []

    def remembers(
        self,
        kind: type[S],
        *,
        blank: Callable[[str], S],
        key: Callable[[Any], str] = own_key,
        lists: tuple[str, ...] = (),
        projection: Projection[S] | None = None,
        neighbourhood: Neighbourhood[S, G] | None = None,
    ) -> Remembered[S, G]:
        """Declare a kind of state.

        Args:
            kind: its model.
            blank: makes the state of a key that nothing is known of.
            key: gives the state's key for a fact; a fact's own key unless told otherwise.
            lists: the columns that ``State.listing`` fills, all text; rows whose first is null are not listed.
            projection: tables to keep in the same transaction.
            neighbourhood: how its states hear of each other; one kind a service at the most.

        Raises:
            TypeError: there is such a kind already.
        """
        if neighbourhood is not None and any(one.neighbourhood is not None for one in self.kinds):
            raise TypeError(f"{self.name} has a neighbourhood already")
        remembered: Remembered[S, G] = Remembered(
            kind, blank=blank, key=key, lists=lists, projection=projection, neighbourhood=neighbourhood
        )
        self.kinds.append(remembered)
        return remembered

    @property
    def handles(self) -> frozenset[type[Fact]]:
        """The facts that have a step."""
        return frozenset(what for kind in self.kinds for what in (*kind.steps, *kind.keeps) if issubclass(what, Fact))
