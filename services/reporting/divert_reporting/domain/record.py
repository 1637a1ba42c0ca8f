"""What reporting remembers: the facts themselves, each once. Of two with the same id the first in the log stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from pydantic import Field

from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import CallConcluded
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.model import Model
from divert_contracts.step import Next, State
from divert_contracts.topics import FACTS

NOTHING = object()
"""What the steps below may be given: they look at the fact alone."""
READ_ANEW_AFTER = 20_000
"""So many facts that were read are kept at hand: a call's facts come together, and its row is made of all of them."""


class Kept(Model):
    """A fact as it is kept. Its JSON stays text, so that a record is read and written without looking into it."""

    type: str
    """As in the envelope."""
    source: str
    sequence: int | None = None
    cause: UUID | None = None
    body: str
    """The fact as JSON; what has its default value is left out."""


class Record(State):
    """All that is known of a call."""

    call_id: UUID
    facts: dict[UUID, Kept] = Field(default_factory=dict[UUID, Kept])
    """By the facts' ids."""
    late: int = 0
    """Facts that came after the call's conclusion though they had happened before it: corrections of what was told."""


class Shift(State):
    """What a provider said of its teams on one day (UTC)."""

    provider: str
    facts: dict[UUID, Kept] = Field(default_factory=dict[UUID, Kept])


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact with what identifies it and what it follows from."""

    id: UUID
    source: str
    sequence: int | None
    cause: UUID | None
    fact: Fact


def kept(envelope: Envelope) -> Kept:
    """Return a fact as it is kept; private words have no place here, whoever sent them."""
    fact = envelope.fact.without_private()
    return Kept(
        type=fact.type_name(),
        source=envelope.source,
        sequence=envelope.sequence,
        cause=envelope.cause,
        body=fact.model_dump_json(exclude_defaults=True),
    )


def heard(record: Record, envelope: Envelope, _given: object, _at: datetime) -> Next[Record]:
    """Keep a fact about a call."""
    if envelope.id in record.facts:
        return Next(record)
    facts = {**record.facts, envelope.id: kept(envelope)}
    return Next(record.model_copy(update={"facts": facts, "late": record.late + _is_late(record, envelope.fact)}))


def _is_late(record: Record, fact: Fact) -> bool:
    ends = [one for one in record.facts.values() if one.type == CallConcluded.type_name()]
    return any(fact.occurred_at < _fact(one.type, one.body).occurred_at for one in ends)


def shift_heard(shift: Shift, envelope: Envelope, _given: object, _at: datetime) -> Next[Shift]:
    """Keep a change of shift."""
    if envelope.id in shift.facts:
        return Next(shift)
    return Next(shift.model_copy(update={"facts": {**shift.facts, envelope.id: kept(envelope)}}))


def day_of(fact: ShiftChanged) -> str:
    """Return the key under which a change of shift is kept: provider and day, so that no record grows for ever."""
    return f"{fact.provider}/{fact.occurred_at:%Y-%m-%d}"


def in_order(facts: dict[UUID, Kept]) -> Sequence[Noted]:
    """Return the facts by time, writer, the writer's count and id: the same order however they came."""
    noted = [
        Noted(one_id, one.source, one.sequence, one.cause, _fact(one.type, one.body)) for one_id, one in facts.items()
    ]
    return sorted(
        noted,
        key=lambda one: (one.fact.occurred_at, one.source, -1 if one.sequence is None else one.sequence, one.id),
    )


@lru_cache(maxsize=READ_ANEW_AFTER)
def _fact(kind: str, body: str) -> Fact:
    return FACTS[kind].model_validate_json(body)
