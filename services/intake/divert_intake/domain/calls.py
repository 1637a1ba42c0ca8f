"""From a request to a fact, or to one of the few refusals. The same content of the same call has the same id."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID, uuid5

from divert_contracts import ids
from divert_contracts.call import HISTORY_REMOVED, Picture, Private, Revision, Stamps
from divert_contracts.facts.base import CallFact
from divert_contracts.facts.calls import (
    CallCancelled,
    CallClosedByCad,
    CallReceived,
    CallReopened,
    CallUpdated,
    HandoffAccepted,
    PictureFact,
    ResponderReported,
)
from divert_contracts.vocabulary import Answer, CancelReason, Feed, Responder
from divert_eido.document import kept
from divert_intake.domain import eido, picture
from divert_intake.domain.given import Given
from divert_intake.domain.reading import LONGEST_INCIDENT_NUMBER, Notes, Refused, Section, Warned, document

UNNAMED = "unknown"
"""Who accepted a hand-off, when CAD does not say: the acceptance counts all the same."""

F_co = TypeVar("F_co", bound=CallFact, covariant=True)
F = TypeVar("F", bound=CallFact)
P = TypeVar("P", bound=PictureFact)


@dataclass(frozen=True, slots=True)
class Intake:
    """All that is known besides a request."""

    given: Given
    key: bytes | None
    """For the hashes of address and number."""
    at: datetime
    """The domain time of acceptance."""
    eido_agency: str | None = None
    """Whose an EIDO is that names no agency that is registered."""
    sender: str | None = None
    """The agency whose CAD has signed in; whatever it sends is its own. Null where nobody has to, and for the desk."""

    def agency_of(self, named: Iterable[str]) -> str | None:
        """Return whose CAD sent an EIDO that names these agencies.

        Whoever has signed in; else the first that is registered; else the one that is set for such; else the only one.
        """
        registered = self.given.agencies
        if self.sender is not None:
            return self.sender if self.sender in registered else None
        known = next((one for one in named if one in registered), self.eido_agency)
        if known is None and len(registered) == 1:
            return next(iter(registered))
        return known if known in registered else None


@dataclass(frozen=True, slots=True)
class Accepted(Generic[F_co]):
    """A fact to be published, and what its sender is told besides."""

    id: UUID
    fact: F_co
    warned: tuple[Warned, ...]
    further: "tuple[Accepted[CallFact], ...]" = ()
    """What the same request says besides."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that can be read, of an agency that may post."""

    agency: str
    fields: Section
    notes: Notes
    digest: str


@dataclass(frozen=True, slots=True)
class Ends:
    """What a picture says of the call's end."""

    closed: str | None = None
    """Empty or a disposition code when CAD has closed the call."""
    cancelled: bool = False
    replaced_by: str | None = None
    """What identifies the call that this one is a duplicate of."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole picture of a call, read."""

    agency: str
    identity: str
    """What makes two posts about the same call: its number, of an EIDO the id of its incident."""
    number: str
    revision: Revision
    picture: Picture
    private: Private
    warned: tuple[Warned, ...]
    ends: Ends = Ends()


Form = Callable[[bytes, Intake], Whole | Refused]
"""Reads a whole picture of a call, in the form in which it is posted."""


def as_json(body: bytes, intake: Intake) -> Whole | Refused:
    """Read a picture in divert's own form."""
    request = _request(body, intake)
    if isinstance(request, Refused):
        return request
    number = request.fields.identity("incident_number", longest=LONGEST_INCIDENT_NUMBER)
    if number is None:
        detail = f"A call needs an incident number of at most {LONGEST_INCIDENT_NUMBER} characters."
        return Refused(422, "incident-number-missing", detail, "/incident_number")
    revision = picture.revision(request.fields, request.notes, request.digest)
    read, private = _read(request.fields, request.notes, intake)
    return Whole(request.agency, number, number, revision, read, private, tuple(request.notes.warned))


def as_eido(body: bytes, intake: Intake, feed: str | None = None) -> Whole | Refused:
    """Read a picture in NENA's form; ``feed`` is what an EIDO has no member for, and diverted when it is not given."""
    notes = Notes(intake.at)
    found = document(body, notes)
    if isinstance(found, Refused):
        return found
    told = eido.told(found.fields, notes)
    if isinstance(told, Refused):
        return told
    agency = intake.agency_of(told.agencies)
    if agency is None:
        detail = "This EIDO names no agency that is registered to post calls."
        return Refused(403, "agency-not-registered", detail, "/updatedByAgencyReference/$ref")
    notes.origins = told.origins
    fields = Section({"feed": feed or Feed.DIVERTED.value, **told.fields}, notes)
    revision = picture.revision(fields, notes, found.digest)
    read, private = _read(fields, notes, intake)
    pasted = any(one.code == HISTORY_REMOVED for one in notes.warned)
    text = eido.kept_without_history(body) if pasted else kept(body)
    private = private.model_copy(update={"eido": text})
    ends = Ends(told.closed, told.cancelled, told.replaced_by)
    return Whole(agency, told.identity, told.number, revision, read, private, tuple(notes.warned), ends)


def received(body: bytes, intake: Intake, form: Form = as_json) -> Accepted[CallReceived] | Refused:
    """Take a call that is posted."""
    whole = form(body, intake)
    if isinstance(whole, Refused):
        return whole
    return _pictured(CallReceived, ids.call_id(whole.agency, whole.identity), whole, intake)


def updated(call_id: UUID, body: bytes, intake: Intake, form: Form = as_json) -> Accepted[CallUpdated] | Refused:
    """Take a newer picture of a call."""
    whole = form(body, intake)
    return whole if isinstance(whole, Refused) else _pictured(CallUpdated, call_id, whole, intake)


def reopened(old: UUID, body: bytes, intake: Intake, form: Form = as_json) -> Accepted[CallReopened] | Refused:
    """Take a concluded call again, as a new one that names the old."""
    whole = form(body, intake)
    if isinstance(whole, Refused):
        return whole
    new = ids.reopened_call_id(old, _name(whole.revision))
    return _pictured(partial(CallReopened, reopens=old), new, whole, intake)


def cancelled(call_id: UUID, body: bytes, intake: Intake) -> Accepted[CallCancelled] | Refused:
    """Take CAD's word that a call is not needed."""
    request = _request(body, intake)
    if isinstance(request, Refused):
        return request
    fields = request.fields
    if fields.absent("reason"):
        fields.missing("reason")
    reason = fields.word("reason", CancelReason, CancelReason.UNKNOWN)
    master = fields.code("duplicate_of", longest=LONGEST_INCIDENT_NUMBER)
    fact = CallCancelled(
        occurred_at=intake.at,
        call_id=call_id,
        agency=request.agency,
        reason=reason,
        duplicate_of=None if master is None else _uuid(master) or ids.call_id(request.agency, master),
    )
    return _plain(fact, request)


def closed(call_id: UUID, body: bytes, intake: Intake) -> Accepted[CallClosedByCad] | Refused:
    """Take CAD's word that a call is over."""
    request = _request(body, intake)
    if isinstance(request, Refused):
        return request
    fact = CallClosedByCad(
        occurred_at=intake.at,
        call_id=call_id,
        agency=request.agency,
        disposition_code=request.fields.code("disposition_code"),
        stamps=picture.stamps(request.fields.section("stamps")),
    )
    return _plain(fact, request)


def handoff_accepted(call_id: UUID, body: bytes, intake: Intake) -> Accepted[HandoffAccepted] | Refused:
    """Take a dispatcher's acceptance of a hand-off; without its id it could not be told which."""
    request = _request(body, intake)
    if isinstance(request, Refused):
        return request
    fields = request.fields
    handoff = fields.code("handoff_id")
    handoff_id = None if handoff is None else _uuid(handoff)
    if handoff_id is None:
        detail = "Name the hand-off that was accepted by its id."
        return Refused(422, "handoff-id-missing", detail, "/handoff_id")
    by = fields.code("by")
    if by is None:
        fields.missing("by")
    fact = HandoffAccepted(
        occurred_at=intake.at,
        call_id=call_id,
        agency=request.agency,
        handoff_id=handoff_id,
        by=by or UNNAMED,
        unit=fields.code("unit"),
    )
    return _plain(fact, request)


def responder_reported(call_id: UUID, body: bytes, intake: Intake) -> Accepted[ResponderReported] | Refused:
    """Take CAD's word on who went, and how it went."""
    request = _request(body, intake)
    if isinstance(request, Refused):
        return request
    fields = request.fields
    if fields.absent("responder"):
        fields.missing("responder")
    fact = ResponderReported(
        occurred_at=intake.at,
        call_id=call_id,
        agency=request.agency,
        responder=fields.word("responder", Responder, Responder.UNKNOWN),
        unit=fields.code("unit"),
        dispatched_at=fields.moment("dispatched_at"),
        arrived_at=fields.moment("arrived_at"),
        cleared_at=fields.moment("cleared_at"),
        arrest=fields.word("arrest", Answer, Answer.NOT_ASKED),
        force=fields.word("force", Answer, Answer.NOT_ASKED),
        hold=fields.word("hold", Answer, Answer.NOT_ASKED),
    )
    return _plain(fact, request)


def _read(fields: Section, notes: Notes, intake: Intake) -> tuple[Picture, Private]:
    """Read a picture; where a map is in force it says the division of a point, whatever CAD says.

    Where neither says it, the name of the area does, so that all who judge the call and serve it mean the same place.
    """
    read, private = picture.read(fields, notes, intake.key)
    place = private.address
    if place is not None and place.latitude is not None and place.longitude is not None:
        found = intake.given.division(place.latitude, place.longitude, intake.at)
        if found is not None:
            read = read.model_copy(update={"located_division": found})
    if read.located_division is None:
        named = intake.given.division_named(read.area, intake.at)
        read = read.model_copy(update={"located_division": named})
    return read, private


def _request(body: bytes, intake: Intake) -> _Request | Refused:
    notes = Notes(intake.at)
    read = document(body, notes)
    if isinstance(read, Refused):
        return read
    told = read.fields.pop("agency", intake.sender)
    agency = told if intake.sender is None else intake.sender
    if told != agency:
        return Refused(403, "other-agency", "Whoever signed in belongs to another agency.", "/agency")
    if not isinstance(agency, str) or agency not in intake.given.agencies:
        return Refused(403, "agency-not-registered", "This agency is not registered to post calls.", "/agency")
    return _Request(agency, Section(read.fields, notes), notes, read.digest)


def _pictured(make: Callable[..., P], call_id: UUID, whole: Whole, intake: Intake) -> Accepted[P]:
    fact = make(
        occurred_at=intake.at,
        call_id=call_id,
        agency=whole.agency,
        incident_number=whole.number,
        revision=whole.revision,
        picture=whole.picture,
        private=whole.private,
        decide_by=intake.given.decide_by(intake.at),
    )
    further = tuple(
        Accepted(_fact_id(one, _name(whole.revision), whole.revision.digest), one, ())
        for one in _ends(call_id, whole, intake)
    )
    return Accepted(_fact_id(fact, _name(whole.revision), whole.revision.digest), fact, whole.warned, further)


def _ends(call_id: UUID, whole: Whole, intake: Intake) -> Iterator[CallFact]:
    """Yield what a picture that is over says beside itself; a call that was merged or cancelled was not closed."""
    ends = whole.ends
    if ends.cancelled or ends.replaced_by is not None:
        master = ends.replaced_by
        yield CallCancelled(
            occurred_at=intake.at,
            call_id=call_id,
            agency=whole.agency,
            reason=CancelReason.UNKNOWN if master is None else CancelReason.DUPLICATE,
            duplicate_of=None if master is None else ids.call_id(whole.agency, master),
        )
    elif ends.closed is not None:
        yield CallClosedByCad(
            occurred_at=intake.at,
            call_id=call_id,
            agency=whole.agency,
            disposition_code=ends.closed or None,
            stamps=Stamps(closed_at=whole.revision.updated_at),
        )


def _plain(fact: F, request: _Request) -> Accepted[F]:
    request.fields.close()
    return Accepted(_fact_id(fact, "", request.digest), fact, tuple(request.notes.warned))


def _fact_id(fact: CallFact, revision: str, digest: str) -> UUID:
    return uuid5(fact.call_id, f"intake:{fact.type_name()}:{revision}:{digest}")


def _name(revision: Revision) -> str:
    """Return how CAD itself names a revision: by number, else by time, else by what it says."""
    if revision.number is not None:
        return str(revision.number)
    return revision.digest if revision.updated_at is None else revision.updated_at.isoformat()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
