"""What a pure step sees and returns. Domains speak these few words; the chassis runs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple

from typing_extensions import TypeVar

from divert_contracts.facts.base import Fact
from divert_contracts.model import Model


class Timer(Model):
    """Something that is to happen at a time unless the state changes before. Local to a service, never published."""


class Due(NamedTuple):
    """A timer and its time."""

    at: datetime
    timer: Timer


class Command(Model):
    """Something that a person or a system asks of a service, answered after it was done or refused."""

    @property
    def key(self) -> str:
        """The key of the state that it is for."""
        raise TypeError(f"{type(self).__name__} names no key")


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a state stands among others of its kind: what it tells those that are near, and where it listens."""

    tells: str = ""
    """Coded words; empty when there is nothing to tell."""
    told_at: Mapping[str, datetime | None] = field(default_factory=dict[str, datetime | None])
    """Each place where it is told, with the time until which it counts there; null: for ever."""
    listens_at: frozenset[str] = frozenset()
    """Wants to hear what others tell near these places."""


class Neighbour(NamedTuple):
    """What another state tells at a place."""

    key: str
    place: str
    tells: str


class State(Model):
    """What a service remembers of one key."""

    def due(self) -> tuple[Due, ...]:
        """Return what is to happen and when, unless the state changes before; the earliest wakes the service."""
        return ()

    def listing(self) -> Mapping[str, str | datetime | None]:
        """Return the columns by which open states are listed; an empty mapping means not listed."""
        return {}


S = TypeVar("S", bound=State, default=Any)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not done: a foreseen answer, not an error."""

    code: str
    """A word for programs, such as ``late-answer``."""
    detail: str
    """A sentence for people, without private words."""
    status: int = 409
    """The HTTP status that says it best."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A fact that could not be handled, as far as it is known."""

    fact_type: str | None
    reason: str
    """A type or a coded word, never content."""
    agency: str | None = None
    """The agency that the fact names, where that could still be read."""


@dataclass(frozen=True)
class Next(Generic[S]):
    """What a step decided: the state from now on, the facts to publish, and the answer to a command."""

    state: S
    facts: tuple[Fact, ...] = ()
    answer: Model | None = None
    refused: Refusal | None = None


class Rejected(Exception):
    """This fact can never be handled: dead letter, and a person hears of it. The message is a coded word."""


class Unavailable(Exception):
    """Something that is needed is not there now: wait and try again."""
