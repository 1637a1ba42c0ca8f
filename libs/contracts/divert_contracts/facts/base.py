"""What every fact has."""

from functools import cache
from typing import ClassVar, Self
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.call import Private
from divert_contracts.model import Model
from divert_contracts.vocabulary import Stage


class Fact(Model):
    """Something that happened: past tense, immutable, versioned by its topic and class."""

    VERSION: ClassVar[int] = 1

    occurred_at: AwareDatetime
    """When it happened, in domain time (UTC); also the ``time`` of its envelope."""

    @classmethod
    @cache
    def type_name(cls) -> str:
        """Return the type as it stands in the envelope, such as ``divert.CallReceived.v1``."""
        return f"divert.{cls.__name__}.v{cls.VERSION}"

    @property
    def key(self) -> str:
        """The key under which the fact stands on its topics."""
        raise TypeError(f"{type(self).__name__} names no key")

    def without_private(self) -> Self:
        """Return the same fact as it may be kept for ever."""
        return self


class CallFact(Fact):
    """A fact about one call; its key is the call's id."""

    call_id: UUID
    agency: str
    """The agency whose CAD posted the call, such as ``lapd``."""

    @property
    def key(self) -> str:
        """The call's id."""
        return str(self.call_id)


class WithPrivate(CallFact):
    """A call's fact that has a private part on some topics, and none where it is kept for ever."""

    private: Private | None = None
    """Null on topics that are kept for ever."""

    def without_private(self) -> Self:
        """Return the same fact with an empty private part."""
        return self if self.private is None else self.model_copy(update={"private": None})


class Deadlines(Model):
    """The limits that are running, in domain time; null where none is."""

    decide_by: AwareDatetime | None = None
    answer_by: AwareDatetime | None = None
    en_route_by: AwareDatetime | None = None
    on_scene_by: AwareDatetime | None = None
    check_by: AwareDatetime | None = None
    accept_by: AwareDatetime | None = None
    """Of the hand-off or call for assistance that waits for the dispatcher."""


class RoutingFact(CallFact):
    """A fact that routing published, with where the call stands after it."""

    stage: Stage
    epoch: int
    """Counts the offers; fences answers about who has the case."""
    deadlines: Deadlines = Deadlines()


class CaseFact(CallFact):
    """A fact that a provider's gateway published about one case."""

    case_id: UUID
    provider: str
    """The provider's id, such as ``exodus``."""
    epoch: int
    """The epoch of the offer that the provider answers."""
    said_at: AwareDatetime | None = None
    """When the team's device recorded it, where that is known; ``occurred_at`` is when the gateway took it."""
    by: str | None = None
    """The provider's own id of who said it; never a name."""
