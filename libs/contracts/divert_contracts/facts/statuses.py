"""statuses.<provider>.v1 and answers.<provider>.v1: what a provider says over Kafka instead of HTTP, and the answer."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from divert_contracts.facts.base import Fact
from divert_contracts.vocabulary import Verb

SHIFT_KEY = "shift"
"""The key of what is said of the provider itself."""


def _not_said(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return NOT_SAID


def _nothing(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


def _no_body(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return {}


NOT_SAID = datetime.fromtimestamp(0, UTC)
"""Stands for a time that was not given or cannot be read: a call for help is taken without."""


class Statement(Fact):
    """Something that a provider says with its own client. Its envelope's id is its idempotency key."""

    occurred_at: Annotated[AwareDatetime, WrapValidator(_not_said)] = NOT_SAID
    """When it was written, by the provider's clock. The gateway goes by its own."""
    statement: Annotated[str | None, WrapValidator(_nothing)] = Field(default=None, max_length=128)
    """The provider's own reference, given back in the answer; one that cannot be read is as none."""


class CaseStatusSaid(Statement):
    """What the HTTP route of the same name takes, about one case."""

    case_id: UUID
    verb: Verb
    said: Annotated[dict[str, JsonValue], WrapValidator(_no_body)] = Field(default={})
    """The body as the route takes it. What is no body is as an empty one, as on the route: a call for help is taken."""

    @property
    def key(self) -> str:
        """The case's id."""
        return str(self.case_id)


class ShiftSaid(Statement):
    """Who is on duty from now on, as ``PUT /v1/shift`` takes it."""

    said: dict[str, JsonValue]

    @property
    def key(self) -> str:
        """One key: the order of shifts matters."""
        return SHIFT_KEY


class StatementAnswered(Fact):
    """What became of a statement: ``statement`` says which.

    One that comes before its offer is answered twice: ``early`` at once, and what became of it when the offer came.
    """

    provider: str
    statement: str | None = None
    case_id: UUID | None = None
    """Null of a shift."""
    taken: bool
    """False: nothing was changed and nothing published."""
    code: str | None = None
    """Why not: the coded word that the HTTP route would have answered with; null where it was taken."""
    detail: str | None = None
    """The same in plain words. It never says who else has the case."""
    stage: str | None = None
    """Where the case stands at the gateway."""
    epoch: int | None = None
    """The epoch of the case's newest offer."""

    @property
    def key(self) -> str:
        """The case's id, or one key for what is said of the provider itself."""
        return SHIFT_KEY if self.case_id is None else str(self.case_id)
