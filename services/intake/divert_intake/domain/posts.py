"""What callers post and are told, for the documentation. Posts are read by ``reading`` and ``picture``, not by these.

The names are those of the published picture, so that whoever knows one knows the other.
"""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from divert_contracts.call import Address, Answered, Person, Revision, Stamps
from divert_contracts.model import Model
from divert_contracts.vocabulary import (
    AgeBand,
    Answer,
    CallerRelation,
    CancelReason,
    Feed,
    Hazard,
    Need,
    Origin,
    PlaceKind,
    Question,
    Responder,
)
from divert_intake.domain.reading import LONGEST_CODE, LONGEST_INCIDENT_NUMBER

Code = Annotated[str, Field(max_length=LONGEST_CODE)]


class Post(Model):
    """What every post names."""

    agency: str
    """The agency whose CAD this is, as it is registered, such as ``lapd``; left out, the one that a token names."""


class PostedCall(Post):
    """A call, whole, as CAD has it now. What is absent or null is not known."""

    incident_number: Annotated[str, Field(min_length=1, max_length=LONGEST_INCIDENT_NUMBER)]
    """CAD's number of the call, unique in the agency for ever."""
    feed: Feed
    """``diverted``: chosen for an unarmed team. ``observed``: everything else. Without it a call counts as diverted."""
    origin: Origin | None = None
    revision: int | None = None
    """CAD's number of this version of the call, counting up."""
    updated_at: AwareDatetime | None = None
    """When CAD last changed the call; orders versions without a number. Not believed more than a day ahead."""
    exercise: bool = False
    """A drill: through everything, in no figure."""
    recorded_late: bool = False
    """Entered after it was over; never offered."""
    assumed_screening: bool = False
    """The answers were filled in by an import, not given by a caller."""
    call_type: Code | None = None
    """CAD's type code, which decides."""
    call_type_text: Code | None = None
    """What CAD's own table calls that type; read for danger only."""
    initial_call_type: Code | None = None
    """The type that the call had at first."""
    priority: Code | None = None
    reporting_district: Code | None = None
    """LAPD's reporting district; its first two of four digits are the division."""
    area: Code | None = None
    """The area as CAD names it: number or name."""
    located_division: Annotated[int, Field(ge=1, le=21)] | None = None
    """The division that a map gave."""
    place_kind: PlaceKind | None = None
    answers: dict[Question, Answered | Answer] | None = None
    """The screening questions that were asked: an answer, or an answer with its time. Only ``no`` is no."""
    flags: tuple[Code, ...] = ()
    """CAD's flags and modifiers."""
    premise_hazards: tuple[Hazard, ...] = ()
    """What CAD knows of the place from before."""
    police_present: Answer | None = None
    ems_present: Answer | None = None
    caller_relation: CallerRelation | None = None
    age_band: AgeBand | None = None
    language: str | None = None
    """BCP 47 tag of the language that the person speaks."""
    needs: tuple[Need, ...] = ()
    people_present: Annotated[int, Field(ge=0, le=100_000)] | None = None
    stamps: Stamps = Stamps()
    """CAD's own times."""
    address: Address | None = None
    caller: Person | None = None
    persons: tuple[Person, ...] = ()
    people_animals_access: str | None = None
    """Who and what else is there, and how to get in."""
    narrative: str | None = None


class PostedCancellation(Post):
    """CAD does not need the call any more."""

    reason: CancelReason | None = None
    duplicate_of: str | None = None
    """The master call of a duplicate: its incident number or its id."""


class PostedClosure(Post):
    """CAD closed the call."""

    disposition_code: Code | None = None
    """CAD's own code."""
    stamps: Stamps = Stamps()


class PostedAcceptance(Post):
    """A dispatcher accepts a hand-off or a call for assistance."""

    handoff_id: UUID
    by: Code | None = None
    """The dispatcher's own id; never a name."""
    unit: Code | None = None


class PostedResponder(Post):
    """Who went instead, or came to help, and how it went."""

    responder: Responder | None = None
    unit: Code | None = None
    dispatched_at: AwareDatetime | None = None
    arrived_at: AwareDatetime | None = None
    cleared_at: AwareDatetime | None = None
    arrest: Answer | None = None
    force: Answer | None = None
    hold: Answer | None = None
    """An involuntary hold was placed."""


class NotUnderstood(Model):
    """Something that was not understood; it is kept as unknown, and a diverted call is looked at by a person."""

    code: str
    """``unknown-field``, ``unknown-word``, ``wrong-type``, ``unreadable``, ``too-long``, ``out-of-range``, ``missing``,
    ``repeated-key`` (the last one counts), ``time-without-zone``, ``time-in-future``, ``time-long-ago``,
    ``text-repaired`` (NUL or lone surrogates), ``history-removed`` (criminal history stood in it); of an EIDO also
    ``html-removed`` (a note's script, comment or attribute) or ``not-read`` (what stands elsewhere, or that divert has
    no reading for)."""
    pointer: str
    """JSON Pointer to it."""


class Acknowledged(Model):
    """What was posted is on record."""

    call_id: UUID
    fact_id: UUID
    """The same for the same content: a repeated request has no further effect."""
    accepted_at: AwareDatetime
    status: str
    """Where to ask what became of the call."""
    warnings: tuple[NotUnderstood, ...] = ()
    warnings_left_off: int = 0


class CallAcknowledged(Acknowledged):
    """A call is on record."""

    revision: Revision
    decide_by: AwareDatetime
    """Nothing is offered after this; counted from this post, while an earlier one's limit stays in force."""
    next_update_by: AwareDatetime | None
    """When this passes and nothing was heard, the call is CAD's. Null for calls that CAD keeps in any case."""
    reopens: UUID | None = None
    """The call that this one reopens; use ``call_id`` from now on."""


class LineTaken(Model):
    """What became of one line of a batch."""

    line: int
    """Counted from 1, blank lines included."""
    status: int
    """The HTTP status that the line would have had by itself."""
    call: CallAcknowledged | None = None
    """Null when it was refused."""
    code: str | None = None
    """Why it was refused: the code of the problem."""
    detail: str | None = None


class BatchTaken(Model):
    """What became of a batch, line by line, in order. When the batch as a whole fails, nothing is known of any line."""

    accepted: int
    refused: int
    results: tuple[LineTaken, ...]
