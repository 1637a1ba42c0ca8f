"""What reporting remembers: the facts themselves, each once. Of two with the same id the first in the log stays."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from divert_contracts.envelope import Envelope
from divert_contracts.facts.base import Fact
from divert_contracts.facts.routing import CallConcluded, ResponderRecorded
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.model import Model
from divert_contracts.step import Next, State
from divert_contracts.topics import FACTS
from divert_contracts.vocabulary import Answer, Responder
from divert_reporting.domain.history import reported, who_went

NOTHING = object()
"""What the steps below may be given: they look at the fact alone."""
AT_HAND = 30_000
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
    """Corrections of what was told: facts that came after the call's conclusion though they had happened before it, and
    later reports of who responded that say something else than the earlier ones."""


class Shift(State):
    """What a provider said of its teams on one day (UTC)."""

    provider: str
    facts: dict[UUID, Kept] = Field(default_factory=dict[UUID, Kept])


class Noted(NamedTuple):
    """A fact with what identifies it and what it follows from."""

    id: UUID
    source: str
    sequence: int | None
    cause: UUID | None
    fact: Fact


def kept(envelope: Envelope) -> Kept:
    """Return a fact as it is kept; private words have no place here, whoever sent them."""
    fact = envelope.fact.without_private()
    told = Kept(
        type=fact.type_name(),
        source=envelope.source,
        sequence=envelope.sequence,
        cause=envelope.cause,
        body=fact.model_dump_json(exclude_defaults=True),
    )
    _at_hand(told.type, told.body, fact)
    return told


def heard(record: Record, envelope: Envelope, _given: object, _at: datetime) -> Next[Record]:
    """Keep a fact about a call."""
    if envelope.id in record.facts:
        return Next(record)
    facts = {**record.facts, envelope.id: kept(envelope)}
    corrects = _is_late(record.facts, envelope.fact) or _tells_otherwise(record.facts, facts, envelope.fact)
    return Next(record.model_copy(update={"facts": facts, "late": record.late + corrects}))


def _is_late(known: dict[UUID, Kept], fact: Fact) -> bool:
    ends = [one for one in known.values() if one.type == CallConcluded.type_name()]
    return any(fact.occurred_at < _fact(one.type, one.body).occurred_at for one in ends)


def _tells_otherwise(before: dict[UUID, Kept], after: dict[UUID, Kept], fact: Fact) -> bool:
    """Say whether a further report of who responded changes what the earlier ones had told."""
    if not isinstance(fact, ResponderRecorded):
        return False
    told = _of_responders(before)
    return bool(told) and _summed_up(told) != _summed_up(_of_responders(after))


def _of_responders(known: dict[UUID, Kept]) -> Sequence[ResponderRecorded]:
    told = {one_id: one for one_id, one in known.items() if one.type == ResponderRecorded.type_name()}
    return [one.fact for one in in_order(told) if isinstance(one.fact, ResponderRecorded)]


def _summed_up(told: Sequence[ResponderRecorded]) -> tuple[Responder | None, Answer, Answer, Answer]:
    arrest, force, hold = (reported(getattr(one, name) for one in told) for name in ("arrest", "force", "hold"))
    return who_went(told), arrest, force, hold


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


_read: OrderedDict[tuple[str, str], Fact] = OrderedDict()
"""Facts by their type and their text, oldest first. The same text is the same fact, whoever asks."""


def _fact(kind: str, body: str) -> Fact:
    known = _read.get((kind, body))
    return known or _at_hand(kind, body, FACTS[kind].model_validate_json(body))


def _at_hand(kind: str, body: str, fact: Fact) -> Fact:
    if len(_read) >= AT_HAND:
        _read.popitem(last=False)
    _read[kind, body] = fact
    return fact
