"""How a step is run: pure, and the same on Kafka and Postgres as in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Generic
from uuid import UUID, uuid5

from typing_extensions import TypeVar

from divert_chassis.service import Remembered, Service, Stage, Wired
from divert_chassis.vicinity import Vicinity
from divert_contracts import ids
from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import Fact
from divert_contracts.step import Command, Failure, Next, Refusal, Rejected, State

S = TypeVar("S", bound=State, default=Any)

MOST_TIMERS_AT_ONCE = 1_000
"""A state whose timers do not go away when they have run is a bug, not a reason to spin."""


@dataclass(frozen=True)
class Held(Generic[S]):
    """A state with its version: how many facts were published for its key."""

    state: S
    version: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command's sender is told after it was done or refused."""

    answer: bytes | None = None
    """JSON of the step's answer."""
    refusal: Refusal | None = None

    @property
    def is_final(self) -> bool:
        """Say whether the same request has it again; what is unknown now may be known when it is asked again."""
        return self.refusal is None or self.refusal.status != HTTPStatus.NOT_FOUND

    @classmethod
    def of(cls, chosen: Next[Any]) -> "Reply":
        """Return what a step says to the sender of its command."""
        return cls(None if chosen.answer is None else chosen.answer.model_dump_json().encode(), chosen.refused)


def targets(service: Service[Any], fact: Fact) -> Iterator[tuple[Remembered[Any, Any], str]]:
    """Yield the kinds of state that a fact concerns, each with its key."""
    for kind in service.kinds:
        if type(fact) in kind.steps or type(fact) in kind.keeps:
            yield kind, kind.key(fact)


def places(
    kind: Remembered[Any, Any], state: State, what: Fact | Command, *, given: object, at: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the places that a step is going to look at and to speak at, as far as can be said before it."""
    among = kind.neighbourhood
    if among is None:
        return frozenset(), frozenset()
    looked_at, spoken_at = among.approached(state, what), among.may_tell_at(state, what)
    return frozenset(_around(kind, looked_at, given, at)), frozenset(_around(kind, spoken_at, given, at))


def take(
    service: Service[Any],
    kind: Remembered[S, Any],
    key: str,
    held: Held[S],
    what: Envelope | Command,
    *,
    cause: UUID,
    given: object,
    at: datetime,
    near: Vicinity,
    traceparent: str | None = None,
) -> tuple[Held[S], list[Envelope], Next[S]]:
    """Run the step for a fact or a command; a fact hands its own trace context on.

    Returns:
        What is held from now on, what is to be published, and all that the step said.

    Raises:
        Rejected: the step cannot handle it, now or ever.
        Unheld: it needs places that are not held.
    """
    state = held.state
    among = kind.neighbourhood
    approached: frozenset[str] = frozenset()
    if among is not None:
        approached = among.approached(state, what.fact if isinstance(what, Envelope) else what)
        if approached:
            met = near.tellers(_around(kind, approached, given, at), but=key, at=at)
            state = among.meets(state, met, given, at) if met else state
    if isinstance(what, Envelope):
        keep = kind.keeps.get(type(what.fact))
        chosen = (
            kind.steps[type(what.fact)](state, what.fact, given, at) if keep is None else keep(state, what, given, at)
        )
        after, published = _publish(service, held, chosen, cause, "fact", traceparent=what.traceparent)
    else:
        step = kind.steps.get(type(what))
        if step is None:
            raise Rejected(f"no-step:{type(what).__name__}")
        chosen = step(state, what, given, at)
        after, published = _publish(service, held, chosen, cause, "command", traceparent=traceparent)
    published += _spread(
        service,
        kind,
        key,
        held,
        after,
        approached=approached,
        cause=cause,
        caused_by="fact" if isinstance(what, Envelope) else "command",
        given=given,
        at=at,
        near=near,
    )
    return after, published, chosen


def fail(
    service: Service[Any],
    kind: Remembered[S, Any],
    key: str,
    held: Held[S],
    failure: Failure,
    *,
    cause: UUID,
    given: object,
    at: datetime,
    near: Vicinity,
) -> tuple[Held[S], list[Envelope]]:
    """Run the step for a fact that cannot be handled, where the service has one."""
    if kind.failed is None:
        return held, []
    after, published = _publish(service, held, kind.failed(held.state, failure, given, at), cause, "failure")
    published += _spread(
        service, kind, key, held, after, cause=cause, caused_by="failure", given=given, at=at, near=near
    )
    return after, published


def hear(
    service: Service[Any],
    kind: Remembered[S, Any],
    key: str,
    held: Held[S],
    heard: Envelope,
    *,
    given: object,
    at: datetime,
    near: Vicinity,
) -> tuple[Held[S], list[Envelope], str | None]:
    """Run the step for a fact, or the failed step where it cannot be handled: what a service in memory does.

    Returns:
        What is held from now on, what is to be published, and why the fact could not be handled; null: it was.

    Raises:
        Unheld: it needs places that are not held.
    """
    try:
        after, facts, _ = take(service, kind, key, held, heard, cause=heard.id, given=given, at=at, near=near)
    except Rejected as why:
        failure = Failure(heard.fact.type_name(), str(why), getattr(heard.fact, "agency", None))
        after, facts = fail(service, kind, key, held, failure, cause=heard.id, given=given, at=at, near=near)
        return after, facts, str(why)
    return after, facts, None


def ring(
    service: Service[Any],
    kind: Remembered[S, Any],
    key: str,
    held: Held[S],
    *,
    given: object,
    at: datetime,
    near: Vicinity,
) -> tuple[Held[S], list[Envelope], list[str]]:
    """Run the timers of a state whose time has come, earliest first, until none is due.

    Returns:
        What is held from now on, what is to be published, and the names of the timers that ran.

    Raises:
        RuntimeError: a timer stays due however often it runs.
    """
    published: list[Envelope] = []
    rung: list[str] = []
    first = held
    try:
        for _ in range(MOST_TIMERS_AT_ONCE):
            due = min((one for one in held.state.due() if one.at <= at), key=lambda one: one.at, default=None)
            if due is None:
                return held, published, rung
            rung.append(type(due.timer).__name__)
            name = f"{service.source}:{kind.name}:{key}:{type(due.timer).__name__}:{due.at.isoformat()}:{held.version}"
            cause = uuid5(ids.NAMESPACE, name)
            chosen = kind.steps[type(due.timer)](held.state, due.timer, given, at)
            after, facts = _publish(service, held, chosen, cause, "timer")
            published += facts
            published += _spread(
                service, kind, key, held, after, cause=cause, caused_by="timer", given=given, at=at, near=near
            )
            held = after
    except Exception:
        # None of it is kept, so the state stands where it stood.
        if kind.neighbourhood is not None:
            near.move(key, kind.neighbourhood.presence(held.state), kind.neighbourhood.presence(first.state))
        raise
    raise RuntimeError(f"timers of {kind.name} never end")


def staged(stage: Stage[Any], cause: Envelope, facts: Sequence[Fact]) -> list[Envelope]:
    """Return what a stage publishes for a cause, under ids that follow from it alone."""
    return [
        Envelope(
            id=ids.fact_id(cause.id, stage.source, type(fact).__name__, number),
            source=stage.source,
            fact=fact,
            cause=cause.id,
            traceparent=cause.traceparent,
        )
        for number, fact in enumerate(facts)
    ]


def document(state: State) -> bytes:
    """Return a state as it is stored; what has its default value is left out."""
    return state.__pydantic_serializer__.to_json(state, exclude_defaults=True)


def next_due(state: State) -> datetime | None:
    """Return when the state wants to be woken."""
    return min((one.at for one in state.due()), default=None)


def variants(service: Wired[Any], envelope: Envelope) -> Iterator[tuple[str, Envelope]]:
    """Yield each topic that a fact goes to, with the fact as it may stand there."""
    for topic in service.destinations(type(envelope.fact)):
        fact = envelope.fact if topic.private else envelope.fact.without_private()
        yield topic.name_for(fact), envelope if fact is envelope.fact else replace(envelope, fact=fact)


def _around(kind: Remembered[Any, Any], stood_at: Iterable[str], given: object, at: datetime) -> set[str]:
    among = kind.neighbourhood
    return set() if among is None else {near for place in stood_at for near in among.around(place, given, at)}


def _spread(
    service: Service[Any],
    kind: Remembered[S, Any],
    key: str,
    before: Held[S],
    after: Held[S],
    *,
    approached: frozenset[str] = frozenset(),
    cause: UUID,
    caused_by: str,
    given: object,
    at: datetime,
    near: Vicinity,
) -> list[Envelope]:
    """Let a state stand where its step has brought it; return what those who listen near it are to hear."""
    among = kind.neighbourhood
    if among is None or before.state is after.state:
        return []
    stood, stands = among.presence(before.state), among.presence(after.state)
    if stood == stands:
        return []
    if unmet := stands.listens_at - stood.listens_at - approached:
        raise RuntimeError(f"{kind.name} listens at {len(unmet)} places that it did not look at")
    published: list[Envelope] = []
    if stands.tells and (stands.tells, stands.told_at) != (stood.tells, stood.told_at):
        spoken_at = _around(kind, stands.told_at, given, at)
    elif stood.tells and not stands.tells:
        spoken_at = _around(kind, stood.told_at, given, at)
    else:
        spoken_at = set[str]()
    for number, (listener, here) in enumerate(near.listeners(spoken_at, but=key).items()):
        fact = among.told(after.state, listener, here, at)
        id_ = ids.fact_id(cause, service.source, type(fact).__name__, number)
        # Of another key: it has no place in the sequence of this one.
        published.append(Envelope(id=id_, source=service.source, fact=fact, cause=cause, caused_by=caused_by))
    near.move(key, stood, stands)
    return published


def _publish(
    service: Service[Any],
    held: Held[S],
    chosen: Next[S],
    cause: UUID,
    caused_by: str,
    *,
    traceparent: str | None = None,
) -> tuple[Held[S], list[Envelope]]:
    numbers: dict[str, int] = {}
    version = held.version
    published: list[Envelope] = []
    for fact in chosen.facts:
        kind = type(fact).__name__
        number = numbers.get(kind, 0)
        numbers[kind] = number + 1
        version += 1
        published.append(
            Envelope(
                id=ids.fact_id(cause, service.source, kind, number),
                source=service.source,
                fact=fact,
                cause=cause,
                caused_by=caused_by,
                sequence=version,
                traceparent=traceparent,
            )
        )
    return Held(chosen.state, version), published
